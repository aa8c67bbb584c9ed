"""A fine-tuned model as a collection keeps it: one folder, its report, and what it says of each photo."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handlens.core.artifact import DESCRIPTION, load_artifact, save_artifact
from handlens.studio.rows import Rows

if TYPE_CHECKING:
    from handlens.vision.learner import VisionLearner

AT_ONCE = 64
"""Photos that are predicted between two looks at whether to stop."""


class TunedModel:
    """The fine-tuned model of an id, whose parts have that id in their names: two models never mix.

    The model is below the collection's `folder`; predictions, rows of class probabilities in the preparing order, are
    in its `cache` and can be made again.
    """

    def __init__(self, folder: Path, cache: Path, id: str, classes: list[str]) -> None:
        self.id = id
        self.classes = classes
        self.folder = _home(folder) / id
        self.rows = Rows(cache / f"fine-tuned-{id}.f4", max(1, len(classes)))

    @classmethod
    def new(cls, folder: Path, cache: Path, classes: list[str]) -> TunedModel:
        """One that is still to be written, under an id of its own."""
        return cls(folder, cache, secrets.token_hex(8), classes)

    @property
    def there(self) -> bool:
        """Whether the model is on disk."""
        return (self.folder / DESCRIPTION).is_file()

    def save(self, learner: VisionLearner) -> None:
        """Write the model."""
        learner.path = self.folder.parent
        learner.export(self.id)

    def load(self) -> VisionLearner:
        """The model, ready to predict; raises ArtifactError if it is damaged."""
        from handlens.vision.learner import load_vision_learner

        return load_vision_learner(self.folder)

    def export(self, target: Path, classes: list[str], *, card: str) -> None:
        """Write the model anew with its classes as they are called now, and its card."""
        from handlens.vision.learner import KIND

        config, tensors = load_artifact(self.folder, KIND)
        labels = config["data"]["labels"] | {"classes": classes}
        save_artifact(target, KIND, config | {"data": config["data"] | {"labels": labels}}, tensors, card=card)

    def predict(self, learner: VisionLearner, files: list[Path | None], step: Callable[[int, int], None]) -> None:
        """Predict the photos, in the preparing order, that have no row yet; None stands for one that cannot be read.

        `step(done, total)` is called after each few, and may raise to stop; what is done stays.
        """
        while (done := self.rows.count) < len(files):
            step(done, len(files))
            chunk = files[done : done + AT_ONCE]
            block = np.full((len(chunk), len(self.classes)), np.nan, np.float32)
            there = [i for i, file in enumerate(chunk) if file is not None]
            if there:
                table = learner.predict_files([chunk[i] for i in there])  # type: ignore[misc]
                block[there] = table[[f"probability of {name}" for name in self.classes]].to_numpy(np.float32)
            self.rows.append(block)
        step(len(files), len(files))

    def probabilities(self) -> NDArray[np.float32]:
        """By row of the preparing order, float32 [rows, C], NaN where a photo cannot be read."""
        return np.asarray(self.rows.read(), np.float32)

    def remove(self) -> None:
        """Take it off the disk, as far as the disk allows."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):
            self.rows.path.unlink(missing_ok=True)


def remove_others(folder: Path, cache: Path, keep: TunedModel) -> None:
    """Take away, as far as the disk allows, the model before this one, and what runs that were cut short have left."""
    with suppress(OSError):
        for other in _home(folder).iterdir():
            if other.name != keep.id:
                shutil.rmtree(other, ignore_errors=True)
        for file in cache.glob("fine-tuned-*.f4"):
            if file != keep.rows.path:
                file.unlink(missing_ok=True)


def _home(folder: Path) -> Path:
    return folder / "fine-tuned"


def kept_model(folder: Path, cache: Path, kept: Any) -> TunedModel | None:
    """The model that a collection's record speaks of, if it is on disk."""
    if not isinstance(kept, dict) or not isinstance(kept.get("id"), str):
        return None
    model = TunedModel(folder, cache, kept["id"], [str(name) for name in kept["names"]])
    return model if model.there else None
