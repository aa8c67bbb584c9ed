"""A photo keeps its id, and with it its label, wherever its bytes are; other bytes in its place are noticed."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from handlens.studio import following
from handlens.studio.register import Register

LONG_AGO = 1_000_000_000_000_000_000  # nanoseconds


def paint(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(path, "BMP")  # all of one size


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for i, name in enumerate("abcdef"):
        paint(tmp_path / "images" / f"{name}.bmp", 10 * i)
    return tmp_path / "images"


@pytest.fixture
def opened(images: Path, tmp_path: Path) -> Callable[[], Register]:
    def opened() -> Register:
        scanned = Register(tmp_path / "c.sqlite", images, seed=0)
        n = len(scanned)
        scanned.scan()
        again = Register(tmp_path / "c.sqlite", images, seed=0)
        assert (len(scanned), scanned.paths, len(again)) == (n, again.paths[:n], n + scanned.added)
        if any(images.iterdir()):  # else the disk may be away, and what is left out now is not kept
            assert scanned.left_out == again.left_out
        return again if scanned.added else scanned

    return opened


BEFORE = ["a.bmp", "b.bmp", "c.bmp", "d.bmp", "e.bmp", "f.bmp"]


def moved(images: Path, *pairs: tuple[str, str]) -> None:
    """Move files, all at once."""
    for i, (source, _) in enumerate(pairs):
        (images / source).rename(images / f".{i}")
    for i, (_, target) in enumerate(pairs):
        (images / target).parent.mkdir(parents=True, exist_ok=True)
        (images / f".{i}").rename(images / target)


@pytest.mark.parametrize("unread", [False, True])
def test_p9_photos_that_were_moved_into_a_folder_are_the_same_photos(
    images: Path, opened, monkeypatch: pytest.MonkeyPatch, unread: bool
) -> None:
    if unread:  # as the photos of a large collection before it is prepared
        monkeypatch.setattr(following, "READ_AT_ONCE", 0)
    for i in range(24):
        paint(images / f"{i}.bmp", 100 + i)
    before = opened()
    rows = before.rows.tolist()
    moved(images, *[(path, f"sub/{path}") for path in before.paths[:15]])
    moved(images, *[(path, f"other/deep/{i} new name.dat") for i, path in enumerate(before.paths[15:29])])
    paint(images / "new.bmp", 99)
    after = opened()
    assert after.paths == [
        *(f"sub/{path}" for path in before.paths[:15]),
        *(f"other/deep/{i} new name.dat" for i in range(14)),
        before.paths[29],
        "new.bmp",
    ]
    assert after.rows.tolist()[:30] == rows
    assert (after.left_out, after.again, after.replaced) == ([], [], {})
    again = opened()
    assert (again.paths, again.left_out, again.again) == (after.paths, [], [])


@pytest.mark.parametrize(
    ("pairs", "paths"),
    [
        ([("a.bmp", "z.bmp")], ["z.bmp", "b.bmp"]),
        ([("a.bmp", "A.bmp")], ["A.bmp", "b.bmp"]),
        ([("a.bmp", "b.bmp"), ("b.bmp", "a.bmp")], ["b.bmp", "a.bmp"]),
        ([("a.bmp", "b.bmp"), ("b.bmp", "c.bmp"), ("c.bmp", "a.bmp")], ["b.bmp", "c.bmp", "a.bmp"]),
        ([("a.bmp", "b.bmp"), ("b.bmp", "x/b.bmp")], ["b.bmp", "x/b.bmp"]),
        ([("a.bmp", "x/1.bmp"), ("b.bmp", "x/2.bmp")], ["x/1.bmp", "x/2.bmp"]),
    ],
)
def test_p9_names_that_were_changed_in_any_way(images: Path, opened, pairs, paths) -> None:
    opened()
    moved(images, *pairs)
    found = opened()
    assert found.paths == paths + BEFORE[len(paths) :]
    assert (found.left_out, found.again, found.replaced) == ([], [], {})
    moved(images, *[(new, old) for old, new in pairs])
    back = opened()
    assert (back.paths, back.left_out, back.again, back.replaced) == (BEFORE, [], [], {})


def test_p9_a_name_in_another_form_of_unicode(images: Path, opened) -> None:
    composed, taken_apart = (unicodedata.normalize(form, "grün.bmp") for form in ("NFC", "NFD"))
    paint(images / composed, 200)
    assert opened().paths[-1] == composed
    (images / composed).rename(images / taken_apart)
    found = opened()
    assert len(found) == 7
    assert unicodedata.normalize("NFC", found.paths[-1]) == composed
    assert found.left_out == []


def test_p9_a_copy_elsewhere_with_a_new_time(images: Path, opened) -> None:
    opened()
    (images / "x").mkdir()
    for name in "ab":
        shutil.copy(images / f"{name}.bmp", images / "x" / f"{name}.bmp")
        (images / f"{name}.bmp").unlink()
    assert opened().paths == ["x/a.bmp", "x/b.bmp", *BEFORE[2:]]


def test_p9_a_photo_that_took_the_name_of_another_keeps_its_id_and_the_other_is_gone(images: Path, opened) -> None:
    opened()
    (images / "a.bmp").replace(images / "b.bmp")
    found = opened()
    assert found.paths == ["b.bmp", "a.bmp", *BEFORE[2:]]
    assert [(out.path, out.reason) for out in found.left_out] == [
        ("a.bmp", "was here before and is gone from the folder")
    ]
    assert found.replaced == {}


def test_p9_a_new_photo_under_the_name_of_one_that_was_moved_is_new(images: Path, opened) -> None:
    opened()
    moved(images, ("a.bmp", "x/a.bmp"))
    paint(images / "a.bmp", 222)
    found = opened()
    assert found.paths == ["x/a.bmp", *BEFORE[1:], "a.bmp"]
    assert (found.replaced, found.again) == ({}, [])


def test_p9_of_two_photos_that_became_the_same_file_the_unchanged_one_stays(images: Path, opened) -> None:
    opened()
    shutil.copy(images / "b.bmp", images / "a.bmp")
    found = opened()
    assert found.paths == BEFORE
    assert [(out.path, out.reason) for out in found.left_out] == [("a.bmp", "the same file as b.bmp")]
    moved(images, ("a.bmp", "x/a.bmp"), ("b.bmp", "x/b.bmp"))
    found = opened()
    assert (found.paths[0], found.paths[2:]) == ("a.bmp", BEFORE[2:])
    assert found.paths[1] in ("x/a.bmp", "x/b.bmp")  # the same bytes as the b of before


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_p9_a_photo_that_was_moved_and_left_a_link(images: Path, opened) -> None:
    opened()
    moved(images, ("a.bmp", "x/1.bmp"))
    (images / "a.bmp").symlink_to(images / "x" / "1.bmp")
    found = opened()
    assert found.paths == BEFORE
    assert [(out.path, out.reason) for out in found.left_out] == [("x/1.bmp", "the same file as a.bmp")]


def test_p9_a_disk_that_is_away_changes_nothing(images: Path, opened, tmp_path: Path) -> None:
    opened()
    images.rename(tmp_path / "away")
    images.mkdir()
    found = opened()
    assert found.paths == BEFORE
    assert {out.reason for out in found.left_out} == {"was here before and is gone from the folder"}
    images.rmdir()
    (tmp_path / "away").rename(images)
    assert (opened().paths, opened().left_out, opened().again) == (BEFORE, [], [])


def test_p8_other_bytes_under_a_name_are_noticed(images: Path, opened) -> None:
    opened()
    paint(images / "c.bmp", 111)
    found = opened()
    assert (found.paths, found.again, list(found.replaced)) == (BEFORE, [2], [2])
    assert (opened().again, list(opened().replaced)) == ([2], [2])


def test_p8_other_bytes_with_the_same_size_and_time_just_after_they_were_looked_at(images: Path, opened) -> None:
    opened()
    before = (images / "c.bmp").stat()
    paint(images / "c.bmp", 111)
    os.utime(images / "c.bmp", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (images / "c.bmp").stat().st_size == before.st_size
    assert opened().again == [2]


def test_p8_a_new_time_alone_is_no_new_photo(images: Path, opened) -> None:
    opened()
    for path in BEFORE:
        os.utime(images / path, ns=(LONG_AGO, LONG_AGO))
    assert (opened().again, opened().replaced) == ([], {})


def test_p8_bytes_are_read_again_only_where_size_or_time_changed(
    images: Path, opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in BEFORE:
        os.utime(images / path, ns=(LONG_AGO, LONG_AGO))
    opened()
    read = []
    real = following.content_of

    def counted(file, before=None):
        found = real(file, before)
        if found is not before:
            read.append(file.name)
        return found

    monkeypatch.setattr(following, "content_of", counted)
    opened()
    assert read == []
    os.utime(images / "b.bmp", ns=(LONG_AGO, LONG_AGO + 1))
    paint(images / "d.bmp", 133)
    assert opened().again == [3]
    assert sorted(read) == ["b.bmp", "d.bmp"]


def test_p8_a_collection_of_an_earlier_version_takes_its_photos_as_they_are(
    images: Path, opened, tmp_path: Path
) -> None:
    import sqlite3
    from contextlib import closing

    opened()
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as db, db:
        db.execute("DROP TABLE files")
    paint(images / "c.bmp", 111)
    assert (opened().again, opened().replaced) == ([], {})
    moved(images, ("c.bmp", "x/c.bmp"))
    assert opened().paths == ["a.bmp", "b.bmp", "x/c.bmp", "d.bmp", "e.bmp", "f.bmp"]


@pytest.mark.parametrize("column", ["size", "modified", "looked", "digest", "replaced"])
def test_s11_a_photo_is_read_again_if_what_is_kept_of_it_is_damaged(
    images: Path, opened, tmp_path: Path, column: str
) -> None:
    import sqlite3
    from contextlib import closing

    opened()
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as db, db:
        db.execute(f"UPDATE files SET {column} = 'x'")
    found = opened()
    assert (found.paths, sorted(found.again), found.replaced) == (BEFORE, [0, 1, 2, 3, 4, 5], {})
