"""How accurate a model is on the photos that are still unlabelled, from photos that were drawn at random and checked.

All functions are pure: arrays in, numbers out. The photos are a fixed finite set, so the only thing that is random is
which of them were drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handlens.audit.intervals import normal, wilson
from handlens.errors import DataError

Tally = tuple[float, float]
"""Photos that were predicted correctly, and photos that were tested; each counts with its weight."""

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]

ENOUGH_FOR_SLOPE = 20
"""With fewer checked photos the confidences are not used: their slope would be noise."""

STEEPEST_SLOPE = 1.5

SLIPS = 0.1
"""The share of a person's labels that may be wrong, as a guess has to allow for."""

CHANGED = 0.1
"""A round of checks counts while at most this share of the photos that it was drawn from is labelled since, and at most
this share of those that are left was added since."""


@dataclass(frozen=True)
class Estimate:
    """A share (0–1), or a difference of shares (−1 to 1), and its 95 % interval.

    Example:
        >>> Estimate(0.9, 0.8, 0.95).high
        0.95
    """

    value: float
    low: float
    high: float


def estimate_accuracy(
    right: ArrayLike,
    confidence: ArrayLike,
    expected: ArrayLike,
    left: int,
    *,
    sampled: float = 0.0,
    moved: float = 0.0,
    added: float = 0.0,
    taught: float = 0.0,
) -> Estimate | None:
    """The accuracy on the photos that were not checked, from those that were.

    The checked photos must be drawn at random, without replacement, from all photos without a label. The estimate is
    about the rest, since checked photos have a label afterwards.

    The mean of the checked photos is corrected by how much surer the model is of all photos than of the checked ones,
    times a slope b (the regression estimator: Cochran, Sampling Techniques, 3rd ed. 1977, §7.1–7.4; with a model's
    predictions: PPI++, Angelopoulos et al. 2023, arXiv 2311.01453). The interval is Wilson's with an effective number
    of checked photos: more than n where confidences explain a part of the mistakes, and more where a large part of all
    photos was checked. Few mistakes can seem explained by chance; so one more that is not is added to what was seen.

    Photos that people labelled since the draw may have been the easiest or the hardest ones, and so may those that were
    added since. The interval holds even if all of them would be predicted correctly, or not one.

    If the model has learned from checked photos, it is tested on them by cross-fitting: `right` and `confidence` come
    from models that learned from the others, and `expected` from the same models, on photos without a label
    (cross-prediction: Zrnic & Candès 2024, arXiv 2309.16598). These models vary together, so that the mean varies more
    than that of independent answers (Bates, Hastie & Tibshirani 2021, arXiv 2104.00673): measured, by up to
    1 + `taught` in variance.

    For how often the model is right when it predicts one label, give only the photos that are predicted as it.

    Args:
        right: whether the prediction is right, for the checked photos, bool [n].
        confidence: the model's probability (0–1) of its prediction, for the checked photos, [n].
        expected: the mean of the same over the photos that are left, of the model that gave each confidence; [n], or
            one number for all.
        left: the number m of photos that are left.
        sampled: the variance of the mean of `expected`, where it comes from a sample of the photos that are left.
        moved: the share (0–1) of the other photos that were labelled since, as `pool_rounds` gives it.
        added: the share (0–1) of the photos that are left that were added since, as `pool_rounds` gives it.
        taught: the share (0–1) that these checked photos have of all that the model learned from.

    Returns:
        the share of the m photos that are predicted correctly; None if no photo was checked, or no other is left.

    Raises:
        DataError: the arrays do not fit each other, or a number is not in its range.

    Example:
        >>> estimate = estimate_accuracy([True] * 8 + [False] * 2, [0.9] * 10, expected=0.9, left=990)
        >>> round(estimate.value, 3), round(estimate.low, 3), round(estimate.high, 3)
        (0.8, 0.489, 0.944)
    """
    y, sure, _ = checked_arrays(right, confidence, np.ravel(expected), names=("right", "confidence", "expected"))
    if np.shape(expected) not in ((), y.shape):
        raise DataError(f"expected must be a number or as long as right, {len(y)}; shape {np.shape(expected)} arrived.")
    if left < 0 or not sampled >= 0:
        raise DataError(f"left and sampled must be 0 or more; {left} and {sampled} arrived.")
    for name, share in (("moved", moved), ("added", added)):
        if not 0 <= share < 1:
            raise DataError(f"{name} must be a share from 0 to below 1; {share} arrived.")
    if not 0 <= taught <= 1:
        raise DataError(f"taught must be a share from 0 to 1; {taught} arrived.")
    n, m = len(y), left
    if not n or not m:
        return None
    surer = sure - np.asarray(expected, np.float64)
    b = _slope(y, surer)
    unexplained = y - b * surer
    mean = float(y.mean() - b * surer.mean() * m / (n + m))
    worth = n / (1 + taught)
    if b > 0:
        part = (((unexplained - unexplained.mean()) ** 2).sum() + 1) / (n - 2) + n * b**2 * sampled
        worth /= min(1.0, part / ((((y - y.mean()) ** 2).sum() + 1) / (n - 1)))
    found = _of_the_rest(mean, worth, right=float(y.sum()), n=n, m=m)
    low, high = max((found.low - moved) / (1 - moved), 0.0), min(found.high / (1 - moved), 1.0)
    return Estimate(found.value, low * (1 - added), high * (1 - added) + added)


class Pooled(NamedTuple):
    """Rounds of checks that count together.

    Attributes:
        current: whether each round counts, bool [R].
        moved, added: for `estimate_accuracy`.
    """

    current: Booleans
    moved: float
    added: float


def pool_rounds(checked: ArrayLike, labelled_since: ArrayLike, added_since: ArrayLike, left: int) -> Pooled:
    """Which rounds of checks count together, and which share of their photos was labelled or added since.

    An earlier round makes the sample larger, but was drawn from photos that are partly labelled by now, and not from
    those that were added, which makes the interval wider. The rounds are taken that promise the narrowest one, whatever
    their answers are. A round does not count if more than the share `CHANGED` of the photos that it was drawn from was
    labelled since, other than in a check, or more than this share of the photos that are left was added since.

    Args:
        checked: the number of checked photos of each round, the earliest first, those of which the person was unsure
            included, [R].
        labelled_since: of the other photos that each round was drawn from, those that are labelled now, [R].
        added_since: of the photos that are left, or were checked later, those that it could not be drawn from, [R].
        left: the photos that are left without a label.

    Example:
        >>> pool_rounds([30, 30], [20, 0], [0, 0], left=940)
        Pooled(current=array([ True,  True]), moved=0.01010..., added=0.0)
        >>> pool_rounds([30, 30], [500, 0], [0, 0], left=440)
        Pooled(current=array([False,  True]), moved=0.0, added=0.0)
    """
    n, since, new = (np.asarray(counts, np.float64) for counts in (checked, labelled_since, added_since))
    rest = n[::-1].cumsum()[::-1] - n + left
    others = np.maximum(rest - new, 0) + since
    shares = since / np.maximum(others, 1), new / np.maximum(rest, 1)
    order = np.lexsort((-np.arange(len(n)), shares[0] + shares[1]))  # those first since which least has changed
    order = order[((since <= CHANGED * (others + n)) & (new <= CHANGED * rest))[order]]
    counts = np.zeros(len(n), bool)
    total = n[order].cumsum()
    if not total.any():
        counts[order] = True
        return Pooled(counts, 0.0, 0.0)
    moved, added = ((n * share)[order].cumsum() / np.maximum(total, 1) for share in shares)
    width = 2 * normal(0.95) * 0.4 / np.sqrt(np.maximum(total, 0.1)) + moved + added  # at an accuracy of 80 %
    best = int(np.argmin(width))
    counts[order[: best + 1]] = True
    return Pooled(counts, float(moved[best]), float(added[best]))


def checked_arrays(
    right: ArrayLike,
    confidence: ArrayLike,
    others: ArrayLike,
    *,
    names: tuple[str, str, str] = ("right", "confidence", "others"),
) -> tuple[Floats, Floats, Floats]:
    """The arrays as float64, after checks."""
    y, sure, rest = np.asarray(right), np.asarray(confidence, np.float64), np.asarray(others, np.float64)
    if y.ndim != 1 or sure.shape != y.shape or rest.ndim != 1:
        raise DataError(
            f"{names[0]} and {names[1]} must be two lists of one length, and {names[2]} a list; "
            f"shapes {y.shape}, {sure.shape} and {rest.shape} arrived."
        )
    if y.size and y.dtype != np.bool_:
        raise DataError(f"{names[0]} must hold True and False; {y.dtype} arrived. Compare predictions with answers.")
    for name, values in ((names[1], sure), (names[2], rest)):
        wrong = ~((values >= 0) & (values <= 1))
        if wrong.any():
            raise DataError(f"{name} must hold probabilities from 0 to 1; {values[wrong][0]} arrived.")
    return y.astype(np.float64), sure, rest


def _slope(y: Floats, sure: Floats) -> float:
    """The least-squares slope of y on the confidences, within 0 and the steepest."""
    spread = sure - sure.mean()
    square = float((spread * spread).sum())
    if len(y) < ENOUGH_FOR_SLOPE or square < 1e-12 * len(y):
        return 0.0
    return float(np.clip((spread * y).sum() / square, 0.0, STEEPEST_SLOPE))


def _of_the_rest(mean: float, effective: float, *, right: float, n: int, m: int) -> Estimate:
    """From a mean over all n + m photos, and how many checked photos it is worth, to the share of the m others."""
    total = n + m
    mean = min(max(mean, right / total), (right + m) / total)
    effective *= total / m
    low, high = (float(end) for end in wilson(mean * effective, effective))
    value, low, high = (min(max((total * share - right) / m, 0.0), 1.0) for share in (mean, low, high))
    return Estimate(value, min(low, value), max(high, value))


def estimate_difference(right_a: ArrayLike, right_b: ArrayLike, population: int) -> Estimate | None:
    """How much more accurate model a is than model b on the photos that were not checked; both saw the same check.

    The interval is Tango's score interval for paired shares (Statistics in Medicine 17, 1998, 891–908), which holds for
    few photos and for few that only one model gets right (Fagerland, Lydersen & Laake, Statistics in Medicine 33, 2014,
    2850–2875). Counts are scaled by 1 / (1 − n/N) for the finite population.

    Args:
        right_a, right_b: whether the prediction of each model is right, for the same checked photos, bool [n].
        population: the number N of photos from which the checked ones were drawn, them included.

    Returns:
        accuracy of a minus accuracy of b, −1 to 1; None if no photo was checked, or no other is left.

    Raises:
        DataError: the arrays do not fit each other, or are longer than the population.

    Example:
        >>> a, b = [True] * 18 + [False] * 2, [True] * 13 + [False] * 7
        >>> difference = estimate_difference(a, b, population=1000)
        >>> round(difference.value, 3), round(difference.low, 3), round(difference.high, 3)
        (0.25, 0.048, 0.471)
    """
    a, b = np.asarray(right_a), np.asarray(right_b)
    if a.ndim != 1 or a.shape != b.shape or (a.size and not a.dtype == b.dtype == np.bool_):
        raise DataError(
            f"right_a and right_b must be two lists of one length with True and False; {a.dtype} {a.shape} and "
            f"{b.dtype} {b.shape} arrived. Compare both models on the same checked photos."
        )
    n, m = len(a), population - len(a)
    if m < 0:
        raise DataError(f"population must be at least the number of checked photos; {population} arrived for {n}.")
    if not n or not m:
        return None
    gained, lost = int((a & ~b).sum()), int((b & ~a).sum())
    scale = population / m
    ends = tango(gained * scale, lost * scale, n * scale)
    shares = (gained - lost) / n, *ends
    value, low, high = (min(max((population * share - (gained - lost)) / m, -1.0), 1.0) for share in shares)
    return Estimate(value, low, high)


def tango(gained: float, lost: float, n: float) -> tuple[float, float]:
    """Tango's 95 % score interval of (gained − lost) / n for paired shares.

    It holds each difference δ for which |gained − lost − nδ| ≤ z √(n (2q + δ(1 − δ))), where q is the likeliest share
    of the lost ones given δ (Tango 1998, equations 10 to 14).

    Args:
        gained, lost: photos that only the first, and only the second model gets right; counts may be fractions.
        n: the number of photos.

    Example:
        >>> [round(end, 3) for end in tango(1, 7, 21)]
        [-0.517, -0.026]
    """
    z2 = normal(0.95) ** 2
    middle = (gained - lost) / n

    def outside(delta: float) -> float:
        b = -gained - lost + (2 * n - gained + lost) * delta
        c = -lost * delta * (1 - delta)
        q = (np.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        return float((gained - lost - n * delta) ** 2 - z2 * n * max(2 * q + delta * (1 - delta), 0.0))

    return _root(outside, -1.0, middle), _root(outside, 1.0, middle)


def _root(function: Callable[[float], float], end: float, middle: float) -> float:
    """Where a function that is negative next to the middle, and positive at the end, is zero."""
    from scipy.optimize import brentq  # takes long to load

    near = middle + 1e-9 * (end - middle)  # in the middle itself it can be zero, where both models agree everywhere
    return end if abs(middle - end) < 1e-12 else float(brentq(function, end, near, xtol=1e-12))


def expected_calibration_error(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> float:
    """How far confidences are from the share that is right: the mean distance over bins of equal width.

    Each bin counts by how many photos are in it (Guo et al. 2017, On Calibration of Modern Neural Networks, eq. 3).
    From few photos it is too high, since the share that is right in a bin is uncertain.

    Args:
        confidence: the model's probability (0–1) of its prediction, [n].
        right: whether the prediction is right, bool [n].
        bins: the number of bins.

    Returns:
        the error, 0–1; nan without photos.

    Raises:
        DataError: the arrays do not fit each other, a confidence is not between 0 and 1, or there is no bin.

    Example:
        >>> round(expected_calibration_error([0.95, 0.95, 0.55, 0.55], [True, True, True, False]), 3)
        0.05
    """
    y, sure, _ = checked_arrays(right, confidence, [])
    if bins < 1:
        raise DataError(f"bins must be at least 1; {bins} arrived.")
    if not len(y):
        return float("nan")
    bin_of = np.minimum((sure * bins).astype(np.int64), bins - 1)
    return float(np.abs(np.bincount(bin_of, sure - y)).sum() / len(y))


def calibration_error_beyond_chance(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> float:
    """How far confidences are from the share that is right, without what chance alone adds.

    Of few photos, the share that is right differs from perfect probabilities too: in each bin by √(2/π · Σ p (1 − p))
    photos on average (the mean of a half-normal distribution). Both errors add up in squares, about, so that the root
    of their difference is what is left. Simulated with 60 photos: on average .04 for probabilities that are off by .02,
    and .10 for .11; the plain error is .12 and .14.

    Args:
        confidence, right, bins: as in `expected_calibration_error`.

    Returns:
        the error, 0–1; nan without photos.

    Example:
        >>> right = [True] * 30 + [False] * 10
        >>> calibration_error_beyond_chance([0.8] * 40, right), round(expected_calibration_error([0.8] * 40, right), 3)
        (0.0, 0.05)
        >>> round(calibration_error_beyond_chance([0.95] * 40, right), 3)
        0.198
    """
    found = expected_calibration_error(confidence, right, bins)
    sure = np.asarray(confidence, np.float64)
    if not len(sure):
        return found
    bin_of = np.minimum((sure * bins).astype(np.int64), bins - 1)
    chance = float(np.sqrt(2 / np.pi * np.bincount(bin_of, sure * (1 - sure))).sum()) / len(sure)
    return float(np.sqrt(max(found**2 - chance**2, 0.0)))


def guess_accuracy(
    whole_gestures: Tally, ordinary_folds: Tally, each_label: Tally = (0, 0)
) -> tuple[float, float] | None:
    """A guess between which numbers the accuracy is, from labels that people chose, without any check.

    Photos of one gesture resemble each other. With whole gestures held out, the test is harder than the photos that are
    left; with ordinary folds, near twins are in training and the test is easier. Where a few labels have most of the
    photos, the model knows them best, so that the share of the photos says little of the others. And where a label is
    wrong, a correct prediction counts as a mistake: up to `SLIPS` of them may be.

    Args:
        whole_gestures: photos predicted correctly and photos tested, with whole gestures held out.
        ordinary_folds: the same in ordinary cross-validation.
        each_label: the first with weights such that each label counts the same; none if nothing was tested so.

    Returns:
        the lowest of the low ends, and the highest of the high ends over 1 − `SLIPS`, of the Wilson intervals (0–1);
        None if one of the first two was not tested.

    Raises:
        DataError: more are correct than were tested, or a count is negative.

    Example:
        >>> [round(end, 2) for end in guess_accuracy((37, 100), (89, 100))]
        [0.28, 1.0]
    """
    ends = []
    tests = {"whole_gestures": whole_gestures, "ordinary_folds": ordinary_folds, "each_label": each_label}
    for name, (correct, tested) in tests.items():
        if not 0 <= correct <= tested:
            raise DataError(
                f"{name} must be photos predicted correctly and photos tested; {correct}, {tested} arrived."
            )
        if tested:
            ends.append([float(end) for end in wilson(correct, tested)])
        elif name != "each_label":
            return None
    return min(low for low, _ in ends), min(max(high for _, high in ends) / (1 - SLIPS), 1.0)
