"""The photos of a collection: paths, shapes, thumbnails and tiles, by id."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handlens.errors import CollectionError, PhotoError, StorageError
from handlens.io.deep_pictures import Limits, is_deep
from handlens.studio.discriminant import Floats
from handlens.studio.pictures import limits_of, open_photo, open_picture, thumbnail
from handlens.studio.register import Register
from handlens.studio.scanning import LeftOut
from handlens.studio.settings import Settings
from handlens.studio.shards.register import ShardRegister
from handlens.studio.thumbnails import THUMBNAIL, TILE, ThumbnailCache

SHEET = 16
"""Tiles along a side of a sheet."""

DEEP = (".png", ".tif", ".tiff")
"""Endings of files that may have more than 8 bits."""

MEASURED = 200
"""Photos in which it is seen how far those of more than 8 bits go."""

VIEW = 1600
"""Longer side in pixels of a photo that is looked at closely."""


class Photos:
    """The photos of a collection by id, and arrays in the preparing order brought into the order of ids.

    Args:
        register: the list of photos.
        thumbnails: their thumbnails, tiles and shapes on disk.
        settings: where the photos that cannot be read are kept.
        not_copied: what was left out where photos were copied into the collection.

    Attributes:
        version: grows when prepared photos are read again and have changed.
    """

    def __init__(
        self,
        register: Register | ShardRegister,
        thumbnails: ThumbnailCache,
        settings: Settings,
        *,
        not_copied: Sequence[LeftOut] = (),
    ) -> None:
        self.register, self.thumbnails, self._not_copied = register, thumbnails, list(not_copied)
        self._settings = settings
        self._unreadable = {photo: why for photo, why in settings.unreadable.items() if photo < len(register)}
        self._aspects: tuple[int, Floats] | None = None  # of how many prepared photos, and by id
        self.limits: Limits = settings.limits or {}
        """The ranges in which photos of more than 8 bits are shown, which are those of the first photos prepared."""
        self.version = settings.photos_version
        self._list_mark: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.register)

    @property
    def paths(self) -> list[str]:
        """The photos' paths below the folder of photos, by id."""
        return self.register.paths

    @property
    def left_out(self) -> list[LeftOut]:
        """Files and photos that are not used, each with its reason."""
        unreadable = [LeftOut(self.paths[photo], reason) for photo, reason in sorted(self._unreadable.items())]
        known = {out.path for out in unreadable}
        return [out for out in self.register.left_out + self._not_copied if out.path not in known] + unreadable

    @property
    def order(self) -> NDArray[np.int64]:
        """The preparing order, random by the seed: `order[row]` is an id; int64 [N]."""
        return self.register.order

    @property
    def rows(self) -> NDArray[np.int64]:
        """Each photo's row in the preparing order, by id; int64 [N]."""
        return self.register.rows

    @property
    def list_mark(self) -> int:
        """Tells the paths and the order of these photos from others."""
        moves = self.register.moves
        if self._list_mark is None or self._list_mark[0] != moves:
            paths = "\0".join(self.paths).encode("utf-8", "surrogatepass")
            self._list_mark = moves, zlib.crc32(self.order.astype("<i8").tobytes(), zlib.crc32(paths))
        return self._list_mark[1]

    @property
    def prepared(self) -> int:
        """The number of photos, in the preparing order, that have thumbnails."""
        return self.thumbnails.prepared

    @property
    def aspects(self) -> Floats:
        """Width over height by id, 0 where unknown or unreadable; float32 [N]."""
        count, known = self.prepared, self._aspects
        if known is None or known[0] != count:
            found = self.by_id(np.array(self.thumbnails.aspects.block(0, count), np.float32), missing=0.0)[:, 0]
            found.setflags(write=False)  # all who ask get the same one
            self._aspects = known = count, found
        return known[1]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which photos are prepared and readable, by id; bool [N]."""
        return self.aspects > 0

    def file(self, photo: int) -> Path:
        """The file of a photo; PhotoError if it is outside the folder of photos."""
        return self.register.file(photo)

    def is_inside(self, photo: int) -> bool:
        """Whether the file of a photo is in the folder of photos, whether or not it exists."""
        try:
            self.file(photo)
        except PhotoError:
            return False
        return True

    def thumbnail(self, photo: int) -> bytes:
        """The thumbnail of a photo, a JPEG of at most 256 px; made at once where it is not prepared, or damaged."""
        self.check(photo)
        row = int(self.rows[photo])
        found = self.thumbnails.read(photo, row)
        if found is None:
            found = self._small(photo)
            if row < self.prepared:  # it is gone or damaged
                with suppress(OSError, StorageError):
                    self.thumbnails.replace_thumbnail(row, found)
        return found

    def _small(self, photo: int) -> bytes:
        if isinstance(self.register, ShardRegister):
            return self.register.thumbnail(photo)
        return thumbnail(open_photo(self.file(photo), at_least=THUMBNAIL, limits=self.limits), THUMBNAIL)

    def view(self, photo: int) -> bytes:
        """A photo large enough to look at closely, a JPEG of at most 1,600 px; PhotoError if it cannot be read.

        Of shards whose originals are not on this machine, it is the thumbnail.
        """
        self.check(photo)
        if isinstance(self.register, ShardRegister) and not self.is_inside(photo):
            return self.thumbnail(photo)
        return thumbnail(open_photo(self.file(photo), at_least=VIEW, limits=self.limits), VIEW)

    def sheet(self, number: int) -> bytes:
        """256 map tiles of 64 px as one JPEG of 1024×1024: from row number·256 of the preparing order on."""
        per_sheet = SHEET * SHEET
        rows = range(number * per_sheet, min((number + 1) * per_sheet, self.prepared))
        if number < 0 or not rows:
            raise CollectionError(f"there is no sheet {number} yet; {self.prepared} photos are prepared.")
        return self._sheet(rows, SHEET)

    def tiles(self, rows: Sequence[int]) -> bytes:
        """Map tiles of 64 px of up to 256 rows of the preparing order as one JPEG: 1024 wide, as high as they need."""
        if not 1 <= len(rows) <= SHEET * SHEET:
            raise CollectionError(f"rows must be 1 to {SHEET * SHEET} rows; {len(rows)} arrived.")
        if not 0 <= min(rows) <= max(rows) < self.prepared:
            raise CollectionError(f"rows must lie below {self.prepared}, the number prepared; {max(rows)} arrived.")
        return self._sheet(rows, -(-len(rows) // SHEET))

    def _sheet(self, rows: Sequence[int], lines: int) -> bytes:
        """The tiles of rows, 16 a line, as a JPEG of so many lines."""
        canvas = np.zeros((lines * SHEET, TILE, TILE, 3), np.uint8)
        canvas[: len(rows)] = self.thumbnails.tiles_of(rows)
        picture = canvas.reshape(lines, SHEET, TILE, TILE, 3).swapaxes(1, 2).reshape(lines * TILE, SHEET * TILE, 3)
        out = io.BytesIO()
        Image.fromarray(picture).save(out, "JPEG", quality=85, subsampling=0)
        return out.getvalue()

    @property
    def to_read_again(self) -> list[int]:
        """The prepared photos that preparing reads again; all where some were seen without the range that they have."""
        before = self.order[: self.prepared].tolist()
        if self._settings.limits is None and any(self._is_deep(photo) for photo in before[:MEASURED]):
            return before
        return [photo for photo in self.register.again if self.rows[photo] < self.prepared]

    def find_limits(self, files: Iterable[Path]) -> None:
        """Keep in which ranges photos of more than 8 bits are shown, unless it is known: models depend on it.

        Photos that were prepared before it was are to be read again.
        """
        if self._settings.limits is None:
            limits = limits_of(files)
            if limits:
                before = self.order[: self.prepared].tolist()
                self.register.keep(dict.fromkeys(before), again=before)
            self.limits = self._settings.limits = limits

    def _is_deep(self, photo: int) -> bool:
        """Whether a photo has more than 8 bits; few formats can have."""
        if not self.paths[photo].lower().endswith(DEEP):
            return False
        try:
            with open_picture(self.file(photo)) as picture:
                return is_deep(picture)
        except PhotoError:
            return False

    def mark_unreadable(self, reasons: dict[int, str]) -> None:
        """Keep why photos cannot be read, by id."""
        self._unreadable.update(reasons)
        self._settings.unreadable = self._unreadable

    def mark_changed(self, reasons: Mapping[int, str | None]) -> None:
        """Note that photos were read again; None for those that could be read, for others the reason."""
        self._unreadable = {photo: reason for photo, reason in self._unreadable.items() if photo not in reasons}
        self.mark_unreadable({photo: reason for photo, reason in reasons.items() if reason is not None})
        self._aspects = None
        self._settings.photos_version = self.version = self.version + 1

    def forget_unreadable_from(self, row: int) -> None:
        """Drop the reasons of photos from this row on, which are about to be read again."""
        self._unreadable = {i: reason for i, reason in self._unreadable.items() if self.rows[i] < row}

    def check_in_place(self) -> None:
        """Raise StorageError if the collection was deleted, moved or replaced since it was opened."""
        self._settings.check_in_place()

    def check(self, photo: int) -> None:
        """Raise CollectionError unless this is the id of a photo."""
        if isinstance(photo, bool) or not isinstance(photo, int | np.integer):
            raise CollectionError(f"id must be a whole number, the position in paths; {photo!r} arrived.")
        if not 0 <= photo < len(self):
            raise CollectionError(
                f"ids must lie between 0 and {len(self) - 1}, the positions in paths; {photo} arrived."
            )

    def by_id(self, rows: Floats, *, missing: float) -> Floats:
        """Rows [n, D] in the preparing order as an array [N, D] by id; photos without a row get `missing`."""
        out = np.full((len(self), rows.shape[1]), missing, np.float32)
        rows = rows[: len(out)]  # another process may know of more photos already
        out[self.order[: len(rows)]] = rows
        return out
