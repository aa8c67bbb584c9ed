"""Training the quick model."""

from __future__ import annotations

import time

import numpy as np

from handlens.audit.intervals import wilson
from handlens.core.products import product
from handlens.errors import CollectionError
from handlens.studio import classifier as learning
from handlens.studio.classifier import TrainingReport
from handlens.studio.collection.examples import Examples
from handlens.studio.collection.models import Models
from handlens.studio.reports import packed_report
from handlens.studio.separation import Floats


class Training(Examples, Models):
    """The model that is trained in a moment, on the features of every layer."""

    def train(self) -> TrainingReport:
        """Train on the labels and estimate by cross-validation how right the model is.

        Raises TrainingError, saying what is missing, with fewer than two labels of two photos each.
        """
        started = time.monotonic()
        state = self._log.state
        codes, version, names = state.codes, state.version, state.names
        features, classes, ids = self._labelled(codes, unlabelled=learning.TAKING_PART)
        self._check_enough(codes, names, ids[classes >= 0])
        used = np.unique(codes[ids[classes >= 0]])
        kept_names = [names[c] for c in used]
        counts = np.bincount(classes[classes >= 0], minlength=len(used)).tolist()
        trained = learning.train_classifier(features, classes, seed=self.seed)
        truth, predicted = classes[trained.rows], trained.scores.argmax(1)
        right = int((truth == predicted).sum())
        per_class, confusion = learning.report_tables(kept_names, counts, truth, predicted)
        low, high = wilson(right, len(truth))
        report = TrainingReport(
            accuracy=right / len(truth),
            interval=(float(low), float(high)),
            per_class=per_class,
            confusion=confusion,
            n_labelled=sum(counts),
            n_photos=int(self.usable.sum()),
            layers=list(trained.classifier.discriminants),
            labels_version=version,
            seconds=time.monotonic() - started,
            warnings=self._warnings(codes, per_class),
        )
        self._keep_model(trained.classifier, kept_names, [state.table[c].colour for c in used], report)
        self._keep_held_out("quick", ids[trained.rows], truth, predicted)
        self._use("quick")
        return report

    def _keep_model(
        self, model: learning.Classifier, names: list[str], colours: list[int], report: TrainingReport
    ) -> None:
        from handlens.studio.predictor import Predictor

        weights: dict[str, Floats] = {}
        bias = np.zeros(len(names), np.float32)
        for layer, discriminant in model.discriminants.items():
            scaling = self._layer_maps(self._layer(layer)).fit().scaling
            # Scores of raw features: the standardisation is folded into the weights.
            weights[layer] = np.ascontiguousarray(discriminant.weights * scaling.inverse[:, None])
            bias += discriminant.bias - product(scaling.mean, weights[layer])
        used = [s for s in self.sources if any(layer.id in weights for layer in s.layers)]
        extractors = []
        for source in used:
            if not source.restore() or source.extractor is None:
                source.state = "waiting"
                raise CollectionError(
                    f"the features of {source.title} are damaged on disk. Prepare the collection again."
                )
            extractors.append(source.extractor)
        Predictor(names, extractors, weights, bias, model.temperature).save(self.folder / "model")
        self._log.keep("report", packed_report(report, names, colours))
