"""Calibration: the temperature with which the probabilities of a model are as often right as they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handlens.studio.discriminant import Codes, Floats

Losses = NDArray[np.float64]

CAUTION = 1.6
"""The temperature of the quick model where nothing is known: with it, hardly any photo looks sure."""

CAUTION_WORTH = 20.0
"""How firmly the quick model keeps to `CAUTION`, see `fit_temperature`."""

CHECK_WORTH = 3.0
"""How firmly a model keeps to the temperature of its training when photos are checked, see `fit_temperature`."""

_CANDIDATES = np.geomspace(0.02, 50, 157)  # 5 % apart


def fit_temperature(
    scores: Floats,
    codes: Codes,
    *,
    prior: float = 1.0,
    worth: float = CHECK_WORTH,
    together: NDArray[np.integer] | None = None,
) -> float:
    """The divisor of held-out scores for which the log loss of the prediction being right is least (Guo et al. 2017).

    Few photos say little of a temperature, so that the loss is that of the photos plus worth · ln²(T / prior) / 2.

    Args:
        scores: of each class, float32 [m, C].
        codes: the true classes [m]; −1 where it is none of them.
        prior: the temperature that is likely without these photos, above 0.
        worth: how firmly it is believed; 0 for not at all.
        together: which photos were labelled together [m]. As these resemble each other, they count as one photo.

    Example:
        >>> scores = np.tile(np.array([[1, -1]], np.float32), (400, 1))  # right 3 times of 4: e^(2 / T) should be 3
        >>> codes = (np.arange(400) % 4 == 0).astype(np.int64)
        >>> bool(abs(fit_temperature(scores, codes) - 2 / np.log(3)) < 0.1)
        True
        >>> fit_temperature(scores[:0], codes[:0], prior=1.6)
        1.6
    """
    if not len(codes):
        return prior
    weights = np.ones(len(codes))
    if together is not None:
        _, which, sizes = np.unique(together, return_inverse=True, return_counts=True)
        weights = 1 / sizes[which]
    finite = np.where(np.isfinite(scores), scores, -1e6).astype(np.float64)
    right = finite.argmax(1) == codes
    below = finite - finite.max(1, keepdims=True)
    temperatures = prior * _CANDIDATES
    losses = [(weights * _losses(below / t, right)).sum() + worth * np.log(t / prior) ** 2 / 2 for t in temperatures]
    return float(temperatures[int(np.argmin(losses))])


def _losses(below: Losses, right: NDArray[np.bool_]) -> Losses:
    """−ln of the probability of what came out [m]: that the likeliest class is right, or that it is wrong.

    `below` are the scores minus that of the likeliest class, [m, C].
    """
    log_right = -np.log(np.exp(below).sum(1))
    log_wrong = np.log(np.maximum(-np.expm1(log_right), 1e-9))
    return -np.where(right, log_right, log_wrong)
