"""The comparison of each group with the best group of its level and with the rest, as rows of a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.audit.estimates import GroupEstimates, LevelEstimate
from handlens.audit.groups import Level
from handlens.audit.intervals import Floats, difference_interval, ratio_interval
from handlens.audit.metrics import Metric

OVERALL = "overall"
"""The level, in the column `by`, that has everyone as its only group."""


def comparison(metric: Metric, level: Level, sizes: Floats, measured: LevelEstimate, small: int) -> pd.DataFrame:
    """The rows of `Subgroups.frame` for a metric at a level.

    Args:
        metric: the metric.
        level: an attribute or intersection, with its groups.
        sizes: the rows of each group, [groups].
        measured: the metric at this level.
        small: groups of fewer rows than this are marked as small.
    """
    own = measured.groups
    n_groups = len(level.labels)
    is_small = own.count < small
    nobody = GroupEstimates(*(np.full(n_groups, np.nan) for _ in range(4)))
    best, worst = _best_and_worst(metric, own.value, is_small) if level.names else (None, None)
    best_group = nobody
    if best is not None:
        best_group = GroupEstimates(*(np.full(n_groups, x[best]) for x in (own.count, own.value, own.low, own.high)))
    columns: dict[str, Any] = {
        "by": level.by or OVERALL,
        "group": level.labels,
        "metric": metric.name,
        "n": sizes.astype(np.int64),
        "of": own.count.astype(np.int64),
        "value": own.value,
        "low": own.low,
        "high": own.high,
        **_differences(metric, own, best_group, "best", itself=best),
        **_differences(metric, own, measured.rest if level.names else nobody, "rest", itself=None),
        "best": np.arange(n_groups) == best,
        "worst": np.arange(n_groups) == worst,
        "small": is_small,
        "undefined": np.where(np.isnan(own.value), np.where(sizes > 0, measured.undefined, "no rows"), ""),
    }
    return pd.DataFrame(columns)


def _differences(
    metric: Metric, own: GroupEstimates, other: GroupEstimates, name: str, *, itself: int | None
) -> dict[str, Floats]:
    """The differences and ratios of groups to others, with their intervals; `itself` is the group that is the other."""
    ours, theirs = (own.low, own.high), (other.low, other.high)
    difference = own.value - other.value
    low, high = difference_interval(own.value, ours, other.value, theirs)
    ratio = np.full_like(difference, np.nan)
    ratio_low, ratio_high = ratio.copy(), ratio.copy()
    if metric.has_ratio:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(other.value > 0, own.value / other.value, np.nan)
        ratio_low, ratio_high = ratio_interval(own.value, ours, other.value, theirs)
    if itself is not None:  # a group's difference to itself is exactly 0, and its ratio exactly 1
        low[itself] = high[itself] = 0
        if not np.isnan(ratio[itself]):
            ratio_low[itself] = ratio_high[itself] = 1
    return {
        f"minus_{name}": difference,
        f"minus_{name}_low": low,
        f"minus_{name}_high": high,
        f"over_{name}": ratio,
        f"over_{name}_low": ratio_low,
        f"over_{name}_high": ratio_high,
    }


def _best_and_worst(metric: Metric, value: Floats, is_small: NDArray[np.bool_]) -> tuple[int | None, int | None]:
    """The positions of the best and the worst group: among those that are not small, unless all are."""
    goodness = {"lower": -value, "higher": value, "zero": -np.abs(value)}[metric.better]
    known = ~np.isnan(value)
    if (known & ~is_small).any():
        known &= ~is_small
    if not known.any():
        return None, None
    return int(np.where(known, goodness, -np.inf).argmax()), int(np.where(known, goodness, np.inf).argmin())
