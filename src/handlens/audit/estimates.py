"""What an estimator is given, the rows and their groups, and what it returns, values with confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from handlens.audit.groups import Grouping, Level
from handlens.audit.intervals import Floats
from handlens.audit.outcomes import Outcomes


@dataclass(frozen=True)
class GroupedRows:
    """The rows of an audit with their groups, and the options that estimates depend on.

    Attributes:
        outcomes: the true and predicted values as columns.
        y_true, y_pred: the same as they were given, for functions of the user.
        grouping: the cell that each row is in. A cell is one combination of values of all attributes.
        levels: everyone as one group, then the groups of each attribute and of each intersection.
        ci: the confidence level of intervals, such as 0.95.
        draws: bootstrap samples and random permutations.
        seed: of the random draws.
    """

    outcomes: Outcomes
    y_true: pd.Series
    y_pred: pd.Series
    grouping: Grouping
    levels: list[Level]
    ci: float
    draws: int
    seed: int

    @property
    def group_levels(self) -> list[Level]:
        """The levels that have groups to compare: all but the first, which is everyone."""
        return self.levels[1:]

    def rng(self) -> np.random.Generator:
        """A new random generator, which starts at the seed."""
        return np.random.default_rng(self.seed)


@dataclass(frozen=True)
class GroupEstimates:
    """A metric for each of G groups, [G] each; nan where it is undefined.

    Attributes:
        count: the rows that the metric is computed from, such as the positive rows of a true positive rate.
        value: the metric.
        low, high: the ends of its confidence interval.
    """

    count: Floats
    value: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class LevelEstimate:
    """A metric at one level.

    Attributes:
        groups: the metric for each group.
        rest: the metric for all rows outside each group.
        undefined: for each group, the reason to give if its value is undefined.
    """

    groups: GroupEstimates
    rest: GroupEstimates
    undefined: list[str]


class Estimator(Protocol):
    """How a metric is computed, with its confidence interval and its significance test."""

    def measure(self, data: GroupedRows) -> list[LevelEstimate]:
        """The metric at each level of `data`."""
        ...

    def p_values(self, data: GroupedRows, measured: list[LevelEstimate]) -> list[Floats]:
        """For each level with groups, each group's p-value of differing from the rest, corrected for all groups."""
        ...
