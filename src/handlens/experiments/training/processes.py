"""Processes: a study trained by several at once, each of which takes run after run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress

import sqlalchemy as sa

from handlens.errors import ExperimentError
from handlens.experiments.store import RUNS, Store
from handlens.experiments.training.orders import AT_WORK, REFUSED, Order

_PAUSE = 0.1
_PATIENCE = 30.0  # seconds for a process to stop by itself


def work_in_processes(order: Order, store: Store, jobs: int, show: Callable[[], None]) -> None:
    """Train with `jobs` processes until there is nothing left or the time is over.

    A process that dies is replaced, and its run continues from its checkpoint. The threads that this process has for
    computing are shared out among them.

    Args:
        order: what to train.
        store: of the study.
        jobs: how many processes; no more begin than the plan has runs.
        show: is called again and again meanwhile.

    Raises:
        ExperimentError: a process refused, or they die without getting anywhere.
    """
    plan = order.plan
    if plan.n is not None:
        jobs = min(jobs, max(plan.n * plan.repeats * plan.splits, 1))
    data, processes = order.packed(), []
    deaths, most, before = 0, jobs * (plan.retries + 1), -1
    try:
        processes = [Process(data, jobs) for _ in range(jobs)]
        while processes:
            time.sleep(_PAUSE)
            show()
            for process in list(processes):
                status = process.status()
                if status is None:
                    continue
                if status:
                    done = _done(store, order.study)
                    deaths, before = deaths + 1 if done == before else 1, done
                    if status == REFUSED or deaths > most or not process.was_at_work():
                        raise ExperimentError(process.said())
                processes.remove(process)
                process.close()
                if status:
                    processes.append(Process(data, jobs))
    finally:
        for process in processes:
            process.stop()
        for process in processes:
            process.close()


def _done(store: Store, study: str) -> int:
    """How much is done: epochs on record, and runs that are over."""
    over = RUNS.c.status.in_(("finished", "failed", "pruned"))
    query = sa.select(sa.func.sum(RUNS.c.epochs + sa.case((over, 1), else_=0)).label("done"))
    return int(store.rows(query.where(RUNS.c.study == study))[0]["done"] or 0)


class Process:
    """One process at work.

    Args:
        data: its order.
        jobs: how many processes share this machine's cores.
    """

    def __init__(self, data: bytes, jobs: int) -> None:
        import torch

        threads = str(max(1, torch.get_num_threads() // jobs))
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 — it is open as long as the process is
        self._process = subprocess.Popen(
            [sys.executable, "-m", "handlens.experiments.training.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            env={**os.environ, "OMP_NUM_THREADS": threads},
            start_new_session=True,  # Ctrl-C reaches it by its input, once
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has died; its status says so
            self._process.stdin.write(len(data).to_bytes(8, "little") + data)
            self._process.stdin.flush()

    def status(self) -> int | None:
        """The exit status; None while it is at work."""
        return self._process.poll()

    def was_at_work(self) -> bool:
        """Whether it had begun with its order when it ended."""
        return AT_WORK in self._written()

    def said(self) -> str:
        """The end of what it wrote to stderr."""
        text = self._written().replace(AT_WORK, "").strip()
        if self._process.returncode == REFUSED:
            return text.splitlines()[-1]
        return (
            f"the processes of the study end before they get anywhere, with status {self._process.returncode}: "
            f"{text[-2000:] or 'they said nothing'}. Run with jobs=1 to see more."
        )

    def _written(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode("utf-8", "replace")

    def stop(self) -> None:
        """Ask it to stop."""
        with suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()

    def close(self) -> None:
        """Wait until it has stopped; it is ended if it takes too long, and its run continues from its checkpoint."""
        self.stop()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
