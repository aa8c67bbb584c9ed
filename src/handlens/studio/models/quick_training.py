"""Training the quick model."""

from __future__ import annotations

import time

import numpy as np

from handlens.audit.intervals import wilson
from handlens.core.products import product
from handlens.studio import classifier as learning
from handlens.studio.classifier import TrainingReport
from handlens.studio.discriminant import Floats
from handlens.studio.labels import Labels
from handlens.studio.layers import Layers
from handlens.studio.models.quick import QuickModel
from handlens.studio.models.record import ModelRecord
from handlens.studio.models.registry import Models
from handlens.studio.photos import Photos
from handlens.studio.training_data import TrainingData


class QuickTraining:
    """Trains the quick model on the features of every layer."""

    def __init__(
        self, photos: Photos, layers: Layers, labels: Labels, data: TrainingData, models: Models, *, seed: int
    ) -> None:
        self._photos, self._layers, self._labels, self._data = photos, layers, labels, data
        self._models, self._seed = models, seed

    def train(self) -> TrainingReport:
        """Train on the labels, estimate the accuracy by cross-validation, and use the model; see `Collection.train`."""
        started = time.monotonic()
        state = self._labels.state
        features, classes, ids = self._data.labelled(state.codes, unlabelled=learning.TAKING_PART)
        self._data.check(state.codes, state.names, ids[classes >= 0])
        used = np.unique(state.codes[ids[classes >= 0]])
        names = [state.names[c] for c in used]
        counts = np.bincount(classes[classes >= 0], minlength=len(used)).tolist()
        trained = learning.train_classifier(features, classes, seed=self._seed)
        truth, predicted = classes[trained.rows], trained.scores.argmax(1)
        right = int((truth == predicted).sum())
        per_class, confusion = learning.report_tables(names, counts, truth, predicted)
        low, high = wilson(right, len(truth))
        report = TrainingReport(
            accuracy=right / len(truth),
            interval=(float(low), float(high)),
            per_class=per_class,
            confusion=confusion,
            n_labelled=sum(counts),
            n_photos=int(self._photos.usable.sum()),
            layers=list(trained.classifier.discriminants),
            labels_version=state.version,
            seconds=time.monotonic() - started,
            warnings=self._data.warnings(state.codes, per_class),
        )
        record = ModelRecord.of(report, names, [state.table[c].colour for c in used])
        with self._models.lock("quick"), self._models.draft(QuickModel, record) as model:
            self._save(model, trained.classifier, names)
            self._models.replace(model, ids[trained.rows], truth, predicted)
        return report

    def _save(self, model: QuickModel, classifier: learning.Classifier, names: list[str]) -> None:
        from handlens.studio.predictor import Predictor

        weights: dict[str, Floats] = {}
        bias = np.zeros(len(names), np.float32)
        for layer, discriminant in classifier.discriminants.items():
            scaling = self._layers.maps_of(self._layers.get(layer)).fit().scaling
            # Weights for raw features: the standardisation is folded into them.
            weights[layer] = np.ascontiguousarray(discriminant.weights * scaling.inverse[:, None])
            bias += discriminant.bias - product(scaling.mean, weights[layer])
        used = [s for s in self._layers.sources if any(layer.id in weights for layer in s.layers)]
        extractors = [source.loaded() for source in used]
        Predictor(names, extractors, weights, bias, classifier.temperature).save(model.folder)
