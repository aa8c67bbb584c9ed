"""Append-only rows of numbers on disk: the features of the photos, in the order they were prepared."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from handlens.errors import StorageError
from handlens.io.problems import reason_of


class RowFile:
    """Rows of `dim` numbers in one raw little-endian file, appended with plain writes.

    The file holds nothing but rows, so its length is their count: no header can fall out of step with it.
    A row cut off by a crash does not count and the next append overwrites it.

    Args:
        path: the file; made at the first append if missing, its folder must exist.
        dim: numbers in a row, at least 1.
        dtype: a fixed-size number type, kept little-endian on disk.

    Raises:
        StorageError: the disk refused a read or write; the rows that were there stay.
        ValueError: `dim` is below 1, or `dtype` is not a number type.
    """

    def __init__(self, path: Path | str, dim: int, dtype: DTypeLike = np.float32) -> None:
        if dim < 1:
            raise ValueError(f"a row needs at least 1 number; dim is {dim}")
        self.path = Path(path)
        self.dim = dim
        self.dtype = np.dtype(dtype).newbyteorder("<")
        if self.dtype.kind not in "biuf":
            raise ValueError(f"rows hold numbers; dtype is {self.dtype}")

    @property
    def _row_bytes(self) -> int:
        return self.dim * self.dtype.itemsize

    @property
    def count(self) -> int:
        """Whole rows on disk."""
        try:
            return self.path.stat().st_size // self._row_bytes
        except FileNotFoundError:
            return 0

    def append(self, rows: ArrayLike) -> None:
        """Add rows [k, dim] at the end; all of them or, when the disk refuses, none."""
        block = np.ascontiguousarray(rows, dtype=self.dtype)
        if block.ndim != 2 or block.shape[1] != self.dim:
            raise ValueError(f"{self.path.name} takes rows [k, {self.dim}]; got shape {block.shape}")
        before = self.count * self._row_bytes
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
            try:
                os.lseek(descriptor, before, os.SEEK_SET)
                self._write(descriptor, before, block)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._refused(error, f"{len(block)} new rows of {self.path.name} were not kept") from error

    def _write(self, descriptor: int, before: int, block: NDArray[Any]) -> None:
        left = memoryview(block.tobytes())
        try:
            while left:
                left = left[os.write(descriptor, left) :]
        except OSError:
            # Rows that reached the disk would count, and the caller is told that none did.
            os.ftruncate(descriptor, before)
            raise

    def truncate(self, n: int) -> None:
        """Keep the first `n` rows; ValueError when there are fewer."""
        count = self.count
        if not 0 <= n <= count:
            raise ValueError(f"{self.path.name} has {count} rows; cannot keep the first {n}")
        if self.path.exists():
            try:
                os.truncate(self.path, n * self._row_bytes)
            except OSError as error:
                raise self._refused(error, f"{self.path.name} still has {count} rows") from error

    def read(self) -> NDArray[np.generic]:
        """The rows on disk now as a read-only array [count, dim], mapped and not loaded."""
        count = self.count
        if count == 0:
            return np.empty((0, self.dim), dtype=self.dtype)
        try:
            return np.memmap(self.path, dtype=self.dtype, mode="r", shape=(count, self.dim))
        except OSError as error:
            raise self._refused(error, f"{self.path.name} cannot be read") from error

    @staticmethod
    def _refused(error: OSError, consequence: str) -> StorageError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return StorageError(f"the disk is full; {consequence}. Free some space and start again")
        return StorageError(f"the disk refused ({reason_of(error)}); {consequence}")
