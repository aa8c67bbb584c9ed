"""Temporary folders of one process: for uploads until they are used, and for downloads while they are sent."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from pathlib import Path

from handlens.errors import StorageError
from handlens.io.locks import process_lock

_YOUNG = 60.0  # seconds: a new folder may not have its lock yet


class TemporaryFolders:
    """One process's own folder below `root`, removed when it ends.

    If the process was killed, the next one removes it: a lock, which the system releases however a process ends, tells
    whether its process still runs.

    Args:
        root: made if it does not exist; other processes may use it at the same time.

    Attributes:
        folder: this process's own folder.

    Example:
        >>> temporary = TemporaryFolders(Path("scratch"))
        >>> upload = temporary.new("upload")
        >>> upload.is_dir()
        True
        >>> temporary.close()
        >>> upload.exists()
        False
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.folder = root / f"{os.getpid()}-{secrets.token_hex(4)}"
        self.folder.mkdir()
        self._lock = contextlib.ExitStack()
        self._lock.enter_context(_lock_of(self.folder))
        for other in root.iterdir():
            if other != self.folder:
                _remove_if_left_over(other)

    def new(self, prefix: str) -> Path:
        """Make a new, empty folder."""
        folder = self.folder / f"{prefix}-{secrets.token_hex(8)}"
        folder.mkdir()
        return folder

    def close(self) -> None:
        """Remove the folder with everything in it."""
        self._lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _lock_of(folder: Path) -> contextlib.AbstractContextManager[None]:
    return process_lock(folder / "lock", busy=StorageError(f"another process uses {folder}."))


def _remove_if_left_over(folder: Path) -> None:
    with contextlib.suppress(OSError, StorageError):
        if not folder.is_dir() or folder.is_symlink() or time.time() - folder.stat().st_mtime < _YOUNG:
            return
        with _lock_of(folder):
            pass
        shutil.rmtree(folder, ignore_errors=True)
