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
        together: for photos that a person chose, which were labelled together [m]; see `fair_weights`. Photos that
            were drawn at random count alike.

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
    weights = np.ones(len(codes)) if together is None else fair_weights(codes, together)
    finite = np.where(np.isfinite(scores), scores, -1e6).astype(np.float64)
    right = finite.argmax(1) == codes
    below = finite - finite.max(1, keepdims=True)
    temperatures = prior * _CANDIDATES
    losses = [(weights * _losses(below / t, right)).sum() + worth * np.log(t / prior) ** 2 / 2 for t in temperatures]
    return float(temperatures[int(np.argmin(losses))])


def fair_weights(codes: Codes, together: NDArray[np.integer]) -> Losses:
    """Weights of labelled photos with which each class counts as much as any other, and each gesture as one photo.

    People label many photos of some classes and few of others, whatever share of all photos these have, and photos that
    are labelled together resemble each other.

    Args:
        codes: the classes [m], 0…C−1.
        together: which photos were labelled together [m].

    Returns:
        float64 [m]; their sum is the number of equal weights that vary as much (Kish, Survey Sampling, 1965, §11.7).

    Example:
        >>> fair_weights(np.array([0, 0, 0, 1]), np.array([1, 1, 2, 3])).round(3).tolist()  # 2 gestures, and 1
        [0.333, 0.333, 0.667, 1.333]
    """
    if not len(codes):
        return np.empty(0)
    pairs = np.column_stack([codes, together])
    gestures, which, sizes = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    shares = 1 / np.bincount(gestures[:, 0])[gestures[:, 0]]
    shares *= shares.sum() / (shares**2).sum()
    return np.asarray((shares / sizes)[which.ravel()])


def _losses(below: Losses, right: NDArray[np.bool_]) -> Losses:
    """−ln of the probability of what came out [m]: that the likeliest class is right, or that it is wrong.

    `below` are the scores minus that of the likeliest class, [m, C].
    """
    log_right = -np.log(np.exp(below).sum(1))
    log_wrong = np.log(np.maximum(-np.expm1(log_right), 1e-9))
    return -np.where(right, log_right, log_wrong)
