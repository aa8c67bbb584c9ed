"""Progress of a study: how many runs are over, how long the rest may take, and the best so far, as lines of text."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from handlens.core.progress import clock
from handlens.experiments.store import COMBINATIONS, RUNS, Store
from handlens.experiments.training.claims import RunPlan

OVER = ("finished", "failed", "pruned")


class StudyProgress:
    """Prints a line now and then while a study is run, and one at its end.

    Args:
        store, study, plan: what is run.
        jobs: how many processes train at once.
        until: when the study stops in any case, in seconds since 1970.
    """

    def __init__(
        self, store: Store, study: Mapping[str, Any], plan: RunPlan, jobs: int, until: float | None = None
    ) -> None:
        self.store, self.study, self.plan, self.jobs, self.until = store, study, plan, jobs, until
        self._out = sys.stdout  # a run that is being trained has its own
        self._began = self._shown = time.monotonic()
        self._often = 2.0 if sys.stdout.isatty() else 60.0
        self._before = sum(self._counts().values())

    def show(self) -> None:
        """Print a line, unless one was printed shortly before."""
        now = time.monotonic()
        if now - self._shown >= self._often:
            self._shown = now
            print(f"{self.line()}{self._left(now)}", flush=True, file=self._out)

    def end(self) -> None:
        """Print the last line."""
        print(f"{self.line()}; {clock(time.monotonic() - self._began)}", flush=True)

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
        return RUNS.c.study == self.study["name"]

    def _counts(self) -> dict[str, int]:
        query = sa.select(RUNS.c.status, sa.func.count().label("runs")).where(self._mine & RUNS.c.status.in_(OVER))
        found = {row["status"]: row["runs"] for row in self.store.rows(query.group_by(RUNS.c.status))}
        return {status: found.get(status, 0) for status in OVER}

    def _total(self) -> int:
        listed = self.store.rows(sa.select(sa.func.count().label("runs")).where(self._mine))[0]["runs"]
        of = COMBINATIONS.c.study == self.study["name"]
        combinations = self.store.rows(sa.select(sa.func.count().label("made")).where(of))[0]["made"]
        to_come = max(0, (self.plan.n or 0) - combinations)
        return int(listed + to_come * len(self.plan.pairs(0)))

    def _left(self, now: float) -> str:
        done = sum(self._counts().values()) - self._before
        limits = [] if self.until is None else [max(0, self.until - time.time())]
        if done and self.plan.n is not None:
            left = self._total() - sum(self._counts().values())
            limits.append((now - self._began) / done * left)
        return f"; about {clock(min(limits))} left" if limits else ""
