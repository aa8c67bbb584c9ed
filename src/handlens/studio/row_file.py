"""A file of rows of numbers that grows at its end: the features of the photos in the order of preparing."""

from __future__ import annotations

import logging
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from handlens.errors import StorageError
from handlens.io.checksums import checksum
from handlens.io.files import atomic_write
from handlens.io.problems import is_disk_full, reason_of

_BLOCK = 2**20  # bytes that are checked at once
_SUM = np.dtype("<u4")

_log = logging.getLogger(__name__)


class RowFile:
    """Rows of `dim` numbers in one raw little-endian file, and their checksums in another beside it.

    The file holds only the rows, so its length gives their count: there is no header that could contradict it. A row
    counts once its checksum is on disk and is right, as those of all rows before it are: what a crash left incomplete
    or a disk damaged does not count, nor what follows it, and the next append overwrites it. Each row is checked once,
    when it is first counted. Rows from before there were checksums get them then.

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
        self._sums = self.path.with_name(f"{self.path.name}.crc32")
        self._name = f"{self.path.parent.name}/{self.path.name}"
        self._checked = 0  # rows whose checksums were found right
        self._damaged = False

    @property
    def _row_bytes(self) -> int:
        return self.dim * self.dtype.itemsize

    @property
    def count(self) -> int:
        """How many complete rows are on disk before the first that is damaged."""
        rows, sums = _size(self.path) // self._row_bytes, _size(self._sums) // _SUM.itemsize
        if rows and not sums and not self._sums.exists():
            if rows > self._checked:
                self._make_sums(rows)
            self._checked = sums = rows
        found = min(rows, sums)
        if self._checked < found:
            self._checked = self._right(self._checked, found)
        return min(self._checked, found)

    def mark(self, n: int) -> int:
        """A number that tells the first `n` rows from others."""
        return checksum(self._kept_sums(0, min(n, self.count)).tobytes(), of=self._name)

    def append(self, rows: ArrayLike) -> None:
        """Add rows [k, dim] at the end: all of them, or none if the disk refuses."""
        block = self._block(rows)
        before = self.count
        try:
            # The sums first, to end where the rows do: later ones must not be taken for those of the new rows.
            _write(self._sums, before * _SUM.itemsize, b"", end=True)
            _write(self.path, before * self._row_bytes, block.tobytes(), end=True)
            _write(self._sums, before * _SUM.itemsize, self._sums_of(block), end=True)
        except OSError as error:
            raise self._refused(error, f"{len(block)} new rows of {self.path.name} were not written") from error
        self._checked, self._damaged = before + len(block), False

    def replace(self, row: int, values: ArrayLike) -> None:
        """Write other values [dim] into a row that is there; if the process is killed meanwhile, it is damaged."""
        if not 0 <= row < self.count:
            raise ValueError(f"{self.path.name} has {self.count} rows; cannot replace row {row}.")
        block = self._block(np.asarray(values)[None])
        try:
            _write(self.path, row * self._row_bytes, block.tobytes())
            _write(self._sums, row * _SUM.itemsize, self._sums_of(block))
        except OSError as error:
            raise self._refused(error, f"row {row} of {self.path.name} was not written") from error

    def truncate(self, n: int) -> None:
        """Keep the first `n` rows; raises ValueError if there are fewer."""
        count = self.count
        if not 0 <= n <= count:
            raise ValueError(f"{self.path.name} has {count} rows; cannot keep the first {n}.")
        try:
            for file, bytes_each in ((self._sums, _SUM.itemsize), (self.path, self._row_bytes)):
                if file.exists():
                    os.truncate(file, n * bytes_each)
        except OSError as error:
            raise self._refused(error, f"{self.path.name} still has {count} rows") from error
        self._checked = n

    def remove(self) -> None:
        """Delete the file and its checksums, as far as the disk lets it."""
        for file in (self.path, self._sums):
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def read(self) -> NDArray[np.generic]:
        """The rows that `count` counts, as a read-only array [count, dim] that is memory-mapped."""
        count = self.count
        if count == 0:
            return np.empty((0, self.dim), dtype=self.dtype)
        try:
            return np.memmap(self.path, dtype=self.dtype, mode="r", shape=(count, self.dim))
        except OSError as error:
            raise self._refused(error, f"{self.path.name} cannot be read") from error

    # --- inside --------------------------------------------------------------------------------

    def _block(self, rows: ArrayLike) -> NDArray[Any]:
        block = np.ascontiguousarray(rows, dtype=self.dtype)
        if block.ndim != 2 or block.shape[1] != self.dim:
            raise ValueError(f"{self.path.name} takes rows [k, {self.dim}]; the shape {block.shape} arrived.")
        return block

    def _sums_of(self, block: NDArray[Any]) -> bytes:
        begun = checksum(b"", of=self._name)  # once, as there are many rows
        return np.array([zlib.crc32(row, begun) for row in block], _SUM).tobytes()

    def _kept_sums(self, first: int, end: int) -> NDArray[np.uint32]:
        try:
            return np.fromfile(self._sums, _SUM, end - first, offset=first * _SUM.itemsize)
        except FileNotFoundError:
            return np.empty(0, _SUM)

    def _right(self, first: int, end: int) -> int:
        """The first row from `first` on that is damaged; `end` if none is before it."""
        try:
            kept, row = self._kept_sums(first, end), first
            with self.path.open("rb") as file:
                file.seek(first * self._row_bytes)
                while row < end and len(found := self._next_sums(file, end - row)):
                    wrong = np.flatnonzero(found != kept[row - first :][: len(found)])
                    row += int(wrong[0]) if wrong.size else len(found)
                    if wrong.size:
                        break
        except OSError as error:
            raise self._refused(error, f"{self.path.name} cannot be read") from error
        if row < end and not self._damaged:
            self._damaged = True
            _log.warning("%s is damaged at row %d; it is made again from there on.", self.path, row)
        return row

    def _make_sums(self, rows: int) -> None:
        """Make the checksums of rows from before there were any, unless the disk refuses."""
        sums: list[NDArray[np.uint32]] = []
        try:
            with self.path.open("rb") as file:
                while (done := sum(map(len, sums))) < rows and len(found := self._next_sums(file, rows - done)):
                    sums.append(found)
        except OSError as error:
            raise self._refused(error, f"{self.path.name} cannot be read") from error
        with suppress(StorageError), atomic_write(self._sums) as partial:
            partial.write_bytes(np.concatenate(sums).tobytes())

    def _next_sums(self, file: BinaryIO, most: int) -> NDArray[np.uint32]:
        """The checksums of the next rows of an open file, of `most` at most."""
        n = min(most, max(1, _BLOCK // self._row_bytes))
        data = np.fromfile(file, self.dtype, n * self.dim)
        return np.frombuffer(self._sums_of(data.reshape(-1, self.dim)), _SUM)

    @staticmethod
    def _refused(error: OSError, consequence: str) -> StorageError:
        if is_disk_full(error):
            return StorageError(f"the disk is full; {consequence}. Make room and start again.")
        return StorageError(f"the disk refused ({reason_of(error)}); {consequence}.")


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _write(file: Path, at: int, data: bytes, *, end: bool = False) -> None:
    """Write at a place of a file, made if there is none; with `end`, nothing follows, nor does half of `data`."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    left = memoryview(data)
    try:
        if end:
            os.ftruncate(descriptor, at)
        os.lseek(descriptor, at, os.SEEK_SET)
        try:
            while left:
                left = left[os.write(descriptor, left) :]
        except OSError:
            if end:
                os.ftruncate(descriptor, at)
            raise
    finally:
        os.close(descriptor)
