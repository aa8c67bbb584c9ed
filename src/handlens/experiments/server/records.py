"""What the server knows of a database of studies: read once, then only what changed."""

from __future__ import annotations

import gc
import json
import math
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from numpy.typing import NDArray
from pydantic_core import from_json

from handlens.errors import ExperimentError
from handlens.experiments.reading import frames
from handlens.experiments.reading.bumpiness import bumpiness_of
from handlens.experiments.store import COMBINATIONS, EPOCHS, RUNS, SCHEMA, STUDIES, Place, RecordError, Store
from handlens.experiments.training.owners import Watch

_AT_ONCE = 500
"""Runs that are asked for by their ids; when more have changed, all of the study are read."""

Curve = dict[str, NDArray[np.float64]]


class NoSuchStudy(ExperimentError):
    """There is no study of this name in the folder."""


class NoSuchRun(ExperimentError):
    """There is no run with this id in the folder."""


@dataclass
class RecordedStudy:
    """The runs of one study as they were last read.

    Attributes:
        row: of the study.
        began: the version when it was first read; who has an older one needs all runs.
        runs: the row of each run by its id, with its `choices`, `numbers` and `facts` as dicts.
        versions: by id, when the run was last found to have changed.
        removed: the deleted runs, each with the version at which that was found.
        version: when all this was read.
        spaces: what each choice was asked for, by its name, in the order in which they were first asked for.
    """

    row: dict[str, Any]
    began: int
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    versions: dict[int, int] = field(default_factory=dict)
    removed: list[tuple[int, int]] = field(default_factory=list)
    version: int = 0
    spaces: dict[str, dict[str, Any]] = field(default_factory=dict)
    _frame: tuple[int, pd.DataFrame] | None = None
    _curves: dict[int, Curve] = field(default_factory=dict)
    _curves_of: dict[int, int] = field(default_factory=dict)
    _shared: dict[str, dict[str, Any]] = field(default_factory=dict)

    def update(self, store: Store, version: int) -> None:
        """Read what changed since the last time; `version` grows whenever anything in the database changes."""
        if self.version == version:
            return
        name = self.row["name"]
        found = {row["id"]: row["changed"] for row in store.rows(_ids(name))}
        changed = [id for id, when in found.items() if id not in self.runs or self.runs[id]["changed"] != when]
        gone = self.runs.keys() - found.keys()
        for id in gone:
            del self.runs[id], self.versions[id]
            self._curves.pop(id, None)
            self._curves_of.pop(id, None)
        self.removed += [(id, version) for id in sorted(gone)]
        if changed:
            with _no_collection():
                rows = store.rows(_runs(name, changed))
                for row, numbers in zip(rows, read_all(row["numbers"] for row in rows), strict=True):
                    row["choices"], row["facts"] = self._once(row["choices"]), self._once(row["facts"])
                    self.runs[row["id"]] = row | {"numbers": numbers}
                    self.versions[row["id"]] = version
            self.runs = dict(sorted(self.runs.items()))
            self.spaces = frames.spaces(store, name)
        self.version = version

    def _once(self, text: str) -> dict[str, Any]:
        """What JSON holds that many runs have in common: the same object for the same text."""
        if text not in self._shared:
            self._shared[text] = read(text)
        return self._shared[text]

    def changed(self, since: int | None) -> tuple[bool, list[int]]:
        """Whether all runs are new to somebody who has the version `since`, and the ids of those that are."""
        if since is None or not self.began <= since <= self.version:
            return True, list(self.runs)
        return False, [id for id in self.runs if self.versions[id] > since]

    def gone(self, since: int | None) -> list[int]:
        """The runs that were deleted after a version."""
        return [id for id, when in self.removed if since is not None and when > since and id not in self.runs]

    @property
    def choices(self) -> list[str]:
        """The names of the choices, in the order in which they were first asked for."""
        return list(dict.fromkeys([*self.spaces, *chain.from_iterable(row["choices"] for row in self.runs.values())]))

    def frame(self, store: Store) -> pd.DataFrame:
        """A row a run, as `Study.frame` gives it."""
        if self._frame is None or self._frame[0] != self.version:
            rows = list(self.runs.values())
            self._frame = self.version, frames.table(rows, self.spaces, self.bumpiness(store, list(self.runs)))
        return self._frame[1]

    def bumpiness(self, store: Store, ids: Sequence[int]) -> list[float]:
        """Of each of these runs, by its loss on the validation data, or else by the study's metric."""
        name, direction = frames.VALID_LOSS, "minimize"
        if not any(name in row["numbers"] for row in self.runs.values()):
            name, direction = self.row["metric"], self.row["direction"]
        curves = {id: curve[name] for id, curve in zip(ids, self.curves(store, ids), strict=True) if name in curve}
        if not curves:
            return [math.nan] * len(ids)
        of = pd.Series(np.repeat(list(curves), [len(curve) for curve in curves.values()]))
        found = bumpiness_of(of, np.concatenate(list(curves.values())), direction)
        return found.reindex(list(ids)).to_list()

    def curves(self, store: Store, ids: Sequence[int]) -> list[Curve]:
        """Every number of each epoch of these runs, by name; `epoch` is among them."""
        wanted = [id for id in ids if self._curves_of.get(id) != self.versions[id]]
        if wanted:
            with _no_collection():
                read_now = _curves(store, self.row["name"], wanted)
                for id in wanted:
                    self._curves[id] = read_now.get(id, {})
                    self._curves_of[id] = self.versions[id]
        return [self._curves[id] for id in ids]


class Records:
    """The studies of one place, read from its database when they are asked for.

    Nothing is made where there is no database. To be used under its `lock`, since requests come in several threads.

    Args:
        place: the folder, and the database.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.lock = threading.RLock()
        self._store: Store | None = None
        self._file: object = None
        self._written: object = None
        self._seen: object = None
        self._version = int(time.time() * 1000)  # so that it is higher than any of a server before this one
        self._studies: dict[str, RecordedStudy] = {}
        self._watch = Watch()

    @property
    def store(self) -> Store | None:
        """The database; None where there is none yet.

        Raises:
            ExperimentError: it cannot be read, or was written by a newer handlens.
        """
        file, written = _identity(self.place)
        if file != self._file or file is None:
            self.close()
        elif written != self._written and self._store is not None:
            # SQLite answers from its memory what may be damaged on the disk by now.
            self._store.engine.dispose()
        self._written = written
        if self._store is None and file is not None and _has_tables(self.place):
            self._store, self._file = Store(self.place), file
        return self._store

    def close(self) -> None:
        """Let go of the database; it is opened again when it is needed."""
        if self._store is not None:
            self._store.engine.dispose()
            self._studies.clear()
        self._store = self._file = None

    def version(self) -> int:
        """A number that grows whenever anything in the database has changed."""
        store = self.store
        seen = None if store is None else (self._file, *(tuple(row.values()) for row in store.rows(_fingerprint())))
        if seen != self._seen:
            self._seen, self._version = seen, self._version + 1
        return self._version

    def study(self, name: str) -> RecordedStudy:
        """A study with all runs as they are now.

        Raises:
            NoSuchStudy: there is none of this name.
        """
        version, store = self.version(), self.store
        rows = [] if store is None else store.rows(sa.select(STUDIES).where(STUDIES.c.name == name))
        if store is None or not rows:
            self._studies.pop(name, None)
            raise NoSuchStudy(f"there is no study “{name[:200]}” in {self.place.folder}.")
        found = self._studies.setdefault(name, RecordedStudy(rows[0], version))
        found.row = rows[0]
        found.update(store, version)
        return found

    def study_of(self, run: int) -> RecordedStudy:
        """The study that a run belongs to, with all runs as they are now.

        Raises:
            NoSuchRun: there is none of this id.
        """
        store = self.store
        rows = [] if store is None else store.rows(sa.select(RUNS.c.study).where(RUNS.c.id == run))
        if not rows:
            raise NoSuchRun(f"there is no run {run} in {self.place.folder}; it may have been deleted.")
        return self.study(rows[0]["study"])

    def lost(self) -> list[dict[str, Any]]:
        """The runs, with study, id and owner, whose processes are gone.

        That of another machine is known to be gone when it gave no sign of life while this was called again and again.
        """
        store = self.store
        running = sa.select(RUNS.c.study, RUNS.c.id, RUNS.c.owner, RUNS.c.beat).where(RUNS.c.status == "running")
        return [] if store is None else [row for row in store.rows(running) if self._watch.is_dead(row)]

    def opened(self) -> Store:
        """The database, where there has to be one.

        Raises:
            NoSuchStudy: there is none.
        """
        store = self.store
        if store is None:
            raise NoSuchStudy(f"there is no study in {self.place.folder}.")
        return store


def read(text: str) -> Any:
    """What JSON of the database holds.

    Raises:
        RecordError: it is not JSON.
    """
    try:
        return from_json(text)
    except ValueError as error:
        raise RecordError(f"the record is damaged: {error} in {text[:80]!r}.") from None


def read_all(texts: Iterable[str]) -> list[Any]:
    """What many texts of JSON hold, read in one go; one text may hold several values.

    Raises:
        RecordError: one of them is not JSON.
    """
    found: list[Any] = read(f"[{','.join(texts)}]")
    return found


def _identity(place: Place) -> tuple[object, object]:
    """What tells the database's file from another one of its name, or None, and when and how long it was written."""
    url = sa.engine.make_url(place.url)
    if url.get_backend_name() != "sqlite":
        return place.url, None
    try:
        found = os.stat(url.database or "")
    except OSError:
        return None, None
    return (found.st_dev, found.st_ino), (found.st_mtime_ns, found.st_size)


def _has_tables(place: Place) -> bool:
    engine = sa.create_engine(place.url)
    try:
        return sa.inspect(engine).has_table(SCHEMA.name)
    except (sa.exc.SQLAlchemyError, ImportError):
        return True  # opening it says what is wrong
    finally:
        engine.dispose()


def _fingerprint() -> sa.Select[Any]:
    changed = RUNS.c.changed
    return sa.select(
        sa.func.count(changed),
        sa.func.max(changed),
        sa.func.sum(changed),
        sa.select(sa.func.count()).select_from(STUDIES).scalar_subquery().label("studies"),
        sa.select(sa.func.max(STUDIES.c.made)).scalar_subquery().label("made"),
    )


def _ids(study: str) -> sa.Select[Any]:
    return sa.select(RUNS.c.id, RUNS.c.changed).where(RUNS.c.study == study)


def _runs(study: str, ids: Sequence[int]) -> sa.Select[Any]:
    joined = RUNS.join(
        COMBINATIONS, (RUNS.c.study == COMBINATIONS.c.study) & (RUNS.c.combination == COMBINATIONS.c.number)
    )
    query = sa.select(RUNS, COMBINATIONS.c.choices).select_from(joined).where(RUNS.c.study == study)
    return query if len(ids) > _AT_ONCE else query.where(RUNS.c.id.in_(ids))


def _curves(store: Store, study: str, ids: Sequence[int]) -> dict[int, Curve]:
    """All epochs of some runs: each run in one row, since 150,000 rows take longer to come than to be read."""
    of = sa.select(RUNS.c.id).where(RUNS.c.study == study) if len(ids) > _AT_ONCE else ids

    def joined(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
        return sa.func.aggregate_strings(sa.cast(column, sa.Text), ",").label(column.name)

    query = sa.select(EPOCHS.c.run, joined(EPOCHS.c.epoch), joined(EPOCHS.c.numbers))
    rows = store.rows(query.where(EPOCHS.c.run.in_(of)).group_by(EPOCHS.c.run))
    lengths = [row["epoch"].count(",") + 1 for row in rows]
    whole = {"epoch": _array(read_all(row["epoch"] for row in rows))}
    whole |= _by_name(read_all(row["numbers"] for row in rows))
    order = np.lexsort((whole["epoch"], np.repeat(np.arange(len(rows)), lengths)))
    whole = {name: values[order] for name, values in whole.items()}  # joined in any order, as databases may do it
    ends = np.cumsum(lengths).tolist()
    return {
        row["run"]: {name: values[end - length : end] for name, values in whole.items()}
        for row, length, end in zip(rows, lengths, ends, strict=True)
    }


def _by_name(rows: list[dict[str, Any]]) -> Curve:
    return {name: _array([row.get(name) for row in rows]) for name in dict.fromkeys(chain.from_iterable(rows))}


def _array(values: Any) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)  # None becomes nan


@contextmanager
def _no_collection() -> Iterator[None]:
    """A block that makes very many objects: Python's search for unreachable ones would take 40 % of its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def level_key(value: Any) -> str:
    """Text that is the same for equal values of a choice, and differs for 1, 1.0, true and "1"."""
    return json.dumps(value, ensure_ascii=False)
