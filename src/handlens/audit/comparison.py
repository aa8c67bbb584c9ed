"""Comparing: each group with the best one and with the rest, as rows of a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.audit.evaluation import Measured
from handlens.audit.groups import Level
from handlens.audit.intervals import Floats, difference_interval, ratio_interval
from handlens.audit.metrics import Estimate, Metric

OVERALL = "overall"


def compared(metric: Metric, level: Level, sizes: Floats, measured: Measured, small: int) -> pd.DataFrame:
    """The rows of the frame for a metric at a level."""
    own, rest = measured.groups, measured.rest
    size = len(level.labels)
    defined = ~np.isnan(own.value)
    is_small = own.of < small
    best, worst = _ends(metric, own.value, is_small) if level.names else (None, None)
    columns: dict[str, Any] = {
        "by": level.by or OVERALL,
        "group": level.labels,
        "metric": metric.name,
        "n": sizes.astype(np.int64),
        "of": own.of.astype(np.int64),
        "value": own.value,
        "low": own.low,
        "high": own.high,
    }
    nothing = np.full(size, np.nan)
    for name, other in (("best", best), ("rest", rest if level.names else None)):
        if other is None:
            against = Estimate(nothing, nothing, nothing, nothing)
        elif isinstance(other, Estimate):
            against = other
        else:
            against = Estimate(*(np.full(size, x[other]) for x in (own.of, own.value, own.low, own.high)))
        columns |= _compared(metric, own, against, name, itself=other if name == "best" else None)
    columns["best"] = np.arange(size) == best
    columns["worst"] = np.arange(size) == worst
    columns["small"] = is_small
    why = np.where(sizes > 0, measured.why, "no rows")
    columns["undefined"] = np.where(defined, "", why)
    return pd.DataFrame(columns)


def _compared(metric: Metric, own: Estimate, other: Estimate, name: str, itself: Any) -> dict[str, Floats]:
    """Differences and ratios of groups to others, with their intervals."""
    ours, theirs = (own.low, own.high), (other.low, other.high)
    difference = own.value - other.value
    low, high = difference_interval(own.value, ours, other.value, theirs)
    ratio = np.full_like(difference, np.nan)
    ratio_low, ratio_high = ratio.copy(), ratio.copy()
    if metric.ratio:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(other.value > 0, own.value / other.value, np.nan)
        ratio_low, ratio_high = ratio_interval(own.value, ours, other.value, theirs)
    if itself is not None:  # the best group is as good as itself, and there is no doubt about that
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


def _ends(metric: Metric, value: Floats, is_small: NDArray[np.bool_]) -> tuple[int | None, int | None]:
    """The best group and the worst one: among those that are not small, unless all are."""
    goodness = {"lower": -value, "higher": value, "zero": -np.abs(value)}[metric.better]
    known = ~np.isnan(value)
    if (known & ~is_small).any():
        known &= ~is_small
    if not known.any():
        return None, None
    best, worst = int(np.where(known, goodness, -np.inf).argmax()), int(np.where(known, goodness, np.inf).argmin())
    return best, worst
