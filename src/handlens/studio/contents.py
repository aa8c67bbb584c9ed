"""Which bytes files have, known by a hash: they are read again only where size or time has changed."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import NamedTuple

_RACY = 2_000_000_000
"""Nanoseconds: two writes that are nearer than this may leave a file with the same time, as on FAT."""


class Stamp(NamedTuple):
    """What tells, without reading it, whether a file has changed: its size in bytes, and its time in nanoseconds."""

    size: int
    modified: int


class Content(NamedTuple):
    """What a file held when it was looked at.

    Attributes:
        stamp: its size and time.
        looked: when that was, in nanoseconds.
        digest: the hash of its bytes; None if they were not read.
    """

    stamp: Stamp
    looked: int
    digest: bytes | None

    @property
    def is_sure(self) -> bool:
        """Whether a file with the same stamp has the same bytes: not if it was written just before it was looked at."""
        return self.digest is not None and is_settled(self.looked, self.stamp.modified)


def is_settled(looked: int, modified: int) -> bool:
    """Whether a file that has the same size and time later has the same bytes; both times are in nanoseconds."""
    return abs(looked - modified) >= _RACY


def stamp_of(file: Path) -> Stamp:
    """The size and time of a file; raises OSError."""
    found = os.stat(file)
    return Stamp(found.st_size, found.st_mtime_ns)


def content_of(file: Path, before: Content | None = None) -> Content:
    """What a file holds; its bytes are read unless they are surely those of `before`.

    Raises:
        OSError: it cannot be read.

    Example:
        >>> _ = Path("1.txt").write_text("one")
        >>> os.utime("1.txt", (0, 0))
        >>> before = content_of(Path("1.txt"))
        >>> content_of(Path("1.txt"), before) is before
        True
    """
    looked, stamp = time.time_ns(), stamp_of(file)
    if before is not None and before.is_sure and before.stamp == stamp:
        return before
    with file.open("rb") as opened:
        return Content(stamp, looked, hashlib.file_digest(opened, "blake2b").digest())
