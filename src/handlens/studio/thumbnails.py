"""Thumbnails, map tiles and shapes of the photos on disk: a cache that can be deleted and is made again."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handlens.errors import StorageError
from handlens.io.checksums import checksum
from handlens.io.problems import reason_of
from handlens.studio.pictures import READ_AT
from handlens.studio.row_file import RowFile

TILE = 64
"""Side in pixels of a photo's tile on the map."""

THUMBNAIL = READ_AT
"""Longer side in pixels of a thumbnail."""


class ThumbnailCache:
    """The thumbnails, map tiles and shapes below a folder.

    Attributes:
        tiles: uint8 rows of 64·64·3, in the preparing order.
        aspects: float32 rows of one number, width over height, in the preparing order; 0 for a photo that cannot be
            read.
        sums: uint32 rows of one number, the checksum of a photo's thumbnail, in the preparing order.

    Raises:
        StorageError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            (folder / "thumbs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{folder} cannot be written ({reason_of(error)}), and thumbnails and features are kept there."
            ) from error
        self.tiles = RowFile(folder / "tiles.u1", TILE * TILE * 3, np.uint8)
        self.aspects = RowFile(folder / "aspects.f4", 1)
        self.sums = RowFile(folder / "thumbs.u4", 1, np.uint32)

    @property
    def prepared(self) -> int:
        """The number of photos whose thumbnail, tile and shape are on disk."""
        return min(self.tiles.count, self.aspects.count, self.sums.count)

    @property
    def rows(self) -> tuple[RowFile, RowFile, RowFile]:
        """Tiles, shapes and checksums."""
        return self.tiles, self.aspects, self.sums

    def tiles_of(self, rows: ArrayLike) -> NDArray[np.uint8]:
        """The map tiles of rows of the preparing order, uint8 [n, 64, 64, 3]."""
        return self.tiles.at(np.asarray(rows, np.int64)).reshape(-1, TILE, TILE, 3)

    def make_sums(self, order: Iterable[int]) -> None:
        """Make the checksums of thumbnails from before there were any; `order` has their photos."""
        if not self.sums.path.exists() and self.tiles.count and self.aspects.count:
            photos = list(islice(order, min(self.tiles.count, self.aspects.count)))
            self.sums.append([[checksum(self._content(photo))] for photo in photos])

    def write(self, photo: int, thumbnail: bytes) -> int:
        """Write the thumbnail of a photo; its checksum."""
        path = self.path(photo)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(thumbnail)
        return checksum(thumbnail)

    def read(self, photo: int, row: int) -> bytes | None:
        """The thumbnail of a photo, which has a row in the preparing order; None if it is missing or damaged."""
        if row >= self.sums.count:
            return None
        found = self._content(photo)
        return found if found and checksum(found) == self.sums.block(row, row + 1)[0, 0] else None

    def _content(self, photo: int) -> bytes:
        try:
            return self.path(photo).read_bytes()
        except OSError:
            return b""

    def path(self, photo: int) -> Path:
        """The file of a photo's thumbnail, whether or not it exists yet."""
        return self.folder / "thumbs" / f"{photo // 1000:04d}" / f"{photo:07d}.jpg"
