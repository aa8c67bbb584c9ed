"""The pivot table and the importance of choices as the API answers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from handlens.experiments.reading.importance import importance
from handlens.experiments.reading.pivot import Pivot, direction_of, note_sampler, pivot
from handlens.experiments.server import schemas
from handlens.experiments.server.records import Records, read

_COUNTS = ("count", "combinations", "missing", "why_missing")
_NUMBERS = ("mean", "median", "best", "sd", "low", "high")
_COMPARED = ("difference", "difference_low", "difference_high", "p_adjusted", "pairs", "verdict")


@dataclass(frozen=True)
class StudyFrame:
    """The runs of a study at one moment, which take long to summarise; meanwhile others may read what is recorded.

    Attributes:
        version: when they were read.
        study: the row of the study.
        choices: the names of its choices.
        runs: as `Study.frame` gives them.
    """

    version: int
    study: dict[str, Any]
    choices: list[str]
    runs: pd.DataFrame

    @classmethod
    def of(cls, records: Records, name: str) -> StudyFrame:
        """The runs as they are now.

        Raises:
            NoSuchStudy: there is no study of this name.
        """
        with records.lock:
            study = records.study(name)
            return cls(study.version, study.row, study.choices, study.frame(records.opened()))

    def pivot(
        self, rows: Sequence[str], columns: Sequence[str], values: str, aggregate: str = "mean", *, baseline: Any
    ) -> Pivot:
        """The pivot table; see `Study.pivot`."""
        direction = direction_of(values, self.study["metric"], self.study["direction"])
        table = pivot(self.runs, self.choices, rows, columns, values, aggregate, direction=direction, baseline=baseline)
        if baseline is not None:
            note_sampler(table, read(self.study["settings"]))
        return table


def pivot_table(records: Records, wanted: schemas.PivotRequest) -> schemas.PivotTable:
    """The pivot table that is asked for, cell by cell.

    Raises:
        ExperimentError: a name is not known, or the baseline is not a cell.
        NoSuchStudy: there is no such study.
    """
    study = StudyFrame.of(records, wanted.study)
    if wanted.runs is not None:
        study = replace(study, runs=study.runs[study.runs.index.isin(wanted.runs)])
    found = study.pivot(wanted.rows, wanted.columns, wanted.values, baseline=wanted.baseline)
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


def importance_of(records: Records, name: str, values: str) -> schemas.Importance:
    """How important each choice of a study is.

    Raises:
        ExperimentError: there are too few combinations, or the values are not numbers.
        NoSuchStudy: there is no such study.
    """
    study = StudyFrame.of(records, name)
    rows = importance(study.runs, study.choices, values).to_dict("records")
    found = [{key: _finite([value])[0] for key, value in row.items()} for row in rows]
    return schemas.Importance(
        version=study.version, choices=[schemas.ChoiceImportance.model_validate(row) for row in found]
    )


def _by_cell(ids: Any, cell: Any, cells: int) -> list[list[int]]:
    order = np.argsort(cell, kind="stable")
    ends = np.cumsum(np.bincount(cell, minlength=cells))[:-1]
    return [part.tolist() for part in np.split(ids[order], ends)]


def _finite(values: list[Any]) -> list[Any]:
    return [None if isinstance(value, float) and not np.isfinite(value) else value for value in values]
