"""The pivot table of a study: a cell for each value of some choices, with what its runs ended with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from handlens.audit.significance import holm
from handlens.errors import ExperimentError
from handlens.experiments.reading.axes import FACTS, Axis, axis_of, closest, codes_of, names_of
from handlens.experiments.reading.missing import FEW_SEEDS, ONE_SEED, Difference, difference_to, missing_of
from handlens.experiments.reading.paired import (
    LEVEL,
    CodedRuns,
    Codes,
    Floats,
    are_matched,
    compact,
    grouped,
    is_grid,
    largest,
    of_grid,
)

__all__ = ["Pivot", "pivot"]

AGGREGATES = ("mean", "median", "best", "sd", "count")
"""What one cell of the table can show of its runs."""

INDEPENDENT = ("random", "RandomSampler", "QMCSampler", "GridSampler", "BruteForceSampler")
"""Samplers whose combinations do not depend on what earlier ones came to."""

LEARNED = (
    "The sampler chose later combinations by what earlier ones came to, so a cell is also better where it looked "
    "longer: confirm what you find."
)

SAME = (
    "All seeds of a combination gave the same number, so they tell nothing about chance. If train sets a seed itself, "
    "let that be trial.seed."
)

NUMBERS = ("mean", "median", "best", "sd", "low", "high", "difference", "difference_low", "difference_high")
"""Columns of the cells in the unit of the values."""

BETTER, WORSE, CHANCE = "better", "worse", "chance could explain it"
BASELINE, TOO_FEW = "baseline", "too few runs"


@dataclass(frozen=True)
class Pivot:
    """A pivot table of the runs of a study; it shows itself as a table in a notebook.

    Attributes:
        cells: a row a cell. First the values of the row and column choices; then `count`, the runs that ended with a
            number, `combinations`, how many of these there are, and `missing`, the runs that failed, were pruned or
            stopped, are being trained, or ended without a number (`why_missing` counts them); `mean`, `median`, `best`
            and `sd` of the runs; `low` and `high`, the 95 % interval of the mean. With a baseline also `difference`,
            cell minus baseline, its 95 % interval `difference_low` and `difference_high`, `pairs`, how many runs were
            compared as pairs, 0 if as groups, `p` and, after Holm's correction for the number of cells, `p_adjusted`,
            and `verdict`: "better", "worse", "chance could explain it", "too few runs" or "baseline".
        rows: the names of the choices that make the rows.
        columns: of those that make the columns.
        labels: the values of each of these choices, in order.
        codes: of each of these choices the position of every cell's value in `labels`.
        cell: of every run, by its id, the position of its cell.
        values: the number that is summarised.
        aggregate: what `frame` shows of it.
        direction: "minimize" if less of it is better, otherwise "maximize".
        notes: what a reader has to know of these numbers, in sentences.

    Example:
        >>> from handlens.experiments import Study
        >>> study = Study("experiments", "ps", metric="error")
        >>> study.run(lambda trial: trial.real("ps", 0, 1) * (8 + trial.seed), grid={"ps": [0, 0.5]}, repeats=3)
        6 of 6 runs; ...
        >>> table = study.pivot("ps", baseline=0.5)
        >>> table.cells[["ps", "count", "mean", "verdict"]].to_numpy().tolist()
        [[0.0, 3, 0.0, 'better'], [0.5, 3, 4.5, 'baseline']]
    """

    cells: pd.DataFrame
    rows: list[str]
    columns: list[str]
    labels: dict[str, list[Any]]
    codes: dict[str, Codes] = field(repr=False)
    cell: pd.Series[int] = field(repr=False)
    values: str
    aggregate: str
    direction: str
    notes: list[str] = field(default_factory=list)

    @property
    def frame(self) -> pd.DataFrame:
        """The table of the aggregate, as `pandas.pivot_table` would give it; nan where no run ended with a number."""
        if not self.columns:
            return self.cells.set_index(self.rows)[[self.aggregate]].rename(columns={self.aggregate: self.values})
        (rows, row_of), (columns, column_of) = self._index(self.rows), self._index(self.columns)
        values = self.cells[self.aggregate].to_numpy()
        if len(rows) * len(columns) == len(values):
            table = np.empty((len(rows), len(columns)), values.dtype)
        else:
            table = np.full((len(rows), len(columns)), np.nan)
        table[row_of, column_of] = values
        return pd.DataFrame(table, rows, columns)

    def _index(self, names: Sequence[str]) -> tuple[pd.Index[Any], Codes]:
        """The tuples of these choices that there are, in the order of their values, and the one of each cell."""
        codes = np.stack([self.codes[name] for name in names], 1)
        _, firsts, of_cell = np.unique(codes, axis=0, return_index=True, return_inverse=True)
        found = self.cells[[*names]].iloc[firsts]
        return pd.MultiIndex.from_frame(found) if len(names) > 1 else pd.Index(found.iloc[:, 0]), of_cell

    def __repr__(self) -> str:
        from handlens.experiments.reading.pivot_shown import pivot_text

        return pivot_text(self)

    def _repr_html_(self) -> str:
        from handlens.experiments.reading.pivot_shown import pivot_html

        return pivot_html(self)


@np.errstate(over="ignore", invalid="ignore")  # a training that exploded has an infinite interval, and no warning
def pivot(
    frame: pd.DataFrame,
    choices: Sequence[str],
    rows: str | Sequence[str],
    columns: str | Sequence[str] | None = None,
    values: str = "value",
    aggregate: str = "mean",
    *,
    direction: str = "minimize",
    baseline: Any = None,
) -> Pivot:
    """Summarise runs in a table, and compare its cells with one of them.

    A choice of numbers with more than 12 different values is cut into four ranges of about as many runs each. Runs that
    were not asked for a choice are in a cell "(not asked)". Runs of the phase "confirm" are left out, unless the table
    is by phase.

    Args:
        frame: a row a run, as `Study.frame` gives it.
        choices: the names of its columns that are choices.
        rows: the choices (or `combination`, `phase`, `seed`, `split`, `machine`, `commit`, `star`) that make the rows.
        columns: those that make the columns, if any.
        values: the column of numbers that is summarised.
        aggregate: "mean", "median", "best", "sd" or "count".
        direction: whether less ("minimize") or more ("maximize") of it is better.
        baseline: the cell that the others are compared with: a dict of the value of each row and column choice, or the
            value itself if there is one choice. Without it there are no differences.

    Returns:
        The table.

    Raises:
        ExperimentError: there are no runs, a name is not known, the values are not numbers, or the baseline is not a
            cell of the table; the message says what there is.

    Example:
        >>> frame = pd.DataFrame({"ps": [0.0, 0.0, 0.5, 0.5], "seed": [0, 1, 0, 1], "value": [4.0, 5.0, 2.0, 3.5]})
        >>> facts = {"combination": [0, 0, 1, 1], "phase": "study", "split": 0, "status": "finished"}
        >>> pivot(frame.assign(**facts), ["ps"], "ps", baseline=0.0).frame["value"].tolist()
        [4.5, 2.75]
    """
    if not len(frame):
        raise ExperimentError("a pivot table requires runs; the study does not have any yet.")
    known = [name for name in (*choices, *FACTS) if name in frame]
    row_names, column_names = names_of(rows, "rows", known), names_of(columns or [], "columns", known)
    names = [*row_names, *column_names]
    if not row_names or len(set(names)) < len(names):
        raise ExperimentError(f"rows and columns must name different choices, and rows at least one; {names} arrived.")
    if aggregate not in AGGREGATES:
        hint = closest(aggregate, AGGREGATES)
        raise ExperimentError(f"aggregate must be one of {', '.join(AGGREGATES)}; {aggregate!r} arrived. {hint}")
    if "phase" not in names:
        frame = frame[frame["phase"] == "study"]
        if not len(frame):
            raise ExperimentError("a pivot table requires runs of the phase “study”; all runs are of another one.")
    axes = [axis_of(frame, name, cut=name in choices and "combination" not in names) for name in names]
    cell, firsts = compact(*(axis.codes for axis in axes))
    numbers = numbers_of(frame, values)
    unit = _unit(numbers)
    runs = _coded(frame, choices, names, cell, numbers / unit)
    cells = _summary(axes, firsts, runs, direction)
    missing = missing_of(frame["status"], runs, len(firsts))
    cells["missing"], cells["why_missing"] = missing.count, missing.why
    notes = _notes_on(axes, runs, missing.total, aggregate)
    if baseline is not None:
        at = _cell_of(baseline, axes, firsts)
        found = difference_to(at, runs, missing.bad, len(firsts), are_matched(runs, len(firsts), at), direction)
        cells = _compared(cells, found, at, direction)
        notes += found.notes
    elif len(np.unique(runs.seed[np.isfinite(runs.value)])) == 1 and cells["low"].notna().any():
        notes.append(ONE_SEED)
    if "seed" in names:
        notes = [note for note in notes if note not in (ONE_SEED, FEW_SEEDS)]
    for name in NUMBERS:
        if name in cells:
            cells[name] *= unit
    labels = {axis.name: axis.labels for axis in axes}
    codes = {axis.name: axis.codes[firsts] for axis in axes}
    of_run = pd.Series(cell, frame.index)
    return Pivot(cells, row_names, column_names, labels, codes, of_run, values, aggregate, direction, notes)


def direction_of(values: str, metric: str, direction: str) -> str:
    """Whether less or more of a number is better: of losses and times less, of metrics what their mark says.

    Example:
        >>> direction_of("seconds", "accuracy", "maximize"), direction_of("value", "accuracy", "maximize")
        ('minimize', 'maximize')
    """
    if not isinstance(values, str) or values in ("value", metric):
        return direction  # what is not a name is refused by `numbers_of`
    if values in ("seconds", "epochs", "bumpiness") or "loss" in values:
        return "minimize"
    from handlens.core import metrics  # loads torch
    from handlens.core.metrics.metric import more_is_better

    known = getattr(metrics, values, None) if values in metrics.__all__ else None
    if known is None:
        return direction
    return "maximize" if more_is_better(known) else "minimize"


def numbers_of(frame: pd.DataFrame, values: str) -> Floats:
    """The numbers of a column, nan where a run did not finish or has none.

    Raises:
        ExperimentError: there is no such column, or it does not hold numbers.
    """
    numeric = [str(name) for name in frame if pd.api.types.is_numeric_dtype(frame[name])]
    hint = closest(values, numeric)
    if not isinstance(values, str) or values not in frame:
        raise ExperimentError(f"values must name a column of numbers; {values!r} arrived. {hint}")
    column = frame[values]
    try:
        if pd.api.types.is_bool_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
            raise ValueError
        numbers = pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise ExperimentError(
            f"values must name a column of numbers; {values!r} holds {column.dtype}. {hint}"
        ) from None
    ended = (frame["status"] == "finished").to_numpy() & np.isfinite(numbers)
    return np.where(ended, numbers, np.nan)


def _unit(numbers: Floats) -> float:
    """A power of two: 1, unless the numbers are so large or so small that their squares are not floats."""
    sizes = np.abs(numbers[np.isfinite(numbers) & (numbers != 0)])
    if not len(sizes):
        return 1.0
    middle, most = math.frexp(np.median(sizes))[1], math.frexp(sizes.max())[1]
    return 1.0 if abs(middle) < 400 else 2.0 ** max(middle, most - 900)


def _coded(frame: pd.DataFrame, choices: Sequence[str], names: Sequence[str], cell: Any, numbers: Floats) -> CodedRuns:
    rest = [] if "combination" in names else [name for name in choices if name not in names]
    blocks = [codes_of(frame, [name] if name not in names else []) for name in ("seed", "split")]
    return CodedRuns(numbers, cell, codes_of(frame, ["combination"]), codes_of(frame, rest), *blocks)


def _summary(axes: Sequence[Axis], firsts: Any, runs: CodedRuns, direction: str) -> pd.DataFrame:
    """The cells in the order of their values, with what their runs ended with."""
    n = len(firsts)
    cells = pd.DataFrame({axis.name: _labels(axis, firsts) for axis in axes})
    ended = runs.where(np.isfinite(runs.value))
    of_cell = pd.Series(ended.value).groupby(ended.cell)
    unit = compact(ended.cell, ended.combination)[1]
    every = pd.RangeIndex(n)
    cells["count"] = np.bincount(ended.cell, minlength=n)
    cells["combinations"] = np.bincount(ended.cell[unit], minlength=n)
    cells["missing"], cells["why_missing"] = 0, ""
    cells["mean"], cells["median"] = of_cell.mean().reindex(every), of_cell.median().reindex(every)
    cells["best"] = (of_cell.min() if direction == "minimize" else of_cell.max()).reindex(every)
    cells["sd"] = of_cell.std().reindex(every)
    means = of_grid(ended, n) if is_grid(runs, n) else grouped(ended, n, None)
    low, high = means.varying(largest(ended, n)).interval()
    # The intervals are about the mean in which each combination counts the same.
    cells["low"], cells["high"] = low, high
    return cells


def _is_same_for_all_seeds(ended: CodedRuns) -> bool:
    """Whether some combination was trained with several seeds, and the seed never mattered."""
    unit, firsts = compact(ended.combination, ended.split)
    return len(firsts) < len(unit) and bool((ended.value == ended.value[firsts][unit]).all())


def _labels(axis: Axis, firsts: Any) -> pd.Series[Any]:
    labels = np.empty(len(axis.labels), object)
    labels[:] = axis.labels
    return pd.Series(labels[axis.codes[firsts]]).infer_objects()


def _cell_of(baseline: Any, axes: Sequence[Axis], firsts: Any) -> int:
    names = [axis.name for axis in axes]
    given = baseline if isinstance(baseline, dict) else {names[0]: baseline} if len(names) == 1 else None
    if given is None or set(given) != set(names):
        raise ExperimentError(
            f"baseline must be a dict with a value for each of {', '.join(names)}; {baseline!r} arrived."
        )
    at = np.all([axis.codes[firsts] == axis.code_of(given[axis.name]) for axis in axes], axis=0)
    if not at.any():
        raise ExperimentError(f"baseline must be a cell of the table; there are no runs with {baseline!r}.")
    return int(at.argmax())


def verdicts(found: Difference, at: int, direction: str) -> tuple[Floats, Any]:
    """The p-values of the differences, corrected for the number of cells, and the verdict on each cell."""
    p = found.p
    known = np.isfinite(p) & (np.arange(len(p)) != at)
    adjusted = np.full(len(p), np.nan)
    adjusted[known] = holm(p[known])
    is_better = (found.value < 0) == (direction == "minimize")
    verdict = np.where(adjusted <= LEVEL, np.where(is_better, BETTER, WORSE), CHANCE).astype(object)
    verdict[~known] = TOO_FEW
    verdict[at] = BASELINE
    return adjusted, verdict


def _compared(cells: pd.DataFrame, found: Difference, at: int, direction: str) -> pd.DataFrame:
    adjusted, verdict = verdicts(found, at, direction)
    p = found.p.copy()
    p[at] = np.nan
    return cells.assign(
        difference=found.value,
        difference_low=found.low,
        difference_high=found.high,
        pairs=found.pairs,
        p=p,
        p_adjusted=adjusted,
        verdict=verdict,
    )


def note_sampler(table: Pivot, settings: Mapping[str, Any]) -> None:
    """Note beside a table with a baseline that the study's sampler learned from the values, if it did."""
    if settings.get("sampler", "random") not in INDEPENDENT:
        table.notes.append(LEARNED)


def _notes_on(axes: Sequence[Axis], runs: CodedRuns, missing: str, aggregate: str) -> list[str]:
    notes = [
        f"{axis.name} has more than 12 different numbers: they are cut into {len(axis.ends)} ranges of about as many "
        "runs each."
        for axis in axes
        if axis.ends
    ]
    if not np.isfinite(runs.value).any():
        notes.append("No run has ended with a number yet.")
    if missing:
        notes.append(
            f"Without a number: {missing}. They count as missing, and every mean and interval is of the other runs."
        )
    if _is_same_for_all_seeds(runs.where(np.isfinite(runs.value))):
        notes.append(SAME)
    if aggregate == "best":
        notes.append("The best of many runs is better than the same settings would be again: look at mean and count.")
    return notes
