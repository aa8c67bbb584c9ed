"""Record: the callback that puts every epoch of a learner on record, and keeps what a killed run continues from."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from handlens.core.checkpoint import Checkpoint
from handlens.core.events import Callback
from handlens.errors import ArtifactError, StorageError, TrainingError
from handlens.experiments.training.record import RunRecord
from handlens.io.problems import storage_error

if TYPE_CHECKING:
    from handlens.core.learner import Learner


class Record(Callback):
    """Put every epoch on record, and continue a run that was stopped or killed from its checkpoint.

    Each fit that a run makes with it counts its epochs on from those of the fits before, and has a checkpoint of its
    own. Checkpoints are written as often as they take half a percent of the training time, and when a run is stopped.

    Args:
        record: of the run.
        folder: of the run.
    """

    order = 2  # the last: other callbacks have seen the epoch when the run ends here

    def __init__(self, record: RunRecord, folder: Path) -> None:
        self.record, self.folder = record, folder
        self._checkpoint = Checkpoint()

    def before_fit(self, learn: Learner) -> None:
        self.record.begin(learn)
        self._before = self.record.epochs
        self._fit = self.record.next_fit()
        self._checkpoint = Checkpoint(str(self.folder.absolute() / "checkpoints" / str(self._fit)))
        try:
            with self._writing():
                learn.check_can_save(self._checkpoint.name)
                self._checkpoint.resume(learn)  # without a lock: a run has one owner
        except (ArtifactError, TrainingError) as error:
            raise UnfitCheckpoint from error
        self.record.went_on(self._before + learn.run.epoch)

    def after_epoch(self, learn: Learner) -> None:
        rate = float(learn.recorder.rates[-1, -1])
        numbers = {**learn.recorder.row, "rate": rate}
        epoch = self._before + learn.run.epoch + 1
        self.record.epoch(numbers, epoch, lambda: self._save(learn))
        if self.record.may_save():
            self._save(learn)

    def _save(self, learn: Learner) -> None:
        began = time.perf_counter()
        with self._writing():
            self._checkpoint.after_epoch(learn)
        self.record.saved(time.perf_counter() - began)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A block that writes a checkpoint: an error of the disk names the folder of the run, not the learner's."""
        try:
            yield
        except StorageError as error:
            raise storage_error(self.folder, error.__cause__ or error) from error


class UnfitCheckpoint(BaseException):
    """A run cannot go on from its checkpoint and begins again; not an Exception, so that a training cannot catch it."""


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a run."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
