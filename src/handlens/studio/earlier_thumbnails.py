"""Thumbnails and tiles as earlier versions kept them: a file for each thumbnail, and the pixels of the tiles."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handlens.io.checksums import checksum
from handlens.studio.row_file import RowFile


class EarlierThumbnails:
    """What an earlier version left below a folder; it is read until preparing moves it.

    Args:
        folder: the cache of the collection.
        side: pixels along a side of a tile.
    """

    def __init__(self, folder: Path, side: int) -> None:
        self._thumbs = folder / "thumbs"
        self._tiles = RowFile(folder / "tiles.u1", side * side * 3, np.uint8)
        self._sums = RowFile(folder / "thumbs.u4", 1, np.uint32)
        self._side = side
        self._there = self._tiles.path.exists() or self._thumbs.exists()

    @property
    def count(self) -> int:
        """How many photos have a tile and, of versions that kept checksums, that of a thumbnail."""
        if not self._there:
            return 0
        sums = self._sums.count if self._sums.path.exists() else self._tiles.count
        return min(self._tiles.count, sums)

    def tiles(self, rows: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Their tiles, uint8 [k, side, side, 3]."""
        return self._tiles.at(rows).reshape(-1, self._side, self._side, 3)

    def sums(self, rows: NDArray[np.integer]) -> NDArray[np.uint32]:
        """The checksums of their thumbnails [k]; 0 of versions that kept none."""
        kept = self._sums.path.exists()
        return self._sums.at(rows)[:, 0].astype(np.uint32) if kept else np.zeros(len(rows), np.uint32)

    def thumbnail(self, photo: int, row: int) -> bytes | None:
        """The thumbnail of a photo; None if it is missing or damaged."""
        try:
            found = (self._thumbs / f"{photo // 1000:04d}" / f"{photo:07d}.jpg").read_bytes()
        except OSError:
            return None
        known = self._sums.at(np.array([row]))[0, 0] if row < self._sums.count else checksum(found)
        return found if found and checksum(found) == known else None

    def remove(self) -> None:
        """Delete it all, as far as the disk lets it."""
        if self._there:
            for rows in (self._tiles, self._sums):
                rows.remove()
            shutil.rmtree(self._thumbs, ignore_errors=True)
            self._there = self._tiles.path.exists()
