"""Pieces of bytes one after the other in one file: the thumbnails of the photos in the order of preparing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handlens.errors import StorageError
from handlens.io.checksums import checksum
from handlens.io.problems import is_disk_full, reason_of
from handlens.studio.row_file import RowFile


class BlobFile:
    """Pieces of bytes by row, in one file that grows at its end, and an index beside it.

    A file for each piece would take whole blocks of the disk, and a million names. The bytes are written before the
    row of the index, so that what a crash left incomplete has no row. Each piece is checked whenever it is read.

    Args:
        path: the file; made by the first append if it does not exist. Its folder must exist.

    Raises:
        StorageError: the disk refuses to read or write; the pieces that were there stay.

    Example:
        >>> pieces = BlobFile("thumbs.pack")
        >>> pieces.append([b"one", b"", b"three"])
        >>> pieces.count, pieces.read([2, 1])
        (3, [b'three', b''])
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._index = RowFile(self.path.with_name(f"{self.path.name}.rows"), 3, np.uint64)  # offset, length, checksum
        self._whole = 0  # rows at which the file was seen to be long enough

    @property
    def count(self) -> int:
        """How many pieces there are before the first that is not whole; their bytes are checked when they are read."""
        count = self._index.count
        if count != self._whole:
            if count and self._end(count - 1, count) > self._size:
                index = self._index.read()
                return int(np.argmax(np.append(index[:, 0] + index[:, 1] > self._size, True)))
            self._whole = count
        return count

    def mark(self, n: int) -> int:
        """A number that tells the first `n` pieces from others."""
        return self._index.mark(n)

    def sums(self, rows: NDArray[np.integer]) -> NDArray[np.uint32]:
        """The checksums of the pieces of rows [k], which change when a piece does."""
        return self._index.at(rows)[:, 2].astype(np.uint32)

    def read(self, rows: Sequence[int] | NDArray[np.integer]) -> list[bytes | None]:
        """The pieces of rows; None for a piece that is damaged."""
        if not len(rows):
            return []
        wanted = self._index.at(np.asarray(rows, np.int64)).tolist()
        found: list[bytes | None] = []
        try:
            with self.path.open("rb") as file:
                for offset, length, kept in wanted:
                    file.seek(min(offset, self._size))
                    piece = file.read(min(length, self._size))
                    found.append(piece if len(piece) == length and checksum(piece) == kept else None)
        except FileNotFoundError:
            return [None] * len(rows)
        except OSError as error:
            raise self._refused(error, "cannot be read") from error
        return found

    def append(self, pieces: Sequence[bytes]) -> None:
        """Add pieces at the end: all of them, or none if the disk refuses."""
        if self.count < self._index.count:
            self.truncate(self.count)
        self._index.append(self._written(pieces))

    def replace(self, row: int, piece: bytes) -> None:
        """Put another piece in the place of one that is there; the bytes of that stay in the file, unused."""
        self._index.replace(row, self._written([piece])[0])

    def truncate(self, n: int) -> None:
        """Keep the first `n` pieces; raises ValueError if there are fewer."""
        if n == self._index.count:
            return
        self._index.truncate(n)
        try:
            if self.path.exists():
                os.truncate(self.path, min(self._size, self._end(0, n)))
        except OSError as error:
            raise self._refused(error, f"still has more than {n} pieces") from error

    @property
    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def _end(self, start: int, stop: int) -> int:
        """Where the last of these pieces ends in the file."""
        index = self._index.block(start, stop)
        return int((index[:, 0] + index[:, 1]).max(initial=0))

    def _written(self, pieces: Sequence[bytes]) -> NDArray[np.uint64]:
        """Write pieces at the end of the file: their rows of the index."""
        before = self._size
        try:
            with self.path.open("ab") as file:
                try:
                    file.write(b"".join(pieces))
                    file.flush()
                except OSError:
                    os.truncate(self.path, before)
                    raise
        except OSError as error:
            raise self._refused(error, f"did not get {len(pieces)} new pieces") from error
        lengths = [len(piece) for piece in pieces]
        offsets = (before + np.cumsum([0, *lengths])).tolist()[:-1]
        rows = [[*place, checksum(piece)] for *place, piece in zip(offsets, lengths, pieces, strict=True)]
        return np.array(rows, np.uint64).reshape(-1, 3)

    def _refused(self, error: OSError, consequence: str) -> StorageError:
        if is_disk_full(error):
            return StorageError(f"the disk is full; {self.path.name} {consequence}. Make room and start again.")
        return StorageError(f"the disk refused ({reason_of(error)}); {self.path.name} {consequence}.")
