"""The little training graphs of a study: which runs a cell holds, and what is drawn of them, on one scale for all.

`small_multiples` draws them with matplotlib, and `page_file` into the HTML that a study is handed over as.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from handlens.errors import ExperimentError
from handlens.experiments.drawing.scales import Floats, Key, Scale
from handlens.experiments.reading.axes import FACTS, Axis, axis_of, names_of
from handlens.experiments.reading.pivot import numbers_of

LOSSES = ("train_loss", "valid_loss")
"""What is drawn unless something else is asked for, from below to the top."""


NO_NUMBER = "ended without a number"
"""How a run ended that finished, but whose number is missing or infinite."""


@dataclass(frozen=True)
class RunCurve:
    """One number of one run, epoch by epoch.

    Attributes:
        run: the run's id.
        outcome: how the run ended, as `outcomes` says.
        epochs, values: [E] each; a value may be nan or infinite.
    """

    run: int
    outcome: str
    epochs: Floats
    values: Floats

    def leaves(self, scale: Scale) -> list[tuple[float, bool]]:
        """The epochs at which it goes beyond what is seen of the scale, each with whether it is above it."""
        low, high = scale.seen
        side = np.where(self.values > high, 1, np.where(self.values < low, -1, 0))
        left = np.flatnonzero((side != 0) & (side != np.r_[0, side[:-1]]))
        return [(float(self.epochs[at]), bool(side[at] > 0)) for at in left]

    @property
    def end(self) -> tuple[float, float] | None:
        """The last epoch with a finite value, and this value; None if there is none."""
        finite = np.flatnonzero(np.isfinite(self.values))
        return (float(self.epochs[finite[-1]]), float(self.values[finite[-1]])) if len(finite) else None


@dataclass(frozen=True)
class Cell:
    """The runs of one place of the grid.

    Attributes:
        runs: their ids; maybe no runs.
        curves: a curve a run for each number that is drawn; runs without one are left out.
        mean: over the runs that ended with a number, of this number; nan without any.
        bumpiness: the mean over the finished runs; nan without any.
        ended: how many runs ended with a number.
    """

    runs: list[int]
    curves: dict[str, list[RunCurve]]
    mean: float
    bumpiness: float
    ended: int

    def mean_curve(self, number: str) -> tuple[Floats, Floats]:
        """The epochs that all runs that ended with a number have, and the mean over these runs, [E] each."""
        finished = [curve for curve in self.curves[number] if curve.outcome == "finished"]
        if not finished:
            return np.empty(0), np.empty(0)
        epochs = finished[0].epochs
        for curve in finished[1:]:
            epochs = np.intersect1d(epochs, curve.epochs)
        values = [curve.values[np.isin(curve.epochs, epochs)] for curve in finished]
        with np.errstate(invalid="ignore"):  # of two infinities
            return epochs, np.mean(values, axis=0)


@dataclass(frozen=True)
class GraphGrid:
    """All cells, by the levels of the choices that name rows and columns.

    Attributes:
        row_names, column_names: the choices; empty for a single row or column.
        rows, columns: their levels, each a tuple with a value for each name.
        cells: by (row, column).
        numbers: what is drawn, from below to the top.
        measured: the column of the frame whose mean the cells give.
        counts: how many runs ended how, as `outcomes` says.
        scale: of all curves.
        epochs: the highest epoch of any curve, 1 or more.
    """

    row_names: tuple[str, ...]
    column_names: tuple[str, ...]
    rows: list[Key]
    columns: list[Key]
    cells: dict[tuple[Key, Key], Cell]
    numbers: tuple[str, ...]
    measured: str
    counts: dict[str, int]
    scale: Scale
    epochs: int

    @cached_property
    def drawn(self) -> list[RunCurve]:
        """All curves."""
        return [curve for cell in self.cells.values() for curves in cell.curves.values() for curve in curves]

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        curves: pd.DataFrame,
        *,
        rows: str | Sequence[str] | None,
        columns: str | Sequence[str] | None = None,
        values: str | None = None,
        metric: str,
    ) -> GraphGrid:
        """The grid of some runs.

        Args:
            frame, curves: as `Study.frame` and `Study.curves` give them.
            rows, columns: the choices whose values make the rows and the columns, as in `pivot`; None for a single one.
            values: the number that is drawn, and whose mean the cells give; both losses, or without any the metric,
                and the mean of the frame's `value` unless given.
            metric: what the frame's `value` is called.

        Raises:
            ExperimentError: there are no runs, or no such columns.
        """
        known = [str(name) for name in frame.columns]
        row_names, column_names = (
            tuple(names_of([] if names is None else names, what, known))
            for names, what in ((rows, "rows"), (columns, "columns"))
        )
        frame = begun(frame, keep_phases="phase" in (*row_names, *column_names))
        axes = {name: axis_of(frame, name, cut=name not in FACTS) for name in (*row_names, *column_names)}
        numbers = _numbers(curves, values, metric)
        measured = values if values is not None and values in frame.columns else "value"
        ended = numbers_of(frame, measured)
        how = outcomes(frame, ended)
        by_run = _curves_by_run(how, curves, numbers)
        row_keys, row_levels = _keys(axes, row_names, len(frame))
        column_keys, column_levels = _keys(axes, column_names, len(frame))
        members: dict[tuple[Key, Key], list[int]] = {}
        for position, key in enumerate(zip(row_keys, column_keys, strict=True)):
            members.setdefault(key, []).append(position)
        ids, bumpiness = frame.index.tolist(), numbers_of(frame, "bumpiness")
        cells = {
            (row, column): _cell([ids[i] for i in at], by_run, numbers, ended[at], bumpiness[at])
            for row in row_levels
            for column in column_levels
            for at in [members.get((row, column), [])]
        }
        every = [curve for runs in by_run.values() for curve in runs.values()]
        return cls(
            row_names,
            column_names,
            row_levels,
            column_levels,
            cells,
            numbers,
            measured,
            counted(how),
            Scale.of(curve.values for curve in every),
            int(max((curve.epochs[-1] for curve in every), default=1)),
        )


def outcomes(frame: pd.DataFrame, ended: Floats) -> pd.Series[str]:
    """The status of each run, or `NO_NUMBER`; `ended` is what each ended with, as `numbers_of` gives it."""
    return frame["status"].mask((frame["status"] == "finished") & np.isnan(ended), NO_NUMBER)


def counted(outcome: pd.Series[str]) -> dict[str, int]:
    """How many runs ended how."""
    return {str(one): int(count) for one, count in outcome.value_counts().items()}


def begun(frame: pd.DataFrame, *, keep_phases: bool = False) -> pd.DataFrame:
    """The runs that are drawn: those that have begun, of the phase "study" alone unless all phases are kept.

    Raises:
        ExperimentError: there are no such runs.
    """
    frame = frame[frame["status"] != "waiting"]
    frame = frame if keep_phases else frame[frame["phase"] == "study"]
    if not len(frame):
        raise ExperimentError("there is nothing to draw: no run of the study has begun yet. Call study.run first.")
    return frame


def _keys(axes: dict[str, Axis], names: Sequence[str], n: int) -> tuple[list[Key], list[Key]]:
    """The key of each run, and the different ones in the order of their values."""
    codes = list(zip(*(axes[name].codes.tolist() for name in names), strict=True)) if names else [()] * n
    labels = {one: tuple(axes[name].labels[code] for name, code in zip(names, one, strict=True)) for one in set(codes)}
    return [labels[one] for one in codes], [labels[one] for one in sorted(labels)]


def _numbers(curves: pd.DataFrame, values: str | None, metric: str) -> tuple[str, ...]:
    recorded = [str(name) for name in curves.columns if name not in ("run", "epoch", "seconds")]
    if values is None:
        return tuple(one for one in LOSSES if one in recorded) or tuple(one for one in [metric] if one in recorded)
    if values not in recorded:
        raise ExperimentError(
            f"values must be a number that the runs recorded: {', '.join(recorded) or 'they recorded none'}; "
            f"{values!r} arrived."
        )
    return (values,)


def _curves_by_run(
    outcome: pd.Series[str], curves: pd.DataFrame, numbers: Sequence[str]
) -> dict[int, dict[str, RunCurve]]:
    ordered = curves[curves["run"].isin(outcome.index)].sort_values(["run", "epoch"], kind="stable")
    runs, epochs = ordered["run"].to_numpy(), ordered["epoch"].to_numpy(float)
    values = {name: ordered[name].to_numpy(float, na_value=np.nan) for name in numbers}
    starts = np.flatnonzero(np.r_[True, runs[1:] != runs[:-1]]) if len(runs) else np.empty(0, int)
    ends = [*starts[1:], len(runs)]
    how = outcome.to_dict()
    return {
        int(runs[start]): {
            name: RunCurve(int(runs[start]), how[runs[start]], epochs[start:end], values[name][start:end])
            for name in numbers
        }
        for start, end in zip(starts, ends, strict=False)
    }


def _cell(
    runs: list[int], by_run: dict[int, dict[str, RunCurve]], numbers: Sequence[str], ended: Floats, bumpiness: Floats
) -> Cell:
    """The cell of some runs, with what each ended with, and its bumpiness, [runs] each."""
    values, bumpy = ended[np.isfinite(ended)], bumpiness[np.isfinite(bumpiness)]
    curves = {name: [by_run[run][name] for run in runs if run in by_run] for name in numbers}
    mean, mean_bumpiness = (float(known.mean()) if len(known) else np.nan for known in (values, bumpy))
    return Cell(runs, curves, mean, mean_bumpiness, len(values))
