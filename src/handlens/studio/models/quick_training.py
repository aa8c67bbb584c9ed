"""Training the quick model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from handlens.studio import classifier as learning
from handlens.studio.duplicates import Duplicates
from handlens.studio.labels import Labels
from handlens.studio.layers import Layers
from handlens.studio.models.checked import confidences
from handlens.studio.models.held_out import Tested
from handlens.studio.models.quick import QuickModel
from handlens.studio.models.record import ModelRecord, Training, new_id
from handlens.studio.models.registry import Models
from handlens.studio.photos import Photos
from handlens.studio.spot_check import SpotCheck
from handlens.studio.training_data import TrainingData
from handlens.studio.work import Report, Work


class QuickTraining:
    """Trains the quick model on the features of every layer."""

    def __init__(
        self,
        photos: Photos,
        layers: Layers,
        labels: Labels,
        spot_check: SpotCheck,
        data: TrainingData,
        duplicates: Duplicates,
        models: Models,
        work: Work,
        *,
        seed: int,
    ) -> None:
        self._photos, self._layers, self._labels, self._spot_check = photos, layers, labels, spot_check
        self._data, self._duplicates, self._models, self._work, self._seed = data, duplicates, models, work, seed

    def train(
        self, *, progress: Callable[[int, int], None] | None = None, cancel: threading.Event | None = None
    ) -> QuickModel:
        """Train on the labels, those that `finish` gave left out; see `Models.replace` for which model is used then.

        Args:
            progress: called with the models that are fitted, most of them for testing, and their total.
            cancel: setting it raises Cancelled.
        """
        with self._work.begin("train", progress=progress, cancel=cancel) as report:
            return self._train(report)

    def _train(self, report: Report) -> QuickModel:
        started = time.monotonic()
        check = self._spot_check.now()
        state, drawn = check.labels, check.drawn
        by_person = state.by_person
        features, classes, ids = self._data.labelled(
            by_person,
            most=learning.MOST,
            first=drawn,
            unlabelled=learning.TAKING_PART,
        )
        learned_from = ids[classes >= 0]
        self._data.check(by_person, state.names, learned_from)
        used = np.unique(by_person[learned_from])
        names = [state.names[c] for c in used]
        gestures = self._duplicates.gestures(state.origins)[ids]
        left = int((self._photos.usable & (by_person < 0)).sum())
        trained = learning.train_classifier(
            features,
            classes,
            gestures=gestures,
            checked=drawn[ids],
            seed=self._seed,
            share=min(1.0, int((classes < 0).sum()) / max(left, 1)),
            together=self._duplicates.together()[ids],
            report=report,
        )
        counts = np.bincount(classes[classes >= 0], minlength=len(used)).tolist()
        training = Training(
            counts=counts,
            drawn=int(drawn[learned_from].sum()),
            n_photos=int(self._photos.usable.sum()),
            layers=list(trained.classifier.weights),
            labels_version=state.last_by_person,
            seconds=time.monotonic() - started,
            whole_gestures=trained.whole_gestures,
            each_label=trained.each_label,
            single_photos=trained.single_photos,
            one_gesture=trained.one_gesture,
            warnings=self._data.warnings(names, counts),
        )
        record = ModelRecord(new_id(), names, [state.table[c].colour for c in used], training)
        rows = np.concatenate([trained.rows, trained.checked_rows])
        scores = np.concatenate([trained.scores, trained.checked_scores]) / trained.classifier.temperature
        tested = Tested(
            ids[rows],
            classes[rows],
            scores.astype(np.float32),
            drawn[ids[rows]],
            confidences(trained.unlabelled_scores / trained.classifier.temperature),
        )
        with self._models.lock("quick"), self._models.draft(QuickModel, record) as model:
            self._save(model, trained.classifier, names)
            self._models.replace(model, tested)
        return model

    def _save(self, model: QuickModel, classifier: learning.Classifier, names: list[str]) -> None:
        from handlens.studio.predictor import Predictor

        scalings = {layer: self._layers.maps_of(self._layers.get(layer)).fit().scaling for layer in classifier.weights}
        weights, bias = classifier.for_raw(scalings)
        used = [s for s in self._layers.sources if any(layer.id in weights for layer in s.layers)]
        extractors = [source.loaded() for source in used]
        limits = self._photos.limits
        Predictor(names, extractors, weights, bias, classifier.temperature, limits=limits).save(model.folder)
