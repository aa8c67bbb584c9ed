"""What a person does to runs from the page. Workers may claim the same runs at any time, so each change is one UPDATE
that names the status which it is for, and holds the rows until it is committed."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from handlens.experiments.server import schemas
from handlens.experiments.server.records import NoSuchRun, Records
from handlens.experiments.store import EPOCHS, RUNS, Place

_AT_ONCE = 500
_NOBODYS = {"owner": None, "beat": None, "attempts": 0}
_AGAIN = _NOBODYS | {"status": "waiting", "stop": False, "ended": None, "error": None}
_FROM_THE_START = _AGAIN | {"started": None, "seconds": 0.0, "epochs": 0, "value": None, "numbers": "{}"}


def mark(records: Records, ids: Sequence[int], marks: dict[str, Any]) -> schemas.RunsDone:
    """Write a note, a star or whether they are hidden beside runs."""
    done: list[int] = []
    with records.opened().writing() as connection:
        for part in _parts(ids):
            done += _changed(connection, part, sa.true(), marks)
    return _answer(records, ids, done, "")


def stop(records: Records, ids: Sequence[int]) -> schemas.RunsDone:
    """Ask runs to stop after their current epoch; those that nobody trains are stopped at once."""
    done: list[int] = []
    stopped = _NOBODYS | {"status": "stopped", "stop": True, "ended": time.time()}
    dead = _is_dead(records)
    with records.opened().writing() as connection:
        for part in _parts(ids):
            done += _changed(connection, part, RUNS.c.status == "waiting", {"status": "stopped", "stop": True})
            done += _changed(connection, part, dead, stopped)
            done += _changed(connection, part, RUNS.c.status == "running", {"stop": True})
    return _answer(records, ids, done, "only a run that waits or is being trained can be stopped")


def requeue(records: Records, ids: Sequence[int]) -> schemas.RunsDone:
    """Let runs wait for training again: stopped ones go on from their checkpoint, all others begin again."""
    done: list[int] = []
    go_on = (RUNS.c.status == "stopped") | _is_dead(records)
    with records.opened().writing() as connection:
        for part in _parts(ids):
            going_on = _changed(connection, part, go_on, _AGAIN)
            restarted = _changed(connection, part, RUNS.c.status.in_(("finished", "failed", "pruned")), _FROM_THE_START)
            _forget(connection, records.place, restarted)
            done += [*going_on, *restarted]
    return _answer(records, ids, done, "a run that waits or is being trained cannot be queued again")


def delete(records: Records, ids: Sequence[int]) -> schemas.RunsDone:
    """Delete runs with their epochs and folders, but none that is being trained."""
    done: list[int] = []
    free = (RUNS.c.status != "running") | _is_dead(records)
    with records.opened().writing() as connection:
        for part in _parts(ids):
            gone = _changed(connection, part, free, _NOBODYS | {"status": "stopped"})
            _forget(connection, records.place, gone)
            connection.execute(RUNS.delete().where(RUNS.c.id.in_(gone)))
            done += gone
    return _answer(records, ids, done, "a run that is being trained cannot be deleted; stop it first")


def _changed(
    connection: sa.Connection, ids: Sequence[int], condition: sa.ColumnElement[bool], values: dict[str, Any]
) -> list[int]:
    """Change those of the runs that meet a condition; returns which these were."""
    change = RUNS.update().where(RUNS.c.id.in_(ids) & condition).values(**values, changed=time.time())
    return sorted(connection.scalars(change.returning(RUNS.c.id)))


def _is_dead(records: Records) -> sa.ColumnElement[bool]:
    """Whether the process that trains a run is gone, and no other has taken the run since."""
    lost = records.lost()
    owners = [(row["id"], row["owner"]) for row in lost if row["owner"] is not None]
    without = [row["id"] for row in lost if row["owner"] is None]  # no NULL equals another
    same = sa.tuple_(RUNS.c.id, RUNS.c.owner).in_(owners) | (RUNS.c.id.in_(without) & RUNS.c.owner.is_(None))
    return (RUNS.c.status == "running") & same


def _forget(connection: sa.Connection, place: Place, ids: Sequence[int]) -> None:
    """Remove the epochs and files of runs, before the transaction ends and others may claim them."""
    connection.execute(EPOCHS.delete().where(EPOCHS.c.run.in_(ids)))
    for id in ids:
        shutil.rmtree(place.run_folder(id), ignore_errors=True)  # it may be on another machine


def _answer(records: Records, ids: Sequence[int], done: Iterable[int], otherwise: str) -> schemas.RunsDone:
    """What was done, and why not to the others.

    Raises:
        NoSuchRun: there is none of the runs.
    """
    made = sorted(set(done))
    others = [id for id in dict.fromkeys(ids) if id not in set(made)]
    there: set[int] = set()
    for part in _parts(others):
        there |= {row["id"] for row in records.opened().rows(sa.select(RUNS.c.id).where(RUNS.c.id.in_(part)))}
    if not made and not there:
        raise NoSuchRun(f"there is no run {others[0]} in {records.place.folder}; it may have been deleted.")
    left = [schemas.RunLeft(run=id, reason=otherwise if id in there else "there is no such run") for id in others]
    return schemas.RunsDone(version=records.version(), done=made, left=left)


def _parts(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    """The ids without those that come twice, as many at once as every database takes in one query."""
    once = list(dict.fromkeys(ids))
    return (once[i : i + _AT_ONCE] for i in range(0, len(once), _AT_ONCE))
