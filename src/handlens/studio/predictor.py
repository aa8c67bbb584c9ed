"""The quick model, saved as one folder, which predicts photos without Studio."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from handlens.core.artifact import load_artifact, part_of, refusing_damage, save_artifact
from handlens.core.description import ModelDescription
from handlens.core.predictions import PATH, REASON, class_answers, class_predictions_frame, with_missing_rows
from handlens.core.products import product
from handlens.core.saved import PhotoModel
from handlens.core.threads import one_blas_thread
from handlens.errors import ArtifactError, CollectionError, FolderGoneError, PhotoError
from handlens.io.deep_pictures import Limits, about_limits, limits_from
from handlens.studio.discriminant import Floats
from handlens.studio.features import Extractor, rebuild
from handlens.studio.features.precision import rounded_to_half
from handlens.studio.pictures import read_squares
from handlens.studio.scanning import LeftOut, natural_order, scan, why_not_predicted

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Predictor", "load_predictor"]

KIND = "photo-classifier"
BATCH = 32
TEMPERATURES = (1e-6, 1e6)
"""The least and the greatest temperature that a saved model may have."""


@dataclass
class Predictor:
    """A linear model on the features of some layers.

    The scores of a photo are the bias plus, for each layer, its features times the layer's weights; its probabilities
    are the softmax of scores / temperature.

    Attributes:
        classes: the C labels, in the order of the scores.
        extractors: compute the features.
        weights: for each layer that is used, by its id, float32 [D, C] for its raw features.
        bias: float32 [C].
        temperature: above 0.
        limits: the ranges in which photos of more than 8 bits are seen, as in training; those of each unless given.
        halved: the ids of layers whose features are rounded to half precision, as the collection keeps them.
        left_out: after `predict`, the files that have no prediction.

    Example:
        >>> from PIL import Image
        >>> from handlens.studio.features.extractor import layers_of
        >>> class Colour:  # an extractor whose features are the mean red, green and blue
        ...     name, size, layers = "colour", 4, layers_of("colour", [("0", 3)])
        ...     def __call__(self, batch):
        ...         mean = batch.float().mean((1, 2)) / 255
        ...         return [mean, mean.repeat_interleave(9, 1)]
        >>> weights = {"colour/0/what": np.array([[2, 0], [0, 0], [0, 0]], np.float32)}
        >>> predictor = Predictor(["red", "other"], [Colour()], weights, np.array([0, 1], np.float32), temperature=0.5)
        >>> Image.new("RGB", (9, 9), "red").save("red.png")
        >>> table = predictor.predict_files(["red.png"])  # scores 2 and 1, divided by the temperature 4 and 2
        >>> table["predicted"][0], round(float(table["probability"][0]), 3)
        ('red', 0.881)
    """

    classes: list[str]
    extractors: list[Extractor]
    weights: dict[str, Floats]  # by layer id
    bias: Floats
    temperature: float
    limits: Limits = field(default_factory=dict, kw_only=True)
    halved: frozenset[str] = field(default=frozenset(), kw_only=True)
    left_out: list[LeftOut] = field(default_factory=list)

    def predict(self, photos: Path | str, *, progress: Callable[[int, int], None] | None = None) -> pd.DataFrame:
        """Predict every photo below a folder; `left_out` then lists the files that have no prediction.

        Args:
            photos: the folder.
            progress: called as `progress(done, total)` after each batch.

        Returns:
            The table of `predict_folder`: a row for each file, in natural order.

        Raises:
            CollectionError: `photos` is not a folder that can be read.
        """
        if not isinstance(photos, (str, os.PathLike)):
            raise CollectionError(
                f"photos must be a folder of photos; a {type(photos).__name__} arrived: predict_files([path]) predicts "
                "single ones."
            )
        table = predict_folder(self, photos, progress=progress)
        unread = table[table[REASON] != ""]
        self.left_out = [LeftOut(path, why) for path, why in zip(unread[PATH], unread[REASON], strict=True)]
        return table

    def predict_files(
        self, files: Sequence[Path | str], *, progress: Callable[[int, int], None] | None = None
    ) -> pd.DataFrame:
        """Predictions for photos, a row for each file, in their order.

        Args:
            files: paths; a file that cannot be read gets a row without a prediction, with the reason.
            progress: called as `progress(done, total)` after each batch.

        Returns:
            The columns of `photo_predictions_frame`; `path` holds the paths as they were given.
        """
        p, reasons = self._probabilities(files, progress)
        return class_predictions_frame([str(file) for file in files], self.classes, p, reasons=reasons)

    def answers(self, files: Sequence[Path | str]) -> list[dict[str, Any] | str]:
        """What `predict_files` says of a few photos, each as plain values; without a prediction the reason alone."""
        return class_answers(self.classes, *self._probabilities(files))

    def _probabilities(
        self, files: Sequence[Path | str], progress: Callable[[int, int], None] | None = None
    ) -> tuple[Floats, list[str]]:
        """Probabilities [N, C], NaN where there is none, and for each file the reason for that, or ""."""
        p = np.full((len(files), len(self.classes)), np.nan, np.float32)
        reasons: list[str] = []
        for why, pictures in read_batches(files, [e.size for e in self.extractors], self.limits):
            read = [len(reasons) + i for i, reason in enumerate(why) if not reason]
            if read:
                p[read] = softmax(self._scores(pictures) / self.temperature, axis=1)
            reasons += why
            if progress:
                progress(len(reasons), len(files))
        return p, reasons

    def _scores(self, pictures: list[Tensor]) -> NDArray[np.float64]:
        """Scores [B, C]; in float32, the last digits would depend on the photos beside one in a batch."""
        scores = np.tile(self.bias.astype(np.float64), (len(pictures[0]), 1))
        for extractor, batch in zip(self.extractors, pictures, strict=True):
            for layer, x in zip(extractor.layers, extractor(batch), strict=True):
                if layer.id in self.weights:
                    if layer.id in self.halved:
                        x = rounded_to_half(x)
                    with one_blas_thread():
                        scores += product(x.double().numpy(), self.weights[layer.id])
        return scores

    def describe(self) -> ModelDescription:
        """What this model is, for a model card: its classes, and how its scores are computed.

        It has no metrics: the collection that it comes from knows which photos have labels, the saved model does not.
        """
        dims = {layer.id: layer.dim for e in self.extractors for layer in e.layers}
        return ModelDescription(
            name="photo classifier",
            task="image-classification",
            data={"classes": ", ".join(self.classes)},
            recipe={
                "model": "linear, on the features of layers",
                "sources of features": ", ".join(f"{e.name} ({e.size}×{e.size} pixels)" for e in self.extractors),
                "layers": ", ".join(f"{layer} ({dims[layer]} features)" for layer in self.weights),
                "parameters of the linear model": self.bias.size + sum(w.size for w in self.weights.values()),
                "temperature": f"{self.temperature:.3g}",
                **({"photos of more than 8 bits": about_limits(self.limits)} if self.limits else {}),
            },
        )

    def save(self, folder: Path | str) -> None:
        """Write the model as one folder (safetensors and JSON), complete or not at all."""
        tensors = {"bias": torch.from_numpy(self.bias)}
        for layer, weights in self.weights.items():
            tensors[f"layer.{layer}"] = torch.from_numpy(weights)
        # By number: the names of networks have dots, and one may begin like another.
        for i, extractor in enumerate(self.extractors):
            for name, tensor in extractor.tensors().items():
                tensors[f"source.{i}.{name}"] = tensor
        config = {
            "classes": self.classes,
            "temperature": self.temperature,
            "layers": list(self.weights),
            "sources": [{"name": e.name, "config": e.config()} for e in self.extractors],
            "limits": {kind: list(ends) for kind, ends in self.limits.items()},
            "halved": sorted(self.halved),
        }
        save_artifact(folder, KIND, config, tensors)


class PicturesBeside(NamedTuple):
    """A PNG that a model writes for each photo: its mask or its heat map.

    Attributes:
        kind: "masks" or "heatmaps", the argument of `predict_files`.
        place: the file to write, by the name of the photo.
    """

    kind: str
    place: Callable[[str], Path]

    def arguments(self, names: Iterable[str]) -> dict[str, Any]:
        """What to give to `predict_files` for photos of these names."""
        return {self.kind: [self.place(name) for name in names]}


def predict_folder(
    model: PhotoModel,
    folder: Path | str,
    *,
    pictures: PicturesBeside | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Predictions of any model for every file below a folder.

    Args:
        model: what `load_learner` gives for a model for photos.
        folder: hidden files and folders (a leading dot) are ignored, and links to outside it are not followed.
        pictures: what the model writes for each photo beside its prediction, by the photo's path below the folder.
        progress: called as `progress(done, total)` after each batch.

    Returns:
        A row for each file, byte-identical ones included, in natural order ("2.jpg" before "10.jpg"): the columns of
        `photo_predictions_frame`, with `path` relative to the folder, with `/` on every system. A file that is not a
        photo that can be read has no prediction, and `reason` says why.

    Raises:
        CollectionError: `folder` is not a folder that can be read.
        FolderGoneError: all of its photos went away meanwhile, as with an unplugged disk.
    """
    root = Path(folder)
    paths, left_out = scan(root, copies=True)
    more = {} if pictures is None else pictures.arguments(paths)
    table = model.predict_files([root / path for path in paths], progress=progress, **more)
    if paths and (table[REASON] != "").any() and not any(os.path.exists(root / path) for path in paths):
        raise FolderGoneError(
            f"the folder {root} is gone, or its photos are, so not all of them were predicted. Plug its disk in, and "
            "predict them again."
        )
    rows = [(path, i, why) for i, (path, why) in enumerate(zip(paths, table[REASON], strict=True))]
    rows += [(out.path, -1, why_not_predicted(out.reason)) for out in left_out]
    return with_reasons(table, sorted(rows, key=lambda row: natural_order(row[0])))


def with_reasons(table: pd.DataFrame, rows: Sequence[tuple[str, int, str]]) -> pd.DataFrame:
    """A table of predictions with rows for files that have none.

    Args:
        table: of predictions.
        rows: for each file of the result its path, its row in the table, −1 if it has none, and the reason.
    """
    table = with_missing_rows(table, [i for _, i, _ in rows]).reset_index(drop=True)
    paths = pd.Series([path for path, _, _ in rows], table.index, dtype="str")
    return table.assign(**{PATH: paths, REASON: pd.Series([why for _, _, why in rows], table.index, dtype="str")})


def load_predictor(folder: Path | str) -> Predictor:
    """Load a quick model that `Collection.export_model` wrote; `load_learner` loads any saved model.

    Raises:
        ArtifactError: the folder is not such a model, is damaged, or comes from a newer version.

    Example:
        >>> load_predictor(".")
        Traceback (most recent call last):
        handlens.errors.ArtifactError: ...
    """
    return predictor_of(*load_artifact(folder, KIND), folder=folder)


def predictor_of(config: dict[str, Any], tensors: dict[str, Tensor], *, folder: Path | str) -> Predictor:
    """The quick model of a saved config and its tensors.

    Raises:
        ArtifactError: they do not fit each other; the message names `folder`.
    """
    with refusing_damage(folder, "a photo classifier"):
        extractors = []
        for i, source in enumerate(config["sources"]):
            extractors.append(rebuild(source["config"], part_of(tensors, f"source.{i}.")))
        classes = class_names(config["classes"])
        weights = {str(layer): tensors[f"layer.{layer}"].numpy() for layer in config["layers"]}
        bias = tensors["bias"].numpy()
        temperature = temperature_of(config)
        limits = limits_from(config.get("limits", {}))
        halved = frozenset(map(str, config.get("halved", [])))
        dims = {layer.id: layer.dim for e in extractors for layer in e.layers}
        fits = all(w.shape == (dims.get(layer), len(classes)) for layer, w in weights.items())
        if not extractors or not fits or bias.shape != (len(classes),):
            raise ArtifactError(f"{folder} is damaged: its weights do not fit its layers and classes.")
        if any(numbers.dtype != np.float32 for numbers in (bias, *weights.values())):
            raise ArtifactError(f"{folder} is damaged: its weights must be float32.")
    return Predictor(classes, extractors, weights, bias, temperature, limits=limits, halved=halved)


def class_names(names: Any) -> list[str]:
    """The classes of a saved config; raises ValueError unless they are at least one text each, all different."""
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"classes must be a list of texts; {names!r:.80} arrived")
    if len(set(names)) != len(names):
        raise ValueError("classes must have different names")
    return names


def temperature_of(config: dict[str, Any]) -> float:
    """What scores of a saved model are divided by; raises ValueError for what would make NaN of them."""
    temperature = config["temperature"]
    if isinstance(temperature, bool) or not isinstance(temperature, (int, float)):
        raise ValueError(f"temperature must be a number; {temperature!r:.40} arrived")
    if not TEMPERATURES[0] <= temperature <= TEMPERATURES[1]:
        raise ValueError(f"temperature must be from {TEMPERATURES[0]:g} to {TEMPERATURES[1]:g}; {temperature} arrived")
    return float(temperature)


def read_batches(
    files: Sequence[Path | str], sizes: list[int], limits: Limits
) -> Iterator[tuple[list[str], list[Tensor]]]:
    """Batches of files, as a model takes them, decoded ahead in two threads.

    Args:
        files: paths.
        sizes: the sides of the squares that each photo is squeezed to.
        limits: the ranges in which photos of more than 8 bits are seen.

    Returns:
        For each file of a batch the reason why it cannot be read ("" if it can), and the photos that can be read, uint8
        [B, S, S, 3] for each size.
    """

    def read(file: Path | str) -> list[np.ndarray] | str:
        try:
            squares = read_squares(Path(file), set(sizes), limits=limits)[1]
            return [squares[size] for size in sizes]
        except PhotoError as error:
            return str(error)

    def read_all(chunk: Sequence[Path | str]) -> list[list[np.ndarray] | str]:
        return [read(file) for file in chunk]

    with ThreadPoolExecutor(2) as pool:
        chunks = [files[i : i + BATCH] for i in range(0, len(files), BATCH)]
        ahead = [pool.submit(read_all, chunk) for chunk in chunks[:2]]
        for i in range(len(chunks)):
            results = ahead.pop(0).result()
            if i + 2 < len(chunks):
                ahead.append(pool.submit(read_all, chunks[i + 2]))
            good = [r for r in results if not isinstance(r, str)]
            pictures = [
                torch.from_numpy(np.stack([r[k] for r in good])) if good else torch.empty(0) for k in range(len(sizes))
            ]
            yield [r if isinstance(r, str) else "" for r in results], pictures
