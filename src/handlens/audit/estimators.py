"""Estimators of metrics that are sums over rows: rates, means, and calibration.

A table of sums for each cell (combination of attributes) gives the sums of every group, so that each row is read once,
however many groups there are. The area under the ROC curve is in auc.py, functions of the user in user_function.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from handlens.audit import significance
from handlens.audit.estimates import GroupedRows, GroupEstimates, LevelEstimate
from handlens.audit.groups import Codes
from handlens.audit.intervals import Floats, mean_interval, wilson
from handlens.audit.outcomes import Booleans

Column = Callable[[Any], Floats]
"""A number for each row, [N], from the outcomes that the metric needs."""

Mask = Callable[[Any], Booleans]
"""True or False for each row, [N], from the outcomes that the metric needs."""

RATE_DRAWS = 10
"""Draws of the significance test of a rate for each draw of another test: they need the counts only and are fast."""


@dataclass(frozen=True)
class Sums:
    """Sums over the rows of each cell or group, [cells, …], and the number that was subtracted from each row before."""

    table: Floats
    around: float = 0.0


class SumEstimator(ABC):
    """An estimator that needs sums over the rows of each group, and nothing else."""

    @abstractmethod
    def sums(self, outcomes: Any, cells: Codes, n_cells: int) -> Sums:
        """The sums over the rows of each cell, [n_cells, …]."""

    @abstractmethod
    def estimate(self, sums: Sums, ci: float) -> GroupEstimates:
        """The metric of each group, from the sums over its rows."""

    @abstractmethod
    def p_values(self, data: GroupedRows, measured: list[LevelEstimate]) -> list[Floats]:
        """See `Estimator`."""

    def undefined(self, table: Floats) -> list[str]:
        """For each group, the reason to give if its value is undefined."""
        return ["no rows"] * len(table)

    def measure(self, data: GroupedRows) -> list[LevelEstimate]:
        """See `Estimator`."""
        sums = self.sums(data.outcomes, data.grouping.cells, data.grouping.n_cells)
        found = []
        for level in data.levels:
            groups = level.total(sums.table)
            rest = sums.table.sum(0) - groups
            own, others = (self.estimate(Sums(table, sums.around), data.ci) for table in (groups, rest))
            found.append(LevelEstimate(own, others, self.undefined(groups)))
        return found


@dataclass(frozen=True)
class Rate(SumEstimator):
    """The share of the rows in `among` that are also in `hit`, with Wilson's interval.

    Its test is a permutation test of the counts.

    Args:
        hit: the rows that count.
        among: the rows that could count; all of them unless given.
        if_empty: why the rate is undefined where a group has no row in `among`.
    """

    hit: Mask
    among: Mask | None = None
    if_empty: str = "no rows"

    def sums(self, outcomes: Any, cells: Codes, n_cells: int) -> Sums:
        """Hits, and rows that could be hits, [n_cells, 2]."""
        hit = self.hit(outcomes)
        among = np.ones(len(hit), bool) if self.among is None else self.among(outcomes)
        both = np.bincount(cells * 4 + 2 * among + (hit & among), minlength=4 * n_cells).reshape(n_cells, 4)
        return Sums(np.stack([both[:, 3], both[:, 2] + both[:, 3]], 1).astype(np.float64))

    def estimate(self, sums: Sums, ci: float) -> GroupEstimates:
        """From sums [groups, 2]."""
        hits, count = sums.table.T
        with np.errstate(invalid="ignore"):
            value = np.where(count > 0, hits / count, np.nan)
        low, high = wilson(hits, count, ci)
        return GroupEstimates(count, value, low, high)

    def undefined(self, table: Floats) -> list[str]:
        """See `SumEstimator`."""
        return [self.if_empty] * len(table)

    def p_values(self, data: GroupedRows, measured: list[LevelEstimate]) -> list[Floats]:  # noqa: ARG002
        """See `Estimator`."""
        table = self.sums(data.outcomes, data.grouping.cells, data.grouping.n_cells).table
        if not table[:, 1].any():
            return _unknown(data)
        return significance.of_rates(table, data.group_levels, draws=RATE_DRAWS * data.draws, rng=data.rng())


@dataclass(frozen=True)
class Mean(SumEstimator):
    """The mean of one number per row, or its square root, with Student's interval corrected for skewness.

    Its test is a permutation test of the rows.

    Args:
        value: the number of each row; a number that is not finite makes the mean of its group undefined.
        root: whether the metric is the square root of the mean.
        signed: whether the number of a row can be negative.
        if_not_finite: why the mean is undefined where a group has a number that is not finite.
    """

    value: Column
    root: bool = False
    signed: bool = False
    if_not_finite: str = ""

    def sums(self, outcomes: Any, cells: Codes, n_cells: int) -> Sums:
        """Rows, their sums of x, x² and x³, and the rows whose number is not finite, [n_cells, 5]."""
        values = self.value(outcomes)
        bad = ~np.isfinite(values)
        x, around = _centred(np.where(bad, np.nan, values))
        x[bad] = 0
        powers = [np.bincount(cells, x**power, n_cells) for power in range(4)]
        return Sums(np.stack([*powers, np.bincount(cells, bad, n_cells)], 1), around)

    def estimate(self, sums: Sums, ci: float) -> GroupEstimates:
        """From sums [groups, 5]."""
        n = sums.table[:, 0]
        mean, low, high = _mean(sums, ci)
        if self.root:
            mean, low, high = (np.sqrt(np.maximum(x, 0)) for x in (mean, low, high))
        elif not self.signed:
            low = np.maximum(low, 0)
        unknown = (n == 0) | (sums.table[:, 4] > 0)
        return GroupEstimates(n, *(np.where(unknown, np.nan, x) for x in (mean, low, high)))

    def undefined(self, table: Floats) -> list[str]:
        """See `SumEstimator`."""
        return [self.if_not_finite if bad else "no rows" for bad in table[:, 4] > 0]

    def p_values(self, data: GroupedRows, measured: list[LevelEstimate]) -> list[Floats]:  # noqa: ARG002
        """See `Estimator`."""
        return _mean_p_values(self.value(data.outcomes), data)


@dataclass(frozen=True)
class Calibration(SumEstimator):
    """The mean score minus the share of positive rows: 0 where the scores of a group are right on average.

    Its interval is put together from those of the mean score and of the share, with their correlation (Zou & Donner
    2008). The interval of the mean difference would be too narrow where a group has few rows, hardly any of them
    positive. Its test is a permutation test of the rows.
    """

    def sums(self, outcomes: Any, cells: Codes, n_cells: int) -> Sums:
        """Rows, sums of x, x² and x³ of the score x, positive rows, and their sum of x, [n_cells, 6]."""
        x, around = _centred(outcomes.score)
        powers = [np.bincount(cells, x**power, n_cells) for power in range(4)]
        positive = [np.bincount(cells, weights, n_cells) for weights in (outcomes.positive, outcomes.positive * x)]
        return Sums(np.stack([*powers, *positive], 1), around)

    def estimate(self, sums: Sums, ci: float) -> GroupEstimates:
        """From sums [groups, 6]."""
        n, x, squares, _, hits, of_hits = sums.table.T
        mean, low, high = _mean(sums, ci)
        rate_low, rate_high = wilson(hits, n, ci)
        with np.errstate(divide="ignore", invalid="ignore"):
            rate, first = hits / n, x / n
            covariance = of_hits / n - first * rate
            scale = np.sqrt(np.maximum(squares / n - first**2, 0) * rate * (1 - rate))
            correlation = np.clip(np.where(scale > 1e-12, covariance / scale, 0), -1, 1)
        value = mean - rate
        below, above = (
            np.sqrt(np.maximum(a**2 + b**2 - 2 * correlation * a * b, 0))
            for a, b in ((mean - low, rate_high - rate), (high - mean, rate - rate_low))
        )
        return GroupEstimates(n, value, value - below, value + above)

    def p_values(self, data: GroupedRows, measured: list[LevelEstimate]) -> list[Floats]:  # noqa: ARG002
        """See `Estimator`."""
        outcomes: Any = data.outcomes
        return _mean_p_values(np.asarray(outcomes.score - outcomes.positive, np.float64), data)


def _centred(values: Floats) -> tuple[Floats, float]:
    """The values minus their mean, so that sums of their powers are exact enough, and the mean; nan is left out."""
    around = float(np.nanmean(values)) if not np.isnan(values).all() else 0.0
    return values - around, around


def _mean(sums: Sums, ci: float) -> tuple[Floats, Floats, Floats]:
    """The mean and its interval, from the number of rows and the sums of x, x² and x³."""
    n = sums.table[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second, third = (sums.table[:, k] / n for k in (1, 2, 3))
    m2 = np.maximum(second - first**2, 0)
    m2[m2 <= 1e-15 * second] = 0  # rounding errors of values that are all equal
    mean = sums.around + first
    return mean, *mean_interval(n, mean, m2, third - 3 * first * second + 2 * first**3, ci)


def _mean_p_values(values: Floats, data: GroupedRows) -> list[Floats]:
    known = np.isfinite(values)
    if not known.any():
        return _unknown(data)
    cells = data.grouping.cells[known]
    return significance.of_means(values[known], cells, data.group_levels, draws=data.draws, rng=data.rng())


def _unknown(data: GroupedRows) -> list[Floats]:
    return [np.full(len(level.labels), np.nan) for level in data.group_levels]
