"""Claims: which run a process trains next, so that no two train the same one."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from handlens.experiments.store import COMBINATIONS, RUNS, STUDIES, Store
from handlens.experiments.training.owners import Watch


@dataclass(frozen=True)
class RunPlan:
    """How much is to be trained.

    Attributes:
        n: how many combinations the study is to have; None for as many as there is time for.
        repeats, splits: how many seeds and splits each is trained with.
        prune: whether a combination's other runs wait for its first one.
        retries: how often a run may lose its process without recording an epoch before it counts as failed.
        phase: if given, only runs of this phase are trained, and no combination is new.
    """

    n: int | None
    repeats: int = 1
    splits: int = 1
    prune: bool = False
    retries: int = 2
    phase: str | None = None

    def pairs(self, seed: int) -> list[tuple[int, int]]:
        """The seed and split of each run of a combination, the first run first."""
        return [(seed + i, split) for split in range(self.splits) for i in range(self.repeats)]


@dataclass(frozen=True)
class Claim:
    """A run that this process is to train."""

    id: int
    combination: int
    phase: str
    seed: int
    split: int
    epochs: int  # on record already
    is_first: bool  # of its combination


@dataclass(frozen=True)
class Nothing:
    """There is nothing to claim now; `waiting` is whether there may be later, when other processes are done."""

    waiting: bool


def add_runs(store: Store, study: str, runs: Iterable[tuple[int, str, int, int]]) -> None:
    """Put runs on the list: combination, phase, seed and split of each. Those that are there stay as they are."""
    with store.writing() as connection:
        _lock(connection, study)
        _add(connection, study, runs)


def make_ready(store: Store, study: str, plan: RunPlan, seed: int) -> None:
    """Before a study is run: add the runs that its combinations lack because an earlier plan had fewer repeats.

    Runs that failed wait again, as long as no run has finished: the function that trains was at fault.
    """
    mine = (RUNS.c.study == study) & (RUNS.c.phase == "study")
    query = sa.select(RUNS.c.combination, sa.func.count()).where(mine & (RUNS.c.status != "pruned"))
    wanted = plan.pairs(seed)
    with store.writing() as connection:
        _lock(connection, study)
        counts = connection.execute(query.group_by(RUNS.c.combination)).all()
        short = [number for number, count in counts if count < len(wanted)]
        _add(connection, study, [(number, "study", *pair) for number in short for pair in wanted])
        if not connection.scalar(sa.select(RUNS.c.id).where(mine & (RUNS.c.status == "finished")).limit(1)):
            failed = mine & (RUNS.c.status == "failed")
            connection.execute(RUNS.update().where(failed).values(status="waiting", attempts=0, changed=time.time()))


def claim(store: Store, study: str, plan: RunPlan, seed: int, owner: str, watch: Watch) -> Claim | Nothing:
    """Claim a run that waits, was stopped, or lost its owner; otherwise one of a new combination.

    The runs of a combination wait until its first one has made all choices, and with pruning until it is over. What
    others train of combinations beyond the plan is not waited for.
    """
    with store.writing() as connection:
        _lock(connection, study)
        waiting = False
        runs = _open_runs(connection, study, plan.phase)
        firsts = _firsts(connection, study, {run["combination"] for run in runs})
        for run in runs:
            first = firsts[run["combination"], run["phase"]]
            is_planned = plan.n is None or run["combination"] < plan.n
            if run["status"] == "running":
                if not watch.is_dead(run):
                    waiting = waiting or is_planned
                    continue
                if run["attempts"] > plan.retries:
                    _give_up(connection, run)
                    continue
            elif run["stop"]:
                continue
            if run["id"] != first["id"] and not _may_follow(first, plan.prune):
                waiting = waiting or (is_planned and not first["stop"])
                continue
            return _take(connection, run, first["id"], owner)
        if plan.phase is not None:
            return Nothing(waiting)
        number = connection.scalar(sa.select(sa.func.max(COMBINATIONS.c.number)).where(COMBINATIONS.c.study == study))
        number = 0 if number is None else number + 1
        if plan.n is not None and number >= plan.n:
            return Nothing(waiting)
        connection.execute(
            COMBINATIONS.insert().values(study=study, number=number, choices="{}", complete=False, told=False)
        )
        _add(connection, study, [(number, "study", *pair) for pair in plan.pairs(seed)])
        new = next(run for run in _open_runs(connection, study) if run["combination"] == number)
        return _take(connection, new, new["id"], owner)


def _lock(connection: sa.Connection, study: str) -> None:
    """Let one process at a time decide; a SQLite database is locked by each transaction already."""
    connection.execute(sa.select(STUDIES.c.name).where(STUDIES.c.name == study).with_for_update())


def _open_runs(connection: sa.Connection, study: str, phase: str | None = None) -> list[dict[str, Any]]:
    query = RUNS.select().where((RUNS.c.study == study) & RUNS.c.status.in_(("waiting", "running", "stopped")))
    if phase is not None:
        query = query.where(RUNS.c.phase == phase)
    return [dict(row) for row in connection.execute(query.order_by(RUNS.c.id)).mappings()]


def _firsts(connection: sa.Connection, study: str, numbers: set[int]) -> dict[tuple[int, str], dict[str, Any]]:
    """The first run of each of these combinations in each phase, and whether the choices are complete."""
    of = (RUNS.c.study == study) & RUNS.c.combination.in_(numbers)
    first = sa.select(sa.func.min(RUNS.c.id)).where(of).group_by(RUNS.c.combination, RUNS.c.phase)
    joined = RUNS.join(
        COMBINATIONS, (RUNS.c.study == COMBINATIONS.c.study) & (RUNS.c.combination == COMBINATIONS.c.number)
    )
    columns = (RUNS.c.id, RUNS.c.combination, RUNS.c.phase, RUNS.c.status, RUNS.c.stop, COMBINATIONS.c.complete)
    query = sa.select(*columns).select_from(joined).where(RUNS.c.id.in_(first))
    found = [dict(row) for row in connection.execute(query).mappings()]
    return {(row["combination"], row["phase"]): row for row in found}


def _may_follow(first: dict[str, Any], prune: bool) -> bool:
    over = first["status"] in ("finished", "failed")
    return over if prune and first["phase"] == "study" else over or first["complete"]


def _add(connection: sa.Connection, study: str, runs: Iterable[tuple[int, str, int, int]]) -> None:
    keys = (RUNS.c.combination, RUNS.c.phase, RUNS.c.seed, RUNS.c.split)
    runs = list(runs)
    if not runs:
        return
    of = RUNS.c.combination.in_({run[0] for run in runs})
    there = {tuple(row) for row in connection.execute(sa.select(*keys).where((RUNS.c.study == study) & of))}
    blank: dict[str, Any] = {
        "study": study,
        "status": "waiting",
        "attempts": 0,
        "seconds": 0.0,
        "epochs": 0,
        "numbers": "{}",
        "facts": "{}",
        "note": "",
        "star": False,
        "hidden": False,
        "stop": False,
        "changed": time.time(),
    }
    for run in runs:
        if run not in there:
            connection.execute(
                RUNS.insert().values(combination=run[0], phase=run[1], seed=run[2], split=run[3], **blank)
            )


def _take(connection: sa.Connection, run: dict[str, Any], first: int, owner: str) -> Claim:
    now = time.time()
    connection.execute(
        RUNS.update()
        .where(RUNS.c.id == run["id"])
        .values(
            status="running",
            owner=owner,
            beat=now,
            attempts=run["attempts"] + 1,
            started=run["started"] or now,
            ended=None,
            error=None,
            changed=now,
        )
    )
    keys = ("id", "combination", "phase", "seed", "split", "epochs")
    return Claim(**{key: run[key] for key in keys}, is_first=run["id"] == first)


def _give_up(connection: sa.Connection, run: dict[str, Any]) -> None:
    now = time.time()
    error = (
        f"The process that trained it ended {run['attempts']} times without an error and without an epoch: it was "
        "killed, or memory ran out."
    )
    connection.execute(
        RUNS.update()
        .where(RUNS.c.id == run["id"])
        .values(status="failed", owner=None, ended=now, error=error, changed=now)
    )
