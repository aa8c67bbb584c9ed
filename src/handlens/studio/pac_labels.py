"""Probably approximately correct labels: how many photos a model may label so that few of all labels are wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta


@dataclass(frozen=True)
class Threshold:
    """From which confidence on predictions become labels; infinite if no prediction does.

    Attributes:
        threshold: least confidence.
        bound: at most this share of all labels is wrong; None if nothing is labelled.
        more_checks: how many more checks are expected to label more; None if no number is.
    """

    threshold: float
    bound: float | None
    more_checks: int | None


def choose_threshold(
    right: NDArray[np.bool_],
    confidence: NDArray[np.float64],
    candidates: NDArray[np.float64],
    *,
    population: int,
    total: int,
    error: float,
    sure: float,
) -> Threshold:
    """The least confidence for which at most the share `error` of all labels is wrong, with probability `sure`."""
    best = Threshold(np.inf, None, None)
    for threshold in np.unique(candidates)[::-1]:
        wrong = int((~right & (confidence >= threshold)).sum())
        bound = upper_bound(wrong, len(right), sure) * population / total
        if bound > error:
            break
        best = Threshold(float(threshold), bound, None)
    return best


def fewest_checks(population: int, total: int, *, error: float, sure: float) -> int:
    """The fewest checks with which anything can be certified."""
    n = 1
    while n < population and upper_bound(0, n, sure) * population / total > error:
        n += 1
    return n


def upper_bound(wrong: int, n: int, sure: float) -> float:
    """The upper end of the one-sided exact interval of a share (Clopper & Pearson 1934)."""
    return 1.0 if wrong >= n else float(beta.ppf(sure, wrong + 1, n - wrong))
