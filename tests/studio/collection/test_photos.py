"""Photos as the page shows them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from handlens.errors import CollectionError


def test_pictures_for_the_page(collection):
    import io

    thumb = Image.open(io.BytesIO(collection.parts.photos.thumbnail(0)))
    assert thumb.size == (64, 48)
    assert Image.open(io.BytesIO(collection.parts.photos.view(0))).size == (64, 48)
    assert collection.parts.photos.aspects == pytest.approx(np.full(40, 64 / 48))
    sheet = np.asarray(Image.open(io.BytesIO(collection.parts.photos.sheet(0))))
    assert sheet.shape == (1024, 1024, 3)
    row = int(collection.parts.photos.register.rows[3])
    place = sheet[row // 16 * 64 :, row % 16 * 64 :][:64, :64].astype(int)
    tile, other = collection.parts.photos.thumbnails.tiles_of([row, (row + 1) % 40]).astype(int)
    assert np.abs(place - tile).mean() < 10 < 15 < np.abs(place - other).mean()
    for number in (-1, 1):
        with pytest.raises(CollectionError, match="no sheet"):
            collection.parts.photos.sheet(number)
    for photo in (-1, 40):
        with pytest.raises(CollectionError, match="between 0 and 39"):
            collection.parts.photos.thumbnail(photo)
