"""The metrics of an audit: what each counts, which end of it is better, and when it is undefined.

A rate is one count out of another, a mean is of one number a row; both are sums over rows, so that a table of sums
over cells gives them for every group. The area under the ROC curve and people's own functions see the rows.
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

    def estimate(self, sums: Floats, level: float) -> Estimate:
        """From the counts [groups, 2]: hits, and rows that could be."""
        hits, of = sums[:, 0], sums[:, 1]
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

    def estimate(self, sums: Floats, level: float, around: float) -> Estimate:
        """From [groups, 5]: rows, the sums of x, x² and x³ for x the distance from `around`, and rows without x."""
        n = sums[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            first, second, third = (sums[:, k] / n for k in (1, 2, 3))
        m2 = np.maximum(second - first**2, 0)
        m2[m2 <= 1e-15 * second] = 0  # what rounding leaves of values that are all the same
        m3 = third - 3 * first * second + 2 * first**3
        mean = around + first
        low, high = mean_interval(n, mean, m2, m3, level)
        if self.root:
            mean, low, high = (np.sqrt(np.maximum(x, 0)) for x in (mean, low, high))
        elif self.ratio:
            low = np.maximum(low, 0)
        unknown = (n == 0) | (sums[:, 4] > 0)
        return Estimate(n, *(np.where(unknown, np.nan, x) for x in (mean, low, high)))


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


Metric = Rate | Mean | Area | Own


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
        Mean("calibration", "zero", lambda r: _score(r) - _truth(r), ratio=False),
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
