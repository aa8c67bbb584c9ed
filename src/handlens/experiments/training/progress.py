"""Progress of a study: how many runs are over, how long the rest may take, and the best so far, as lines of text."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from handlens.core.progress import clock
from handlens.experiments.store import CHOICES, COMBINATIONS, RUNS, STUDIES, Store, read
from handlens.experiments.training.claims import RunPlan

OVER = ("finished", "failed", "pruned")


class StudyProgress:
    """Prints a line now and then while a study is run, and one at its end.

    Args:
        store, study, plan: what is run.
        until: when the study stops in any case, in seconds since 1970.
        grid: the names of the choices in the grid, if there is one.
    """

    def __init__(
        self,
        store: Store,
        study: Mapping[str, Any],
        plan: RunPlan,
        until: float | None = None,
        grid: Iterable[str] = (),
    ) -> None:
        self.store, self.study, self.plan, self.until = store, study, plan, until
        self._grid = list(grid)
        self._has_begun = False  # a training of the study
        self._out = sys.stdout  # a run that is being trained has its own
        self._began = self._shown = time.monotonic()
        self._often = 2.0 if sys.stdout.isatty() else 60.0
        self._before = sum(self._counts().values())

    def show(self) -> None:
        """Print a line, unless one was printed shortly before."""
        if self._grid and not self._has_begun:
            self._begin()
        now = time.monotonic()
        if now - self._shown >= self._often:
            self._shown = now
            print(f"{self.line()}{self._left(now)}", flush=True, file=self._out)

    def end(self) -> None:
        """Print the last line."""
        print(f"{self.line()}; {clock(time.monotonic() - self._began)}", flush=True)
        self._say_not_asked("No training asked for {}, which grid has values for.")

    def _begin(self) -> None:
        """Once training begins, say which names of the grid were not asked for."""
        complete = (COMBINATIONS.c.study == self.study["name"]) & COMBINATIONS.c.complete
        if self.store.rows(sa.select(COMBINATIONS.c.number).where(complete).limit(1)):
            self._has_begun = True
            self._say_not_asked(
                "The first training did not ask for {}, which grid has values for. All is well if another choice "
                "decides whether it asks; otherwise write the name in grid as train has it."
            )

    def _say_not_asked(self, sentence: str) -> None:
        asked = self.store.rows(sa.select(CHOICES.c.name).where(CHOICES.c.study == self.study["name"]))
        left = [name for name in self._grid if name not in {row["name"] for row in asked}]
        if left and asked:
            print(sentence.format(", ".join(map(repr, left))), flush=True, file=self._out)

    def line(self) -> str:
        """What is done so far, such as: 5 of 12 runs (1 failed); lowest valid_loss 0.2157, of run 3."""
        counts = self._counts()
        odd = [f"{number} {status}" for status, number in counts.items() if status != "finished" and number]
        line = f"{sum(counts.values())} of {self._total()} runs" + (f" ({', '.join(odd)})" if odd else "")
        down = self.study["direction"] == "minimize"
        value = RUNS.c.value if down else -RUNS.c.value
        finished = self._mine & (RUNS.c.status == "finished") & RUNS.c.value.is_not(None)
        best = self.store.rows(sa.select(RUNS.c.id, RUNS.c.value).where(finished).order_by(value, RUNS.c.id).limit(1))
        if best:
            what = "lowest" if down else "highest"
            line += f"; {what} {self.study['metric']} {best[0]['value']:.6g}, of run {best[0]['id']}"
        return line

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        phase = sa.true() if self.plan.phase is None else RUNS.c.phase == self.plan.phase
        return (RUNS.c.study == self.study["name"]) & phase

    def _counts(self) -> dict[str, int]:
        query = sa.select(RUNS.c.status, sa.func.count().label("runs")).where(self._mine & RUNS.c.status.in_(OVER))
        found = {row["status"]: row["runs"] for row in self.store.rows(query.group_by(RUNS.c.status))}
        return {status: found.get(status, 0) for status in OVER}

    def _total(self) -> int:
        listed = self.store.rows(sa.select(sa.func.count().label("runs")).where(self._mine))[0]["runs"]
        of = COMBINATIONS.c.study == self.study["name"]
        combinations = self.store.rows(sa.select(sa.func.count().label("made")).where(of))[0]["made"]
        row = self.store.rows(sa.select(STUDIES.c.settings).where(STUDIES.c.name == self.study["name"]))[0]
        is_all = self.plan.phase is not None or "exhausted" in read(row["settings"])
        to_come = 0 if is_all else max(0, (self.plan.n or 0) - combinations)
        return int(listed + to_come * len(self.plan.pairs(0)))

    def _left(self, now: float) -> str:
        done = sum(self._counts().values()) - self._before
        limits = [] if self.until is None else [max(0, self.until - time.time())]
        if done and self.plan.n is not None:
            left = self._total() - sum(self._counts().values())
            limits.append((now - self._began) / done * left)
        return f"; about {clock(min(limits))} left" if limits else ""
