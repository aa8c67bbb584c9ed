"""The engine `ray`: Ray Data hands the units to actors on whichever machine has room, and repeats what is lost."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from typing import Any

import numpy as np

from handlens.embedding.work import EngineJob, UnitDone, UnitWork, class_of
from handlens.errors import ExperimentError, HandlensError, ShardError
from handlens.experiments.training.ray_engine import WithoutRay, connected, living, room
from handlens.io.problems import reason_of

_BLOCKS = 5_000
"""Pieces that the units are dealt out in."""


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


def on_ray(
    job: EngineJob,
    units: Sequence[int],
    *,
    address: str | None,
    processes: int | None,
    check: Callable[[], None],
) -> Generator[UnitDone, None, None]:
    """Do units by actors of Ray, and give what came of each as it is done.

    Args:
        job: the run; as many threads as it has are as many CPUs of Ray.
        units: their numbers.
        address: of the cluster, as `ray.init` takes it; unless given, a Ray is started on this machine.
        processes: actors at most; as many as there is room for unless given.
        check: called between units; what it raises ends the run.

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
        try:
            for row in _rows(job, units, most):
                check()
                if row["error"]:
                    raise ShardError(row["error"])
                yield UnitDone(int(row["unit"]), int(row["photos"]), int(row["left_out"]))
        except ray.exceptions.RayError as error:
            raise ShardError(
                f"Ray gave up: {reason_of(error).splitlines()[0][:500]}. What is {job.what} stays; run it again."
            ) from error


def _rows(job: EngineJob, units: Sequence[int], most: int) -> Iterator[dict[str, Any]]:
    from ray import data

    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    dealt = data.from_items([{"unit": unit} for unit in units], override_num_blocks=min(len(units), _BLOCKS))
    actors = data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most, max_tasks_in_flight_per_actor=1)
    done = dealt.map_batches(RayWorker, fn_constructor_args=(job,), batch_size=1, compute=actors, num_cpus=job.threads)
    return iter(done.iter_rows())
