"""Fine-tuning a network on the labels, in this thread or in one of its own, one at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from handlens.core.threads import give_way
from handlens.errors import HandlensError, TrainingError
from handlens.plugins import plugins
from handlens.studio.duplicates import Duplicates
from handlens.studio.features import SOURCES
from handlens.studio.features.text_files import is_text_model
from handlens.studio.gestures import apart
from handlens.studio.labels import Labels
from handlens.studio.layers import Layers
from handlens.studio.listeners import Listeners
from handlens.studio.memory import release_memory
from handlens.studio.models.fine_tuned import FineTunedModel
from handlens.studio.models.held_out import Tested
from handlens.studio.models.record import ModelRecord, Training, new_id
from handlens.studio.models.registry import Models
from handlens.studio.models.self_training import given_by_model
from handlens.studio.photos import Photos
from handlens.studio.progress import FineTuningProgress, ended_by
from handlens.studio.spot_check import SpotCheck
from handlens.studio.training_data import TrainingData

if TYPE_CHECKING:
    from handlens.studio.models.fine_tune import Job


MOST_BY_MODEL = 3
"""Photos with a certified label that a network learns from at most, for each one that a person labelled."""


class FineTuner:
    """Trains a copy of a pretrained network further, and predicts all photos with it.

    Attributes:
        progress: how far the current or latest run is.
    """

    def __init__(
        self,
        photos: Photos,
        layers: Layers,
        labels: Labels,
        spot_check: SpotCheck,
        data: TrainingData,
        duplicates: Duplicates,
        models: Models,
        listeners: Listeners,
        *,
        seed: int,
    ) -> None:
        self._photos, self._layers, self._labels, self._data = photos, layers, labels, data
        self._spot_check, self._duplicates, self._models = spot_check, duplicates, models
        self._listeners, self._seed = listeners, seed
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self.progress = FineTuningProgress()

    @property
    def networks(self) -> list[str]:
        """The pretrained networks to start from: the sources whose weights are on disk."""
        others = {None, *SOURCES, *plugins("extractors").names}
        networks = [s for s in self._layers.sources if s.backbone not in others and not is_text_model(s.backbone)]
        return [source.name for source in networks if source.has_weights]

    def run(
        self,
        *,
        backbone: str | None,
        minutes: float,
        epochs: int | None,
        progress: Callable[[FineTuningProgress], None] | None,
        cancel: threading.Event | None,
    ) -> FineTunedModel:
        """Fine-tune in this thread; see `Collection.fine_tune`."""
        job = self.job(backbone, minutes, epochs)
        running = self._start()
        return self._run(job, running, progress, self._cancel if cancel is None else cancel)

    def start(self, *, backbone: str | None, minutes: float, epochs: int | None) -> None:
        """Fine-tune in the background; what is wrong with the request is raised, later errors are in `progress`."""
        job = self.job(backbone, minutes, epochs)
        args = (job, self._start())
        self._thread = threading.Thread(target=self._run_quietly, args=args, name="handlens-fine-tune", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Ask a run to stop after the current batch."""
        self._cancel.set()

    def join(self, seconds: float | None = None) -> None:
        """Wait for a run in the background to end, so many seconds at most."""
        if self._thread:
            self._thread.join(seconds)

    def job(self, backbone: str | None, minutes: float, epochs: int | None) -> Job:
        """What a run would train on; TrainingError for what is wrong with the request or the labels."""
        from handlens.studio.models.fine_tune import Job, check_limits

        check_limits(minutes, epochs)
        networks = self.networks
        if not networks:
            raise TrainingError(
                "fine-tuning needs a pretrained network, and this collection has none that is ready. Add one: "
                "Sources in the page, or add_features and prepare."
            )
        if backbone is not None and backbone not in networks:
            raise TrainingError(f"backbone must be one of {', '.join(networks)}; “{backbone}” arrived.")
        check = self._spot_check.now()
        state = check.labels
        by_person = state.by_person
        ids = np.flatnonzero((by_person >= 0) & self._photos.usable)
        together = self._duplicates.together()
        learned_from = ids[apart(check.drawn[ids], together[ids])]
        self._data.check(by_person, state.names, learned_from)
        ids = ids[np.isin(by_person[ids], by_person[learned_from])]
        more, their_codes = given_by_model(self._models, check)
        usable = np.flatnonzero(self._photos.usable[more] & np.isin(their_codes, by_person[ids]))
        some = np.random.default_rng(self._seed).permutation(usable)[: MOST_BY_MODEL * len(learned_from)]
        by_model = np.repeat([False, True], [len(ids), len(some)])
        used, codes = np.unique(np.concatenate([by_person[ids], their_codes[some]]), return_inverse=True)
        ids = np.concatenate([ids, more[some]])
        return Job(
            source=next(s for s in self._layers.sources if s.name == (backbone or networks[0])),
            ids=ids,
            files=[self._photos.file(int(i)) for i in ids],
            codes=codes,
            gestures=self._duplicates.gestures(state.origins)[ids],
            together=together[ids],
            drawn=check.drawn[ids] & ~by_model,
            by_model=by_model,
            classes=[state.names[c] for c in used],
            colours=[state.table[c].colour for c in used],
            labels_version=state.last_by_person,
            seconds=60.0 * minutes,
            epochs=epochs,
            seed=self._seed,
            limits=self._photos.limits,
        )

    def _start(self) -> ExitStack:
        """From here on no other run may begin, also in other processes, until what this returns is closed."""
        busy = TrainingError("a network is being fine-tuned already. Wait for it, or cancel it first.")
        running = ExitStack()
        running.enter_context(self._models.lock("fine-tuned", busy=busy))
        self._cancel.clear()
        return running

    def _run_quietly(self, job: Job, running: ExitStack) -> None:
        give_way()
        with suppress(HandlensError):  # they are in `progress`
            self._run(job, running, None, self._cancel)

    def _run(
        self,
        job: Job,
        running: ExitStack,
        progress: Callable[[FineTuningProgress], None] | None,
        cancel: threading.Event,
    ) -> FineTunedModel:
        """Run a job; the new model is in use only when everything is done."""
        from handlens.studio.models import fine_tune

        started = time.monotonic()

        def changed(now: FineTuningProgress) -> None:
            self.progress = now
            if progress:
                progress(now)
            self._listeners.tell("state")

        ended: dict[str, Any] = {"phase": "failed"}
        try:
            learner = fine_tune.fine_tune(job, changed=changed, cancel=cancel)
            id = new_id()
            # Predictions need a place before the report is known, which says how long all of this took.
            with self._models.draft(FineTunedModel, ModelRecord(id, job.classes, job.colours, Training())) as model:
                model.save(learner)
                model.predict_new_photos(fine_tune.prediction_progress(changed, self.progress, cancel), learner=learner)
                model.record = ModelRecord(
                    id, job.classes, job.colours, self._training(job, time.monotonic() - started)
                )
                outcome = self._models.replace(model, self._tested(job, model))
            ended = {"phase": "done", "share": 1.0, "seconds_left": 0.0, "outcome": outcome}
            return model
        except BaseException as error:
            ended = ended_by(error, "fine-tuning")
            raise
        finally:
            release_memory()
            running.close()
            changed(replace(self.progress, running=False, **ended))

    def _tested(self, job: Job, model: FineTunedModel) -> Tested:
        """What the model says of the labelled photos that it did not learn from."""
        scores = self._photos.by_id(model.scores(), missing=np.nan)[job.ids]
        rows = job.held_out & np.isfinite(scores).all(1)  # a photo may not be prepared yet
        return Tested(job.ids[rows], np.asarray(job.codes[rows], np.int64), scores[rows], job.drawn[rows])

    def _training(self, job: Job, seconds: float) -> Training:
        """How a job was trained."""
        counts = np.bincount(job.codes[job.learned & ~job.by_model], minlength=len(job.classes)).tolist()
        return Training(
            counts=counts,
            by_model=int(job.by_model.sum()),
            n_photos=int(self._photos.usable.sum()),
            labels_version=job.labels_version,
            seconds=seconds,
            warnings=self._data.warnings(job.classes, counts),
            network=job.source.title,
        )
