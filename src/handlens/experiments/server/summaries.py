"""The pivot table as the API answers it."""

from __future__ import annotations

from typing import Any

import numpy as np

from handlens.experiments.pivot import pivot
from handlens.experiments.server import schemas
from handlens.experiments.server.records import Records

_COUNTS = ("count", "combinations", "missing", "why_missing")
_NUMBERS = ("mean", "median", "best", "sd", "low", "high")
_COMPARED = ("difference", "difference_low", "difference_high", "p_adjusted", "pairs", "verdict")


def pivot_table(records: Records, wanted: schemas.PivotRequest) -> schemas.PivotTable:
    """The pivot table of a study that is asked for.

    Raises:
        ExperimentError: a name is not known, or the baseline is not a cell; as `pivot`.
    """
    study = records.study(wanted.study)
    frame = study.frame(records.opened())
    if wanted.runs is not None:
        frame = frame[frame.index.isin(wanted.runs)]
    found = pivot(
        frame,
        study.choices,
        wanted.rows,
        wanted.columns,
        wanted.values,
        direction=study.row["direction"],
        baseline=wanted.baseline,
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
