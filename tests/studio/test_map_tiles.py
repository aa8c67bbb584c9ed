"""The squares of a map: exact pixels, who lies over whom, what is kept and for how long."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlens.errors import CollectionError
from handlens.studio import map_tiles
from handlens.studio.map_tiles import SIDE, Look, PlacedPhotos, SmallPictures, square
from handlens.studio.thumbnails import ThumbnailCache

GROUND = (1, 2, 3)


def placed(*places: tuple[float, float], aspects: list[float] | None = None) -> PlacedPhotos:
    return PlacedPhotos(np.array(places, np.float32).reshape(-1, 2), np.array(aspects or [1] * len(places), np.float32))


def plain(rows: np.ndarray, side: int) -> np.ndarray:
    """Pictures in one colour: 10, 20, 30 … of the rows."""
    colours = (10 * (np.asarray(rows) + 1)).astype(np.uint8)
    return np.broadcast_to(colours[:, None, None, None], (len(rows), side, side, 3)).copy()


def test_one_photo_takes_its_pixels_and_no_more():
    # At level 0 the square from -1 to 1 has 256 pixels: (0.5, 0.5) is pixel 192 from the left, 64 from the top.
    found = square(placed((0.5, 0.5)), (0, 0, 0), Look(4, ground=GROUND), plain)
    expected = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    expected[62:66, 190:194] = 10
    assert (found == expected).all()


def test_a_square_of_a_deeper_level_is_a_quarter_of_the_one_above():
    # The upper right of four: there (0.5, 0.5) is the middle.
    found = square(placed((0.5, 0.5)), (1, 1, 0), Look(4, ground=GROUND), plain)
    expected = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    expected[126:130, 126:130] = 10
    assert (found == expected).all()
    assert square(placed((0.5, 0.5)), (1, 0, 0), Look(4, ground=GROUND), plain) is None


def test_a_photo_on_the_border_is_on_both_squares():
    left, right = (square(placed((0.0, 0.5)), (1, x, 0), Look(4), plain) for x in (0, 1))
    assert (left[126:130, 254:256] == 10).all()
    assert (right[126:130, 0:2] == 10).all()
    assert left.sum() == right.sum() == 8 * 30


def test_earlier_photos_lie_over_later_ones_and_only_the_first_are_shown():
    photos = placed((0, 0), (0.01, 0), (0, 0))
    both = square(photos, (0, 0, 0), Look(4), plain)
    assert sorted(set(both.ravel())) == [0, 10, 20]
    assert (both == 10).sum() == 16 * 3
    assert sorted(set(square(photos, (0, 0, 0), Look(4, shown=1), plain).ravel())) == [0, 10]


def test_the_sum_of_places_tells_them_from_others():
    photos = placed((0.5, 0.25), (np.nan, 1), (1, -1))
    # The bits of 0.5, 0.25, 1 and −1, each times an odd number of its own.
    first = 0x3F000000 * 1 + 0x3E800000 * 3
    assert photos.sum_of(1) == photos.sum_of(2) == first % 2**32
    assert photos.sum_of(3) == photos.sum_of(9) == (first + 0x3F800000 * 9 + 0xBF800000 * 11) % 2**32
    assert photos.sum_of(0) == placed().sum_of(3) == 0
    assert placed((0.25, 0.5)).sum_of(1) != photos.sum_of(1)


def test_photos_have_their_shape_a_line_and_the_shape_of_the_map():
    photos = placed((0, 0), aspects=[4])
    found = square(photos, (0, 0, 0), Look(8, line=(9, 9, 9)), plain)
    assert (found[126:130, 120:136] == 10).all()
    assert (found == 9).sum() == 3 * (18 * 6 - 16 * 4)
    # Stretched to twice the width: (0.25, 0.5) stands at (0.5, 0.5) of -2…2 both ways.
    found = square(placed((0.25, 0.5)), (0, 0, 0), Look(4, stretch=4, reach=1), plain)
    assert (found[94:98, 158:162] == 10).all()
    found = square(placed((0.25, 0.25)), (0, 0, 0), Look(4, stretch=-4, reach=1), plain)
    assert (found[94:98, 142:146] == 10).all()


def test_the_picture_of_a_photo_is_the_right_way_up():
    def quarters(rows, side):
        found = np.zeros((len(rows), side, side, 3), np.uint8)
        found[:, : side // 2, : side // 2] = 10
        found[:, : side // 2, side // 2 :] = 20
        found[:, side // 2 :, : side // 2] = 30
        found[:, side // 2 :, side // 2 :] = 40
        return found

    found = square(placed((0, 0)), (0, 0, 0), Look(16), quarters)[120:136, 120:136, 0]
    assert (found == np.kron([[10, 20], [30, 40]], np.ones((8, 8)))).all()


def test_photos_without_a_place_or_shape():
    photos = PlacedPhotos(np.array([[np.nan, 0], [0, 0]], np.float32), np.array([1, 0], np.float32))
    found = square(photos, (0, 0, 0), Look(4), plain)
    assert (found[126:130, 126:130] == 20).all()
    nothing = PlacedPhotos(np.full((3, 2), np.nan, np.float32), np.ones(3, np.float32))
    assert square(nothing, (0, 0, 0), Look(4), plain) is None
    assert (
        square(PlacedPhotos(np.zeros((0, 2), np.float32), np.zeros(0, np.float32)), (0, 0, 0), Look(4), plain) is None
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 200), st.integers(3, 64), st.integers(0, 4), st.booleans())
def test_a_square_is_as_if_photos_were_painted_one_by_one(seed, n, side, z, lined):
    random = np.random.default_rng(seed)
    places = random.normal(0, 0.3, (n, 2)).astype(np.float32)
    aspects = random.choice([0.2, 0.5, 1, 1.5, 3], n).astype(np.float32)
    x, y = (int(v) for v in random.integers(0, 2**z, 2))
    line = (7, 7, 7) if lined else None

    def by_row(rows, size):
        return plain(np.asarray(rows) % 20 + 1, size)

    found = square(PlacedPhotos(places, aspects), (z, x, y), Look(side, ground=GROUND, line=line), by_row)
    expected = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    drawn, edge, scale = False, int(lined), SIDE * 2**z / 2
    for row in reversed(range(n)):
        root = np.sqrt(float(aspects[row]))
        width, height = max(1, round(float(side * root))), max(1, round(float(side / root)))
        left = int(np.floor((float(places[row, 0]) + 1) * scale - x * SIDE - width / 2 + 0.5))
        top = int(np.floor((1 - float(places[row, 1])) * scale - y * SIDE - height / 2 + 0.5))
        if left - edge < SIDE and left + width + edge > 0 and top - edge < SIDE and top + height + edge > 0:
            drawn = True
        cut = [max(0, v) for v in (top - edge, top + height + edge, left - edge, left + width + edge)]
        expected[cut[0] : cut[1], cut[2] : cut[3]] = line or 0
        cut = [max(0, v) for v in (top, top + height, left, left + width)]
        expected[cut[0] : cut[1], cut[2] : cut[3]] = 10 * (row % 20 + 2)
    assert (found is not None) == drawn
    assert found is None or (found == expected).all()


def cache(folder: Path, tiles: np.ndarray) -> ThumbnailCache:
    found = ThumbnailCache(folder)
    found.append(list(tiles), [bytes([i]) for i in range(len(tiles))], np.ones(len(tiles)))
    return found


def test_small_pictures_are_means_and_are_made_again_for_a_photo_that_changed(tmp_path):
    random = np.random.default_rng(0)
    tiles = random.integers(0, 256, (5, 64, 64, 3), np.uint8)
    thumbnails = cache(tmp_path, tiles)
    tiles = thumbnails.tiles_of(range(5))  # as JPEGs keep them
    pictures = SmallPictures(thumbnails)
    for side in (8, 16, 32, 64):
        block = 64 // side
        means = tiles.reshape(5, side, block, side, block, 3).mean((2, 4))
        assert (pictures(np.array([3, 0]), side) == np.floor(means[[3, 0]] + 0.5)).all()
    assert (tmp_path / "small-8.u1").stat().st_size == 5 * 196
    thumbnails.replace(3, np.zeros((64, 64, 3), np.uint8), b"another", 1)
    assert (pictures(np.array([3]), 8) == 0).all()
    # Rows that come later, and another opening.
    thumbnails.replace(4, tiles[0], b"changed", 1)
    thumbnails.append([tiles[0]], [b"new"], [1])
    assert (SmallPictures(thumbnails)(np.array([5]), 8) == pictures(np.array([4]), 8)).all()


def test_finished_squares_are_kept_up_to_a_bound(collection, monkeypatch):
    tiles, layer = collection.parts.map_tiles, collection.layers[0].id
    first = tiles.jpeg(layer, "pca-1-2", (0, 0, 0), Look(5))
    assert tiles.jpeg(layer, "pca-1-2", (0, 0, 0), Look(5)) is first
    assert tiles.kept_bytes == len(first)
    second = tiles.jpeg(layer, "pca-1-2", (0, 0, 0), Look(9))
    assert tiles.kept_bytes == len(first) + len(second)
    monkeypatch.setattr(map_tiles, "KEPT_BYTES", tiles.kept_bytes)
    third = tiles.jpeg(layer, "pca-1-2", (0, 0, 0), Look(5, ground=(1, 1, 1)))
    assert len(third) <= tiles.kept_bytes <= len(first) + len(second)
    assert tiles.jpeg(layer, "pca-1-2", (0, 0, 0), Look(5)) is not first


def test_a_square_is_of_the_places_that_are_asked_for_or_of_none(collection):
    tiles, layer = collection.parts.map_tiles, collection.layers[0].id
    order = collection.parts.photos.order
    known = PlacedPhotos(collection.map(layer, "pca-1-2")[order], np.ones(len(order), np.float32))
    first = tiles.jpeg(layer, "pca-1-2", (0, 0, 0), Look(5))
    assert tiles.jpeg(layer, "pca-1-2", (0, 0, 0), Look(5), places=known.sum_of(len(order))) is first
    assert tiles.jpeg(layer, "pca-1-2", (0, 0, 0), Look(5, shown=7), places=known.sum_of(7))
    assert tiles.jpeg(layer, "pca-1-2", (0, 0, 0), Look(5), places=known.sum_of(len(order)) + 1) is None


def test_a_map_that_changed_is_drawn_again(collection):
    tiles, layer = collection.parts.map_tiles, collection.layers[0].id
    collection.label([0, 1, 2], "circle")
    collection.label([20, 21, 22], "square")
    before = tiles.jpeg(layer, "labels", (0, 0, 0), Look(9))
    collection.label([3, 4, 23], "circle")
    after = tiles.jpeg(layer, "labels", (0, 0, 0), Look(9))
    assert before != after
    assert tiles.kept_bytes == len(after)


@pytest.mark.parametrize("rows", [[], list(range(257)), [-1], [40]])
def test_tiles_of_rows_that_cannot_be(collection, rows):
    with pytest.raises(CollectionError, match="rows must"):
        collection.parts.photos.tiles(rows)
