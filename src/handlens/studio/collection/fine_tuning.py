"""Fine-tuning a network on the labels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handlens.errors import HandlensError, TrainingError
from handlens.studio.classifier import TrainingReport
from handlens.studio.collection.endings import ended_by
from handlens.studio.collection.examples import Examples
from handlens.studio.collection.models import Models
from handlens.studio.memory import give_back
from handlens.studio.reports import packed_report
from handlens.studio.separation import folds
from handlens.studio.tuned import TunedModel, remove_others
from handlens.studio.tuning import FineTuning

if TYPE_CHECKING:
    from handlens.studio.finetune import Job


class Tuning(Examples, Models):
    """A copy of a pretrained network, trained further, one at a time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._tuning = threading.Lock()  # held while a network is fine-tuned
        self._cancel_tuning = threading.Event()
        self._tuning_thread: threading.Thread | None = None
        self.fine_tuning = FineTuning()

    @property
    def networks(self) -> list[str]:
        """The pretrained networks that `fine_tune` can start from: the sources whose weights are at hand."""
        return [source.name for source in self.sources if source.backbone and source.has_weights]

    def fine_tune(
        self,
        *,
        backbone: str | None = None,
        minutes: float = 5.0,
        epochs: int | None = None,
        progress: Callable[[FineTuning], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> TrainingReport:
        """Train a copy of a pretrained network of this collection on the labels, and use it from then on.

        Four fifths of the labelled photos are learned from; the report is on the fifth that was held out. Then all
        photos are predicted. Labels and the quick model stay as they are; `use_model("quick")` goes back to it.

        Args:
            backbone: one of `networks`; the first unless given.
            minutes: how long training may take; predicting the photos comes on top.
            epochs: how often the whole network sees the photos, if the time allows; as often as it allows and is of
                use unless given.
            progress: called with a FineTuning along the way.
            cancel: setting it, also beforehand, raises Cancelled; the model in use stays the one from before.

        Raises:
            TrainingError: no network, too few labels, or one is being fine-tuned already.
            BackboneError: the network puts out no map, as most transformers.
        """
        return self._fine_tune(self._tuning_job(backbone, minutes, epochs), progress, cancel)

    def start_fine_tuning(
        self, *, backbone: str | None = None, minutes: float = 5.0, epochs: int | None = None
    ) -> None:
        """Run `fine_tune` in the background; what is wrong at once is raised, later errors are in `fine_tuning`."""
        job = self._tuning_job(backbone, minutes, epochs)
        self._tuning_thread = threading.Thread(
            target=self._fine_tune_quietly, args=(job,), name="handlens-fine-tune", daemon=True
        )
        self._tuning_thread.start()

    def cancel_fine_tuning(self) -> None:
        """Ask a running `fine_tune` to stop after the batch at hand."""
        self._cancel_tuning.set()

    def _fine_tune_quietly(self, job: Job) -> None:
        try:
            self._fine_tune(job, None, self._cancel_tuning)
        except HandlensError:
            return  # it is in `fine_tuning`

    def _tuning_job(self, backbone: str | None, minutes: float, epochs: int | None) -> Job:
        """What is to be learned; from here on nobody else may begin. Raises TrainingError for what is wrong at once."""
        from handlens.studio.finetune import Job, check_limits

        check_limits(minutes, epochs)
        networks = self.networks
        if not networks:
            raise TrainingError(
                "fine-tuning needs a pretrained network, and this collection has none that is ready. Add one: "
                "Sources in the page, or add_features and prepare."
            )
        if backbone is not None and backbone not in networks:
            raise TrainingError(f"backbone must be one of {', '.join(networks)}; “{backbone}” arrived.")
        state = self._log.state
        ids = np.flatnonzero((state.codes >= 0) & self.usable)
        self._check_enough(state.codes, state.names, ids)
        used, codes = np.unique(state.codes[ids], return_inverse=True)
        if not self._tuning.acquire(blocking=False):
            raise TrainingError("a network is being fine-tuned already. Wait for it, or cancel it first.")
        self._cancel_tuning.clear()
        return Job(
            source=next(s for s in self.sources if s.name == (backbone or networks[0])),
            files=[self._register.file(int(i)) for i in ids],
            codes=codes,
            classes=[state.names[c] for c in used],
            colours=[state.table[c].colour for c in used],
            labels_version=state.version,
            seconds=60.0 * minutes,
            epochs=epochs,
            seed=self.seed,
        )

    def _fine_tune(
        self, job: Job, progress: Callable[[FineTuning], None] | None, cancel: threading.Event | None
    ) -> TrainingReport:
        """Run a job; only when all is done is the new model the one in use, in one write."""
        from handlens.studio import finetune

        cancel = self._cancel_tuning if cancel is None else cancel
        started = time.monotonic()

        def changed(now: FineTuning) -> None:
            self.fine_tuning = now
            if progress:
                progress(now)
            self._changed()

        model = TunedModel.new(self.folder, self._cache, job.classes)
        ended: dict[str, Any]
        try:
            tuned = finetune.fine_tune(job, changed=changed, cancel=cancel)
            model.save(tuned.learner)
            self._predict_with(model, tuned.learner, finetune.telling(changed, self.fine_tuning, cancel))
            report = finetune.tuned_report(
                job, tuned, n_photos=int(self.usable.sum()), seconds=time.monotonic() - started
            )
            report = replace(report, warnings=[*self._warnings(self._log.codes, report.per_class), *report.warnings])
            self._log.keep("fine-tuned", packed_report(report, job.classes, job.colours) | {"id": model.id})
            self._keep_held_out("fine-tuned", self._held_out_of(job), tuned.truth, tuned.predicted)
            ended = {"phase": "done", "share": 1.0, "seconds_left": 0.0}
        except BaseException as error:
            ended = ended_by(error, "fine-tuning")
            raise
        finally:
            if ended["phase"] == "done":
                remove_others(self.folder, self._cache, model)
            else:
                model.remove()
            give_back()
            self._tuning.release()
            changed(replace(self.fine_tuning, running=False, **ended))
        self._use("fine-tuned")
        return report

    def _held_out_of(self, job: Job) -> NDArray[np.int64]:
        """The photos that fine-tuning holds out, in its order."""
        ids = {self._register.file(id): id for id in range(len(self._register))}
        return np.array(
            [ids[job.files[i]] for i in np.flatnonzero(folds(job.codes, seed=job.seed) == 0).tolist()], np.int64
        )
