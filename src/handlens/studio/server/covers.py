"""The cover of a collection on the home screen: some of its photos, from the tiles on disk, without opening it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from handlens.studio.own_files import check_inside
from handlens.studio.thumbnails import TILE, ThumbnailCache

COLUMNS, ROWS = 4, 2


def cover(folder: Path) -> bytes:
    """The first photos of the preparing order as a JPEG of 4×2 tiles of 64 px; grey where none is prepared yet.

    Args:
        folder: of the collection.
    """
    n = COLUMNS * ROWS
    tiles = np.full((n, TILE, TILE, 3), 128, np.uint8)
    for name in ("tiles.pack", "tiles.u1"):
        check_inside(folder / "cache" / name, folder)
    cache = ThumbnailCache(folder / "cache")
    shown = min(n, cache.prepared)
    tiles[:shown] = cache.tiles_of(range(shown))
    picture = tiles.reshape(ROWS, COLUMNS, TILE, TILE, 3).swapaxes(1, 2).reshape(ROWS * TILE, COLUMNS * TILE, 3)
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG", quality=85)
    return out.getvalue()
