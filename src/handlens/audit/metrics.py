"""The metrics of an audit: what each counts, which end of it is better, and when it is undefined.

A rate is one count out of another, a mean is of one number a row, calibration of two: all are sums over rows, so that a
table of sums over cells gives them for every group. The area under the ROC curve and people's own functions see the
rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from handlens.audit.intervals import Floats, mean_interval, wilson

Better = Literal["lower", "higher", "zero"]
Truths = NDArray[np.bool_]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """The predictions, a row each: what is right, truly positive and predicted positive; or numbers; or scores."""

    right: Truths | None = None
    truth: Truths | None = None
    picked: Truths | None = None
    actual: Floats | None = None
    predicted: Floats | None = None
    score: Floats | None = None


@dataclass(frozen=True)
class Sums:
    """What a metric adds up over each cell or group, [cells, …], and the value that means are taken around."""

    table: Floats
    around: float = 0.0


@dataclass(frozen=True)
class Estimate:
    """A metric of each of some groups: the rows that it is out of, its value, and its interval; nan if undefined."""

    of: Floats
    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Rate:
    """A share: the rows of `hit` among the rows of `among`, both functions of the rows; `among` None is all."""

    name: str
    better: Better
    hit: Callable[[Rows], Truths]
    among: Callable[[Rows], Truths] | None = None
    nobody: str = "no rows"
    ratio: bool = True

    def counts(self, rows: Rows, cells: Codes, size: int) -> Sums:
        """Hits, and the rows that could be, of each cell [size, 2]."""
        hit = self.hit(rows)
        among = np.ones(len(hit), bool) if self.among is None else self.among(rows)
        both = np.bincount(cells * 4 + 2 * among + (hit & among), minlength=4 * size).reshape(size, 4)
        return Sums(np.stack([both[:, 3], both[:, 2] + both[:, 3]], 1).astype(np.float64))

    def estimate(self, sums: Sums, level: float) -> Estimate:
        """From the sums over groups, [groups, 2]."""
        hits, of = sums.table.T
        with np.errstate(invalid="ignore"):
            value = np.where(of > 0, hits / of, np.nan)
        low, high = wilson(hits, of, level)
        return Estimate(of, value, low, high)


@dataclass(frozen=True)
class Mean:
    """The mean of a number of each row, or with `root` the root of it; `bad` says which rows have no such number."""

    name: str
    better: Better
    value: Callable[[Rows], Floats]
    root: bool = False
    ratio: bool = True
    nobody: str = "no rows"
    bad: str = ""

    def counts(self, rows: Rows, cells: Codes, size: int) -> Sums:
        """Rows, their sums of x, x² and x³, and the rows without a number, of each cell [size, 5]."""
        values = self.value(rows)
        bad = ~np.isfinite(values)
        x, around = _centred(np.where(bad, np.nan, values))
        x[bad] = 0
        sums = [np.bincount(cells, x**power, size) for power in range(4)]
        return Sums(np.stack([*sums, np.bincount(cells, bad, size)], 1), around)

    def estimate(self, sums: Sums, level: float) -> Estimate:
        """From the sums over groups, [groups, 5]."""
        n = sums.table[:, 0]
        mean, low, high = _mean(sums, level)
        if self.root:
            mean, low, high = (np.sqrt(np.maximum(x, 0)) for x in (mean, low, high))
        elif self.ratio:
            low = np.maximum(low, 0)
        unknown = (n == 0) | (sums.table[:, 4] > 0)
        return Estimate(n, *(np.where(unknown, np.nan, x) for x in (mean, low, high)))


@dataclass(frozen=True)
class Calibration:
    """The mean score less the share of positive rows: 0 where the scores of a group are right on average.

    Its interval is put together from those of the two, which lean on each other as score and truth do (Zou & Donner
    2008 with a correlation): among few rows of which hardly one is positive, that of the differences would be too
    narrow.
    """

    name: str = "calibration"
    better: Better = "zero"
    ratio: bool = False
    nobody: str = "no rows"

    def value(self, rows: Rows) -> Floats:
        """What each row is off by."""
        return np.asarray(_score(rows) - _truth(rows), np.float64)

    def counts(self, rows: Rows, cells: Codes, size: int) -> Sums:
        """Rows, sums of x, x² and x³ for the score x, positive rows, and their sum of x, of each cell [size, 6]."""
        x, around = _centred(_score(rows))
        sums = [np.bincount(cells, x**power, size) for power in range(4)]
        positive = [np.bincount(cells, weights, size) for weights in (_truth(rows), _truth(rows) * x)]
        return Sums(np.stack([*sums, *positive], 1), around)

    def estimate(self, sums: Sums, level: float) -> Estimate:
        """From the sums over groups, [groups, 6]."""
        n, x, squares, _, hits, of_hits = sums.table.T
        mean, low, high = _mean(sums, level)
        rate_low, rate_high = wilson(hits, n, level)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate, first = hits / n, x / n
            together = of_hits / n - first * rate
            apart = np.sqrt(np.maximum(squares / n - first**2, 0) * rate * (1 - rate))
            lean = np.clip(np.where(apart > 1e-12, together / apart, 0), -1, 1)
        value = mean - rate
        reach = [
            np.sqrt(np.maximum(a**2 + b**2 - 2 * lean * a * b, 0))
            for a, b in ((mean - low, rate_high - rate), (high - mean, rate - rate_low))
        ]
        return Estimate(n, value, value - reach[0], value + reach[1])


@dataclass(frozen=True)
class Area:
    """The area under the ROC curve: how often a positive row has a higher score than a negative one."""

    name: str = "auc"
    better: Better = "higher"
    ratio: bool = True


@dataclass(frozen=True)
class Own:
    """A person's function (y_true, y_pred) → number, of which more is better where it is marked so."""

    name: str
    better: Better
    function: Callable[..., float]
    ratio: bool = False


Summed = Rate | Mean | Calibration
Metric = Summed | Area | Own


def _centred(values: Floats) -> tuple[Floats, float]:
    """The distances from the mean, whose powers add up exactly enough, and the mean; nan is left out of it."""
    around = float(np.nanmean(values)) if not np.isnan(values).all() else 0.0
    return values - around, around


def _mean(sums: Sums, level: float) -> tuple[Floats, Floats, Floats]:
    """The mean and its interval, from rows and the sums of x, x² and x³."""
    n = sums.table[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second, third = (sums.table[:, k] / n for k in (1, 2, 3))
    m2 = np.maximum(second - first**2, 0)
    m2[m2 <= 1e-15 * second] = 0  # what rounding leaves of values that are all the same
    mean = sums.around + first
    return mean, *mean_interval(n, mean, m2, third - 3 * first * second + 2 * first**3, level)


def _squared_share(rows: Rows) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(((_actual(rows) - _predicted(rows)) / _actual(rows)) ** 2, np.float64)


def _right(rows: Rows) -> Truths:
    assert rows.right is not None
    return rows.right


def _truth(rows: Rows) -> Truths:
    assert rows.truth is not None
    return rows.truth


def _picked(rows: Rows) -> Truths:
    assert rows.picked is not None
    return rows.picked


def _actual(rows: Rows) -> Floats:
    assert rows.actual is not None
    return rows.actual


def _predicted(rows: Rows) -> Floats:
    assert rows.predicted is not None
    return rows.predicted


def _score(rows: Rows) -> Floats:
    assert rows.score is not None
    return rows.score


NO_POSITIVE, NO_NEGATIVE, NONE_PICKED = "no positive rows", "no negative rows", "no rows predicted positive"

KNOWN: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Rate("error", "lower", lambda r: ~_right(r)),
        Rate("accuracy", "higher", _right),
        Rate("tpr", "higher", _picked, _truth, NO_POSITIVE),
        Rate("fpr", "lower", _picked, lambda r: ~_truth(r), NO_NEGATIVE),
        Rate("fnr", "lower", lambda r: ~_picked(r), _truth, NO_POSITIVE),
        Rate("precision", "higher", _truth, _picked, NONE_PICKED),
        Rate("selection_rate", "higher", _picked),
        Area(),
        Calibration(),
        Mean("mean_error", "zero", lambda r: _predicted(r) - _actual(r), ratio=False),
        Mean("mae", "lower", lambda r: np.abs(_predicted(r) - _actual(r))),
        Mean("rmse", "lower", lambda r: (_predicted(r) - _actual(r)) ** 2, root=True),
        Mean("rmspe", "lower", _squared_share, root=True, bad="a true value is 0"),
    )
}

ALWAYS = ("error", "accuracy")
OF_POSITIVE = ("tpr", "fpr", "fnr", "precision", "selection_rate")
OF_SCORE = ("auc", "calibration")
OF_NUMBERS = ("mean_error", "mae", "rmse", "rmspe")

SAME_TEST = {"accuracy": "error", "fnr": "tpr"}
"""Metrics that are 1 less another one, so that a gap in one is a gap in the other."""
