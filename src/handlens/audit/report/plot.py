"""Plots of results, drawn with matplotlib, which is imported when the first one is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from handlens.audit.comparison import OVERALL
from handlens.audit.feedback import Feedback
from handlens.audit.metrics import Metric
from handlens.audit.report.formatting import rows_of
from handlens.audit.subgroups import Subgroups
from handlens.core.display import shown_once

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _RED, _GREY = "#0072b2", "#d55e00", "#666666"  # safe for colour-blind readers; the worst group has a square too


def plot_subgroups(audit: Subgroups, metrics: Sequence[str], *, by: str | None = None) -> Figure:
    """A panel for each metric, with a dot and an interval for each group, level by level; `by` draws one level only."""
    import matplotlib.pyplot as plt

    frame = audit.frame if by is None else audit.frame[audit.frame["by"].isin([OVERALL, by])]
    positions, labels, headings, y = {}, [], [], 0.0
    for level, groups in frame[frame["by"] != OVERALL].drop_duplicates(["by", "group"]).groupby("by", sort=False):
        headings.append((y, str(level)))
        y += 1
        for row in rows_of(groups):
            positions[level, row.group] = y
            labels.append((y, f"{row.group}  ({row.n:,})"))
            y += 1
        y += 0.4
    width = 2.2 + 0.075 * max((len(text) for _, text in labels), default=0)
    figure, grid = plt.subplots(
        1,
        len(metrics),
        figsize=(width + 4.2 * len(metrics), 1.3 + 0.29 * y),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, name in zip(grid[0], metrics, strict=True):
        _draw_metric(axes, frame[frame["metric"] == name], audit.metrics[name], positions)
    first = grid[0][0]
    first.set_ylim(y - 0.2, -0.7)
    first.set_yticks([position for position, _ in labels], [text for _, text in labels], parse_math=False)
    for position, level in headings:
        first.annotate(
            f"by {level}", (0, position), xycoords=("axes fraction", "data"), xytext=(-6, 0),
            textcoords="offset points", ha="right", va="center", weight="bold", annotation_clip=False, parse_math=False,
        )  # fmt: skip
    figure.supxlabel(
        f"{100 * audit.ci:g} % intervals; square: worst group; hollow: fewer than {audit.small} rows; line: everyone",
        fontsize=9,
        color=_GREY,
    )
    return shown_once(figure)


def _draw_metric(axes: Axes, rows: pd.DataFrame, metric: Metric, positions: dict[tuple[Any, Any], float]) -> None:
    factor = 100 if metric.unit == "%" else 1
    everyone = rows[rows["by"] == OVERALL]
    axes.axvline(factor * everyone["value"].iloc[0], color=_GREY, linewidth=1, zorder=0)
    for row in rows_of(rows[rows["by"] != OVERALL]):
        y = positions[row.by, row.group]
        if row.undefined:
            axes.annotate(
                f"undefined: {row.undefined}", (0.02, y), xycoords=("axes fraction", "data"), va="center",
                fontsize=9, style="italic", color=_GREY, parse_math=False,
            )  # fmt: skip
            continue
        colour = _RED if row.worst else _BLUE
        axes.plot([factor * row.low, factor * row.high], [y, y], color=colour, linewidth=1.6)
        axes.plot(
            factor * row.value, y, "s" if row.worst else "o", color=colour, markersize=6.5,
            markerfacecolor="white" if row.small else colour,
        )  # fmt: skip
    axes.set_title(f"{metric.title}, {metric.unit}" if metric.unit else metric.title, fontsize=11, parse_math=False)
    axes.grid(axis="x", alpha=0.3)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def plot_feedback(feedback: Feedback, ax: Axes | None = None, *, title: str | None = None) -> Axes:
    """Each group's share of those who came, by round."""
    import matplotlib.pyplot as plt

    axes = plt.subplots()[1] if ax is None else ax
    lines = {
        str(group): axes.plot(rows["round"], 100 * rows["share"], marker="o", markersize=3, label=" ")[0]
        for group, rows in feedback.frame.groupby("group", sort=False)
    }
    axes.set_xlabel("round")
    axes.set_ylabel("% of those who came")
    axes.set_ylim(0, 100)
    # Named afterwards: matplotlib takes “$” for mathematics, and leaves out what begins with “_”.
    for text, (group, line) in zip(axes.legend().get_texts(), lines.items(), strict=True):
        text.set(text=group, parse_math=False)
        line.set_label(group)
    if title is not None:
        axes.set_title(title, parse_math=False)
    return axes
