"""The engine `ray`: Ray Data hands the units to actors on whichever machine has room, and repeats what is lost."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, redirect_stdout, suppress
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from handlens.embedding.work import EngineJob, UnitDone, UnitWork, class_of
from handlens.errors import ExperimentError, HandlensError, ShardError
from handlens.experiments.training.ray_engine import WithoutRay, connected, living, room, usable_ray
from handlens.io.problems import reason_of

_BLOCKS = 5_000
"""Pieces that the units are dealt out in."""

_PATIENCE = 30.0
"""Seconds for Ray to end its actors."""


class RayWorker:
    """What an actor of Ray does: the work of a job, for each unit that it is given.

    Args:
        job: the run; its folder must be on a disk that all machines share.
    """

    def __init__(self, job: EngineJob) -> None:
        self._job = job
        self._work: UnitWork | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Do the units of a batch; what went wrong is an answer too, as Ray would repeat it."""
        done, errors = [], []
        for unit in batch["unit"]:
            try:
                done.append(self._ready().run(int(unit)))
                errors.append("")
            except HandlensError as error:
                done.append(UnitDone(int(unit), 0, 0))
                errors.append(str(error))
            except Exception:  # such as one of memory: another process goes on, and knows of it
                traceback.print_exc()
                os._exit(1)
        columns = [np.array(column) for column in zip(*done, strict=True)]
        return dict(zip(UnitDone._fields, columns, strict=True)) | {"error": np.array(errors, dtype=object)}

    def _ready(self) -> UnitWork:
        if self._work is None:
            kind = class_of(self._job.work)
            try:
                is_same = kind.created(self._job.out) == self._job.created
            except ShardError:
                is_same = False
            if not is_same:
                raise ShardError(
                    f"{self._job.out} must be on a disk that all machines of the cluster share under this path; on one "
                    "of them it is not the same folder. Mount it there, or use engine='local'."
                )
            work: UnitWork = kind(self._job.out, threads=self._job.threads)
            self._work = work
        return self._work


def check_ray(address: str | None) -> None:
    """Raise ShardError if Ray is not installed, or nothing answers at an address."""
    try:
        usable_ray(address)
    except ExperimentError as error:
        raise ShardError(str(error)) from error


def on_ray(
    job: EngineJob,
    units: Sequence[int],
    *,
    address: str | None,
    processes: int | None,
    check: Callable[[], None],
) -> Generator[UnitDone | None, None, None]:
    """Do units by actors of Ray, and give what came of each as it is done, and None now and then.

    Args:
        job: the run; as many threads as it has are as many CPUs of Ray.
        units: their numbers.
        address: of the cluster, as `ray.init` takes it; unless given, a Ray is started on this machine.
        processes: actors at most; as many as there is room for unless given.
        check: called several times a second; what it raises ends the actors.

    Raises:
        ShardError: Ray is not installed, or the cluster cannot be reached, or a unit cannot be done.
    """
    with ExitStack() as stack:
        try:
            ray = stack.enter_context(connected(address))
        except ExperimentError as error:
            raise ShardError(str(error)) from error
        stack.enter_context(redirect_stdout(WithoutRay(sys.stdout)))
        places = sum(room(node["Resources"], {"num_cpus": job.threads}) for node in living(ray))
        if not places:
            raise ShardError(
                f"this Ray must have a machine with {job.threads} CPUs; it has none. Ask for fewer threads."
            )
        most = min(places if processes is None else processes, len(units))
        rows = stack.enter_context(closing(_rows(job, units, most, check)))
        try:
            for row in rows:
                if row is None:
                    yield None
                    continue
                if row["error"]:
                    raise ShardError(row["error"])
                yield UnitDone(int(row["unit"]), int(row["photos"]), int(row["left_out"]))
        except ray.exceptions.RayError as error:
            raise ShardError(
                f"Ray gave up: {reason_of(error).splitlines()[0][:500]}. What is {job.what} stays; run it again."
            ) from error


def _rows(
    job: EngineJob, units: Sequence[int], most: int, check: Callable[[], None]
) -> Generator[dict[str, Any] | None, None, None]:
    """What the actors answer, and None now and then; if it is closed, or `check` raises, they are ended."""
    from ray import data

    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    dealt = data.from_items([{"unit": unit} for unit in units], override_num_blocks=min(len(units), _BLOCKS))
    actors = data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most, max_tasks_in_flight_per_actor=1)
    done = dealt.map_batches(RayWorker, fn_constructor_args=(job,), batch_size=1, compute=actors, num_cpus=job.threads)
    name = f"handlens-{secrets.token_hex(8)}"
    done.set_name(name)
    said = SimpleQueue[dict[str, Any] | Exception | None]()
    # Ray Data has no wait with an end: another thread waits.
    thread = threading.Thread(target=_listen, args=(done, said), name="handlens-ray", daemon=True)
    thread.start()
    try:
        while True:
            check()
            try:
                answer = said.get(timeout=0.2)
            except Empty:
                yield None
                continue
            if answer is None:
                return
            if isinstance(answer, Exception):
                raise answer
            yield answer
    finally:
        _end(thread, name)


def _listen(rows: Any, said: SimpleQueue[dict[str, Any] | Exception | None]) -> None:
    try:
        for row in rows.iter_rows():
            said.put(row)
        said.put(None)
    except Exception as error:
        said.put(error)


def _end(listener: threading.Thread, name: str) -> None:
    """End Ray's execution with its actors, and wait for its threads: one that asked Ray later would start another."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        executors = _executors(name)
        if not executors and not listener.is_alive():
            return
        for executor in executors:
            with suppress(Exception):  # Ray may be gone by itself
                executor.shutdown(force=True)
        for thread in (listener, *executors):
            thread.join(0.1)


def _executors(name: str) -> list[Any]:
    """The threads in which Ray Data executes a data set of this name; none before it began."""
    return [thread for thread in threading.enumerate() if thread.name.startswith(f"StreamingExecutor-{name}")]
