"""An audit of subgroups as sentences."""

from __future__ import annotations

import pandas as pd

from handlens.audit.comparison import OVERALL
from handlens.audit.metrics import Metric
from handlens.audit.report.formatting import format_estimate, format_p, format_value, rows_of
from handlens.audit.subgroups import Subgroups

SIGNIFICANT = 0.05
"""The p-value below which a difference is called beyond chance."""

NAMED = 3
"""Groups that a sentence names as beyond chance; it says how many more there are."""


def subgroups_sentences(audit: Subgroups) -> list[str]:
    """A sentence for each metric and level: the worst group, the best one, and whether chance could explain it."""
    frame = audit.frame.merge(audit.chance[["by", "group", "metric", "p"]], on=["by", "group", "metric"], how="left")
    groups = frame[frame["by"] != OVERALL]
    return [
        _sentence(metric, str(by), level)
        for name, metric in audit.metrics.items()
        for by, level in groups[groups["metric"] == name].groupby("by", sort=False)
    ]


def _sentence(metric: Metric, by: str, level: pd.DataFrame) -> str:
    title = f"{metric.title} by {by}"
    if not level["worst"].any():
        return f"{title}: undefined for every group"
    worst, best = next(rows_of(level[level["worst"]])), next(rows_of(level[level["best"]]))
    if worst.group == best.group:
        compared = level[level["undefined"] == ""]
        if not compared["small"].all():
            compared = compared[~compared["small"]]
        what = f"{worst.group}, the only group to compare" if len(compared) == 1 else "the same for every group"
        return f"{title}: {what}, {format_estimate(worst, metric)}"
    text = (
        f"{title}: worst for {worst.group}, {format_estimate(worst, metric)}; "
        f"best for {best.group}, {format_value(best.value, metric)}"
    )
    significant = level[level["p"] < SIGNIFICANT]
    if len(significant):
        named = ", ".join(significant.sort_values("p")["group"].head(NAMED))
        more = f" and {len(significant) - NAMED} more" if len(significant) > NAMED else ""
        text += f"; beyond chance: {named}{more} ({format_p(significant['p'].min())})"
    else:
        text += "; chance could explain it"
    small = int(level["small"].sum())
    if small:
        text += f"; {small} small group{'s' if small > 1 else ''}"
    return text
