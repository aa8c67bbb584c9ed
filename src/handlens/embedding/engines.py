"""One driver and an engine: the units of a run are done in processes of this machine or on a cluster of Ray."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from handlens.embedding.lease import LOCK, Lease, lease
from handlens.embedding.local import cores, in_processes
from handlens.embedding.work import EngineJob, UnitDone
from handlens.errors import Cancelled, ShardError
from handlens.io.problems import reporting_disk_errors

Engine = Literal["local", "ray"]


class Driver(NamedTuple):
    """The one driver of a folder: its lease, and what it calls again and again, which raises if it has to end."""

    held: Lease
    check: Callable[[], None]


def check_options(engine: str, *, address: str | None, processes: int | None, threads: int) -> None:
    """Raise ShardError for options that no engine has, and for a Ray that is not there."""
    if engine not in ("local", "ray"):
        raise ShardError(f"engine must be 'local' or 'ray'; {engine!r:.80} arrived.")
    for name, number in (("processes", processes), ("threads", threads)):
        if number is not None and (type(number) is not int or number < 1):
            raise ShardError(f"{name} must be a whole number from 1 on; {number!r:.80} arrived.")
    if engine == "ray":
        from handlens.embedding.ray_engine import check_ray

        check_ray(address)


@contextmanager
def driving(
    out: Path, *, command: str, what: str, say: Callable[[str], None], cancel: threading.Event | None
) -> Iterator[Driver]:
    """A block in which this process alone drives a folder, which is made; if nothing comes into it, it is removed.

    Args:
        out: the folder of the run.
        command, what: as in `EngineJob`.
        say: called with a sentence if it has to wait.
        cancel: setting it makes the driver's check raise Cancelled.

    Raises:
        ShardError: another driver is at work.
        StorageError: the disk refused.
    """
    is_new = not out.exists()
    with reporting_disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    try:
        with lease(out, command=command, waiting=say) as held:

            def check() -> None:
                if held.lost:
                    raise ShardError(f"another `{command}` has taken {out}, as this one stood still. It goes on there.")
                if cancel is not None and cancel.is_set():
                    raise Cancelled(
                        f"cancelled; what is {what} stays in {out}, and the same command goes on from there."
                    )

            yield Driver(held, check)
    finally:
        if is_new:
            _remove_empty(out)


def _remove_empty(out: Path) -> None:
    """Remove a folder in which there is nothing but the lock of its drivers."""
    with suppress(OSError):
        if [file.name for file in out.iterdir()] == [LOCK]:
            (out / LOCK).unlink()
            out.rmdir()


def each_done(
    engine: Engine,
    job: EngineJob,
    units: Sequence[int],
    *,
    address: str | None,
    processes: int | None,
    check: Callable[[], None],
) -> Generator[UnitDone | None, None, None]:
    """Do units by an engine, and give what came of each as it is done, and None several times a second until then.

    Args:
        engine: "local" or "ray".
        job: the run.
        units: their numbers.
        address: of a cluster of Ray; unless given, a Ray is started on this machine.
        processes: how many work at the same time; one a core, or with Ray as many as there is room for, unless given.
        check: called again and again; what it raises ends the run.

    Raises:
        ShardError: a unit cannot be done, or the engine does not begin.
    """
    if engine == "local":
        count = processes or max(1, cores() // job.threads)
        return in_processes(job, units, processes=count, check=check)
    from handlens.embedding.ray_engine import on_ray

    return on_ray(job, units, address=address, processes=processes, check=check)
