"""What a model says of the photos that were checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handlens.studio.calibration import CAUTION, fit_temperature
from handlens.studio.discriminant import Floats
from handlens.studio.models.held_out import Confidences
from handlens.studio.spot_check import Check

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Checked:
    """What a model says of the n checked photos that count, and what they are.

    Attributes:
        ids: the photos, in the order of drawing, int64 [n].
        truth: positions in `LabelState.table`, negative for none of these; int64 [n].
        current: whether their draw tells about the photos that are left, bool [n].
        scores: the scores of the classes by a model that had not seen the photo's label, float32 [n, C].
        predicted: the classes that they give, int64 [n].
        right: whether those are the truth, bool [n].
        temperature: what scores are divided by for probabilities that are calibrated on these photos; 1 without any.
        confidence: the probabilities of the predictions, float64 [n].
    """

    ids: Ids
    truth: Ids
    current: NDArray[np.bool_]
    scores: Floats
    predicted: Ids
    right: NDArray[np.bool_]
    temperature: float
    confidence: NDArray[np.float64]


def checked_by(check: Check, codes: Ids, scores_of: Callable[[Ids], Floats]) -> Checked:
    """What a model says of the checked photos that count.

    Args:
        check: the draws and answers.
        codes: for each class of the model the position of its label in `check.labels.table`, −1 if that was deleted.
        scores_of: gives the scores of photos, float32 [n, C]; NaN where they are not known, and these are left out.
    """
    ids = np.concatenate([np.empty(0, np.int64), *(r.ids for r in check.rounds)])
    truth = np.concatenate([np.empty(0, np.int64), *(r.codes for r in check.rounds)])
    current = np.repeat([r.current for r in check.rounds], [len(r.ids) for r in check.rounds]).astype(bool)
    scores = scores_of(ids)
    known = np.isfinite(scores).all(1)
    ids, truth, current, scores = ids[known], truth[known], current[known], scores[known]
    predicted = scores.argmax(1)
    right = (truth >= 0) & (codes[predicted] == truth)
    temperature = fit_temperature(scores, np.where(right, predicted, -1), prior=1.0) if len(ids) else 1.0
    return Checked(ids, truth, current, scores, predicted, right, temperature, confidence(scores, temperature))


def unchecked(classes: int) -> Checked:
    """What is known of a model with so many classes that was tested on no checked photo."""
    none = np.empty(0, np.int64)
    return Checked(none, none, none > 0, np.empty((0, classes), np.float32), none, none > 0, 1.0, np.empty(0))


SHARPER = 1 / CAUTION
"""The temperature, over that of training, at which confidences tell best how many predictions are right."""


def confidences(scores: Floats) -> Confidences | None:
    """How sure models are of n photos, at the temperature `SHARPER`, from scores [n, C]; None without photos."""
    if not len(scores):
        return None
    sure = confidence(scores, SHARPER)
    return Confidences(float(sure.mean()), float(sure.var()), len(sure))


def confidence(scores: Floats, temperature: float) -> NDArray[np.float64]:
    """The probability of each prediction, float64 [n]: the largest softmax of scores [n, C] over a temperature."""
    below = (scores - scores.max(1, keepdims=True)) / np.float32(temperature)
    return 1 / np.exp(below).sum(1, dtype=np.float64)
