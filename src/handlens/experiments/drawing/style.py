"""What all pictures of a study share: colours, marks and texts."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from handlens.experiments.drawing.scales import Scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, RED = "#0072b2", "#e69f00", "#d55e00"  # safe for colour-blind readers
GREY, LIGHT = "#666666", "#cccccc"
MARKS = {"failed": ("x", RED), "pruned": ("|", RED), "stopped": ("_", GREY)}
"""What marks a run that did not come to its end, and its colour."""


def beside(axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], **style: Any) -> None:
    """Text at a place of the axes, moved by some points."""
    axes.annotate(
        text, at, xycoords="axes fraction", xytext=offset, textcoords="offset points",
        annotation_clip=False, parse_math=False, **({"fontsize": 8} | style),
    )  # fmt: skip


def value_axis(axes: Axes, scale: Scale) -> None:
    """The y axis of a scale, with few numbers in small type."""
    from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter

    if scale.log:
        room = (scale.high / scale.low) ** 0.05
        axes.set_yscale("log")
        axes.set_ylim(scale.low / room, scale.high * room)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    else:
        room = 0.05 * (scale.high - scale.low) or 0.05 * abs(scale.high) or 1.0
        axes.set_ylim(scale.low - room, scale.high + room)
        axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.tick_params(labelsize=7, length=2, width=0.6, colors=GREY, pad=2)
    axes.grid(alpha=0.25, linewidth=0.5)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(color=LIGHT, linewidth=0.6)


def mark_out(axes: Axes, x: float, *, above: bool, colour: str, label: str) -> None:
    """A triangle at the upper or lower edge, where a value at `x` is beyond the scale."""
    axes.plot(
        x, 1 if above else 0, "^" if above else "v", color=colour, markersize=4, clip_on=False,
        transform=axes.get_xaxis_transform(), label=label,
    )  # fmt: skip


def legend(figure: Figure, named: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """A line of names at the foot of a figure, above its footnote, each with a line in its style."""
    from matplotlib.lines import Line2D

    found = figure.legend(
        [Line2D([], [], **style) for _, style in named], [" "] * len(named), loc="lower left",
        bbox_to_anchor=(0.1 / figure.get_figwidth(), 0.26 / figure.get_figheight()),
        ncols=len(named), frameon=False, fontsize=7.5, handlelength=1.6, columnspacing=1.4, borderpad=0,
    )  # fmt: skip
    # Named afterwards: matplotlib takes “$” for mathematics, and leaves out what begins with “_”.
    for text, (name, _) in zip(found.get_texts(), named, strict=True):
        text.set(text=name, parse_math=False)


def marks_named(frame: pd.DataFrame, out: int) -> list[tuple[str, dict[str, Any]]]:
    """The marks that a picture of these runs has, with how many there are, for its legend."""
    counts = frame["status"].value_counts()
    named: list[tuple[str, dict[str, Any]]] = [
        (f"{status}: {counts[status]}", {"color": colour, "marker": mark, "linestyle": "", "markeredgewidth": 1.3})
        for status, (mark, colour) in MARKS.items()
        if status in counts
    ]
    if out:
        named.append((f"beyond the scale: {out}", {"color": GREY, "marker": "^", "linestyle": ""}))
    return named


def footnote(figure: Figure, text: str) -> None:
    """A small line at the foot of a figure."""
    x, y = 0.1 / figure.get_figwidth(), 0.1 / figure.get_figheight()
    figure.text(x, y, text, fontsize=7, color=GREY, parse_math=False)


def wrapped(texts: Sequence[str], width: int, most: int = 3) -> str:
    """Texts below each other, each in at most so many lines of at most so many letters."""
    return "\n".join(textwrap.fill(text, max(width, 8), max_lines=most, placeholder=" …") or " " for text in texts)


def longest(texts: Sequence[str]) -> int:
    """The number of letters of their longest line."""
    return max(len(line) for text in texts for line in text.split("\n"))


def most_lines(texts: Sequence[str]) -> int:
    """The number of lines of the one with most of them."""
    return max(text.count("\n") + 1 for text in texts)
