"""The server of a saved model for photos: photos in, their predictions out, with heat maps if these are asked for."""

# Without `from __future__ import annotations`: FastAPI reads the types of the functions inside `add_photo_routes`.

import asyncio
import base64
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol

from fastapi import FastAPI, Query, Request
from PIL import Image
from pydantic import BaseModel, Field

from handlens import __version__
from handlens.core.labels import CategoryList, LabelList
from handlens.core.learner import Learner
from handlens.core.saved import why_no_heat_maps
from handlens.errors import DataError
from handlens.io.file_kinds import KINDS, kind_of
from handlens.io.pictures import NOT_A_PICTURE
from handlens.serving.bodies import FIELD, LARGEST, MOST_PHOTOS, Bodies, Photo, is_form

_FILE = {"type": "string", "format": "binary"}
_FILES = {"type": "array", "items": _FILE, "minItems": 1, "maxItems": MOST_PHOTOS}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": f"one photo as it is, or several in a form; at most {LARGEST // 2**20} MB",
        "content": {
            "image/*": {"schema": _FILE},
            "application/octet-stream": {"schema": _FILE},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {FIELD: _FILES}, "required": [FIELD]},
            },
        },
    }
}


class AnsweringModel(Protocol):
    """A saved model for photos."""

    def answers(self, files: Sequence[Path | str]) -> list[dict[str, Any] | str]:
        """For each photo its prediction, or why there is none."""


class ServedPhotoModel(BaseModel):
    """The model that is served."""

    name: str
    library_version: str
    predicts: str = Field(description="what it predicts of a photo, such as “one class”")
    targets: list[str] = Field(description="what the labels were called in training")
    classes: list[str | bool | int | float] | None = Field(
        None, description="the classes; null where numbers are predicted"
    )
    heatmap: bool = Field(description="whether there are heat maps")


class PhotoPrediction(BaseModel):
    """The prediction of one photo."""

    prediction: dict[str, Any] = Field(
        description="its class or number, and for classes “probability” and “probability of …” for each; or “mask”, a "
        "PNG of class numbers in base64 in the size of the upright photo, 255 where it is unknown, with “classes” and "
        "“share of …” for each; points are in pixels of the upright photo, y and x from its top left corner"
    )
    heatmap: str | None = Field(
        None,
        description="base64 of a PNG: the photo as the model sees it, brighter where it speaks more for the most "
        "probable class",
    )


class OneOfSeveral(BaseModel):
    """One photo of a form."""

    name: str = Field(description="that of its file")
    prediction: dict[str, Any] | None = Field(None, description="as of one photo; null if it has none")
    reason: str = Field("", description="why it has no prediction")
    heatmap: str | None = Field(None, description="as of one photo")


class FormPredictions(BaseModel):
    """The predictions of a form's photos, in their order."""

    predictions: list[OneOfSeveral]


HeatmapOption = Annotated[bool, Query(description="whether heat maps are wanted too")]


def add_photo_routes(app: FastAPI, model: Any, name: str) -> None:
    """Give the app the routes /api/model and /api/predict of a model for photos."""
    answering = _Answering(model)
    y = labels_of(model)
    about = ServedPhotoModel(
        name=name,
        library_version=__version__,
        predicts=_PREDICTS.get(type(y).__name__, type(y).__name__),
        targets=y.names,
        classes=y.classes,
        heatmap=answering.has_heatmaps,
    )
    bodies = Bodies()

    @app.get("/api/model", tags=["model"])
    async def served() -> ServedPhotoModel:
        """What the model predicts."""
        return about

    @app.post("/api/predict", tags=["model"], openapi_extra=_BODY)
    async def predict(request: Request, heatmap: HeatmapOption = False) -> PhotoPrediction | FormPredictions:
        """The prediction of the photo that is the body, or of each photo of a form.

        The body is a photo's file, of any format that handlens reads; in a form, each file is called `file`. Of a form,
        a photo that cannot be predicted has its reason; it is an error if that is so of all of them.
        """
        if heatmap:
            answering.check_heatmaps()
        async with bodies.photos(request) as photos:
            found = await answering.of(photos, heatmap=heatmap)
        if all(one.prediction is None for one in found):
            raise DataError(
                f"the body must be a photo that can be predicted, its file as it is; it cannot: {found[0].reason}."
            )
        if is_form(request):
            return FormPredictions(predictions=found)
        return PhotoPrediction(prediction=found[0].prediction or {}, heatmap=found[0].heatmap)


# By name, as the masks' and points' own modules take long to import.
_PREDICTS = {
    "CategoryList": "one class",
    "MultiCategoryList": "any number of classes",
    "FloatList": "numbers",
    "PointsList": "points",
    "MaskList": "a mask",
}


def labels_of(model: Any) -> LabelList:
    """The kind of labels that a model predicts; Studio's models predict one class."""
    return model.data.y if isinstance(model, Learner) else CategoryList([], classes=model.classes)


class _Answering:
    """One model that answers in a thread of its own, one request after the other.

    More threads would not be faster, as PyTorch uses all cores for one photo, and each would have its own pool of them.
    """

    def __init__(self, model: Any) -> None:
        self._model: AnsweringModel = model
        self._why_no_heatmaps = why_no_heat_maps(model)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="predicting")
        self._thread.submit(self._warm_up).result()

    @property
    def has_heatmaps(self) -> bool:
        return not self._why_no_heatmaps

    def check_heatmaps(self) -> None:
        """Raise DataError if heat maps of this model would mean nothing."""
        if self._why_no_heatmaps:
            raise DataError(f"{self._why_no_heatmaps}: leave heatmap out.")

    async def of(self, photos: list[Photo], *, heatmap: bool) -> list[OneOfSeveral]:
        """The predictions of photos."""
        work = partial(self._answers, photos, heatmap=heatmap)
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _answers(self, photos: list[Photo], *, heatmap: bool) -> list[OneOfSeveral]:
        with tempfile.TemporaryDirectory(prefix="handlens-serve-") as folder:
            files = [Path(folder, str(number)) for number in range(len(photos))]
            for file, photo in zip(files, photos, strict=True):
                file.write_bytes(photo.data)
            answers = self._model.answers(files)
            return [self._one(*each, heatmap=heatmap) for each in zip(photos, files, answers, strict=True)]

    def _one(self, photo: Photo, file: Path, answer: dict[str, Any] | str, *, heatmap: bool) -> OneOfSeveral:
        if isinstance(answer, str):
            kind = kind_of(file) if answer == NOT_A_PICTURE else None
            return OneOfSeveral(name=photo.name, prediction=None, reason=KINDS[kind] if kind else answer, heatmap=None)
        drawn = heatmap_png(self._model, file) if heatmap else None
        return OneOfSeveral(name=photo.name, prediction=answer, reason="", heatmap=drawn)

    def _warm_up(self) -> None:
        """Make the model fast and predict a grey picture, so that the first person does not wait for it."""
        with tempfile.TemporaryDirectory(prefix="handlens-serve-") as folder:
            file = Path(folder, "grey.png")
            Image.new("RGB", (224, 224), "grey").save(file)
            if isinstance(self._model, Learner):
                from handlens.vision.dataset import OnPictures
                from handlens.vision.fuse import make_fast

                # The heads of masks and points listen to layers of the body, which must stay.
                if not isinstance(self._model.data.y, OnPictures):
                    make_fast(self._model, self._model.data.one_item(file)[0])
            self._model.answers([file])


def heatmap_png(model: Any, file: Path) -> str:
    """A photo with the heat map of its most probable class, as base64 of a PNG; see `handlens.vision.heatmap`."""
    from handlens.vision.heatmap import heatmap

    return base64.b64encode(heatmap(model, file)._repr_png_()).decode("ascii")
