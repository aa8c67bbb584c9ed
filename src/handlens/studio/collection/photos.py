"""The photos of a collection, and how they look."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handlens.errors import CollectionError
from handlens.studio.collection.folder import Folder
from handlens.studio.pictures import LeftOut, open_photo, thumbnail
from handlens.studio.prepare import THUMB, TILE, Looks
from handlens.studio.separation import Floats

SHEET = 16  # tiles along a side of a sheet


class Photos(Folder):
    """Paths, thumbnails and shapes, by id."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._looks = Looks(self._cache)
        self._refused: dict[int, str] = {int(i): r for i, r in dict(self._log.kept("refused") or {}).items()}  # type: ignore[call-overload]
        self._aspects: Floats = np.empty(0, np.float32)

    @property
    def paths(self) -> list[str]:
        """The photos, relative to `images`, by id."""
        return self._register.paths

    @property
    def left_out(self) -> list[LeftOut]:
        """Files and photos that are not used, each with its reason."""
        broken = [LeftOut(self.paths[photo], reason) for photo, reason in sorted(self._refused.items())]
        known = {out.path for out in broken}
        return [out for out in self._register.left_out if out.path not in known] + broken

    @property
    def order(self) -> NDArray[np.int64]:
        """The preparing order, a random one by the seed: `order[row]` is an id; int64 [N]."""
        return self._register.order

    @property
    def prepared(self) -> int:
        """How many photos, in the preparing order, have thumbnails."""
        return self._looks.prepared

    @property
    def aspects(self) -> Floats:
        """Width over height of each photo by id, 0 where unknown or unreadable; float32 [N]."""
        count = self.prepared
        if len(self._aspects) != count:
            self._aspects = np.array(self._looks.aspects.read()[:count, 0], np.float32)
        return self._by_id(self._aspects[:, None], missing=0.0)[:, 0]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which photos are prepared and readable, by id; bool [N]."""
        return self.aspects > 0

    def thumb(self, photo: int) -> bytes:
        """The thumbnail of a photo, a JPEG of at most 256 px; made on the spot when not prepared yet."""
        self._check_photo(photo)
        try:
            return self._looks.thumb(photo).read_bytes()
        except FileNotFoundError:
            return thumbnail(open_photo(self._register.file(photo), at_least=THUMB), THUMB)

    def view_photo(self, photo: int) -> bytes:
        """A photo large enough to look at closely, a JPEG of at most 1,600 px; PhotoError if unreadable."""
        self._check_photo(photo)
        return thumbnail(open_photo(self._register.file(photo), at_least=1600), 1600)

    def sheet(self, number: int) -> bytes:
        """256 map tiles of 64 px as one JPEG of 1024×1024: rows number·256 on of the preparing order."""
        per_sheet = SHEET * SHEET
        tiles = self._looks.tiles.read()[number * per_sheet : (number + 1) * per_sheet]
        if number < 0 or not len(tiles):
            raise CollectionError(f"there is no sheet {number} yet; {self.prepared} photos are prepared.")
        canvas = np.zeros((per_sheet, TILE, TILE, 3), np.uint8)
        canvas[: len(tiles)] = tiles.reshape(-1, TILE, TILE, 3)
        picture = canvas.reshape(SHEET, SHEET, TILE, TILE, 3).swapaxes(1, 2).reshape(SHEET * TILE, SHEET * TILE, 3)
        out = io.BytesIO()
        Image.fromarray(picture).save(out, "JPEG", quality=85, subsampling=0)
        return out.getvalue()

    def _check_photo(self, photo: int) -> None:
        if not 0 <= photo < len(self._register):
            raise CollectionError(
                f"ids must lie between 0 and {len(self._register) - 1}, the positions in paths; {photo} arrived."
            )

    def _by_id(self, rows: Floats, *, missing: float) -> Floats:
        out = np.full((len(self._register), rows.shape[1]), missing, np.float32)
        rows = rows[: len(out)]  # another process may know of more photos already
        out[self.order[: len(rows)]] = rows
        return out
