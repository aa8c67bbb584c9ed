"""Processes: a study trained by several at once, each of which takes run after run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress

from handlens.errors import ExperimentError
from handlens.experiments.orders import Order
from handlens.experiments.owners import machine
from handlens.experiments.store import RUNS, Store
from handlens.experiments.worker import REFUSED

_PAUSE = 0.1
_PATIENCE = 30.0  # seconds for a process to stop by itself


def work_in_processes(order: Order, store: Store, jobs: int, show: Callable[[], None]) -> None:
    """Train with `jobs` processes until there is nothing left or the time is over.

    A process that dies is replaced, and its run continues from its checkpoint. The threads that this process has for
    computing are shared out among them.

    Args:
        order: what to train.
        store: of the study.
        jobs: how many processes.
        show: is called again and again meanwhile.

    Raises:
        ExperimentError: a process refused, or ended before it had a run.
    """
    data, processes = order.packed(), []
    try:
        processes = [Process(data, jobs) for _ in range(jobs)]
        while processes:
            time.sleep(_PAUSE)
            show()
            for process in list(processes):
                status = process.status()
                if status is None:
                    continue
                if status == REFUSED or (status and not process.had_run(store, order.study)):
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
            [sys.executable, "-m", "handlens.experiments.worker"],
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

    def had_run(self, store: Store, study: str) -> bool:
        """Whether it died while it trained a run, which another process continues."""
        mine = RUNS.c.owner.startswith(f"{machine()}:{self._process.pid}:", autoescape=True)
        return bool(store.rows(RUNS.select().where((RUNS.c.study == study) & (RUNS.c.status == "running") & mine)))

    def said(self) -> str:
        """The end of what it wrote to stderr."""
        self._errors.seek(0)
        text = self._errors.read().decode("utf-8", "replace").strip()
        if self._process.returncode == REFUSED:
            return text.splitlines()[-1]
        return (
            f"a process of the study ended with status {self._process.returncode} before it trained anything: "
            f"{text[-2000:] or 'it said nothing'}. Run with jobs=1 to see more."
        )

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
