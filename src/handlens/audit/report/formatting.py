"""Words: the numbers of an audit as people read them, in text, in HTML and in pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from handlens.audit.subgroups import Subgroups

SHARES = frozenset({"error", "accuracy", "tpr", "fpr", "fnr", "precision", "selection_rate", "calibration", "rmspe"})

TITLES = {
    "error": "error",
    "accuracy": "accuracy",
    "tpr": "true positive rate",
    "fpr": "false positive rate",
    "fnr": "false negative rate",
    "precision": "precision",
    "selection_rate": "selection rate",
    "auc": "area under the ROC curve",
    "calibration": "mean score less share of positives",
    "mean_error": "mean error",
    "mae": "mean absolute error",
    "rmse": "RMSE",
    "rmspe": "RMSPE",
}


def each(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a frame, with a field for each column."""
    yield from frame.itertuples()


def number(value: float, metric: str) -> str:
    """A value of a metric: shares in percent, others to three digits."""
    if math.isnan(value):
        return "?"
    if math.isinf(value):
        return "∞"
    if metric in SHARES:
        return f"{100 * value:.1f} %".replace("-", "−")
    if metric == "auc":
        return f"{value:.3f}"
    return f"{value:.3g}".replace("-", "−")


def interval(low: float, high: float, metric: str) -> str:
    """The ends of an interval."""
    if math.isnan(low):
        return "no interval"
    return f"{number(low, metric).removesuffix(' %')} to {number(high, metric)}"


def probability(p: float) -> str:
    """A p, without the digits that say nothing."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def value(row: Any) -> str:
    """A value with its interval, or that it is undefined and why."""
    if row.undefined:
        return f"undefined: {row.undefined}"
    return f"{number(row.value, row.metric)} ({interval(row.low, row.high, row.metric)})"


def sentences(audit: Subgroups) -> list[str]:
    """A sentence for each metric and level: the worst group, beside the best, and whether chance could explain it."""
    found = []
    frame = audit.frame.merge(audit.chance[["by", "group", "metric", "p"]], on=["by", "group", "metric"], how="left")
    for metric in dict.fromkeys(frame["metric"]):
        of_metric = frame[frame["metric"] == metric]
        for by, level in of_metric[of_metric["by"] != "overall"].groupby("by", sort=False):
            worst, best = level[level["worst"]], level[level["best"]]
            title = f"{TITLES.get(metric, metric)} by {by}"
            if not len(worst):
                found.append(f"{title}: undefined for every group")
                continue
            w, b = next(each(worst)), next(each(best))
            if w.group == b.group:
                found.append(f"{title}: {w.group}, the only group to compare, {value(w)}")
                continue
            text = f"{title}: worst for {w.group}, {value(w)}; best for {b.group}, {number(b.value, metric)}"
            beyond = level[level["p"] < 0.05]
            if len(beyond):
                named = ", ".join(beyond.sort_values("p")["group"].head(3))
                more = f" and {len(beyond) - 3} more" if len(beyond) > 3 else ""
                text += f"; beyond chance: {named}{more} ({probability(beyond['p'].min())})"
            else:
                text += "; chance could explain it"
            small = int(level["small"].sum())
            if small:
                text += f"; {small} small group{'s' if small > 1 else ''}"
            found.append(text)
    return found
