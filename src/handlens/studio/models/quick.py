"""The quick model: linear scores over the features of all layers, trained in a moment."""

from __future__ import annotations

import io
import math
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from PIL import Image

from handlens.core.row_blocks import Report
from handlens.studio.discriminant import Floats
from handlens.studio.layers import Layers
from handlens.studio.models.attention import Part, against_others, heat
from handlens.studio.models.model import ModelKind, Saved
from handlens.studio.models.record import ModelRecord
from handlens.studio.photos import Photos

if TYPE_CHECKING:
    from torch import Tensor

    from handlens.vision.heatmap import HeatMap


class QuickModel:
    """The quick model with the id of a record, in the folder quick/ID of the collection.

    Quick models from before there were ids are in the folder model/.
    """

    kind: ClassVar[ModelKind] = "quick"
    title: ClassVar[str] = "Quick"
    remedy: ClassVar[str] = "Train first."

    def __init__(self, record: ModelRecord, folder: Path, photos: Photos, layers: Layers) -> None:
        self.record = record
        self._collection, self._photos, self._layers = folder, photos, layers
        self.folder = folder / "quick" / record.id if record.id else folder / "model"

    @property
    def exists(self) -> bool:
        return self.folder.is_dir()

    @property
    def version(self) -> str:
        if self.record.id:
            return f"quick-{self.record.id}"
        return f"quick-{self.record.training.labels_version}-{self.record.training.seconds}"

    @property
    def predicted(self) -> int:
        return self._layers.prepared

    @property
    def recipe(self) -> dict[str, str]:
        return {
            "model": "linear on the features of layers: mean of least squares, a discriminant and a self-trained one",
            "layers": ", ".join(self.record.training.layers),
        }

    def scores(self, *, report: Report | None = None) -> Floats:
        config, tensors = self._saved
        sizes = {layer.id: layer.dim for layer in self._layers.all}
        if any(sizes.get(layer) != len(tensors[f"layer.{layer}"]) for layer in config["layers"]):
            # The cache was deleted, or is that of another collection.
            return np.empty((0, len(config["classes"])), np.float32)
        scores: Floats | None = None
        used, done = [self._layers.maps_of(self._layers.get(layer)).raw() for layer in config["layers"]], 0
        total = sum(math.prod(rows.shape) for rows in used)
        for layer, rows in zip(config["layers"], used, strict=True):
            part = rows.times(
                tensors[f"layer.{layer}"].numpy(),
                report=None if report is None else partial(_part_done, report, done, rows.shape[1], total),
                what="predicting",
            )
            scores = part if scores is None else np.add(scores[: len(part)], part[: len(scores)])
            done += math.prod(rows.shape)
        assert scores is not None
        return np.asarray((scores + tensors["bias"].numpy()) / config["temperature"], np.float32)

    def linear(self) -> tuple[dict[str, Floats], Floats, float]:
        """The weights of each layer, float32 [D, C], the bias [C], and what scores are divided by."""
        config, tensors = self._saved
        weights = {layer: tensors[f"layer.{layer}"].numpy() for layer in config["layers"]}
        return weights, tensors["bias"].numpy(), float(config["temperature"])

    def predict_new_photos(self, step: Callable[[int, int], None]) -> None:
        """Nothing to do: scores are computed from the features when they are asked for."""

    def forget(self, rows: list[int]) -> None:
        """Nothing to do: no predictions are kept."""

    def heatmap(self, photo: int, code: int, label: str) -> HeatMap:
        """The score of the class taken apart place by place, exactly; see `handlens.studio.models.attention`."""
        import torch

        from handlens.vision.heatmap import HeatMap

        _, tensors = self._saved
        parts = []
        for source in self._layers.sources:
            used = [layer for layer in source.layers if f"layer.{layer.id}" in tensors]
            if not used:
                continue
            maps = source.loaded().maps(source.square(self._photos.file(photo), limits=self._photos.limits))
            stages = list(dict.fromkeys(layer.stage for layer in source.layers))
            for layer in used:
                mean = self._layers.maps_of(layer).fit().scaling.mean
                towards = against_others(tensors[f"layer.{layer.id}"].numpy(), code)
                parts.append(Part(maps[stages.index(layer.stage)][0].numpy(), towards, mean, layer.pooling))
        picture = small_picture(self._photos, photo)
        return HeatMap(torch.from_numpy(heat(parts)), picture, code, label, "score by place")

    def saved(self, classes: list[str], *, temperature: float) -> Saved:
        from handlens.studio.predictor import KIND

        config, tensors = self._saved
        calibrated = {"classes": classes, "temperature": config["temperature"] * temperature}
        halved = sorted(set(config["layers"]) & self._layers.halved)
        return Saved(KIND, config | calibrated | {"halved": halved}, tensors)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def remove_others(self) -> None:
        shutil.rmtree(self._collection / "model", ignore_errors=True)
        with suppress(OSError):
            for other in (self._collection / "quick").iterdir():
                if other != self.folder:
                    shutil.rmtree(other, ignore_errors=True)

    @cached_property
    def _saved(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        from handlens.core.artifact import load_artifact, refusing_damage
        from handlens.studio.predictor import KIND

        config, tensors = load_artifact(self.folder, KIND)
        with refusing_damage(self.folder, "a quick model"):
            if not all(isinstance(layer, str) and tensors[f"layer.{layer}"].ndim == 2 for layer in config["layers"]):
                raise ValueError("its layers must be names of matrices")
        return config, tensors


def _part_done(report: Report, before: int, dim: int, total: int, rows: int, _of: int) -> bool:
    """Tell how far all layers are, by numbers that were read."""
    return report(before + rows * dim, total)


def small_picture(photos: Photos, photo: int) -> Tensor:
    """A photo's thumbnail as a tensor [3, h, w] of 0–1, which a heat map is laid over."""
    import torch

    small = np.asarray(Image.open(io.BytesIO(photos.thumbnail(photo))).convert("RGB"))
    return torch.from_numpy(small.copy()).permute(2, 0, 1) / 255
