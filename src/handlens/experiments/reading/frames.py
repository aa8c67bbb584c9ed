"""Tables of a study: a row a run, and a row an epoch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from handlens.experiments.reading.axes import in_frame
from handlens.experiments.reading.bumpiness import bumpiness_of
from handlens.experiments.store import CHOICES, EPOCHS, RUNS, STUDIES, Store, read, reporting

VALID_LOSS = "valid_loss"
"""The name by which the loss on the validation data is recorded."""

FACTS = (
    "combination",
    "phase",
    "seed",
    "split",
    "status",
    "epochs",
    "value",
    "bumpiness",
    "seconds",
    "started",
    "ended",
    "machine",
    "commit",
    "error",
    "note",
    "star",
    "hidden",
)
"""The columns of every study, in order; choices and numbers follow."""


def frame(store: Store, study: str, *, bumpy: bool = True) -> pd.DataFrame:
    """A row a run, by its id: facts, then choices in the order first asked for, then the numbers of the last epoch.

    Without `bumpy` the bumpiness is nan, and no curve is read: these are most of a study.
    """
    runs = store.runs(study)
    for name in ("choices", "numbers", "facts"):
        texts = {run[name]: None for run in runs}  # many are the same
        known = dict(zip(texts, json.loads(f"[{','.join(texts)}]"), strict=True))
        for run in runs:  # new copies would take as long as all the rest
            run[name] = known[run[name]]
    if not bumpy:
        return table(runs, spaces(store, study), np.full(len(runs), np.nan))
    bumpiness = _bumpiness(store, study).reindex([run["id"] for run in runs]).to_list()
    return table(runs, spaces(store, study), bumpiness)


def table(runs: Sequence[Mapping[str, Any]], choices: Iterable[str], bumpiness: Iterable[float]) -> pd.DataFrame:
    """The frame of these runs: rows of the store, with their JSON read.

    Args:
        runs: the row of each, with `choices`, `numbers` and `facts` as dicts.
        choices: the names of choices that come first.
        bumpiness: of each run.
    """
    made = [run["choices"] for run in runs]
    numbers = [run["numbers"] for run in runs]
    facts = [run["facts"] for run in runs]
    columns: dict[str, Any] = {name: [run.get(name) for run in runs] for name in FACTS}
    columns["value"] = [math.nan if run["value"] is None else run["value"] for run in runs]
    columns["bumpiness"] = list(bumpiness)
    for name in ("started", "ended"):
        seconds = pd.Series([run[name] for run in runs], dtype="float64")
        columns[name] = pd.to_datetime(seconds, unit="s", utc=True)
    for name in ("machine", "commit"):
        columns[name] = [fact.get(name) for fact in facts]
    for name in _ordered(choices, made):
        columns[name] = _column([in_frame(one[name]) if name in one else None for one in made])
    for name in _ordered((), numbers):
        if name not in columns and name != "rate":
            columns[name] = [one.get(name, math.nan) for one in numbers]
    index = pd.Index([run["id"] for run in runs], name="run", dtype="int64")
    return pd.DataFrame(
        {name: _plain(values) if isinstance(values, pd.Series) else values for name, values in columns.items()},
        index=index,
    )


def spaces(store: Store, study: str) -> dict[str, dict[str, Any]]:
    """What each choice is asked for, by its name, in the order in which they were first asked for."""
    rows = store.rows(CHOICES.select().where(CHOICES.c.study == study).order_by(CHOICES.c.position))
    return {row["name"]: read(row["space"]) for row in rows}


def curves(store: Store, study: str) -> pd.DataFrame:
    """A row an epoch: run, epoch, seconds, and every number that was recorded."""
    rows = store.epochs(study)
    numbers = [read(row["numbers"]) for row in rows]
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in ("run", "epoch", "seconds")}
    columns |= {name: [one.get(name, math.nan) for one in numbers] for name in _ordered((), numbers)}
    return pd.DataFrame(columns)


def _bumpiness(store: Store, study: str) -> pd.Series[Any]:
    """Of each run, by its loss on the validation data, or else by the study's metric."""
    row = store.rows(STUDIES.select().where(STUDIES.c.name == study))[0]
    query = sa.select(EPOCHS.c.run, EPOCHS.c.numbers).join(RUNS, EPOCHS.c.run == RUNS.c.id)
    with reporting(store.place), store.engine.connect() as connection:  # without a dict for each epoch: there are many
        epochs = connection.execute(query.where(RUNS.c.study == study).order_by(EPOCHS.c.run, EPOCHS.c.epoch)).all()
    numbers = json.loads(f"[{','.join(epoch.numbers for epoch in epochs)}]")  # at once, which takes half the time
    for name, direction in ((VALID_LOSS, "minimize"), (row["metric"], row["direction"])):
        found = [(epoch.run, one[name]) for epoch, one in zip(epochs, numbers, strict=True) if name in one]
        if found:
            runs, values = zip(*found, strict=True)
            return bumpiness_of(pd.Series(runs), np.array(values, np.float64), direction)
    return pd.Series([], dtype=np.float64)


def _ordered(first: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every name once, in the order in which they come."""
    return list(dict.fromkeys([*first, *(name for row in rows for name in row)]))


def _column(values: list[Any]) -> pd.Series[Any]:
    """Choices as pandas keeps them: whole numbers stay whole where a run lacks the choice."""
    there = [value for value in values if value is not None]
    if there and all(type(value) is int for value in there) and len(there) < len(values):
        return pd.Series(values, dtype="Int64")
    mixed = {type(value) for value in there} == {int, float} and len(set(there)) < len({*map(repr, there)})
    return pd.Series(values, dtype=object if mixed or not there else None)  # 1 and 1.0 may be two options


def _plain(column: pd.Series[Any]) -> Any:
    return column.to_numpy() if column.dtype == object else list(column)
