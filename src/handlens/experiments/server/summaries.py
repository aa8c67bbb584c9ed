"""The pivot table as the API answers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from handlens.experiments.pivot import Pivot, direction_of, pivot
from handlens.experiments.server import schemas
from handlens.experiments.server.records import RecordedStudy, Records
from handlens.experiments.store import Store

_COUNTS = ("count", "combinations", "missing", "why_missing")
_NUMBERS = ("mean", "median", "best", "sd", "low", "high")
_COMPARED = ("difference", "difference_low", "difference_high", "p_adjusted", "pairs", "verdict")


def pivot_of(
    study: RecordedStudy,
    store: Store,
    rows: Sequence[str],
    columns: Sequence[str],
    values: str,
    aggregate: str = "mean",
    *,
    baseline: Any,
    runs: Sequence[int] | None = None,
) -> Pivot:
    """The pivot table of a study, or of some of its runs; see `Study.pivot`.

    Raises:
        ExperimentError: a name is not known, or the baseline is not a cell.
    """
    frame = study.frame(store)
    if runs is not None:
        frame = frame[frame.index.isin(runs)]
    direction = direction_of(values, study.row["metric"], study.row["direction"])
    return pivot(frame, study.choices, rows, columns, values, aggregate, direction=direction, baseline=baseline)


def pivot_table(records: Records, wanted: schemas.PivotRequest) -> schemas.PivotTable:
    """The pivot table that is asked for, cell by cell.

    Raises:
        ExperimentError: as `pivot_of`.
        NoSuchStudy: there is no such study.
    """
    study = records.study(wanted.study)
    found = pivot_of(
        study,
        records.opened(),
        wanted.rows,
        wanted.columns,
        wanted.values,
        baseline=wanted.baseline,
        runs=wanted.runs,
    )
    cells = {str(name): column.to_list() for name, column in found.cells.items()}
    lists: dict[str, Any] = {name: cells[name] for name in _COUNTS}
    lists |= {name: _finite(cells[name]) for name in _NUMBERS}
    lists |= {name: _finite(cells[name]) if name in cells else None for name in _COMPARED}
    return schemas.PivotTable(
        version=study.version,
        labels=found.labels,
        key={name: codes.tolist() for name, codes in found.codes.items()},
        runs=_by_cell(found.cell.index.to_numpy(), found.cell.to_numpy(), len(found.cells)),
        notes=found.notes,
        **lists,
    )


def _by_cell(ids: Any, cell: Any, cells: int) -> list[list[int]]:
    order = np.argsort(cell, kind="stable")
    ends = np.cumsum(np.bincount(cell, minlength=cells))[:-1]
    return [part.tolist() for part in np.split(ids[order], ends)]


def _finite(values: list[Any]) -> list[Any]:
    return [None if isinstance(value, float) and not np.isfinite(value) else value for value in values]
