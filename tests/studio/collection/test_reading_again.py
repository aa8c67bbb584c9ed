"""Photos that were replaced, or could not be read, are read again; what was known of them is not mixed with the new."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from errno import EIO, ENOENT
from pathlib import Path

import numpy as np
import pytest

from handlens.errors import FolderGoneError, PhotoError
from handlens.studio import preparation_run
from handlens.studio.collection import Collection
from handlens.studio.features.extractor import Layer


def features(collection: Collection) -> list[np.ndarray]:
    return [file.read().block(0, file.count) for source in collection.sources for file in source.rows]


def everything(collection: Collection) -> list[np.ndarray]:
    cache, n = collection.parts.photos.thumbnails, len(collection.paths)
    thumbs = [
        np.frombuffer(collection.parts.photos.thumbnail(i), np.uint8)
        for i in range(n)
        if collection.parts.photos.usable[i]
    ]
    return [*features(collection), cache.tiles_of(range(cache.prepared)), cache.aspects.read(), *thumbs]


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return len(one) == len(other) and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


def test_p8_a_photo_that_was_replaced_is_prepared_again(folder: Path, label_some, draw_photo, quick) -> None:
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.train()
        before, thumb = features(collection), collection.parts.photos.thumbnail(3)
        said = collection.predictions()["probability of circle"].to_numpy()
        layer, version = collection.layers[-1], collection.parts.photos.version
        duplicates = len(collection.duplicates())
        xy = collection.map(layer, "pca-1-2")
        row = int(collection.parts.photos.rows[3])
    draw_photo(folder / "photos" / "circles" / "3.png", kind="square", seed=77)
    with Collection.open(folder) as collection:
        assert collection.progress.phase == "done"  # nobody has looked at the folder yet
        assert collection.scan() == 0
        assert collection.progress.phase == "idle"
        assert collection.replaced.tolist() == [3]
        collection.prepare()
        assert (collection.progress.phase, collection.left_out) == ("done", [])
        after = features(collection)
        for one, other in zip(before, after, strict=True):
            assert np.flatnonzero((one != other).any(1)).tolist() == [row]
        assert collection.parts.photos.thumbnail(3) != thumb
        assert collection.parts.photos.thumbnail(4)
        now = collection.predictions()["probability of circle"].to_numpy()
        assert np.flatnonzero(now != said).tolist() == [3]
        assert now[3] < 0.5 < said[3]
        assert not np.array_equal(collection.map(layer, "pca-1-2"), xy)
        assert collection.parts.photos.version == version + 1
        assert len(collection.duplicates()) == duplicates
        assert collection.labels[3] == "circle"  # kept, and marked
        assert collection.replaced.tolist() == [3]
        collection.label([3], "square")
        assert collection.replaced.tolist() == []
    with Collection.open(folder) as collection:
        assert (collection.progress.phase, collection.replaced.tolist()) == ("done", [])


def test_p8_what_is_prepared_again_is_what_is_prepared_at_first(folder: Path, draw_photo, quick) -> None:
    for i in (0, 7, 19):
        draw_photo(folder / "photos" / "circles" / f"{i}.png", kind="square", seed=100 + i)
    with Collection.open(folder) as collection:
        collection.prepare()
        again = everything(collection)
        rows = [collection.parts.photos.thumbnails, *(file.rows for file in collection.sources[0].rows)]
    for of_rows in rows:  # the extractor stays
        of_rows.truncate(0)
    with Collection.open(folder) as collection:
        assert collection.parts.photos.prepared == 0
        collection.prepare()
        assert same(everything(collection), again)


def test_p8_a_photo_that_was_replaced_by_a_broken_one_is_left_out_and_comes_back(folder: Path, quick) -> None:
    file = folder / "photos" / "circles" / "3.png"
    content = file.read_bytes()
    file.write_bytes(content[:400])
    with Collection.open(folder) as collection:
        collection.prepare()
        assert [(out.path, out.reason) for out in collection.left_out] == [
            ("circles/3.png", "truncated: the end of the file is missing")
        ]
        assert not collection.parts.photos.usable[3]
        assert all(np.isnan(rows[collection.parts.photos.rows[3]]).all() for rows in features(collection))
    with Collection.open(folder) as collection:
        assert collection.progress.phase == "done"  # it is broken as it was: it is not read again
    file.write_bytes(content)
    with Collection.open(folder) as collection:
        collection.prepare()
        assert (collection.left_out, collection.parts.photos.usable.all()) == ([], True)


class Disk:
    """A disk whose files fail while it is away, or whose files of some names do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error: Callable[[Path], OSError | None] = lambda _: None
        for name in ("read_squares", "content_of"):
            monkeypatch.setattr(preparation_run, name, self.refusing(getattr(preparation_run, name)))

    def refusing(self, real):
        def read(path, *arguments, **options):
            error = self.error(path)
            if error is None:
                return real(path, *arguments, **options)
            if real.__name__ == "content_of":
                raise error
            raise PhotoError("the file cannot be read: input/output error") from error

        return read


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.mark.parametrize("errno", [EIO, ENOENT, 107, 116])
def test_s2_files_that_a_disk_refused_once_are_read_again_in_the_same_run(
    drawn: Path, tmp_path: Path, quick, disk: Disk, errno: int
) -> None:
    refused: set[Path] = set()

    def once(path: Path) -> OSError | None:
        if path.stem in ("3", "7", "8") and path not in refused:
            refused.add(path)
            return OSError(errno, os.strerror(errno))
        return None

    with Collection.create(tmp_path / "c", images=drawn, backbone=None) as collection:
        disk.error = once
        collection.prepare()
        assert len(refused) == 6
        assert (collection.left_out, collection.parts.photos.usable.all()) == ([], True)
        assert np.isfinite(features(collection)[0]).all()


def test_s2_files_that_a_network_disk_refuses_are_tried_again_at_the_next_opening(
    drawn: Path, tmp_path: Path, quick, disk: Disk
) -> None:
    disk.error = lambda path: OSError(EIO, "input/output error") if path.stem in ("3", "7") else None
    with Collection.create(tmp_path / "c", images=drawn, backbone=None) as collection:
        collection.prepare()
        assert {out.path for out in collection.left_out} == {
            f"{kind}s/{i}.png" for kind in ("circle", "square") for i in (3, 7)
        }
        assert collection.progress.phase == "done"
        assert collection.parts.photos.usable.sum() == 36
    disk.error = lambda _: None
    with Collection.open(tmp_path / "c") as collection:
        assert collection.progress.phase == "idle"  # so that Studio prepares it
        collection.prepare()
        assert (collection.left_out, collection.parts.photos.usable.all()) == ([], True)
        assert np.isfinite(features(collection)[0]).all()
        assert collection.replaced.tolist() == []
    with Collection.open(tmp_path / "c") as collection:
        assert collection.progress.phase == "done"


def test_s2_the_disk_is_unplugged_while_preparing_and_plugged_in_again(
    drawn: Path, tmp_path: Path, quick, disk: Disk
) -> None:
    images = shutil.copytree(drawn, tmp_path / "photos")
    seen = []

    def unplug(path: Path) -> None:
        seen.append(path)
        if len(seen) == 25:
            images.rename(tmp_path / "away")
            images.mkdir()  # as systems leave the folder that a disk was in

    disk.error = unplug
    with Collection.create(tmp_path / "c", images=images, backbone=None) as collection:
        with pytest.raises(FolderGoneError, match=r"is gone, or its photos are\. Plug its disk in"):
            collection.prepare()
        assert collection.progress.phase == "failed"
        disk.error = lambda _: None
        images.rmdir()
        (tmp_path / "away").rename(images)
        collection.prepare()
        assert (collection.left_out, collection.parts.photos.usable.all()) == ([], True)


def test_s2_the_disk_is_away_for_a_moment(drawn: Path, tmp_path: Path, quick, disk: Disk) -> None:
    reads: list[Path] = []

    def flicker(path: Path) -> OSError | None:
        reads.append(path)
        return OSError(ENOENT, "no such file") if 10 <= len(reads) < 70 else None

    with Collection.create(tmp_path / "c", images=drawn, backbone=None) as collection:
        disk.error = flicker
        collection.prepare()
        assert (collection.left_out, collection.parts.photos.usable.all()) == ([], True)


def test_s2_what_was_read_of_a_photo_stays_until_it_can_be_read(folder: Path, quick, draw_photo, disk: Disk) -> None:
    with Collection.open(folder) as collection:
        before, thumb = features(collection), collection.parts.photos.thumbnail(3)
    draw_photo(folder / "photos" / "circles" / "3.png", kind="square", seed=77)
    disk.error = lambda path: OSError(EIO, "input/output error") if path.stem == "3" else None
    with Collection.open(folder) as collection:
        collection.prepare()
        assert same(features(collection), before)
        assert collection.parts.photos.thumbnail(3) == thumb
        disk.error = lambda _: None
        collection.prepare()
        assert not same(features(collection), before)


def test_s2_features_that_were_added_while_a_disk_refused_are_computed_later(
    folder: Path, random_network: tuple[str, Path], quick, disk: Disk
) -> None:
    with Collection.open(folder) as collection:
        disk.error = lambda path: OSError(EIO, "input/output error") if path.stem == "3" else None
        collection.add_features(*random_network)
        collection.prepare()
        assert any(np.isnan(rows).any() for rows in features(collection))
        disk.error = lambda _: None
        collection.prepare()
        assert not any(np.isnan(rows).any() for rows in features(collection))
        assert isinstance(collection.layers[-1], Layer)


def test_s2_a_run_that_is_killed_while_it_reads_again_begins_that_again(
    folder: Path, quick, draw_photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_photo(folder / "photos" / "circles" / "3.png", kind="square", seed=77)
    with Collection.open(folder) as collection:
        monkeypatch.setattr(collection.parts.photos, "mark_changed", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            collection.prepare()
    with Collection.open(folder) as collection:
        assert collection.parts.photos.register.again == [3]
        collection.prepare()
        assert collection.parts.photos.register.again == []
