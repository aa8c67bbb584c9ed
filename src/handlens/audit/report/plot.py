"""An audit as a picture: a dot and an interval for each group, beside everyone's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from handlens.audit.report import formatting

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _RED, _GREY = "#0072b2", "#d55e00", "#666666"  # told apart by the colour-blind too; the worst has a square


def dots(frame: pd.DataFrame, metrics: list[str], *, ci: float, small: int) -> Figure:
    """A panel for each metric, a line for each group of `frame`, level by level."""
    import matplotlib.pyplot as plt

    groups = frame[frame["by"] != "overall"].drop_duplicates(["by", "group"])
    places, labels, headings, at = {}, [], [], 0.0
    for by, level in groups.groupby("by", sort=False):
        headings.append((at, str(by)))
        at += 1
        for row in formatting.each(level):
            places[by, row.group] = at
            labels.append((at, f"{row.group}  ({row.n:,})"))
            at += 1
        at += 0.4
    width = 2.2 + 0.075 * max((len(text) for _, text in labels), default=0)
    figure, grid = plt.subplots(
        1,
        len(metrics),
        figsize=(width + 4.2 * len(metrics), 1.3 + 0.29 * at),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, metric in zip(grid[0], metrics, strict=True):
        _panel(axes, frame[frame["metric"] == metric], metric, places)
    first = grid[0][0]
    first.set_ylim(at - 0.2, -0.7)
    first.set_yticks([place for place, _ in labels], [text for _, text in labels])
    for place, by in headings:
        first.annotate(
            f"by {by}", (0, place), xycoords=("axes fraction", "data"), xytext=(-6, 0), textcoords="offset points",
            ha="right", va="center", weight="bold", annotation_clip=False,
        )  # fmt: skip
    figure.supxlabel(
        f"{100 * ci:g} % intervals; square: worst group; hollow: out of fewer than {small} rows; line: everyone",
        fontsize=9,
        color=_GREY,
    )
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, metric: str, places: dict[tuple[Any, Any], float]) -> None:
    by_percent = 100 if metric in formatting.SHARES else 1
    everyone = rows[rows["by"] == "overall"]
    axes.axvline(by_percent * everyone["value"].iloc[0], color=_GREY, linewidth=1, zorder=0)
    for row in formatting.each(rows[rows["by"] != "overall"]):
        y = places[row.by, row.group]
        if row.undefined:
            axes.annotate(
                f"undefined: {row.undefined}", (0.02, y), xycoords=("axes fraction", "data"), va="center",
                fontsize=9, style="italic", color=_GREY,
            )  # fmt: skip
            continue
        colour = _RED if row.worst else _BLUE
        axes.plot([by_percent * row.low, by_percent * row.high], [y, y], color=colour, linewidth=1.6)
        axes.plot(
            by_percent * row.value, y, "s" if row.worst else "o", color=colour, markersize=6.5,
            markerfacecolor="white" if row.small else colour,
        )  # fmt: skip
    unit = ", %" if by_percent == 100 else ""
    axes.set_title(formatting.TITLES.get(metric, metric) + unit, fontsize=11)
    axes.grid(axis="x", alpha=0.3)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
