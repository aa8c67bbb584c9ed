"""What all pictures of a study share: colours, marks and texts."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from handlens.experiments.drawing.graphs import NO_NUMBER
from handlens.experiments.drawing.scales import Scale, number_texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, RED = "#0072b2", "#e69f00", "#d55e00"  # safe for colour-blind readers
GREY, LIGHT = "#666666", "#cccccc"
MARKS = {"failed": ("x", RED), "pruned": ("|", RED), "stopped": ("_", GREY), NO_NUMBER: ("d", RED)}
"""What marks a run by how it ended, unless with a number, and its colour."""

LETTER, PROSE = 0.0088, 0.0078
"""The width of a letter in inches, in type of one point: of a digit, which is wide, and on average in a sentence."""


def beside(axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], **style: Any) -> None:
    """Text at a place of the axes, moved by some points."""
    axes.annotate(
        text, at, xycoords="axes fraction", xytext=offset, textcoords="offset points",
        annotation_clip=False, parse_math=False, **({"fontsize": 8} | style),
    )  # fmt: skip


def value_axis(axes: Axes, scale: Scale) -> None:
    """The y axis of a scale, with few numbers in small type."""
    from matplotlib.ticker import NullLocator

    if scale.log:
        axes.set_yscale("log")
    axes.set_ylim(*scale.seen)
    axes.set_yticks(scale.numbers, number_texts(scale.numbers))
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


class Foot:
    """What stands below a picture: a legend, and a note below it, in as many lines as its width needs.

    Args:
        width: of the figure, in inches.
        named: the names of the legend, each with the style of its line; the legend is left out without any.
        note: what the picture shows.
    """

    def __init__(self, width: float, named: Sequence[tuple[str, dict[str, Any]]], note: str) -> None:
        self.named = [(shortened(name, 40), style) for name, style in named]
        self.note = textwrap.fill(note, int((width - 0.15) / (7 * PROSE)))
        widths = [0.42 + 7.5 * PROSE * len(name) for name, _ in self.named]
        fits = sum(widths) <= width - 0.2
        self.columns = len(named) if fits else max(int((width - 0.1) / max(widths)), 1)
        self._note = 0.1 + 0.13 * (self.note.count("\n") + 1)
        lines = -(-len(named) // self.columns) if named else 0
        self.height = self._note + 0.04 + 0.17 * lines
        """In inches."""

    def draw(self, figure: Figure) -> None:
        """Draw it at the lower edge."""
        from matplotlib.lines import Line2D

        width, height = figure.get_size_inches()
        figure.text(0.1 / width, 0.1 / height, self.note, fontsize=7, color=GREY, va="bottom", parse_math=False)
        if not self.named:
            return
        found = figure.legend(
            [Line2D([], [], **style) for _, style in self.named], [" "] * len(self.named), loc="lower left",
            bbox_to_anchor=(0.1 / width, (self._note + 0.04) / height),
            ncols=self.columns, frameon=False, fontsize=7.5, handlelength=1.6, columnspacing=1.4, borderpad=0,
        )  # fmt: skip
        # Named afterwards: matplotlib takes “$” for mathematics, and leaves out what begins with “_”.
        for text, (name, _) in zip(found.get_texts(), self.named, strict=True):
            text.set(text=name, parse_math=False)


def marks_named(counts: Mapping[str, int], out: int) -> list[tuple[str, dict[str, Any]]]:
    """The marks of a picture with so many runs of each outcome, and so many beyond its scale, for its legend."""
    named: list[tuple[str, dict[str, Any]]] = [
        (f"{outcome}: {counts[outcome]}", {"color": colour, "marker": mark, "linestyle": "", "markeredgewidth": 1.3})
        for outcome, (mark, colour) in MARKS.items()
        if outcome in counts
    ]
    if out:
        named.append((f"beyond the scale: {out}", {"color": GREY, "marker": "^", "linestyle": ""}))
    return named


def wrapped(texts: Sequence[str], width: int, most: int = 3) -> str:
    """Texts below each other, each in at most so many lines of at most so many letters."""
    return "\n".join(textwrap.fill(text, max(width, 8), max_lines=most, placeholder=" …") or " " for text in texts)


def shortened(text: str, most: int) -> str:
    """The text, of which so many letters are left at most."""
    return text if len(text) <= most else text[: most - 1] + "…"


def longest(texts: Sequence[str]) -> int:
    """The number of letters of their longest line."""
    return max((len(line) for text in texts for line in text.split("\n")), default=0)


def most_lines(texts: Sequence[str]) -> int:
    """The number of lines of the one with most of them."""
    return max(text.count("\n") + 1 for text in texts)
