"""The fine-tuned model: a network trained further on the labels, and what it predicts of each photo."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from handlens.core.artifact import DESCRIPTION, load_artifact
from handlens.core.predictions import REASON, probability_columns
from handlens.core.row_blocks import Report
from handlens.studio.discriminant import Floats
from handlens.studio.layers import Layers
from handlens.studio.models.model import ModelKind, Saved
from handlens.studio.models.quick import small_picture
from handlens.studio.models.record import ModelRecord
from handlens.studio.photos import Photos
from handlens.studio.row_file import RowFile

if TYPE_CHECKING:
    from handlens.vision.heatmap import HeatMap
    from handlens.vision.learner import VisionLearner

AT_ONCE = 64
"""Photos that are predicted between two checks whether to stop."""

TINY = 1e-12
"""The least probability whose logarithm is taken."""

_predicting = threading.Lock()  # held while a fine-tuned model predicts photos


class FineTunedModel:
    """The fine-tuned model with the id of a record, in the folder fine-tuned/ID of the collection.

    Its predictions, rows of class probabilities in the preparing order, are in the cache and can be made again.
    """

    kind: ClassVar[ModelKind] = "fine-tuned"
    title: ClassVar[str] = "Fine-tuned"
    remedy: ClassVar[str] = "Fine-tune first."

    def __init__(self, record: ModelRecord, folder: Path, photos: Photos, layers: Layers) -> None:  # noqa: ARG002
        self.record = record
        self._photos = photos
        self.folder = folder / "fine-tuned" / record.id
        self._rows = RowFile(folder / "cache" / f"fine-tuned-{record.id}.f4", max(1, len(record.names)))

    @property
    def exists(self) -> bool:
        return bool(self.record.id) and (self.folder / DESCRIPTION).is_file()

    @property
    def version(self) -> str:
        return f"fine-tuned-{self.record.id}"

    @property
    def predicted(self) -> int:
        return self._rows.count

    @property
    def recipe(self) -> dict[str, str]:
        return {
            "model": f"{self.record.training.network}, fine-tuned",
        }

    def scores(self, *, report: Report | None = None) -> Floats:  # noqa: ARG002 — they are kept
        return np.asarray(np.log(np.maximum(self._rows.read(), TINY)), np.float32)

    def predict_new_photos(self, step: Callable[[int, int], None], *, learner: VisionLearner | None = None) -> None:
        """Predict prepared photos that have no row yet, with the model in memory if `learner` is given."""
        with _predicting:
            while self.predicted < (upto := min(self._photos.prepared, len(self._photos))):
                learner = learner or self._load()
                usable, photos = self._photos.usable, self._photos.order[:upto].tolist()
                files = [self._photos.file(i) if usable[i] and self._photos.is_inside(i) else None for i in photos]
                self._predict(learner, files, step)
            self._predict_again(learner, step)

    def forget(self, rows: list[int]) -> None:
        with _predicting:
            for row in rows:
                if row < self._rows.count:
                    self._rows.replace(row, np.full(self._rows.dim, np.nan, np.float32))

    def heatmap(self, photo: int, code: int, label: str) -> HeatMap:
        """Grad-CAM at the network's last map."""
        from handlens.vision.heatmap import heatmap

        found = heatmap(self._learner, self._photos.file(photo), cat=code)
        # Photos are squeezed to a square as a whole, so the map fits the photo in its own shape just as well.
        return replace(found, picture=small_picture(self._photos, photo), label=label)

    def saved(self, classes: list[str], *, temperature: float) -> Saved:
        from handlens.vision.learner import KIND

        config, tensors = load_artifact(self.folder, KIND)
        # The last layer is linear, so dividing it divides the scores.
        last = [name for name, tensor in tensors.items() if name.endswith(".weight") and tensor.ndim == 2][-1]
        for name in (last, last.removesuffix("weight") + "bias"):
            tensors[name] = tensors[name] / temperature
        labels = config["data"]["labels"] | {"classes": classes}
        return Saved(KIND, config | {"data": config["data"] | {"labels": labels}}, tensors)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._rows.remove()

    def remove_others(self) -> None:
        with suppress(OSError):
            for other in self.folder.parent.iterdir():
                if other != self.folder:
                    shutil.rmtree(other, ignore_errors=True)
            for file in self._rows.path.parent.glob("fine-tuned-*.f4"):
                if file != self._rows.path:
                    RowFile(file, 1).remove()

    def save(self, learner: VisionLearner) -> None:
        """Write the model that a learner holds."""
        learner.path = self.folder.parent
        learner.export(self.record.id)

    @cached_property
    def _learner(self) -> VisionLearner:
        return self._load()

    def _load(self) -> VisionLearner:
        """The model, ready to predict; raises ArtifactError if it is damaged."""
        from handlens.vision.learner import load_vision_learner

        return load_vision_learner(self.folder)

    def _predict(self, learner: VisionLearner, files: list[Path | None], step: Callable[[int, int], None]) -> None:
        """Predict the photos, in the preparing order, that have no row yet; None for one that cannot be read."""
        while (done := self.predicted) < len(files):
            step(done, len(files))
            chunk = files[done : done + AT_ONCE]
            block = np.full((len(chunk), len(self.record.names)), np.nan, np.float32)
            there = [i for i, file in enumerate(chunk) if file is not None]
            if there:
                block[there] = self._probabilities(learner, [chunk[i] for i in there])  # type: ignore[misc]
            self._rows.append(block)
        step(len(files), len(files))

    def _predict_again(self, learner: VisionLearner | None, step: Callable[[int, int], None]) -> None:
        """Predict the photos that can be read and have no prediction: they were replaced, or could not be read then."""
        bare = np.isnan(self._rows.read()[:, 0])
        order = self._photos.order[: len(bare)]
        rows = np.flatnonzero(bare & self._photos.usable[order]).tolist()
        rows = [row for row in rows if self._photos.is_inside(int(order[row]))]
        for start in range(0, len(rows), AT_ONCE):
            step(start, len(rows))
            learner, chunk = learner or self._load(), rows[start : start + AT_ONCE]
            files = [self._photos.file(int(order[row])) for row in chunk]
            for row, p in zip(chunk, self._probabilities(learner, files), strict=True):
                self._rows.replace(row, p)

    def _probabilities(self, learner: VisionLearner, files: list[Path]) -> Floats:
        """The probabilities of classes, float32 [n, C], NaN for files that cannot be read."""
        table = learner.predict_files(files)
        if (table[REASON] != "").any():
            self._photos.register.check_there()
        return table[probability_columns(self.record.names)].to_numpy(np.float32)
