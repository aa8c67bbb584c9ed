"""How the value depends on each choice, drawn with matplotlib: parallel coordinates and slices."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.core.display import shown_once
from handlens.errors import ExperimentError
from handlens.experiments.drawing.graphs import begun, counted, outcomes
from handlens.experiments.drawing.scales import MISSING, ChoicePlace, Floats, Scale, number_texts
from handlens.experiments.drawing.style import (
    BLUE,
    GREY,
    LETTER,
    LIGHT,
    MARKS,
    Foot,
    longest,
    mark_out,
    marks_named,
    most_lines,
    shortened,
    value_axis,
    wrapped,
)
from handlens.experiments.reading.pivot import numbers_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROOM = 0.06
"""How far beyond the ends of an axis from 0 to 1 those values lie that would stretch it too far."""


_TALL, _WIDE = 3.1, 2.9
"""The height of upright axes, and the width of a slice, in inches."""


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

    labels = [_beside_axis(place.ticks) for place in places]
    apart = max(0.4 + 0.06 * max((longest([text]) for ticks in labels for _, text in ticks), default=0), 1.1)
    measured = wrapped([metric], 24)
    right = max(0.1 + 5 * LETTER * longest([measured]), 0.5)  # its half, in type of ten points
    width = max(apart * (len(choices) + 1) + right, 5.2)
    between = (width - apart - right) / len(choices)
    names = [wrapped([name], int((min(between, 2 * apart) - 0.05) / (9 * LETTER))) for name in choices]
    foot = Foot(width, [], _said(metric, means, whole, height, crosses=len(choices) == 1))
    above = 0.3 + 0.16 * most_lines([*names, measured])
    size = width, above + _TALL + 0.2 + foot.height
    figure = plt.figure(figsize=size)
    axes = figure.add_axes(
        ((apart - 0.2) / width, (foot.height + 0.2) / size[1], 1 - (apart + right) / width, _TALL / size[1])
    )
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
    if len(choices) == 1:  # there is nothing to join
        axes.plot(np.zeros(len(unknown)), points[unknown, 0], "x", color=GREY, markersize=4, label="without a value")
    for x, (name, ticks) in enumerate(zip(names, labels, strict=True)):
        axes.plot([x, x], [0, 1], color=LIGHT, linewidth=1, zorder=1)
        _write_ticks(axes, x, name, ticks, ha="right")
    if len(known):
        shades = np.linspace(0, 1, 100)
        ends = np.linspace(0, 1, 101)
        strip = [[(len(choices), low), (len(choices), high)] for low, high in pairwise(ends)]
        colour = colours(shades if maximize else 1 - shades)
        axes.add_collection(LineCollection(strip, colors=colour, linewidths=5, antialiaseds=False, zorder=3))
    _write_ticks(axes, len(choices), measured, scale.ticks if len(known) else [], ha="left")
    axes.set(xlim=(-0.02, len(choices) + 0.05), ylim=(_lowest(places), 1 + _ROOM + 0.01))
    axes.set_axis_off()
    foot.draw(figure)
    return shown_once(figure)


def _said(metric: str, means: Floats, whole: NDArray[np.bool_], height: Floats, *, crosses: bool) -> str:
    """What a line is, and what some lines lack."""
    known = np.isfinite(means)
    measured = shortened(metric, 40)
    note = f"A line: a combination; {measured}: mean of its finished runs. Darker and thicker: better."
    if not whole[known].all():
        note += f" Dashed: some runs ended without a number ({np.sum(~whole[known])})."
    if not known.all():
        note += f" {'Crosses' if crosses else 'Dotted'}: no run ended with a number ({np.sum(~known)})."
    out = int(np.sum((height < 0) | (height > 1)))
    if out:
        note += f" Beyond the ends of the scale: {out}."
    return note


def _beside_axis(ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """The texts beside an upright axis, in fewer lines where they lie close; where there is no room, some are left out.

    Numbers that are drawn to scale are few already.
    """
    room = _TALL * min((high - low for (low, _), (high, _) in pairwise(sorted(ticks))), default=1)
    kept = ticks[:: max(round(np.ceil(0.1 / room)), 1)]
    return [(at, wrapped([text], 16, most=min(max(int(room / 0.11), 1), 3))) for at, text in kept]


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
    below_axis = [_below_axis(place.ticks) for place in places.values()]
    names = [wrapped([name], int(_WIDE / (10 * LETTER))) for name in choices]
    below = 0.3 + max(_depth(ticks, upright) for ticks, upright in below_axis) + 0.16 * most_lines(names)
    values = numbers_of(frame, "value")
    scale = Scale.of(np.array([value]) for value in values)
    measured = wrapped([metric], 26, most=2)
    numbers = max(0.34 + 0.14 * most_lines([measured]) + 7 * LETTER * longest(number_texts(scale.numbers)), 0.7)
    out = int(np.sum((values < scale.seen[0]) | (values > scale.seen[1])))
    outcome = outcomes(frame, values)
    run = ("a run", {"color": BLUE, "marker": "o", "markersize": 3, "linewidth": 0.7})
    named = [run, *marks_named(counted(outcome), out)]
    width = numbers + (_WIDE + 0.2) * n_columns
    note = "A line joins the runs of a combination. Bar: the mean of the finished runs of a level."
    if not np.isfinite(values).all():
        note += " Runs that ended without a number lie at the worse end."
    foot = Foot(width, named, note)
    height = 1.8 + below + 0.1
    size = width, 0.15 + n_rows * height + foot.height
    figure = plt.figure(figsize=size)
    for i, place in enumerate(places.values()):
        row, column = divmod(i, n_columns)
        x, y = numbers + (_WIDE + 0.2) * column, foot.height + (n_rows - 1 - row) * height + below
        axes = figure.add_axes((x / size[0], y / size[1], _WIDE / size[0], 1.8 / size[1]))
        value_axis(axes, scale)
        axes.set_xlim(_lowest([place]), 1 + _ROOM)
        ticks, upright = below_axis[i]
        axes.set_xticks([at for at, _ in ticks], [text for _, text in ticks], parse_math=False, rotation=90 * upright)
        axes.set_xlabel(names[i], fontsize=9, weight="bold", parse_math=False)
        axes.tick_params(labelleft=column == 0)
        if column == 0:
            axes.set_ylabel(measured, fontsize=8, parse_math=False)
        _draw_slice(axes, frame, place, scale, outcome, worst=scale.low if maximize else scale.high)
    foot.draw(figure)
    return shown_once(figure)


def _below_axis(ticks: Sequence[tuple[float, str]]) -> tuple[list[tuple[float, str]], bool]:
    """The texts below an axis, and whether they are written upright, as they are where they lie close."""
    room = _WIDE * min((high - low for (low, _), (high, _) in pairwise(sorted(ticks))), default=1)
    letters = int(room / (7.5 * LETTER))
    if letters >= 8 or letters > max(len(text) for _, text in ticks):
        return [(at, wrapped([text], min(letters, 14))) for at, text in ticks], False
    return [(at, shortened(text, 24)) for at, text in ticks[:: max(round(np.ceil(0.12 / room)), 1)]], True


def _depth(ticks: Sequence[tuple[float, str]], upright: bool) -> float:
    """How far such texts reach down, in inches."""
    texts = [text for _, text in ticks]
    return 7 * LETTER * longest(texts) if upright else 0.12 * most_lines(texts)


def _draw_slice(
    axes: Axes, frame: pd.DataFrame, place: ChoicePlace, scale: Scale, outcome: pd.Series[str], *, worst: float
) -> None:
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
        if not scale.seen[0] <= value <= scale.seen[1]:
            mark_out(axes, x, above=value > scale.high, colour=BLUE, label="a run beyond the scale")
    for how, (mark, colour) in MARKS.items():
        at = (outcome == how).to_numpy()
        ends = frame["value"].to_numpy(float, na_value=np.nan)[at]
        ends = np.where(np.isfinite(ends), ends, worst)
        axes.plot(
            place.positions[at], np.clip(ends, scale.low, scale.high), mark, color=colour, markersize=4,
            markeredgewidth=1.1, linestyle="", label=how,
        )  # fmt: skip
    half = 0.35 / max(len(place.levels), 1)
    for x, rows in place.levels:
        if ended[rows].any():
            mean = values[rows][ended[rows]].mean()
            axes.plot([x - half, x + half], [mean, mean], color="black", linewidth=1.4, label="mean")
            if not scale.seen[0] <= mean <= scale.seen[1]:
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
        "path_effects": [withStroke(linewidth=3, foreground="white")],
    }  # fmt: skip
    side = -1 if ha == "right" else 1
    axes.annotate(name, (x, 1), xytext=(0, 14), ha="center", va="bottom", fontsize=9, weight="bold", **beside_it)
    for at, text in ticks:
        axes.annotate(text, (x, at), xytext=(6 * side, 0), ha=ha, va="center", fontsize=7, color="#333333", **beside_it)


def _lowest(places: Sequence[ChoicePlace]) -> float:
    """The lower limit of axes from 0 to 1, with room for runs that lack a choice."""
    missing = any((place.positions < 0).any() for place in places)
    return MISSING - 0.06 if missing else -_ROOM - 0.01
