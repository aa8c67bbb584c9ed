"""Thumbnails, map tiles and shapes of the photos on disk: a cache that can be deleted and is made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from handlens.errors import StorageError
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

    @property
    def prepared(self) -> int:
        """The number of photos whose tile and shape are on disk."""
        return min(self.tiles.count, self.aspects.count)

    def path(self, photo: int) -> Path:
        """The file of a photo's thumbnail, whether or not it exists yet."""
        return self.folder / "thumbs" / f"{photo // 1000:04d}" / f"{photo:07d}.jpg"
