"""Any combinations of a study side by side, compared in pairs of runs with the same seed and split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Real
from typing import Any

import pandas as pd

from handlens.errors import ExperimentError
from handlens.experiments.reading.axes import NOT_ASKED, codes_of
from handlens.experiments.reading.pivot import Pivot, pivot


def compare(
    frame: pd.DataFrame,
    choices: Sequence[str],
    combinations: Iterable[int],
    values: str = "value",
    *,
    direction: str = "minimize",
    baseline: int | None = None,
    phase: str = "study",
) -> Pivot:
    """A pivot table with a row for each of these combinations, and the choices that they differ in.

    Args:
        frame: a row a run, as `Study.frame` gives it.
        choices: the names of its columns that are choices.
        combinations: their numbers, two or more.
        values: the column of numbers that is compared.
        direction: whether less ("minimize") or more ("maximize") of it is better.
        baseline: the combination that the others are compared with; the first one unless given.
        phase: whose runs are compared.

    Raises:
        ExperimentError: fewer than two combinations, or one that the study does not have.
    """
    wanted = [*(combinations if isinstance(combinations, Iterable) else [combinations])]
    wanted = [number for place, number in enumerate(wanted) if number not in wanted[:place]]
    if len(wanted) < 2:
        raise ExperimentError(f"compare requires the numbers of two combinations or more; {wanted} arrived.")
    baseline = wanted[0] if baseline is None else baseline
    frame = frame[frame["phase"] == phase]
    there = set(frame["combination"])
    for number in (*wanted, baseline):
        if isinstance(number, bool) or not isinstance(number, Real) or number not in there:
            raise ExperimentError(
                f"compare requires combinations of the study, which are {_numbers(there)}; {number!r} arrived."
            )
    frame = frame[frame["combination"].isin([*wanted, baseline])].assign(phase="study")
    first = frame.drop_duplicates("combination").set_index("combination")
    rows = ["combination", *(name for name in choices if codes_of(first, [name]).any())]
    cell = {name: baseline if name == "combination" else _label(first.loc[baseline, name]) for name in rows}
    return pivot(frame, choices, rows, values=values, direction=direction, baseline=cell)


def _label(value: Any) -> Any:
    return NOT_ASKED if not isinstance(value, tuple) and pd.isna(value) else value


def _numbers(there: set[int]) -> str:
    return f"{min(there)} to {max(there)}" if there else "not there yet"
