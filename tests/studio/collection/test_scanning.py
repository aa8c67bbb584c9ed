"""What has changed in the folder of photos is found while a collection is open, and labelling goes on meanwhile."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from handlens.errors import Cancelled, CollectionError, StorageError
from handlens.studio import parts
from handlens.studio.collection import Collection

GONE = "was here before and is gone from the folder"


def found_in_background(collection: Collection) -> None:
    """What the page does, to its end."""
    collection.start_scanning()
    assert collection.parts.folder_scan.join()
    assert collection.parts.preparing.join()


def test_photos_that_are_added_wait_until_they_are_wanted(folder: Path, draw_photo, quick) -> None:
    with Collection.open(folder) as collection:
        collection.label([3], "circle")
        paths, heard = list(collection.paths), list[str]()
        collection.parts.listeners.subscribe(lambda kind, _: heard.append(kind))
        for i in range(2):
            draw_photo(folder / "photos" / "a new" / f"{i}.png", kind="circle", seed=70 + i)
        found_in_background(collection)
        assert (collection.found, collection.paths, len(collection.labels)) == (2, paths, 40)
        assert (collection.scanning.phase, "state" in heard) == ("done", True)
        assert collection.add_found() == 2
        assert collection.paths == [*paths, "a new/0.png", "a new/1.png"]
        assert (collection.found, collection.add_found(), collection.labels[3]) == (0, 0, "circle")
        assert sorted(collection.parts.photos.rows[40:].tolist()) == [40, 41]
        collection.label([41], "circle")
        del heard[:]
        collection.prepare()
        assert "state" in heard  # who listened before still does
        assert (collection.parts.photos.prepared, collection.progress.phase) == (42, "done")


def test_what_changed_is_found_without_opening_again(folder: Path, draw_photo, quick) -> None:
    images = folder / "photos"
    with Collection.open(folder) as collection:
        collection.label([0, 1, 2], "circle")
        thumb, paths = collection.parts.photos.thumbnail(2), collection.parts.photos.paths
        (images / "elsewhere").mkdir()
        (images / "circles/0.png").rename(images / "elsewhere/moved.png")
        (images / "circles/1.png").unlink()
        draw_photo(images / "circles/2.png", kind="square", seed=77)
        (images / "notes.txt").write_text("not a photo")
        found_in_background(collection)
        assert collection.paths[:4] == ["elsewhere/moved.png", "circles/1.png", "circles/2.png", "circles/3.png"]
        assert paths is collection.parts.photos.paths
        assert collection.parts.photos.file(0) == images / "elsewhere/moved.png"
        assert collection.labels[:3].tolist() == ["circle"] * 3
        assert [(out.path, out.reason) for out in collection.left_out] == [
            ("notes.txt", "not a picture"),
            ("circles/1.png", GONE),
        ]
        assert (collection.replaced.tolist(), collection.found) == ([2], 0)
        assert collection.parts.photos.thumbnail(2) != thumb  # it was read again
        left_out = collection.left_out
    with Collection.open(folder) as collection:  # all of it is kept
        assert collection.paths[0] == "elsewhere/moved.png"
        assert (collection.left_out, collection.replaced.tolist()) == (left_out, [2])


def test_a_disk_that_is_away_loses_nothing_and_comes_back(folder: Path) -> None:
    images = folder / "photos"
    with Collection.open(folder) as collection:
        paths = list(collection.paths)
        images.rename(folder.parent / "away")
        with pytest.raises(CollectionError, match="there is no such folder"):
            collection.scan()
        assert (collection.scanning.phase, collection.paths, collection.left_out) == ("failed", paths, [])
        assert collection.notices == []  # the page says that the folder is gone, as long as it is
        images.mkdir()
        assert collection.scan() == 0
        assert (collection.paths, {out.reason for out in collection.left_out}) == (paths, {GONE})
        assert (collection.parts.photos.register.is_there, collection.replaced.tolist()) == (False, [])
        images.rmdir()
        (folder.parent / "away").rename(images)
        assert collection.scan() == 0
        assert (collection.paths, collection.left_out, collection.notices) == (paths, [], [])
        assert collection.progress.phase == "done"


def test_what_keeps_from_looking_is_told_until_it_is_looked_at(folder: Path, monkeypatch) -> None:
    def refuse(**_: object) -> None:
        raise StorageError("the disk does not answer.")

    with Collection.open(folder) as collection:
        with monkeypatch.context() as patch:
            patch.setattr(collection.parts.photos.register, "scan", refuse)
            with pytest.raises(StorageError):
                collection.scan()
        assert collection.notices == [
            "What has changed in the folder of photos is not known: the disk does not answer."
        ]
        assert collection.scan() == 0
        assert collection.notices == []


def test_a_folder_that_goes_while_it_is_looked_at(folder: Path) -> None:
    with Collection.open(folder) as collection:
        paths = list(collection.paths)
        (folder / "photos").rename(folder.parent / "away")
        (folder / "photos" / "circles").mkdir(parents=True)

        def take(_: object) -> None:
            if (folder / "photos" / "circles").exists():
                (folder / "photos" / "circles").rmdir()
                (folder / "photos").rmdir()

        with pytest.raises(CollectionError):
            collection.scan(progress=take)
        (folder.parent / "away").rename(folder / "photos")
        assert collection.scan() == 0
        assert (collection.paths, collection.left_out) == (paths, [])


def test_looking_can_be_cancelled_and_labels_are_given_meanwhile(folder: Path, draw_photo) -> None:
    draw_photo(folder / "photos" / "new.png", kind="circle", seed=99)
    with Collection.open(folder) as collection:
        stop = threading.Event()

        def label_and_stop(_: object) -> None:
            if not stop.is_set():
                collection.label([5], "circle")
                stop.set()

        with pytest.raises(Cancelled):
            collection.scan(progress=label_and_stop, cancel=stop)
        assert (collection.labels[5], collection.scanning.phase, collection.found) == ("circle", "cancelled", 0)
        with pytest.raises(Cancelled):
            collection.scan(cancel=stop)
        with pytest.raises(Cancelled):
            collection.prepare(cancel=stop)
        assert len(collection.paths) == 40
        assert collection.scan() == 1


def test_two_that_look_at_once_find_the_same_photos(folder: Path, draw_photo) -> None:
    with Collection.open(folder) as one, Collection.open(folder) as two:
        for i in range(3):
            draw_photo(folder / "photos" / f"{i} new.png", kind="circle", seed=60 + i)
        for collection in (one, two):
            collection.start_scanning()
        for collection in (one, two):
            assert collection.parts.folder_scan.join()
        for collection in (one, two):
            assert collection.parts.preparing.join()
            assert collection.add_found() == 3
        assert one.paths == two.paths
        assert one.paths[40:] == ["0 new.png", "1 new.png", "2 new.png"]
        assert one.parts.photos.rows.tolist() == two.parts.photos.rows.tolist()


def test_a_list_that_another_process_changes_meanwhile_is_taken_up(folder: Path, draw_photo) -> None:
    with Collection.open(folder) as one, Collection.open(folder) as two:
        draw_photo(folder / "photos" / "new.png", kind="circle", seed=60)
        looked: list[int] = []

        def other_first(now: object) -> None:
            if not looked:
                looked.append(two.scan())

        assert (one.scan(progress=other_first), looked) == (1, [1])
        assert one.paths == two.paths


def test_a_new_collection_is_looked_at_when_it_is_made(drawn: Path, tmp_path: Path) -> None:
    with Collection.create(tmp_path / "c", images=drawn) as collection:
        assert (len(collection.paths), collection.scanning.phase) == (40, "done")


def test_a_new_collection_that_was_cancelled_is_looked_at_when_it_is_opened(drawn: Path, tmp_path: Path) -> None:
    class WhenThere(threading.Event):
        """Set as soon as there is a collection whose folder can be looked at."""

        def is_set(self) -> bool:
            return (tmp_path / "c" / "collection.json").exists()

    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        Collection.create(tmp_path / "before", images=drawn, cancel=cancel)
    assert not (tmp_path / "before").exists()
    with pytest.raises(Cancelled):
        Collection.create(tmp_path / "c", images=drawn, cancel=WhenThere())
    with Collection.open(tmp_path / "c") as collection:  # nothing is kept of it yet, so it is looked at now
        assert (len(collection.paths), collection.scanning.phase) == (40, "done")


def test_s11_the_list_of_a_large_collection_is_checked_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CHECKED_AT_ONCE", 0)
    with Collection.open(folder) as collection:
        paths = list(collection.paths)
    with closing(sqlite3.connect(folder / "collection.sqlite")) as db, db:
        db.execute("UPDATE photos SET path = 'circles/99.png' WHERE id = 2")
    with Collection.open(folder) as collection:
        assert collection.paths == paths  # mended by its checksum
    (folder / "photos" / paths[2]).unlink()
    with closing(sqlite3.connect(folder / "collection.sqlite")) as db, db:
        db.execute("UPDATE photos SET path = 'circles/99.png' WHERE id = 2")
    with pytest.raises(StorageError, match="photo 2 is not the one that was written"):
        Collection.open(folder)


@pytest.mark.parametrize("at_once", [0, 2**26])
def test_s11_an_index_that_is_damaged_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, at_once: int, corrupt_index: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(parts, "CHECKED_AT_ONCE", at_once)
    corrupt_index(folder / "collection.sqlite")
    with Collection.open(folder) as collection:
        assert collection.scan() == 0
        assert len(collection.paths) == 40
    with closing(sqlite3.connect(folder / "collection.sqlite")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.fixture
def corrupt_index() -> Callable[[Path], None]:
    """Change a path in the index of paths, but not in the list."""

    def corrupt(file: Path) -> None:
        with closing(sqlite3.connect(file)) as db, db:
            names = "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_photos_1'"
            (root,), (page,) = db.execute(names).fetchone(), db.execute("PRAGMA page_size").fetchone()
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = bytearray(file.read_bytes())
        at = content.index(b"circles/3.png", (root - 1) * page, root * page)
        content[at : at + 13] = b"circles/5.png"
        file.write_bytes(content)

    return corrupt


def test_the_list_of_an_earlier_version_gets_its_sum(folder: Path) -> None:
    with Collection.open(folder) as collection:
        paths, rows = list(collection.paths), collection.parts.photos.rows.tolist()
    with closing(sqlite3.connect(folder / "collection.sqlite")) as db, db:
        db.execute("DROP TABLE sums")
        db.execute("DROP TABLE left_out")
    for _ in range(2):
        with Collection.open(folder) as collection:
            assert (collection.paths, collection.parts.photos.rows.tolist()) == (paths, rows)
    with closing(sqlite3.connect(folder / "collection.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM sums WHERE name = 'photos'").fetchone() == (1,)


def test_what_is_left_out_is_found_again_if_it_is_damaged(folder: Path) -> None:
    (folder / "photos" / "notes.txt").write_text("not a photo")
    with Collection.open(folder) as collection:
        collection.scan()
        left_out = collection.left_out
        assert [out.path for out in left_out] == ["notes.txt"]
    with closing(sqlite3.connect(folder / "collection.sqlite")) as db, db:
        db.execute("UPDATE left_out SET reason = 'odd'")
    with Collection.open(folder) as collection:
        assert collection.left_out == []
        collection.scan()
        assert collection.left_out == left_out


def test_files_that_have_not_changed_are_not_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from handlens.studio import scanning

    for file in (folder / "photos").rglob("*.png"):
        os.utime(file, ns=(10**18, 10**18))
    with Collection.open(folder) as collection:
        collection.scan()
        opened: list[Path] = []
        monkeypatch.setattr(scanning, "why_not_a_picture", lambda file: opened.append(file))
        collection.scan()
        assert opened == []
        assert np.array_equal(collection.replaced, [])
