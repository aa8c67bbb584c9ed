"""Numbers of an audit as text, the same way in sentences, in HTML and in plots."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from handlens.audit.metrics import Metric


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a frame, each with an attribute for each column."""
    yield from frame.itertuples()


def format_value(value: float, metric: Metric) -> str:
    """A value of a metric, with its unit.

    Example:
        >>> from handlens.audit.metrics import METRICS
        >>> format_value(0.25, METRICS["error"]), format_value(0.75, METRICS["auc"])
        ('25.0 %', '0.750')
    """
    if math.isnan(value):
        return "?"
    if math.isinf(value):
        return "∞"
    if metric.unit == "%":
        text = f"{100 * value:.{1 if metric.decimals is None else metric.decimals}f} %"
    elif metric.decimals is not None:
        text = f"{value:.{metric.decimals}f}"
    else:
        text = f"{value:.3g}"
    return text.replace("-", "−")


def format_interval(low: float, high: float, metric: Metric) -> str:
    """The ends of a confidence interval, with the unit once."""
    if math.isnan(low):
        return "no interval"
    return f"{format_value(low, metric).removesuffix(' %')} to {format_value(high, metric)}"


def format_p(p: float) -> str:
    """A p-value, without digits that say nothing."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def format_estimate(row: Any, metric: Metric) -> str:
    """The value in a row of `Subgroups.frame` with its interval, or why it is undefined."""
    if row.undefined:
        return f"undefined: {row.undefined}"
    return f"{format_value(row.value, metric)} ({format_interval(row.low, row.high, metric)})"
