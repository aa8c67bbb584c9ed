"""Owners: the processes that train runs, and whether one of them is still alive."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from handlens.experiments.store import RUNS, Store

BEAT = 10.0
"""Seconds between two signs of life of an owner."""

DEAD = 60.0
"""Seconds without a sign of life after which a run is taken from its owner."""

_here: set[str] = set()
"""The owners in this process that are at work."""


def machine() -> str:
    """This machine's name; in a container, whose processes others cannot see, with the number of the container."""
    name = socket.gethostname().replace(":", "-")
    if sys.platform.startswith("linux"):
        return f"{name}/{os.stat('/proc/self/ns/pid').st_ino}"
    return name


class Owner:
    """One process at work on a study, for as long as the block lasts: its signs of life are written from a thread.

    Args:
        store: where the runs are.
        mark: tells it from other owners in this process; random unless given.

    Attributes:
        name: as the column `owner` of a run has it: machine:process:mark.
    """

    def __init__(self, store: Store, mark: str | None = None) -> None:
        self.store = store
        self.name = f"{machine()}:{os.getpid()}:{mark or secrets.token_hex(4)}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="handlens signs of life", daemon=True)

    def __enter__(self) -> Owner:
        _here.add(self.name)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        _here.discard(self.name)
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            try:
                with self.store.writing() as connection:
                    mine = (RUNS.c.owner == self.name) & (RUNS.c.status == "running")
                    connection.execute(RUNS.update().where(mine).values(beat=time.time()))
            except Exception:  # the next one may come through; training itself says what is wrong
                continue


@dataclass
class Watch:
    """Tells which owners are dead: their process is gone, or gave no sign of life while this one watched.

    Clocks of two machines may differ, so a sign of life counts from when it was first seen here.
    """

    dead_after: float = DEAD
    _seen: dict[int, tuple[float, float]] = field(default_factory=dict)

    def is_dead(self, run: dict[str, Any], now: float | None = None) -> bool:
        """Whether a run that is "running" has lost its owner."""
        if run["owner"] is None:
            return True
        where, _, rest = run["owner"].partition(":")
        process = rest.partition(":")[0]
        if where == machine() and process.isdigit():
            if int(process) == os.getpid():
                return run["owner"] not in _here
            if not _is_alive(int(process)):
                return True
        now = time.monotonic() if now is None else now
        beat, since = self._seen.get(run["id"], (None, now))
        if beat != run["beat"]:
            since = now
        self._seen[run["id"]] = (run["beat"], since)
        return now - since >= self.dead_after


def _is_alive(process: int) -> bool:
    if sys.platform == "win32":
        return True  # os.kill would end it; the signs of life decide
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(process)


def _is_zombie(process: int) -> bool:
    """Whether a process has ended, and its parent has not yet asked how."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"Z"
    except OSError:
        return False
