"""The engine `ray`: Ray Data hands the units to actors on whichever machine has room, and repeats what is lost."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from handlens.embedding.stage import Stage, UnitDone
from handlens.errors import ExperimentError, HandlensError, ShardError
from handlens.experiments.training.ray_engine import WithoutRay, connected, living, room
from handlens.io.problems import reason_of

_BLOCKS = 5_000
"""Pieces that the units are dealt out in."""


class Embedder:
    """What an actor of Ray does: the stage, for each unit that it is given.

    Args:
        out: the folder of the shards, which must be on a disk that all machines share.
        created: what its manifest must say.
        threads: for the network.
    """

    def __init__(self, out: str, created: str, threads: int) -> None:
        self._out, self._created, self._threads = Path(out), created, threads
        self._stage: Stage | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Embed the units of a batch; what went wrong is an answer too, as Ray would repeat it."""
        done, errors = [], []
        for unit in batch["unit"]:
            try:
                done.append(self._ready().run(int(unit)))
                errors.append("")
            except HandlensError as error:
                done.append(UnitDone(int(unit), 0, 0))
                errors.append(str(error))
        columns = [np.array(column) for column in zip(*done, strict=True)]
        return dict(zip(UnitDone._fields, columns, strict=True)) | {"error": np.array(errors, dtype=object)}

    def _ready(self) -> Stage:
        if self._stage is None:
            from handlens.scale.manifest import read_manifest

            try:
                is_same = read_manifest(self._out).created == self._created
            except ShardError:
                is_same = False
            if not is_same:
                raise ShardError(
                    f"{self._out} must be on a disk that all machines of the cluster share under this path; on one of "
                    "them it is not the same folder. Mount it there, or use engine='local'."
                )
            self._stage = Stage(self._out, threads=self._threads)
        return self._stage


def on_ray(
    out: Path,
    units: Sequence[int],
    *,
    created: str,
    address: str | None,
    processes: int | None,
    threads: int,
    check: Callable[[], None],
) -> Generator[UnitDone, None, None]:
    """Embed units by actors of Ray, and give what came of each as it is done.

    Args:
        out: the folder of the shards.
        units: their numbers.
        created: what the manifest of `out` says.
        address: of the cluster, as `ray.init` takes it; unless given, a Ray is started on this machine.
        processes: actors at most; as many as there is room for unless given.
        threads: of each, which are as many CPUs of Ray.
        check: called between units; what it raises ends the run.

    Raises:
        ShardError: Ray is not installed, or the cluster cannot be reached, or a unit cannot be embedded.
    """
    with ExitStack() as stack:
        try:
            ray = stack.enter_context(connected(address))
        except ExperimentError as error:
            raise ShardError(str(error)) from error
        stack.enter_context(redirect_stdout(WithoutRay(sys.stdout)))
        places = sum(room(node["Resources"], {"num_cpus": threads}) for node in living(ray))
        if not places:
            raise ShardError(f"this Ray must have a machine with {threads} CPUs; it has none. Ask for fewer threads.")
        most = min(places if processes is None else processes, len(units))
        try:
            for row in _rows(units, most, threads, (str(out), created, threads)):
                check()
                if row["error"]:
                    raise ShardError(row["error"])
                yield UnitDone(int(row["unit"]), int(row["photos"]), int(row["left_out"]))
        except ray.exceptions.RayError as error:
            raise ShardError(
                f"Ray gave up: {reason_of(error).splitlines()[0][:500]}. What is embedded stays; run it again."
            ) from error


def _rows(units: Sequence[int], most: int, threads: int, arguments: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
    from ray import data

    context = data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    dealt = data.from_items([{"unit": unit} for unit in units], override_num_blocks=min(len(units), _BLOCKS))
    actors = data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=most, max_tasks_in_flight_per_actor=1)
    done = dealt.map_batches(Embedder, fn_constructor_args=arguments, batch_size=1, compute=actors, num_cpus=threads)
    return iter(done.iter_rows())
