"""A folder for what is not worth keeping: uploads on their way in, files on their way out."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
import time
from pathlib import Path

_YOUNG = 60.0  # seconds in which a folder may be there before its lock is


class Scratch:
    """One process's own folder below `root`, removed when it ends and swept away by the next if it was killed.

    That a process lives is told by a lock inside SQLite: the system lets it go however the process ends.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.folder = root / f"{os.getpid()}-{secrets.token_hex(4)}"
        self.folder.mkdir()
        self._lock = _try_lock(self.folder)
        for other in root.iterdir():
            if other != self.folder:
                _sweep(other)

    def new(self, prefix: str) -> Path:
        """A fresh empty folder."""
        folder = self.folder / f"{prefix}-{secrets.token_hex(8)}"
        folder.mkdir()
        return folder

    def close(self) -> None:
        """Remove the folder and all that is left in it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        shutil.rmtree(self.folder, ignore_errors=True)


def _try_lock(folder: Path) -> sqlite3.Connection | None:
    """The lock of a scratch folder; None when the process that made it lives."""
    db = sqlite3.connect(folder / "lock", timeout=0, isolation_level=None, check_same_thread=False)
    try:
        db.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        db.close()
        return None
    return db


def _sweep(folder: Path) -> None:
    with contextlib.suppress(OSError, sqlite3.Error):
        if not folder.is_dir() or folder.is_symlink() or time.time() - folder.stat().st_mtime < _YOUNG:
            return
        lock = _try_lock(folder)
        if lock is not None:
            lock.close()
            shutil.rmtree(folder, ignore_errors=True)
