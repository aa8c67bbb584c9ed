"""Measuring: each kind of metric, on every group of every level and on the rest of each."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.audit import significance
from handlens.audit.auc import Areas
from handlens.audit.groups import Grouping, Level
from handlens.audit.intervals import Floats, bootstrap
from handlens.audit.metrics import (
    NO_NEGATIVE,
    NO_POSITIVE,
    Area,
    Calibration,
    Estimate,
    Mean,
    Metric,
    Own,
    Rate,
    Rows,
    Summed,
    Sums,
)
from handlens.errors import AuditError


@dataclass(frozen=True)
class Measured:
    """A metric at one level: of its groups, of the rest of each, and why some of them are undefined."""

    groups: Estimate
    rest: Estimate
    why: list[str]


@dataclass
class Measure:
    """The rows and their groups, and how each kind of metric is measured on them."""

    rows: Rows
    y_true: pd.Series
    y_pred: pd.Series
    grouping: Grouping
    levels: list[Level]
    ci: float
    draws: int
    seed: int
    _areas: Areas | None = field(default=None, repr=False)

    def measure(self, metric: Metric) -> list[Measured]:
        """The metric at each level."""
        if isinstance(metric, Area):
            return [self._of_ranks(level) for level in self.levels]
        if isinstance(metric, Own):
            return self._of_function(metric)
        sums = metric.counts(self.rows, self.grouping.cells, self.grouping.n_cells)
        return [self._of_sums(metric, level, sums) for level in self.levels]

    def chance(self, metric: Metric, measured: list[Measured]) -> list[Floats]:
        """The p of each group of each level but the first, which is everyone, corrected for all these groups."""
        rng, levels = np.random.default_rng(self.seed), self.levels[1:]
        cells = self.grouping.cells
        nothing = [np.full(len(level.labels), np.nan) for level in levels]
        if isinstance(metric, Rate):
            table = metric.counts(self.rows, cells, self.grouping.n_cells).table
            if not table[:, 1].any():
                return nothing
            return significance.of_rates(table, levels, draws=10 * self.draws, rng=rng)  # each costs little
        if isinstance(metric, (Mean, Calibration)):
            values = metric.value(self.rows)
            known = np.isfinite(values)
            if not known.any():
                return nothing
            found = significance.of_means(values[known], cells[known], levels, draws=self.draws, rng=rng)
        else:
            found = significance.of_intervals([m.groups for m in measured[1:]], [m.rest for m in measured[1:]], self.ci)
        return [np.where(np.isnan(m.groups.value), np.nan, p) for m, p in zip(measured[1:], found, strict=True)]

    def _of_sums(self, metric: Summed, level: Level, sums: Sums) -> Measured:
        groups = level.total(sums.table)
        rest = sums.table.sum(0) - groups
        own, others = (metric.estimate(Sums(table, sums.around), self.ci) for table in (groups, rest))
        why = [metric.nobody] * len(groups)
        if isinstance(metric, Mean):
            why = [metric.bad if bad else metric.nobody for bad in groups[:, 4] > 0]
        return Measured(own, others, why)

    def _of_ranks(self, level: Level) -> Measured:
        assert self.rows.score is not None
        assert self.rows.truth is not None
        if self._areas is None:
            self._areas = Areas(self.rows.score, self.rows.truth, self.ci)
        codes = level.of_cell[self.grouping.cells]
        groups, rest = self._areas.groups(codes, len(level.labels))
        positives = np.bincount(codes, self.rows.truth, len(level.labels))
        return Measured(groups, rest, [NO_POSITIVE if count == 0 else NO_NEGATIVE for count in positives])

    def _of_function(self, metric: Own) -> list[Measured]:
        a, b = self.y_true.to_numpy(), self.y_pred.to_numpy()
        rng = np.random.default_rng(self.seed)
        everything = self._own(metric, a, b, rng)
        if math.isnan(everything[1]):
            raise AuditError(
                f"metric {metric.name!r} must be defined for all rows together; it is not: {everything[4]}"
            )
        found = []
        for level in self.levels:
            codes = level.of_cell[self.grouping.cells]
            masks = [codes == g for g in range(len(level.labels))]
            own = [everything if mask.all() else self._own(metric, a[mask], b[mask], rng) for mask in masks]
            rest = [self._own(metric, a[~mask], b[~mask], rng) for mask in masks]
            found.append(Measured(_estimate(own), _estimate(rest), [each[4] for each in own]))
        return found

    def _own(
        self, metric: Own, a: NDArray[Any], b: NDArray[Any], rng: np.random.Generator
    ) -> tuple[float, float, float, float, str]:
        """Rows, value, ends of the interval, and why there is no value."""
        nan = math.nan
        if not len(a):
            return 0, nan, nan, nan, "no rows"

        def measure(at: NDArray[np.intp]) -> float:
            try:
                return float(metric.function(a[at], b[at]))
            except (ValueError, ZeroDivisionError):  # how functions say that they are undefined for these rows
                return nan

        try:
            value = float(metric.function(a, b))
        except (ValueError, ZeroDivisionError) as error:
            return len(a), nan, nan, nan, str(error) or type(error).__name__
        if not math.isfinite(value):
            return len(a), nan, nan, nan, "the function gave no number"
        return len(a), value, *bootstrap(measure, len(a), level=self.ci, draws=self.draws, rng=rng), ""


def _estimate(found: list[tuple[float, float, float, float, str]]) -> Estimate:
    columns = np.array([each[:4] for each in found], np.float64).reshape(-1, 4).T
    return Estimate(*columns)
