"""A file of rows of numbers that grows at its end: the features of the photos in the order of preparing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from handlens.errors import StorageError
from handlens.io.problems import is_disk_full, reason_of


class RowFile:
    """Rows of `dim` numbers in one raw little-endian file.

    The file holds only the rows, so its length gives their count: there is no header that could contradict it. A row
    that a crash left incomplete does not count, and the next append overwrites it.

    Args:
        path: the file; made by the first append if it does not exist. Its folder must exist.
        dim: numbers in a row, at least 1.
        dtype: a type of numbers or booleans of fixed size; little-endian on disk.

    Raises:
        StorageError: the disk refuses to read or write; the rows that were there stay.
        ValueError: `dim` is below 1, or `dtype` is not a type of numbers.

    Example:
        >>> rows = RowFile("features.f4", 2)
        >>> rows.append([[1, 2], [3, 4]])
        >>> rows.append([[5, 6]])
        >>> rows.count
        3
        >>> rows.read()[1].tolist()
        [3.0, 4.0]
    """

    def __init__(self, path: Path | str, dim: int, dtype: DTypeLike = np.float32) -> None:
        if dim < 1:
            raise ValueError(f"dim must be 1 or more; {dim} arrived.")
        self.path = Path(path)
        self.dim = dim
        self.dtype = np.dtype(dtype).newbyteorder("<")
        if self.dtype.kind not in "biuf":
            raise ValueError(f"dtype must be a type of numbers; {self.dtype} arrived.")

    @property
    def _row_bytes(self) -> int:
        return self.dim * self.dtype.itemsize

    @property
    def count(self) -> int:
        """How many complete rows are on disk."""
        try:
            return self.path.stat().st_size // self._row_bytes
        except FileNotFoundError:
            return 0

    def append(self, rows: ArrayLike) -> None:
        """Add rows [k, dim] at the end: all of them, or none if the disk refuses."""
        block = np.ascontiguousarray(rows, dtype=self.dtype)
        if block.ndim != 2 or block.shape[1] != self.dim:
            raise ValueError(f"{self.path.name} takes rows [k, {self.dim}]; the shape {block.shape} arrived.")
        before = self.count * self._row_bytes
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
            try:
                os.lseek(descriptor, before, os.SEEK_SET)
                self._write(descriptor, before, block)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._refused(error, f"{len(block)} new rows of {self.path.name} were not written") from error

    def _write(self, descriptor: int, before: int, block: NDArray[Any]) -> None:
        left = memoryview(block.tobytes())
        try:
            while left:
                left = left[os.write(descriptor, left) :]
        except OSError:
            # Rows that are on disk already would count, and the caller is told that none was written.
            os.ftruncate(descriptor, before)
            raise

    def truncate(self, n: int) -> None:
        """Keep the first `n` rows; raises ValueError if there are fewer."""
        count = self.count
        if not 0 <= n <= count:
            raise ValueError(f"{self.path.name} has {count} rows; cannot keep the first {n}.")
        if self.path.exists():
            try:
                os.truncate(self.path, n * self._row_bytes)
            except OSError as error:
                raise self._refused(error, f"{self.path.name} still has {count} rows") from error

    def read(self) -> NDArray[np.generic]:
        """The rows that are on disk now, as a read-only array [count, dim] that is memory-mapped."""
        count = self.count
        if count == 0:
            return np.empty((0, self.dim), dtype=self.dtype)
        try:
            return np.memmap(self.path, dtype=self.dtype, mode="r", shape=(count, self.dim))
        except OSError as error:
            raise self._refused(error, f"{self.path.name} cannot be read") from error

    @staticmethod
    def _refused(error: OSError, consequence: str) -> StorageError:
        if is_disk_full(error):
            return StorageError(f"the disk is full; {consequence}. Make room and start again.")
        return StorageError(f"the disk refused ({reason_of(error)}); {consequence}.")
