"""The engine `local`: processes of this machine, each of which does unit after unit; one that dies is replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from handlens.embedding.work import EngineJob, UnitDone
from handlens.errors import ShardError

COMMAND = ("-m", "handlens.embedding.worker")
"""What Python runs in a process; the folder of the run, the number of threads and the work follow."""

_PATIENCE = 10.0
_NEVER_READY = 3
"""Processes that may end, one after the other, before they begin to work."""


def in_processes(
    job: EngineJob, units: Sequence[int], *, processes: int, check: Callable[[], None]
) -> Generator[UnitDone | None, None, None]:
    """Do units in processes of this machine, and give what came of each as it is done, and None now and then.

    Args:
        job: the run.
        units: their numbers.
        processes: how many.
        check: called several times a second; what it raises ends the processes.

    Raises:
        ShardError: a unit cannot be done, or the processes do not begin to work.
    """
    waiting, said = deque(units), SimpleQueue[_Answer]()
    workers: list[EngineProcess] = []
    never_ready = 0
    try:
        workers = [EngineProcess(job, said) for _ in range(min(processes, len(units)))]
        while waiting or any(worker.unit is not None for worker in workers):
            check()
            try:
                worker, answer = said.get(timeout=0.2)
            except Empty:
                yield None
                continue
            if answer is None:  # its process ended
                workers.remove(worker)
                never_ready = 0 if worker.ready else never_ready + 1
                if never_ready == _NEVER_READY:
                    raise ShardError(f"the processes of `{job.command}` end before they begin: {worker.errors()}.")
                if worker.unit is not None:
                    waiting.appendleft(worker.unit)
                worker.close()
                if waiting:
                    workers.append(EngineProcess(job, said))
                continue
            if "error" in answer:
                raise ShardError(answer["error"])
            if "unit" in answer:
                worker.unit = None
                yield UnitDone(answer["unit"], answer["photos"], answer["left_out"])
            worker.ready = True
            if waiting:
                worker.begin(waiting.popleft())
    finally:
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.close()


def python_path() -> str:
    """Where a process finds this handlens, also if this process has gone to another folder since it began."""
    return os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_Answer = tuple["EngineProcess", dict[str, Any] | None]


class EngineProcess:
    """One process.

    Args:
        job: the run.
        said: takes each answer with its worker, and None once the process ended.

    Attributes:
        unit: the unit that it is at; None if it waits.
        ready: whether it has begun to work.
    """

    def __init__(self, job: EngineJob, said: SimpleQueue[_Answer]) -> None:
        self.unit: int | None = None
        self.ready = False
        self._said = said
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it is open as long as the process is
        self.process = subprocess.Popen(
            [sys.executable, *COMMAND, str(job.out), str(job.threads), job.work],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=os.environ | {"OMP_NUM_THREADS": str(job.threads), "PYTHONPATH": python_path()},
            start_new_session=True,  # Ctrl-C reaches it by its input
        )
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def begin(self, unit: int) -> None:
        """Give it a unit."""
        self.unit = unit
        assert self.process.stdin is not None
        with suppress(OSError):  # it died, which is about to be said
            self.process.stdin.write(f"{unit}\n".encode())
            self.process.stdin.flush()

    def errors(self) -> str:
        """The last line that it wrote to stderr."""
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return (lines or [f"they say nothing; status {self.process.wait()}"])[-1][:500].rstrip(".")

    def stop(self) -> None:
        """Ask it to stop, which it does at once."""
        with suppress(OSError):
            if self.process.stdin is not None:
                self.process.stdin.close()

    def close(self) -> None:
        """Wait until it has stopped."""
        self.stop()
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._thread.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):  # the end of a line of a process that was killed
                self._said.put((self, json.loads(line)))
        self._said.put((self, None))
