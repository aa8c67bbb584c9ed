"""Ids and the preparing order never change for a photo."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import numpy as np
import pytest
from PIL import Image

from handlens.errors import CollectionError, StorageError
from handlens.studio.register import Register


def photo(path, shade):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(path)


@pytest.fixture
def images(tmp_path):
    for i in range(6):
        photo(tmp_path / "images" / f"{i}.png", i)
    return tmp_path / "images"


def scanned(tmp_path, images):
    """The list once the folder was looked at, with the photos that were found there."""
    register = Register(tmp_path / "c.sqlite", images, seed=0)
    register.scan()
    return Register(tmp_path / "c.sqlite", images, seed=0) if register.added else register


def test_ids_by_name_and_rows_a_permutation(images, tmp_path):
    register = Register(tmp_path / "c.sqlite", images, seed=0)
    assert register.paths == [f"{i}.png" for i in range(6)]
    assert sorted(register.rows.tolist()) == list(range(6))
    assert register.order[register.rows].tolist() == list(range(6))
    assert register.file(2) == images / "2.png"
    assert len(register) == 6


def test_the_order_is_by_the_seed(images, tmp_path):
    orders = [Register(tmp_path / f"{k}.sqlite", images, seed=s).order.tolist() for k, s in enumerate((3, 3, 4))]
    assert orders[0] == orders[1] != orders[2]


def test_photos_added_and_removed_keep_all_ids(images, tmp_path):
    before = Register(tmp_path / "c.sqlite", images, seed=0)
    (images / "3.png").unlink()
    photo(images / "0 first.png", 100)
    photo(images / "z.png", 101)
    after = scanned(tmp_path, images)
    assert after.paths[:6] == before.paths
    assert after.rows[:6].tolist() == before.rows.tolist()
    assert sorted(after.paths[6:]) == ["0 first.png", "z.png"]
    assert sorted(after.rows[6:].tolist()) == [6, 7]
    assert [(out.path, out.reason) for out in after.left_out] == [
        ("3.png", "was here before and is gone from the folder")
    ]
    photo(images / "3.png", 3)
    again = scanned(tmp_path, images)
    assert again.paths == after.paths
    assert again.left_out == []


def test_a_known_photo_that_broke_is_listed_once_with_the_newer_reason(images, tmp_path):
    Register(tmp_path / "c.sqlite", images, seed=0)
    (images / "3.png").write_bytes(b"")
    after = scanned(tmp_path, images)
    assert [(out.path, out.reason) for out in after.left_out] == [("3.png", "empty (0 bytes)")]
    assert len(after) == 6


def test_a_copy_of_a_known_photo_is_no_new_photo(images, tmp_path):
    Register(tmp_path / "c.sqlite", images, seed=0)
    (images / "0 a copy.png").write_bytes((images / "4.png").read_bytes())
    after = scanned(tmp_path, images)
    assert after.paths == [f"{i}.png" for i in range(6)]
    assert [(out.path, out.reason) for out in after.left_out] == [("0 a copy.png", "the same file as 4.png")]


def test_an_empty_folder(tmp_path):
    (tmp_path / "images").mkdir()
    register = Register(tmp_path / "c.sqlite", tmp_path / "images", seed=0)
    assert register.paths == []
    assert register.order.shape == register.rows.shape == (0,)


def test_several_that_open_at_once_agree(images, tmp_path):
    found: list[object] = []

    def opening():
        try:
            found.append(Register(tmp_path / "c.sqlite", images, seed=0).rows.tolist())
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=opening) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(rows == found[0] for rows in found)
    assert isinstance(found[0], list)


def test_a_damaged_database(images, tmp_path):
    (tmp_path / "c.sqlite").write_bytes(b"garbage " * 500)
    with pytest.raises(StorageError, match=r"c\.sqlite could not be read"):
        Register(tmp_path / "c.sqlite", images, seed=0)


@pytest.mark.parametrize(("column", "value"), [("id", 9), ("id", -1), ("row", 9), ("row", "x")])
def test_a_damaged_row(images, tmp_path, column, value):
    Register(tmp_path / "c.sqlite", images, seed=0)
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as db, db:
        db.execute(f"UPDATE photos SET {column} = ? WHERE id = 2", (value,))
    with pytest.raises(StorageError, match=r"the list of photos in .* is damaged"):
        Register(tmp_path / "c.sqlite", images, seed=0)


@pytest.mark.parametrize("value", [b"10.png", "9.png", "1\ufffd.png", "", 5])
def test_s11_a_damaged_path_is_that_of_the_file_that_has_its_checksum(images, tmp_path, value):
    before = Register(tmp_path / "c.sqlite", images, seed=0).paths
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as db, db:
        db.execute("UPDATE photos SET path = ? WHERE id = 2", (value,))
    again = Register(tmp_path / "c.sqlite", images, seed=0)
    assert (again.paths, again.left_out) == (before, [])
    assert Register(tmp_path / "c.sqlite", images, seed=0).paths == before


def test_s11_a_damaged_path_of_a_file_that_is_gone_says_so(images, tmp_path):
    paths = Register(tmp_path / "c.sqlite", images, seed=0).paths
    (images / paths[2]).unlink()
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as db, db:
        db.execute("UPDATE photos SET path = 'another.png' WHERE id = 2")
    with pytest.raises(StorageError, match=r"is damaged: photo 2 is not the one that was written"):
        Register(tmp_path / "c.sqlite", images, seed=0)


def test_no_such_folder(tmp_path):
    with pytest.raises(CollectionError, match="no such folder"):
        Register(tmp_path / "c.sqlite", tmp_path / "none", seed=0)


def test_the_first_rows_are_a_fair_sample(tmp_path):
    for i in range(40):
        photo(tmp_path / "images" / f"{i}.png", i)
    first = [Register(tmp_path / f"{s}.sqlite", tmp_path / "images", seed=s).order[:10].mean() for s in range(20)]
    assert abs(np.mean(first) - 19.5) < 5  # the mean of ten of 0…39 deviates by 3.2, of twenty such means by 0.7
