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
_CHECKED = 2**24  # bytes at the end that are checked when a file is first counted
_SUM = np.dtype("<u4")

_log = logging.getLogger(__name__)


class RowFile:
    """Rows of `dim` numbers in one raw little-endian file, and their checksums in another beside it.

    The file holds only the rows, so its length gives their count: there is no header that could contradict it. A row
    counts once its checksum is on disk and is right, as those of all rows before it are: what a crash left incomplete
    or a disk damaged does not count, nor what follows it, and the next append overwrites it. Each row is checked once:
    the last 16 MiB, where a crash leaves its traces, when they are first counted, and rows before them when they are
    first read, as reading a large file whole takes minutes. Rows from before there were checksums get them when they
    are first counted.

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
        self._right = np.empty(0, bool)  # the rows whose checksums were found right
        self._end: int | None = None  # the first row that was found damaged

    @property
    def _row_bytes(self) -> int:
        return self.dim * self.dtype.itemsize

    @property
    def count(self) -> int:
        """How many complete rows are on disk before the first that was found damaged."""
        rows, sums = _size(self.path) // self._row_bytes, _size(self._sums) // _SUM.itemsize
        if rows and not sums and not self._sums.exists():
            if rows > len(self._right):
                self._make_sums(rows)
            self._right, sums = np.ones(rows, bool), rows
        found = min(rows, sums)
        self._right = self._right[:found]
        if len(self._right) < found:
            grown = len(self._right)
            self._right = np.concatenate([self._right, np.zeros(found - grown, bool)])
            self._check(max(grown, found - max(1, _CHECKED // self._row_bytes)), found)
        return found if self._end is None else min(found, self._end)

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
        self._right = np.concatenate([self._right[:before], np.ones(len(block), bool)])
        self._end = None

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
        self._right, self._end = self._right[:n], None

    def remove(self) -> None:
        """Delete the file and its checksums, as far as the disk lets it."""
        for file in (self.path, self._sums):
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def read(self) -> NDArray[Any]:
        """All rows that count, [count, dim]; of a large file, read blocks."""
        return self.block(0, self.count)

    def block(self, start: int, stop: int) -> NDArray[Any]:
        """The rows from `start` up to `stop`, as far as there are so many, [k, dim]; see `at` for damaged ones."""
        start, stop = max(0, start), min(stop, self.count)
        if start >= stop:
            return np.empty((0, self.dim), self.dtype)
        try:
            found = np.fromfile(self.path, self.dtype, (stop - start) * self.dim, offset=start * self._row_bytes)
        except OSError as error:
            raise self._refused(error, f"{self.path.name} cannot be read") from error
        found = found[: len(found) // self.dim * self.dim].reshape(-1, self.dim)
        if not self._right[start : start + len(found)].all():
            self._blank(found, np.arange(start, start + len(found)))
        return found

    def at(self, rows: NDArray[np.integer]) -> NDArray[Any]:
        """Chosen rows [k, dim] of those that count.

        A row that is found damaged now is NaN, or 0 in a file of whole numbers; from then on, it does not count.
        """
        if not len(rows):
            return np.empty((0, self.dim), self.dtype)
        try:
            mapped = np.memmap(self.path, self.dtype, "r", shape=(self.count, self.dim))
        except (OSError, ValueError) as error:
            refused = error if isinstance(error, OSError) else OSError(str(error))
            raise self._refused(refused, f"{self.path.name} cannot be read") from error
        found = np.asarray(mapped[rows])
        if not self._right[rows].all():
            self._blank(found, np.asarray(rows))
        return found

    def holding(self, values: ArrayLike, n: int) -> NDArray[np.bool_]:
        """Which of the first `n` rows hold exactly these values [dim], bool [n]; found by the checksums."""
        wanted = self._block(np.asarray(values)[None])
        sums = self._kept_sums(0, min(n, self.count))
        likely = np.flatnonzero(sums == np.frombuffer(self._sums_of(wanted), _SUM)[0])
        found = np.zeros(len(sums), bool)
        found[[row for row in likely.tolist() if self.block(row, row + 1).tobytes() == wanted.tobytes()]] = True
        return found

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

    def _check(self, first: int, end: int) -> None:
        """Check rows; those from the first damaged one on do not count from now on."""
        try:
            with self.path.open("rb") as file:
                file.seek(first * self._row_bytes)
                while first < end and len(found := self._next_sums(file, end - first)):
                    if not self._compare(found, np.arange(first, first + len(found))).all():
                        break
                    first += len(found)
        except OSError as error:
            raise self._refused(error, f"{self.path.name} cannot be read") from error

    def _blank(self, block: NDArray[Any], rows: NDArray[np.int64]) -> None:
        """Put NaN, or 0, in the place of those rows that are read for the first time and are damaged."""
        new = np.flatnonzero(~self._right[rows])
        right = self._compare(np.frombuffer(self._sums_of(block[new]), _SUM), rows[new])
        block[new[~right]] = np.nan if self.dtype.kind == "f" else 0

    def _compare(self, sums: NDArray[np.uint32], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the rows have the checksums that were kept; the first damaged one ends the rows that count."""
        first = int(rows.min())
        right = np.asarray(self._kept_sums(first, int(rows.max()) + 1)[rows - first] == sums)
        self._right[rows[right]] = True
        if not right.all():
            row = int(rows[~right].min())
            if self._end is None:
                _log.warning("%s is damaged at row %d; it is made again from there on.", self.path, row)
            self._end = row if self._end is None else min(row, self._end)
        return right

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
