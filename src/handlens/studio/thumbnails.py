"""Thumbnails, map tiles and shapes of the photos on disk: a cache that can be deleted and is made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from handlens.errors import StorageError
from handlens.io.checksums import DamagedError, read_checked, write_checked
from handlens.io.problems import reason_of
from handlens.studio.blob_file import BlobFile
from handlens.studio.earlier_thumbnails import EarlierThumbnails
from handlens.studio.pictures import READ_AT, decoded_jpeg, jpeg_of, square_of_jpeg
from handlens.studio.row_file import RowFile

TILE = 64
"""Side in pixels of a photo's tile on the map."""

THUMBNAIL = READ_AT
"""Longer side in pixels of a thumbnail."""

_QUALITY = 90
"""Of the tiles: at 90, in full colour, a pixel is 1.1 levels of 255 off; a tile takes 1.3 kB instead of 12.3."""

_MOVED = 256  # photos of an earlier version that are moved at once
_BEGIN = b"\xff\xd8"  # of a whole JPEG; nothing inside of one is like it

Tiles = NDArray[np.uint8]


class ThumbnailCache:
    """The thumbnails, map tiles and shapes below a folder, by row: the photo's place in the preparing order.

    Tiles are JPEGs without their first 623 bytes, which are the same in all of them and are kept once.

    Attributes:
        aspects: float32 rows of one number, width over height; 0 for a photo that cannot be read.

    Raises:
        StorageError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{folder} cannot be written ({reason_of(error)}), and thumbnails and features are kept there."
            ) from error
        self._tiles, self._thumbs = BlobFile(folder / "tiles.pack"), BlobFile(folder / "thumbs.pack")
        self.aspects = RowFile(folder / "aspects.f4", 1)
        self._earlier = EarlierThumbnails(folder, TILE)
        self._begin: bytes | None = None

    @property
    def prepared(self) -> int:
        """The number of photos whose thumbnail, tile and shape are on disk."""
        return min(max(self._packed, self._earlier.count), self.aspects.count)

    @property
    def _packed(self) -> int:
        return min(self._tiles.count, self._thumbs.count)

    def mark(self, n: int) -> int:
        """A number that tells the thumbnails of the first `n` rows from others."""
        return self._thumbs.mark(n)

    def sums_of(self, rows: NDArray[np.integer]) -> NDArray[np.uint32]:
        """The checksums of the thumbnails of rows [k], which change when another photo takes the place of one."""
        packed, out = rows < self._packed, np.empty(len(rows), np.uint32)
        out[packed] = self._thumbs.sums(rows[packed])
        out[~packed] = self._earlier.sums(rows[~packed])
        return out

    def read(self, photo: int, row: int) -> bytes | None:
        """The thumbnail of a photo, a JPEG; None if it is missing or damaged."""
        if row < self._packed:
            return self._thumbs.read([row])[0] or None
        return self._earlier.thumbnail(photo, row) if row < self._earlier.count else None

    def tiles_of(self, rows: ArrayLike) -> Tiles:
        """The tiles of prepared rows, uint8 [k, 64, 64, 3]; black for photos that cannot be read.

        A tile that is damaged or was not kept is made of the thumbnail.
        """
        wanted = np.asarray(rows, np.int64)
        out = np.zeros((len(wanted), TILE, TILE, 3), np.uint8)
        packed = wanted < self._packed
        begin = self._kept_begin()
        for i, piece in zip(np.flatnonzero(packed).tolist(), self._tiles.read(wanted[packed]), strict=True):
            if piece:
                out[i] = decoded_jpeg(piece if piece.startswith(_BEGIN) else begin + piece, TILE)
            elif thumbnail := self._thumbs.read([int(wanted[i])])[0]:
                out[i] = square_of_jpeg(thumbnail, TILE)
        if not packed.all():
            out[~packed] = self._earlier.tiles(wanted[~packed])
        return out

    def append(self, tiles: Sequence[Tiles | None], thumbnails: Sequence[bytes], aspects: Sequence[float]) -> None:
        """Add photos at the end; no tile, an empty thumbnail and the shape 0 for one that cannot be read.

        Without a tile, that of a photo with a thumbnail is made of it whenever it is asked for.
        """
        self._tiles.append([self._short(tile) for tile in tiles])
        self._thumbs.append(thumbnails)
        self.aspects.append(np.array(aspects, np.float32)[:, None])

    def replace(self, row: int, tile: Tiles | None, thumbnail: bytes, aspect: float) -> None:
        """Put another photo in the place of one."""
        self._tiles.replace(row, self._short(tile))
        self._thumbs.replace(row, thumbnail)
        self.aspects.replace(row, [aspect])

    def replace_thumbnail(self, row: int, thumbnail: bytes) -> None:
        """Put a thumbnail in the place of one that is damaged; not of an earlier version's, which is moved first."""
        if row < self._packed:
            self._thumbs.replace(row, thumbnail)

    def truncate(self, n: int) -> None:
        """Keep the first `n` rows at most."""
        for rows in (self._tiles, self._thumbs, self.aspects):
            rows.truncate(min(rows.count, n))

    def move_earlier(self, order: NDArray[np.integer], step: Callable[[int, int], None]) -> None:
        """Put what an earlier version left into the files of this one.

        Args:
            order: the photos by row.
            step: called as `step(done, total)`.
        """
        total = min(self._earlier.count, len(order))
        done = min(self._packed, total)
        if done < total:
            for rows in (self._tiles, self._thumbs):
                rows.truncate(done)
        for start in range(done, total, _MOVED):
            moved = np.arange(start, min(start + _MOVED, total))
            # Empty where it is damaged: it is made again when it is asked for.
            self._thumbs.append([self._earlier.thumbnail(int(order[row]), row) or b"" for row in moved.tolist()])
            blank = self.aspects.at(moved)[:, 0] == 0
            tiles = self._earlier.tiles(moved)
            self._tiles.append([self._short(None if none else t) for t, none in zip(tiles, blank, strict=True)])
            step(int(moved[-1]) + 1, total)
        self._earlier.remove()

    def _short(self, tile: Tiles | None) -> bytes:
        """A tile without the bytes that all begin with."""
        if tile is None:
            return b""
        begin, whole = self._kept_begin(), jpeg_of(tile, _QUALITY)
        return whole.removeprefix(begin)

    def _kept_begin(self) -> bytes:
        """The bytes that tiles begin with, as they were when the first tile was written: encoders may change."""
        if self._begin is None:
            file = self.folder / "tiles.begin"
            try:
                self._begin = read_checked(file, of=file.name)
            except (OSError, DamagedError):
                self._begin = _begin_of_tiles()
                if self._tiles.count == 0:
                    write_checked(file, self._begin, of=file.name)
        return self._begin


@cache
def _begin_of_tiles() -> bytes:
    whole = jpeg_of(np.zeros((TILE, TILE, 3), np.uint8), _QUALITY)
    scan = whole.index(b"\xff\xda")  # start of scan, the length of its header, and then the pixels
    return whole[: scan + 2 + int.from_bytes(whole[scan + 2 : scan + 4], "big")]
