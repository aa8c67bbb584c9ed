"""The little training graphs of a study, drawn with matplotlib, which is imported when the first ones are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from handlens.core.display import shown_once
from handlens.errors import ExperimentError
from handlens.experiments.drawing.graphs import Cell, GraphGrid, RunCurve
from handlens.experiments.drawing.scales import number_text, number_texts, text_of
from handlens.experiments.drawing.style import (
    BLUE,
    GREY,
    LETTER,
    MARKS,
    ORANGE,
    RED,
    Foot,
    beside,
    longest,
    mark_out,
    marks_named,
    most_lines,
    shortened,
    value_axis,
    wrapped,
)

__all__ = ["small_multiples"]

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def small_multiples(
    frame: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    rows: str | Sequence[str] | None,
    columns: str | Sequence[str] | None = None,
    values: str | None = None,
    metric: str,
) -> Figure:
    """A small training graph for each cell of a grid, all on one scale; `Study.small_multiples` says more.

    Args:
        frame, curves, rows, columns, values, metric: see `GraphGrid.of`.

    Example:
        >>> from handlens.experiments import Study
        >>> study = Study("runs", metric="loss", direction="minimize")
        >>> study.run(lambda trial: {"loss": trial.real("rate", 0.1, 1)}, grid={"rate": [0.1, 1.0]})
        2 of 2 runs; ...
        >>> figure = small_multiples(study.frame(), study.curves(), rows="rate", metric="loss")
    """
    import matplotlib.pyplot as plt

    grid = GraphGrid.of(frame, curves, rows=rows, columns=columns, values=values, metric=metric)
    if len(grid.cells) > MOST_CELLS:
        raise ExperimentError(
            f"rows and columns must make at most {MOST_CELLS} graphs; {len(grid.cells):,} arrived. Name choices with "
            "fewer values, or fewer choices."
        )
    layout = _Layout(grid, metric)
    figure = plt.figure(figsize=layout.size)
    for i, row in enumerate(grid.rows):
        for j, column in enumerate(grid.columns):
            axes = figure.add_axes(layout.place(i, j))
            _prepare(axes, grid, first=j == 0, last=i == len(grid.rows) - 1)
            _draw_cell(axes, grid, grid.cells[row, column])
            if i == 0 and grid.column_names:
                beside(axes, layout.column_labels[j], (0.5, 1), (0, 72 * _ABOVE_EACH), ha="center", va="bottom")
            if j == 0 and grid.row_names:
                beside(axes, layout.row_labels[i], (0, 0.5), (-72 * layout.numbers, 0), ha="right", va="center")
    _write_names(figure, grid, layout)
    layout.foot.draw(figure)
    return shown_once(figure)


MOST_CELLS = 500

_BETWEEN, _ABOVE_EACH, _EPOCHS = 0.14, 0.35, 0.42
"""Room in inches, as all lengths here: between two graphs, above each graph for its mean, and below the grid for the
epochs."""


class _Layout:
    """How large the graphs of a grid are, and where they and their labels lie."""

    def __init__(self, grid: GraphGrid, metric: str) -> None:
        n_rows, n_columns = len(grid.rows), len(grid.columns)
        self.width = min(max(13 / n_columns, 1.15), 1.9)
        self.height = 0.62 * self.width
        self.numbers = max(0.17 + 7 * LETTER * longest(number_texts(grid.scale.numbers)), 0.45)
        self.row_labels = [wrapped([text_of(value) for value in key], 24) for key in grid.rows]
        self.column_labels = [wrapped([text_of(value) for value in key], int(13 * self.width)) for key in grid.columns]
        self.row_head = wrapped(grid.row_names, 24)
        self.left = self.numbers + 0.1
        if grid.row_names:
            self.left += max(8 * longest(self.row_labels), 10 * longest([self.row_head])) * LETTER
        across = n_columns * (self.width + _BETWEEN) - _BETWEEN
        self.column_head = wrapped([", ".join(grid.column_names)], int((across + 0.3) / (10 * LETTER)))
        self.labels = 0.15 * most_lines(self.column_labels) + 0.05 if grid.column_names else 0.0
        self.above = _ABOVE_EACH
        if grid.column_names:
            self.above += self.labels + 0.16 * most_lines([self.column_head]) + 0.14
        if grid.row_names:
            self.above = max(self.above, 0.14 + 0.17 * most_lines([self.row_head]))
        self.middle = self.left + across / 2
        width = max(self.left + across + _BETWEEN, 5.2)
        self.foot = _foot(grid, metric, width)
        self.below = _EPOCHS + self.foot.height + 0.06
        self.size = width, self.above + n_rows * (self.height + _ABOVE_EACH) - _ABOVE_EACH + self.below

    def place(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a graph, as fractions of the figure."""
        x = self.left + column * (self.width + _BETWEEN)
        y = self.size[1] - self.above - self.height - row * (self.height + _ABOVE_EACH)
        return x / self.size[0], y / self.size[1], self.width / self.size[0], self.height / self.size[1]


def _prepare(axes: Axes, grid: GraphGrid, *, first: bool, last: bool) -> None:
    """An empty graph on the grid's scale, with numbers at the left and the lower edge of the grid alone."""
    value_axis(axes, grid.scale)
    if not grid.drawn:  # the scale says nothing
        axes.set(xticks=[], yticks=[])
        return
    room = 0.1 + 0.04 * (grid.epochs - 1)
    axes.set_xlim(1 - room, grid.epochs + room)
    axes.set_xticks(sorted({1, (1 + grid.epochs) // 2, grid.epochs}))
    axes.tick_params(labelleft=first, labelbottom=last)


def _draw_cell(axes: Axes, grid: GraphGrid, cell: Cell) -> None:
    if not len(cell.runs):
        axes.set_facecolor("#f4f4f4")
        axes.text(0.5, 0.5, "not run", transform=axes.transAxes, ha="center", va="center", fontsize=7, color=GREY)
        return
    for number in grid.numbers:
        _draw_number(axes, grid, cell, number, _colour(grid, number))
    if not any(cell.curves.values()):
        axes.text(0.5, 0.5, "no epochs", transform=axes.transAxes, ha="center", va="center", fontsize=7, color=GREY)
    beside(axes, number_text(cell.mean), (0, 1), (0, 3), ha="left", va="bottom", fontsize=8, weight="bold")
    if not np.isnan(cell.bumpiness):
        bumpy = f"bumpy {cell.bumpiness:.2g}"
        beside(axes, bumpy, (1, 1), (0, 3.5), ha="right", va="bottom", fontsize=6.5, color=GREY)
    short = cell.ended < len(cell.runs)
    count = f"{cell.ended} of {len(cell.runs)}" if short else f"n {cell.ended}"
    up = 3.5 if np.isnan(cell.bumpiness) else 12
    beside(axes, count, (1, 1), (0, up), ha="right", va="bottom", fontsize=6.5, color=RED if short else GREY)


def _colour(grid: GraphGrid, number: str) -> str:
    return BLUE if number == grid.numbers[-1] else ORANGE


def _draw_number(axes: Axes, grid: GraphGrid, cell: Cell, number: str, colour: str) -> None:
    """The curves of one number: every run thinly, with marks where they end early or leave the scale, and the mean."""
    from matplotlib.collections import LineCollection

    drawn = cell.curves[number]
    lines = [np.column_stack([curve.epochs, curve.values]) for curve in drawn]
    axes.add_collection(
        LineCollection(lines, colors=colour, linewidths=0.7, alpha=0.6, label=f"{number} of each run"), autolim=False
    )
    epochs, values = cell.mean_curve(number)
    axes.plot(epochs, values, color=colour, linewidth=1.4, label=f"mean {number}")
    _dots(axes, [*drawn, RunCurve(0, "finished", epochs, values)], colour)
    for curve in drawn:
        for epoch, above in curve.leaves(grid.scale):
            mark_out(axes, epoch, above=above, colour=colour, label=f"run {curve.run} is beyond the scale")
        low, high = grid.scale.seen
        if curve.outcome in MARKS and curve.end and low <= curve.end[1] <= high and number == grid.numbers[-1]:
            mark, shade = MARKS[curve.outcome]
            axes.plot(
                *curve.end, mark, color=shade, markersize=5, markeredgewidth=1.3, clip_on=False, zorder=3,
                label=f"run {curve.run} {curve.outcome}",
            )  # fmt: skip


def _dots(axes: Axes, curves: Sequence[RunCurve], colour: str) -> None:
    """A dot for each value that has no neighbour, and so no line: of a run of one epoch, or between missing ones."""
    alone = []
    for curve in curves:
        known = np.isfinite(curve.values)
        before, after = np.r_[False, known[:-1]], np.r_[known[1:], False]
        at = known & ~before & ~after
        alone += list(zip(curve.epochs[at], curve.values[at], strict=True))
    if alone:
        axes.plot(*zip(*alone, strict=True), "o", color=colour, markersize=2.5, label="values without a neighbour")


def _write_names(figure: Figure, grid: GraphGrid, layout: _Layout) -> None:
    """The names of the choices: above the rows' labels, and above those of the columns; and that of the x axis."""

    def write(x: float, y: float, text: str, **style: Any) -> None:
        figure.text(x / layout.size[0], y / layout.size[1], text, parse_math=False, **style)

    top = layout.size[1] - layout.above
    if grid.column_names:
        y = top + _ABOVE_EACH + layout.labels
        write(layout.middle, y, layout.column_head, ha="center", va="bottom", weight="bold", fontsize=9)
    if grid.row_names:
        write(
            layout.left - layout.numbers,
            top + 0.04,
            layout.row_head,
            ha="right",
            va="bottom",
            weight="bold",
            fontsize=9,
        )
    if grid.drawn:
        write(layout.middle, layout.below - 0.32, "epoch", ha="center", va="center", fontsize=8, color=GREY)


def _foot(grid: GraphGrid, metric: str, width: float) -> Foot:
    """What the lines, the marks and the numbers are."""
    out = {curve.run for curve in grid.drawn if curve.leaves(grid.scale)}
    lines = [(number, {"color": _colour(grid, number), "linewidth": 1.7}) for number in grid.numbers]
    measured = shortened(metric if grid.measured == "value" else grid.measured, 40)
    if grid.drawn:
        note = f"Thin: a run. Thick: the mean of the finished runs. Bold: their mean {measured} at the end."
    else:
        note = f"The runs recorded no epochs. Bold: the mean {measured} of the finished runs."
    return Foot(width, [*(lines if grid.drawn else []), *marks_named(grid.counts, len(out))], note)
