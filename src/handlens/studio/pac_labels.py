"""Probably approximately correct labels: how many photos a model may label so that few of all labels are wrong.

The photos that the model is surest of get the label that it predicts; the others are left for the person. With the
confidence that is asked for, at most a given share of all labels is wrong (Candès, Ilyas & Zrnic 2025, arXiv
2506.10908). How many photos may be labelled is decided by a random check, with the exact distribution of draws without
replacement:

1. Rank the photos that can be labelled and the checked ones, the surest first, and stop just before the mistake number
   v + 1 of the n checked ones. `budget[v]` is the smallest number such that if one more than it were wrong besides v
   checked ones, n checks would hold so few as v of them with a probability of at most α = 1 − confidence.
2. More than budget[v] of the labels are wrong only if the check held at most v mistakes up to the first rank with
   budget[v] + v + 1 wrong photos. That rank is fixed before the check is drawn, and its probability is at most α. So
   one exact test is enough for all thresholds: the number of wrong labels is monotone in them (risk-controlling
   prediction sets: Bates et al. 2021, arXiv 2101.02703).
3. budget[v] wrong labels are few enough where there are budget[v] / error labels: from a rank `need[v]` on. Choosing v
   from the answers would give as many chances to be wrong as there are v. So v starts where the model's own
   probabilities let expect most labels, and goes on to v + 1 only if the rank of v is need[v + 1] or more. So to
   be wrong at the end, step 2 must have been wrong at the first v whose fixed rank is less than need[v + 1], and the
   probability is still at most α (a fixed sequence of tests: Angelopoulos et al. 2021, arXiv 2110.01052).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handlens.errors import DataError
from handlens.studio.estimates import checked_arrays

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_IMAGINED = 300  # checks, from which the start is planned
_MORE = tuple(step * 10**power for power in range(1, 5) for step in (1, 2, 3, 5, 7))  # numbers of checks to suggest


@dataclass(frozen=True)
class PacLabels:
    """Which photos get the label that the model predicts, and what is certain about them.

    Attributes:
        chosen: whether a photo gets its predicted label, for the candidates in their order, bool [m].
        threshold: the least confidence among the chosen ones; None if no photo is chosen.
        bound: at most this share (0–1) of all labels is wrong then; None if no photo is chosen.
        more_checks: about how many more checks are expected to let clearly more photos be labelled, more than so many,
            if the model is wrong as often as it was in the check; 0 if all are chosen, None if no number is.
    """

    chosen: Booleans
    threshold: float | None
    bound: float | None
    more_checks: int | None


def pac_labels(
    right: ArrayLike,
    confidence: ArrayLike,
    candidates: ArrayLike,
    *,
    population: int,
    labelled: int,
    error: float,
    sure: float,
    seed: int = 0,
) -> PacLabels:
    """Choose the photos that get their predicted label, such that few of all labels in the collection are wrong.

    All labels are those that the collection has afterwards: the person's, which count as right, and the chosen ones.
    So the promise holds at once, and still when the person has labelled the photos that are left.

    Args:
        right: whether the prediction is right, for photos that were drawn at random and checked, bool [n].
        confidence: the model's probability (0–1) of its prediction, for the checked photos, [n].
        candidates: the same for the photos that can be labelled, [m].
        population: from how many photos the checked ones were drawn, them included; of several draws, the largest.
        labelled: how many photos a person has labelled, the checked ones included.
        error: the largest share (0–1) of wrong labels.
        sure: the probability (0.5–1) with which it is not exceeded.
        seed: of the order of photos with equal confidences, and of the plan where to start.

    Returns:
        the chosen photos, what is certain about them, and what more checks would bring.

    Raises:
        DataError: the arrays do not fit each other, or a number is not in its range.

    Example:
        >>> confidence = np.linspace(0.5, 1, 1000)
        >>> found = pac_labels(
        ...     [True] * 100, confidence[::10], confidence, population=1100, labelled=150, error=0.05, sure=0.95
        ... )
        >>> int(found.chosen.sum()), round(found.bound, 3)
        (1000, 0.026)
    """
    y, checked, others = checked_arrays(right, confidence, candidates, names=("right", "confidence", "candidates"))
    n, m = len(y), len(others)
    if population < n + m:
        raise DataError(
            f"population must be at least the number of checked photos and candidates, {n + m}; {population} arrived."
        )
    promise = _promise(population, labelled - n, error, sure)
    every = np.concatenate([checked, others])
    order = np.lexsort((np.random.default_rng(seed).random(n + m), -every))
    ranking = _Ranking(promise, 1 - every[order], np.flatnonzero(np.append(y == 0, np.zeros(m, bool))[order]), n, seed)
    size, bound = ranking.size(n)
    first = order[:size]
    chosen = np.zeros(m, bool)
    chosen[first[first >= n] - n] = True
    if not chosen.any():
        return PacLabels(chosen, None, None, ranking.more_checks(0) if m else 0)
    more = ranking.more_checks(size) if not chosen.all() else 0
    return PacLabels(chosen, float(others[chosen].min()), bound / (labelled + int(chosen.sum())), more)


def fewest_checks(population: int, labelled: int, *, error: float, sure: float) -> int:
    """The fewest checks with which anything can be certified: if none of the predictions is wrong.

    Args:
        population: from how many photos the checked ones are drawn.
        labelled: how many other photos a person has labelled.
        error, sure: as in `pac_labels`.

    Raises:
        DataError: a number is not in its range.

    Example:
        >>> fewest_checks(100_000, 0, error=0.05, sure=0.95)
        59
    """
    promise = _promise(population, labelled, error, sure)
    too_many = np.array([promise.allowed(population) + 1])
    return _first(0, population, lambda checks: bool(promise.unlikely(np.zeros(1, np.int64), too_many, checks)[0]))


@dataclass(frozen=True)
class _Promise:
    """What must hold: at most the share `error` of the labels is wrong, but for a probability of alpha."""

    population: int
    by_hand: int  # labels of the person, without those of checked photos
    error: Fraction
    alpha: float

    def allowed(self, size: int) -> int:
        """How many labels may be wrong if so many photos of the population have one."""
        return max(0, int(self.error * (self.by_hand + size)))

    def unlikely(self, mistakes: Counts, wrong: Counts, checks: int) -> Booleans:
        """Whether a check finds so few of the wrong photos with a probability of at most alpha."""
        from scipy.stats import hypergeom  # takes longer to load than all the rest

        tail = hypergeom.cdf(mistakes, self.population, np.minimum(wrong, self.population), checks)
        # More photos than there are cannot be wrong. A probability of exactly alpha must not hang on rounding.
        return np.asarray((wrong > self.population) | (tail <= self.alpha * (1 - 1e-9)))

    def needs(self, checks: int, most: int) -> tuple[Counts, Counts]:
        """`budget` and `need`, for v = 0, 1, … while need is at most `most` photos."""
        largest = self.allowed(most)
        # With more mistakes than the mean, so few are not unlikely.
        v = np.arange(min(checks, checks * (largest + 1) // max(self.population - checks, 1) + 1) + 1)
        v = v[self.unlikely(v, largest + v + 1, checks)]
        low, high = np.zeros(len(v), np.int64), np.full(len(v), largest)
        while (low < high).any():
            middle = (low + high) // 2
            enough = self.unlikely(v, middle + v + 1, checks)
            low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
        need = [max(0, -(-int(b) * self.error.denominator // self.error.numerator) - self.by_hand) for b in low]
        return low, np.array(need, np.int64)


def _promise(population: int, by_hand: int, error: float, sure: float) -> _Promise:
    """The promise, after checks."""
    for name, share, least in (("error", error, 0), ("sure", sure, 0.5)):
        if not least < share < 1:
            raise DataError(f"{name} must be between {least} and 1, such as 0.05 or 0.95; {share} arrived.")
    if population < 0:
        raise DataError(f"population must be 0 or more; {population} arrived.")
    return _Promise(population, by_hand, Fraction(repr(float(error))), 1 - sure)  # 0.05 means 1/20


@dataclass(frozen=True)
class _Ranking:
    """The candidates and checked photos, the surest first.

    Attributes:
        promise: what must hold.
        doubt: 1 − confidence, [n + m].
        mistakes: the ranks of the checked photos whose prediction is wrong.
        n: how many are checked.
        seed: of the imagined checks.
    """

    promise: _Promise
    doubt: Floats
    mistakes: Counts
    n: int
    seed: int

    def size(self, checks: int) -> tuple[int, int]:
        """How many photos are chosen, the first ones, and how many of their labels may be wrong.

        With more checks than were made, it is what is expected: mistakes come as often in the ranking as so far.
        """
        total = len(self.doubt)
        budget, need = self.promise.needs(checks, total)
        if not len(need):
            return 0, 0
        number = (np.arange(len(need)) + 1) * max(self.n, 1) / max(checks, 1)  # of the mistake, in this check
        seen = np.arange(len(self.mistakes) + 1)
        before = np.interp(number, seen, np.append(0, self.mistakes), right=total).astype(np.int64)
        size = int(_reached(before[None], need)[0, self._start(checks, need)])
        return size, int(budget[np.searchsorted(before, size)])

    def more_checks(self, size: int) -> int | None:
        """How many more checks are expected to choose clearly more photos, and more than they take answers."""
        total = len(self.doubt)
        sensible = [more for more in _MORE if size + more < total]
        aim = {more: min(total, size + max(more + 1, total // 20)) for more in sensible}
        return next((more for more in sensible if self.size(self.n + more)[0] >= aim[more]), None)

    def _start(self, checks: int, need: Counts) -> int:
        """Where v starts: where most photos would be chosen if the model were wrong as often as its confidences say."""
        expected = np.cumsum(self.doubt) * checks / len(self.doubt)  # mistakes in the check up to each rank
        waits = np.random.default_rng(self.seed).exponential(size=(_IMAGINED, len(need)))
        return int(np.argmax(_reached(np.searchsorted(expected, np.cumsum(waits, 1)), need).mean(0)))


def _reached(before: Counts, need: Counts) -> Counts:
    """How many photos are chosen in each of S checks if v starts at 0, 1, … V − 1, [S, V].

    Args:
        before: how many photos come before the mistake number v + 1, [S, V].
        need: how many have to, [V].
    """
    reached = before.copy()
    for v in range(len(need) - 2, -1, -1):
        on = before[:, v] >= need[v + 1]
        reached[on, v] = reached[on, v + 1]
    return np.where(before >= need, reached, 0)


def _first(low: int, high: int, enough: Callable[[int], bool]) -> int:
    """The smallest number from low to high that is enough; high if the others are not."""
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low
