"""How the value depends on each choice, drawn with matplotlib: parallel coordinates and slices."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from handlens.errors import ExperimentError
from handlens.experiments.drawing.graphs import begun
from handlens.experiments.drawing.scales import MISSING, ChoicePlace, Scale
from handlens.experiments.drawing.style import (
    BLUE,
    GREY,
    LIGHT,
    MARKS,
    footnote,
    legend,
    longest,
    mark_out,
    marks_named,
    most_lines,
    value_axis,
    wrapped,
)
from handlens.experiments.reading.pivot import numbers_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROOM = 0.06
"""How far beyond the ends of an axis from 0 to 1 those values lie that would stretch it too far."""


def parallel_coordinates(
    frame: pd.DataFrame, choices: Sequence[str], *, metric: str, maximize: bool = False, log: Collection[str] = ()
) -> Figure:
    """A line a combination, through its choices to its mean value; `Study.parallel_coordinates` says more.

    Args:
        frame: as `Study.frame` gives it.
        choices: its columns that are choices, in the order of the axes.
        metric: what the frame's `value` is called.
        maximize: whether a higher value is better.
        log: the choices whose logarithm is drawn to scale.
    """
    import matplotlib.pyplot as plt
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection

    frame = _drawn(frame, choices)
    combinations = frame.drop_duplicates("combination")
    ended = pd.Series(numbers_of(frame, "value"), frame.index).groupby(frame["combination"])
    means, whole = (
        combinations["combination"].map(found).to_numpy() for found in (ended.mean(), ended.count() == ended.size())
    )
    places = [ChoicePlace.of(combinations, name, log=name in log) for name in choices]
    scale = Scale.of(np.array([mean]) for mean in means)
    height = scale.position(means)
    good = np.clip(height if maximize else 1 - height, 0, 1)
    points = np.column_stack([*(place.positions for place in places), np.clip(height, -_ROOM, 1 + _ROOM)])
    lines = np.stack([np.broadcast_to(np.arange(len(choices) + 1), points.shape), points], axis=-1)

    labels = [[(at, wrapped([text], 16)) for at, text in place.ticks] for place in places]
    apart = max(0.4 + 0.06 * max((longest([text]) for ticks in labels for _, text in ticks), default=0), 1.1)
    width = max(apart * (len(choices) + 1) + 0.5, 5.2)
    figure = plt.figure(figsize=(width, 4.2))
    axes = figure.add_axes(((apart - 0.2) / width, 0.12, 1 - (apart + 0.5) / width, 0.74))
    known, unknown = np.flatnonzero(np.isfinite(means)), np.flatnonzero(~np.isfinite(means))
    known = known[np.argsort(good[known], kind="stable")]  # the best lie on top
    best = good[known] ** 3
    colours = colormaps["viridis_r"]
    drawn = colours(good[known])
    drawn[:, 3] = np.maximum(min(1, 100 / len(frame)), np.maximum(best, 0.15))
    axes.add_collection(
        LineCollection(
            list(lines[known]),
            colors=drawn,
            linewidths=0.7 + 1.3 * best,
            label="combinations",
            linestyles=["-" if one else (0, (3, 1.5)) for one in whole[known]],
        )
    )
    axes.add_collection(
        LineCollection(list(lines[unknown, :-1]), colors=GREY, linewidths=0.8, linestyles=":", label="without a value")
    )
    for x, (name, ticks) in enumerate(zip(choices, labels, strict=True)):
        axes.plot([x, x], [0, 1], color=LIGHT, linewidth=1, zorder=1)
        _write_ticks(axes, x, name, ticks, ha="right")
    strip = np.linspace(0, 1, 101)
    axes.add_collection(
        LineCollection(
            [[(len(choices), low), (len(choices), high)] for low, high in pairwise(strip)],
            colors=colours(strip[:-1] if maximize else 1 - strip[:-1]), linewidths=5, antialiaseds=False, zorder=3,
        )
    )  # fmt: skip
    _write_ticks(axes, len(choices), metric, scale.ticks, ha="left")
    axes.set(xlim=(-0.02, len(choices) + 0.05), ylim=(_lowest(places), 1 + _ROOM + 0.01))
    axes.set_axis_off()
    note = f"A line is a combination, its {metric} the mean of its finished runs. Darker and thicker: better."
    if not whole[known].all():
        note += f" Dashed: some runs did not finish ({np.sum(~whole[known])})."
    if len(unknown):
        note += f" Dotted: no run finished ({len(unknown)})."
    out = int(np.sum((height < 0) | (height > 1)))
    if out:
        note += f" Beyond the ends of the scale: {out}."
    footnote(figure, note)
    return figure


def slices(
    frame: pd.DataFrame, choices: Sequence[str], *, metric: str, maximize: bool = False, log: Collection[str] = ()
) -> Figure:
    """The value of every run over each choice; `Study.slices` says more.

    Args:
        frame, choices, metric, maximize, log: as in `parallel_coordinates`.
    """
    import matplotlib.pyplot as plt

    frame = _drawn(frame, choices)
    n_columns = min(len(choices), 3)
    n_rows = -(-len(choices) // n_columns)
    places = {name: ChoicePlace.of(frame, name, log=name in log) for name in choices}
    labels = {name: [wrapped([text], 14) for _, text in place.ticks] for name, place in places.items()}
    below = 0.45 + 0.12 * max(most_lines(texts) for texts in labels.values())
    height, foot = 1.8 + below + 0.1, 0.5
    size = 0.75 + 3.1 * n_columns, 0.15 + n_rows * height + foot
    figure = plt.figure(figsize=size)
    values = numbers_of(frame, "value")
    scale = Scale.of(np.array([value]) for value in values)
    for i, (name, place) in enumerate(places.items()):
        row, column = divmod(i, n_columns)
        x, y = 0.7 + 3.1 * column, foot + (n_rows - 1 - row) * height + below
        axes = figure.add_axes((x / size[0], y / size[1], 2.9 / size[0], 1.8 / size[1]))
        value_axis(axes, scale)
        axes.set_xlim(_lowest([place]), 1 + _ROOM)
        axes.set_xticks([at for at, _ in place.ticks], labels[name], parse_math=False)
        axes.set_xlabel(name, fontsize=9, weight="bold", parse_math=False)
        axes.tick_params(labelleft=column == 0)
        if column == 0:
            axes.set_ylabel(metric, fontsize=8, parse_math=False)
        _draw_slice(axes, frame, place, scale, worst=scale.low if maximize else scale.high)
    out = int(np.sum((values < scale.low) | (values > scale.high)))
    run = ("a run", {"color": BLUE, "marker": "o", "markersize": 3, "linewidth": 0.7})
    legend(figure, [run, *marks_named(frame, out)])
    footnote(figure, "A line joins the runs of a combination. Bar: the mean of the finished runs of a level.")
    return figure


def _draw_slice(axes: Axes, frame: pd.DataFrame, place: ChoicePlace, scale: Scale, *, worst: float) -> None:
    """The runs as dots, those of a combination joined, the mean of each level; runs without a value at `worst`."""
    from matplotlib.collections import LineCollection

    values = numbers_of(frame, "value")
    ended = np.isfinite(values)
    alpha = max(min(0.8, 300 / len(frame)), 0.1)
    own = (rows[ended[rows]] for rows in frame.reset_index().groupby("combination").indices.values())
    joined = [np.column_stack([place.positions[rows], values[rows]]) for rows in own]
    axes.add_collection(
        LineCollection(joined, colors=BLUE, linewidths=0.7, alpha=alpha, label="combinations"), autolim=False
    )
    axes.plot(place.positions[ended], values[ended], "o", color=BLUE, markersize=2.5, alpha=alpha, label="runs")
    for x, value in zip(place.positions[ended], values[ended], strict=True):
        if not scale.low <= value <= scale.high:
            mark_out(axes, x, above=value > scale.high, colour=BLUE, label="a run beyond the scale")
    for status, (mark, colour) in MARKS.items():
        at = (frame["status"] == status).to_numpy()
        ends = np.nan_to_num(frame["value"].to_numpy(float, na_value=np.nan)[at], nan=worst)
        axes.plot(
            place.positions[at], np.clip(ends, scale.low, scale.high), mark, color=colour, markersize=4,
            markeredgewidth=1.1, linestyle="", label=status,
        )  # fmt: skip
    half = 0.35 / max(len(place.levels), 1)
    for x, rows in place.levels:
        if ended[rows].any():
            mean = values[rows][ended[rows]].mean()
            axes.plot([x - half, x + half], [mean, mean], color="black", linewidth=1.4, label="mean")
            if not scale.low <= mean <= scale.high:
                mark_out(axes, x, above=mean > scale.high, colour="black", label="a mean beyond the scale")


def _drawn(frame: pd.DataFrame, choices: Sequence[str]) -> pd.DataFrame:
    if not len(choices):
        raise ExperimentError("there is nothing to draw: the study has no choices. Ask the trial for some.")
    return begun(frame)


def _write_ticks(axes: Axes, x: float, name: str, ticks: Sequence[tuple[float, str]], *, ha: str) -> None:
    """The name above an upright axis, and texts beside it."""
    from matplotlib.patheffects import withStroke

    beside_it: dict[str, Any] = {
        "textcoords": "offset points", "parse_math": False, "annotation_clip": False, "zorder": 5,
        "path_effects": [withStroke(linewidth=2, foreground="white")],
    }  # fmt: skip
    side = -1 if ha == "right" else 1
    axes.annotate(name, (x, 1), xytext=(0, 14), ha="center", va="bottom", fontsize=9, weight="bold", **beside_it)
    for at, text in ticks:
        axes.annotate(text, (x, at), xytext=(6 * side, 0), ha=ha, va="center", fontsize=7, color="#333333", **beside_it)


def _lowest(places: Sequence[ChoicePlace]) -> float:
    """The lower limit of axes from 0 to 1, with room for runs that lack a choice."""
    missing = any((place.positions < 0).any() for place in places)
    return MISSING - 0.06 if missing else -_ROOM - 0.01
