"""One driver at a time for one folder, also on a disk that several machines share.

On one machine the system's lock tells at once whether another driver runs, and is gone when its process is. Between
machines it may not be seen, so the driver also writes a new number into a file every few seconds. Another one that
finds the file watches whether the number changes, by its own clock: the clocks of machines are never compared.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from handlens.errors import ShardError
from handlens.io.files import atomic_write
from handlens.io.locks import process_lock

LEASE, LOCK = "driver.json", "driver.lock"
BEAT = 3.0
"""Seconds between two numbers."""

WATCH = 20.0
"""Seconds without a new number after which a driver on another machine counts as gone."""

SETTLE = 1.0
"""Seconds after which a driver that took the place of another looks whether a third one did too."""


class Lease:
    """The right to drive a folder.

    Attributes:
        lost: whether another driver took it meanwhile, as it may if this process stood still.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._mark = file, secrets.token_hex(8)
        self._beat = 0
        self._ended = threading.Event()
        self.lost = False

    def write(self) -> None:
        """Write the next number."""
        self._beat += 1
        content = {"driver": self._mark, "beat": self._beat, "machine": machine(), "process": os.getpid()}
        with atomic_write(self._file) as partial:
            partial.write_text(json.dumps(content), encoding="utf-8")

    @property
    def is_mine(self) -> bool:
        """Whether the file is this driver's."""
        return (_read(self._file) or {}).get("driver") == self._mark

    def keep(self) -> None:
        """Write numbers until it ends or another driver has it."""
        while not self._ended.wait(BEAT):
            if not self.is_mine:
                self.lost = True
                return
            with suppress(Exception):  # a disk that is full or away for a moment: the next number may be written
                self.write()

    def end(self) -> None:
        """Write no more."""
        self._ended.set()


@contextmanager
def lease(out: Path, *, command: str = "handlens embed", waiting: Any = None) -> Iterator[Lease]:
    """A block in which this process alone drives a folder.

    Args:
        out: the folder.
        command: what people call what the drivers do.
        waiting: called with a sentence if it has to be watched whether another driver is alive.

    Raises:
        ShardError: another driver is at work.
    """
    busy = ShardError(f"another `{command}` is writing to {out}. Wait for it, or stop it, or give another folder.")
    with process_lock(out / LOCK, busy=busy):
        _check_gone(out / LEASE, busy, waiting)
        mine = Lease(out / LEASE)
        taken = (out / LEASE).exists()
        mine.write()
        if taken:
            time.sleep(SETTLE)
            if not mine.is_mine:
                raise busy
        thread = threading.Thread(target=mine.keep, name="handlens-lease", daemon=True)
        thread.start()
        try:
            yield mine
        finally:
            mine.end()
            thread.join()
            if mine.is_mine:
                (out / LEASE).unlink(missing_ok=True)


def _check_gone(file: Path, busy: ShardError, waiting: Any) -> None:
    """Raise an error if the driver that wrote the file is alive."""
    before = _read(file)
    if before is None or before.get("machine") == machine():  # which does not hold the lock, so it is gone
        return
    if waiting:
        waiting(f"Another machine was writing to {file.parent}; for {WATCH:.0f} s it is watched whether it still is.")
    end = time.monotonic() + WATCH
    while time.monotonic() < end:
        time.sleep(min(0.5, WATCH / 10))
        now = _read(file)
        if now is None:
            return
        if now != before:
            raise busy


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}


def machine() -> str:
    """What tells this machine, since it was started, from others."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()
