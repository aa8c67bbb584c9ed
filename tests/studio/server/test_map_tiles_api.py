"""The squares of a map and the tiles of chosen photos, over HTTP."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def map_of(client, shapes) -> str:
    layer = client.get(shapes).json()["layers"][0]["id"]
    return f"layer={layer}&projection=pca-1-2&side=6&ground=202328"


def test_a_square_is_a_picture_that_caches_may_keep(client, shapes, map_of):
    found = client.get(f"{shapes}/map/squares/0/0/0?{map_of}&v=1")
    assert found.headers["content-type"] == "image/jpeg"
    assert "max-age" in found.headers["cache-control"]
    pixels = np.asarray(Image.open(io.BytesIO(found.content)))
    assert pixels.shape == (256, 256, 3)
    assert abs(pixels[0, 0].astype(int) - [0x20, 0x23, 0x28]).max() <= 2
    photos = (abs(pixels.astype(int) - [0x20, 0x23, 0x28]).max(2) > 20).sum()
    assert 10 * 36 < photos < 41 * 36


def test_a_square_of_places_that_the_map_no_longer_has_is_not_drawn(client, shapes, map_of):
    found = client.get(f"{shapes}/map/squares/0/0/0?{map_of}&places=1")
    assert found.status_code == 205
    assert found.content == b""
    assert found.headers["cache-control"] == "no-store"


def test_a_square_without_photos_is_empty(client, shapes, map_of):
    assert client.get(f"{shapes}/map/squares/4/0/0?{map_of}&reach=3").status_code == 204


@pytest.mark.parametrize(
    ("address", "more", "status"),
    [
        ("0/1/0", "", 404),
        ("2/0/4", "", 404),
        ("15/0/0", "", 422),
        ("0/-1/0", "", 422),
        ("0/0/0", "&side=2", 422),
        ("0/0/0", "&side=65", 422),
        ("0/0/0", "&stretch=5", 422),
        ("0/0/0", "&reach=11", 422),
        ("0/0/0", "&ground=red", 422),
        ("0/0/0", "&line=12345", 422),
        ("0/0/0", "&places=-1", 422),
        ("0/0/0", "&places=4294967296", 422),
        ("0/0/0", "&layer=none", 400),
        ("0/0/0", "&projection=none", 400),
    ],
)
def test_squares_that_cannot_be(client, shapes, map_of, address, more, status):
    named = [part for part in map_of.split("&") if part.split("=")[0] not in more]
    found = client.get(f"{shapes}/map/squares/{address}?{'&'.join(named)}{more}")
    assert found.status_code == status, found.text
    assert found.json()["error"]


def test_tiles_of_chosen_photos_are_those_of_the_sheet(client, shapes):
    sheet = np.asarray(Image.open(io.BytesIO(client.get(f"{shapes}/sheets/0").content)))
    found = client.get(f"{shapes}/tiles?rows={','.join(map(str, range(17)))}")
    assert found.headers["content-type"] == "image/jpeg"
    pixels = np.asarray(Image.open(io.BytesIO(found.content)))
    assert pixels.shape == (128, 1024, 3)
    assert (pixels[:64] == sheet[:64]).all()
    assert (pixels[64:, :64] == sheet[64:128, :64]).all()
    assert pixels[64:, 64:].max() <= 2


@pytest.mark.parametrize(("rows", "status"), [("40", 404), ("", 422), ("1,,2", 422), ("-1", 422), ("1,x", 422)])
def test_tiles_that_cannot_be(client, shapes, rows, status):
    assert client.get(f"{shapes}/tiles?rows={rows}").status_code == status
    many = ",".join(["1"] * 257)
    assert client.get(f"{shapes}/tiles?rows={many}").status_code == 404
