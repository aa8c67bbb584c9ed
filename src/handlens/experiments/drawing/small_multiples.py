"""The little training graphs of a study, drawn with matplotlib, which is imported when the first ones are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from handlens.experiments.drawing.graphs import Cell, GraphGrid, RunCurve
from handlens.experiments.drawing.scales import number_text, text_of
from handlens.experiments.drawing.style import (
    BLUE,
    GREY,
    MARKS,
    ORANGE,
    RED,
    beside,
    footnote,
    legend,
    longest,
    mark_out,
    marks_named,
    most_lines,
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
    """
    import matplotlib.pyplot as plt

    grid = GraphGrid.of(frame, curves, rows=rows, columns=columns, values=values, metric=metric)
    layout = _Layout(grid)
    figure = plt.figure(figsize=layout.size)
    for i, row in enumerate(grid.rows):
        for j, column in enumerate(grid.columns):
            axes = figure.add_axes(layout.place(i, j))
            _prepare(axes, grid, first=j == 0, last=i == len(grid.rows) - 1)
            _draw_cell(axes, grid, grid.cells[row, column])
            if i == 0 and grid.column_names:
                beside(axes, layout.column_labels[j], (0.5, 1), (0, 17), ha="center", va="bottom")
            if j == 0 and grid.row_names:
                beside(axes, layout.row_labels[i], (0, 0.5), (-72 * _NUMBERS, 0), ha="right", va="center")
    _write_names(figure, grid, layout)
    _explain(figure, frame, grid, metric)
    return figure


_NUMBERS, _BETWEEN, _ABOVE_EACH, _FOOT = 0.55, 0.14, 0.32, 0.95
"""Room in inches, as all lengths here: for the numbers of the left axes, between two graphs, above each graph for its
mean, and below the grid."""


class _Layout:
    """How large the graphs of a grid are, and where they and their labels lie."""

    def __init__(self, grid: GraphGrid) -> None:
        n_rows, n_columns = len(grid.rows), len(grid.columns)
        self.width = min(max(13 / n_columns, 1.15), 1.9)
        self.height = 0.62 * self.width
        self.row_labels = [wrapped([text_of(value) for value in key], 24) for key in grid.rows]
        self.column_labels = [wrapped([text_of(value) for value in key], int(13 * self.width)) for key in grid.columns]
        self.row_head = wrapped(grid.row_names, 24)
        self.left = _NUMBERS + 0.1 + (0.08 * longest([*self.row_labels, self.row_head]) if grid.row_names else 0)
        self.labels = 0.15 * most_lines(self.column_labels) if grid.column_names else 0.0
        self.above = _ABOVE_EACH + (self.labels + 0.28 if grid.column_names else 0)
        if grid.row_names:
            self.above = max(self.above, 0.14 + 0.17 * most_lines([self.row_head]))
        self.middle = self.left + (n_columns * (self.width + _BETWEEN) - _BETWEEN) / 2
        right = self.left + n_columns * (self.width + _BETWEEN)
        self.size = max(right, 5.2), self.above + n_rows * (self.height + _ABOVE_EACH) - _ABOVE_EACH + _FOOT

    def place(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a graph, as fractions of the figure."""
        x = self.left + column * (self.width + _BETWEEN)
        y = self.size[1] - self.above - self.height - row * (self.height + _ABOVE_EACH)
        return x / self.size[0], y / self.size[1], self.width / self.size[0], self.height / self.size[1]


def _prepare(axes: Axes, grid: GraphGrid, *, first: bool, last: bool) -> None:
    """An empty graph on the grid's scale, with numbers at the left and the lower edge of the grid alone."""
    value_axis(axes, grid.scale)
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
    beside(axes, number_text(cell.mean), (0, 1), (0, 3), ha="left", va="bottom", fontsize=8, weight="bold")
    if not np.isnan(cell.bumpiness):
        bumpy = f"bumpy {cell.bumpiness:.2g}"
        beside(axes, bumpy, (1, 1), (0, 3.5), ha="right", va="bottom", fontsize=6.5, color=GREY)
    short = cell.ended < len(cell.runs)
    count = f"{cell.ended} of {len(cell.runs)}" if short else f"n {cell.ended}"
    beside(axes, count, (1, 1), (-1, -1), ha="right", va="top", fontsize=6.5, color=RED if short else GREY)


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
        left = curve.leaves(grid.scale)
        if left:
            epoch, above = left
            mark_out(axes, epoch, above=above, colour=colour, label=f"run {curve.run} is beyond the scale")
        if curve.status in MARKS and curve.end and not left and number == grid.numbers[-1]:
            mark, shade = MARKS[curve.status]
            axes.plot(
                *curve.end, mark, color=shade, markersize=5, markeredgewidth=1.3, clip_on=False, zorder=3,
                label=f"run {curve.run} {curve.status}",
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
        names = ", ".join(grid.column_names)
        write(layout.middle, top + layout.labels + 0.3, names, ha="center", va="bottom", weight="bold", fontsize=9)
    if grid.row_names:
        write(layout.left - _NUMBERS, top + 0.04, layout.row_head, ha="right", va="bottom", weight="bold", fontsize=9)
    write(layout.middle, _FOOT - 0.33, "epoch", ha="center", va="center", fontsize=8, color=GREY)


def _explain(figure: Figure, frame: pd.DataFrame, grid: GraphGrid, metric: str) -> None:
    """What the lines, the marks and the numbers are, at the foot."""
    drawn = [curve for cell in grid.cells.values() for curves in cell.curves.values() for curve in curves]
    out = {curve.run for curve in drawn if curve.leaves(grid.scale)}
    lines = [(number, {"color": _colour(grid, number), "linewidth": 1.7}) for number in grid.numbers]
    legend(figure, [*lines, *marks_named(frame, len(out))])
    measured = metric if grid.measured == "value" else grid.measured
    footnote(
        figure, f"Thin: a run. Thick: the mean of the finished runs. Bold number: their mean {measured} at the end."
    )
