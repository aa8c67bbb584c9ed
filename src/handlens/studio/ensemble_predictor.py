"""The ensemble of a quick and a fine-tuned model, saved as one folder, which predicts photos without Studio."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from handlens.core.artifact import load_artifact, part_of, refusing_damage
from handlens.core.description import ModelDescription
from handlens.core.predictions import REASON, class_answers, class_predictions_frame, probability_columns
from handlens.errors import ArtifactError
from handlens.studio.discriminant import Floats
from handlens.studio.models.ensemble import KIND, log_mean
from handlens.studio.predictor import Predictor, class_names, predictor_of, temperature_of
from handlens.vision.learner import VisionLearner, vision_learner_of

__all__ = ["EnsemblePredictor", "load_ensemble"]

AT_ONCE = 64
"""Photos that both models predict before the next ones."""


@dataclass
class EnsemblePredictor:
    """Two models of the same classes, which predict together.

    The score of a class is the logarithm of the mean of the probabilities that the two give it; the probabilities are
    the softmax of scores / temperature.

    Attributes:
        classes: the C labels.
        quick, tuned: the two models; each knows these classes, in an order of its own.
        temperature: above 0.

    Example:
        >>> class Always:  # a model that says the same of every photo
        ...     def __init__(self, *p):
        ...         self.p = p
        ...     def predict_files(self, files):
        ...         p = np.array([self.p] * len(files), np.float32)
        ...         return class_predictions_frame(files, ["cat", "dog"], p, reasons=[""] * len(files))
        >>> both = EnsemblePredictor(["cat", "dog"], Always(0.9, 0.1), Always(0.5, 0.5), temperature=1.0)
        >>> both.predict_files(["1.jpg"])["predicted"].tolist()
        ['cat']
    """

    classes: list[str]
    quick: Predictor
    tuned: VisionLearner
    temperature: float

    def predict_files(
        self, files: Sequence[Path | str], *, progress: Callable[[int, int], None] | None = None
    ) -> pd.DataFrame:
        """Predictions for photos, a row for each file, in their order.

        Args:
            files: paths; a file that one of the models cannot read gets a row without a prediction, with the reason.
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
        for start in range(0, len(files), AT_ONCE):
            chunk = files[start : start + AT_ONCE]
            tables = [self.quick.predict_files(chunk), self.tuned.predict_files(chunk)]
            each = [table[probability_columns(self.classes)].to_numpy(np.float32) for table in tables]
            p[start : start + len(chunk)] = self._together(*each)
            reasons += [one or other for one, other in zip(*(table[REASON] for table in tables), strict=True)]
            if progress:
                progress(len(reasons), len(files))
        return p, reasons

    def _together(self, *probabilities: Floats) -> Floats:
        return np.asarray(softmax(log_mean(*probabilities) / np.float32(self.temperature), axis=1), np.float32)

    def describe(self) -> ModelDescription:
        """What this model is, for a model card: its classes, and how its two models were made.

        It has no metrics: the collection that it comes from knows which photos have labels, the saved model does not.
        """
        recipe: dict[str, object] = {
            "model": "ensemble of two models: the mean of their probabilities",
            "temperature": f"{self.temperature:.3g}",
        }
        for number, model in (("first", self.quick), ("second", self.tuned)):
            recipe |= {f"{number} {fact}": value for fact, value in model.describe().recipe.items()}
        return ModelDescription(
            name="photo classifier",
            task="image-classification",
            data={"classes": ", ".join(self.classes)},
            recipe=recipe,
        )


def load_ensemble(folder: Path | str) -> EnsemblePredictor:
    """Load an ensemble that `Collection.export_model` wrote; `load_learner` loads any saved model.

    Raises:
        ArtifactError: the folder is not such a model, is damaged, or comes from a newer version.

    Example:
        >>> load_ensemble(".")
        Traceback (most recent call last):
        handlens.errors.ArtifactError: ...
    """
    config, tensors = load_artifact(folder, KIND)
    with refusing_damage(folder, "an ensemble of photo classifiers"):
        classes, temperature = class_names(config["classes"]), temperature_of(config)
        quick_config, tuned_config = (member["config"] for member in config["members"])
        quick = predictor_of(quick_config, part_of(tensors, "0."), folder=folder)
        tuned = vision_learner_of(tuned_config, part_of(tensors, "1."), folder=folder)
        if not sorted(quick.classes) == sorted(tuned.data.classes or []) == sorted(classes):
            raise ArtifactError(f"{folder} is damaged: its two models do not know the same classes.")
    return EnsemblePredictor(classes, quick, tuned, temperature)
