"""What every model of a collection can do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from handlens.core.row_blocks import Report
from handlens.studio.discriminant import Floats
from handlens.studio.models.record import ModelRecord

if TYPE_CHECKING:
    from torch import Tensor

    from handlens.studio.layers import Layers
    from handlens.studio.photos import Photos
    from handlens.vision.heatmap import HeatMap

ModelKind = Literal["quick", "fine-tuned", "both"]

NAMES: dict[ModelKind, str] = {
    "quick": "the quick model",
    "fine-tuned": "the fine-tuned model",
    "both": "both together",
}
"""What models are called in a sentence."""

NO_MODEL = "there is no model yet. Label some photos of two kinds, then train."


class Saved(NamedTuple):
    """A model as it is saved: what `save_artifact` takes."""

    kind: str
    config: dict[str, Any]
    tensors: dict[str, Tensor]


class BestGuess(NamedTuple):
    """What a model predicts of each photo, without the probabilities of all other classes.

    Attributes:
        names: the classes.
        codes: each photo's class, −1 without a prediction; int32 [N] by id.
        probability: of that class, float32 [N]; NaN without a prediction.
    """

    names: list[str]
    codes: NDArray[np.int32]
    probability: Floats


class Model(Protocol):
    """A model that can predict the photos of a collection.

    Attributes:
        kind: which of the models it is.
        title: the kind, as people see it.
        remedy: what a person does to get such a model, as a sentence: "Train first."
        record: its classes and how it was trained.
    """

    kind: ClassVar[ModelKind]
    title: ClassVar[str]
    remedy: ClassVar[str]
    record: ModelRecord

    @property
    def version(self) -> str:
        """Tells this model from all others of the collection, earlier ones too."""

    @property
    def predicted(self) -> int:
        """The number of photos, in the preparing order, that it has predicted."""

    @property
    def recipe(self) -> dict[str, str]:
        """How it was made and tested, for its model card."""

    def heatmap(self, photo: int, code: int, label: str) -> HeatMap:
        """Which places of a photo count in favour of the class at position `code`, shown as `label`."""

    def saved(self, classes: list[str], *, temperature: float) -> Saved:
        """The model as it is taken away, with the class names `classes`.

        The probabilities that it then predicts are the softmax of its scores / `temperature`.
        """


class TrainedModel(Model, Protocol):
    """A model that was trained, on disk."""

    def __init__(self, record: ModelRecord, folder: Path, photos: Photos, layers: Layers) -> None:
        """The model of a record in the collection in `folder`."""

    @property
    def exists(self) -> bool:
        """Whether the model is on disk."""

    def scores(self, *, report: Report | None = None) -> Floats:
        """The log probability of each class up to a constant, as it was when the model was trained.

        Args:
            report: called as `report(done, total)`; if it returns True, `Cancelled` is raised.

        Returns:
            float32 [rows, C] in the preparing order, NaN for photos that cannot be read.
        """

    def predict_new_photos(self, step: Callable[[int, int], None]) -> None:
        """Predict prepared photos without a prediction; `step(done, total)` is called often and may raise to stop."""

    def forget(self, rows: list[int]) -> None:
        """Drop the predictions, where they are kept, of photos in these rows of the preparing order."""

    def remove(self) -> None:
        """Delete the model from disk, as far as the disk allows."""

    def remove_others(self) -> None:
        """Delete earlier models of this kind, and what interrupted runs left, as far as the disk allows."""
