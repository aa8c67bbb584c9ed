"""The cache of thumbnails and tiles, and the files of versions before it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handlens.io.checksums import checksum
from handlens.studio.pictures import jpeg_of
from handlens.studio.row_file import RowFile
from handlens.studio.thumbnails import ThumbnailCache

N = 5


def picture(seed: int) -> np.ndarray:
    """Smooth, as photos are."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((64, 64), Image.Resampling.BICUBIC))


TILES = [picture(i) for i in range(N)]
THUMBS = [jpeg_of(tile, 85) for tile in TILES]


def like(found: np.ndarray, wanted: np.ndarray) -> bool:
    return float(np.abs(found.astype(int) - wanted).mean()) < 2


@pytest.fixture
def cache(tmp_path: Path) -> ThumbnailCache:
    made = ThumbnailCache(tmp_path)
    made.append([*TILES[:3], None, TILES[4]], [*THUMBS[:3], b"", THUMBS[4]], [1, 1, 1, 0, 1])
    return made


def test_tiles_and_thumbnails_come_back(cache: ThumbnailCache, tmp_path: Path) -> None:
    again = ThumbnailCache(tmp_path)
    assert again.prepared == N
    assert [again.read(9, row) for row in range(6)] == [*THUMBS[:3], None, THUMBS[4], None]
    tiles = again.tiles_of(np.array([4, 3, 0]))
    assert (tiles.shape, tiles.dtype) == ((3, 64, 64, 3), np.uint8)
    assert like(tiles[0], TILES[4])
    assert (tiles[1] == 0).all()
    assert like(tiles[2], TILES[0])
    assert again.tiles_of(range(0)).shape == (0, 64, 64, 3)


def test_a_tile_is_a_jpeg_without_its_beginning(cache: ThumbnailCache, tmp_path: Path) -> None:
    begin = (tmp_path / "tiles.begin").read_bytes()[:-4]
    tile = begin + cache._tiles.read([0])[0]
    assert len(begin) == 623
    assert tile == jpeg_of(TILES[0], 90)
    with Image.open(io.BytesIO(tile)) as opened:
        np.testing.assert_array_equal(cache.tiles_of([0])[0], np.asarray(opened))


def test_tiles_of_an_encoder_that_begins_otherwise_are_kept_whole(
    cache: ThumbnailCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlens.studio.thumbnails._QUALITY", 50)
    later = ThumbnailCache(tmp_path)
    later.append([TILES[1]], [THUMBS[1]], [1])
    assert later._tiles.read([N])[0] == jpeg_of(TILES[1], 50)
    found = ThumbnailCache(tmp_path).tiles_of([N, 1])
    assert np.abs(found[0].astype(int) - TILES[1]).mean() < 6
    assert like(found[1], TILES[1])


def test_replaced_and_cut_off(cache: ThumbnailCache, tmp_path: Path) -> None:
    before = cache.mark(N)
    cache.replace(1, TILES[3], THUMBS[3], 2)
    assert cache.mark(N) != before
    assert ThumbnailCache(tmp_path).read(0, 1) == THUMBS[3]
    assert like(ThumbnailCache(tmp_path).tiles_of([1])[0], TILES[3])
    cache.truncate(2)
    assert ThumbnailCache(tmp_path).prepared == 2


def test_s11_a_damaged_tile_is_made_of_its_thumbnail(cache: ThumbnailCache, tmp_path: Path) -> None:
    file = tmp_path / "tiles.pack"
    file.write_bytes(bytes(file.stat().st_size))
    found = ThumbnailCache(tmp_path).tiles_of([0, 4])
    assert like(found[0], TILES[0])
    assert like(found[1], TILES[4])


def earlier(folder: Path, *, sums: bool = True) -> None:
    """What an earlier version left: pixels of tiles, and a file for each thumbnail; photo i has row N - 1 - i."""
    RowFile(folder / "tiles.u1", 64 * 64 * 3, np.uint8).append([tile.reshape(-1) for tile in TILES])
    RowFile(folder / "aspects.f4", 1).append(np.ones((N, 1)))
    (folder / "thumbs" / "0000").mkdir(parents=True)
    for row, thumb in enumerate(THUMBS):
        (folder / "thumbs" / "0000" / f"{N - 1 - row:07d}.jpg").write_bytes(thumb)
    if sums:
        RowFile(folder / "thumbs.u4", 1, np.uint32).append([[checksum(thumb)] for thumb in THUMBS])


@pytest.mark.parametrize("sums", [True, False])
def test_the_files_of_an_earlier_version_are_read_and_then_moved(tmp_path: Path, sums: bool) -> None:
    earlier(tmp_path, sums=sums)
    cache, order, told = ThumbnailCache(tmp_path), np.arange(N)[::-1], []
    assert cache.prepared == N
    np.testing.assert_array_equal(cache.tiles_of(range(N)), TILES)
    assert [cache.read(N - 1 - row, row) for row in range(N)] == THUMBS
    cache.move_earlier(order, lambda *done: told.append(done))
    assert told == [(N, N)]
    assert not {"tiles.u1", "thumbs", "thumbs.u4"} & {file.name for file in tmp_path.iterdir()}
    for moved in (cache, ThumbnailCache(tmp_path)):
        assert moved.prepared == N
        assert [moved.read(N - 1 - row, row) for row in range(N)] == THUMBS
        assert like(moved.tiles_of(range(N)), np.stack(TILES))
    cache.append([TILES[0]], [THUMBS[0]], [1])
    assert cache.prepared == N + 1


def test_s10_killed_while_thumbnails_are_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlens.studio.thumbnails._MOVED", 2)
    earlier(tmp_path)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ThumbnailCache(tmp_path).move_earlier(np.arange(N)[::-1], stop)
    cache = ThumbnailCache(tmp_path)
    assert cache.prepared == N
    assert [cache.read(N - 1 - row, row) for row in range(N)] == THUMBS
    assert like(cache.tiles_of(range(N)), np.stack(TILES))
    cache.move_earlier(np.arange(N)[::-1], lambda done, total: None)
    assert [cache.read(0, row) for row in range(N)] == THUMBS
