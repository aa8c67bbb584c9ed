"""Files that a person takes away: whole or not at all, and safe on every system."""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlens.errors import StorageError
from handlens.io.files import atomic_write
from handlens.io.spreadsheets import LABEL_COLUMNS
from handlens.studio.exports import about_origins, write_csv
from handlens.studio.formats.exporting import Export
from handlens.studio.formats.writers.folders import FoldersExporter, zipped_photos
from handlens.studio.labels import Labels, check_name
from handlens.studio.origins import CHECKED, Certificate, Origin


def write_folders(images: Path, labels: dict[str, str], path: Path) -> None:
    """Write the zip of folders of photos with these labels."""
    table = pd.DataFrame({"path": list(labels), "label": list(labels.values())}, dtype="str").reindex(
        columns=LABEL_COLUMNS
    )
    table["labelled_at"] = pd.Timestamp("2026-01-02", tz="UTC")
    FoldersExporter().write(Export("photos", images, table), path)


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")

    def fail():
        with atomic_write(target) as partial:
            partial.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]
    with atomic_write(target) as partial:
        partial.write_text("new")
    assert target.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_a_file_can_be_read_by_whom_the_person_lets(tmp_path):
    before = os.umask(0o022)
    try:
        write_csv(pd.DataFrame({"a": [1]}), tmp_path / "deep" / "out.csv")
    finally:
        os.umask(before)
    assert (tmp_path / "deep" / "out.csv").stat().st_mode & 0o777 == 0o644


def test_what_cannot_be_written_says_so(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="name a file"):
        write_csv(pd.DataFrame({"a": [1]}), tmp_path / "taken")
    with pytest.raises(StorageError, match="could not be written"):
        write_csv(pd.DataFrame({"a": [1]}), tmp_path / "file" / "out.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "taken"]


def test_csv_keeps_every_character(tmp_path):
    table = pd.DataFrame(
        {"path": ['a "b", c.jpg', "line\nbreak.jpg", "左.jpg"], "label": ["x,y", "NA", np.nan], "p": [1 / 3, 1.0, 0.0]}
    )
    write_csv(table, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["path", "label", "p"],
        ['a "b", c.jpg', "x,y", "0.333333"],
        ["line\nbreak.jpg", "NA", "1.000000"],
        ["左.jpg", "", "0.000000"],
    ]


def test_folder_names_by_hand():
    labels = ["front", "Front", "a/b", "a:b", "..", "con", "COM1.x", "left out.csv", "x" * 100, "五" * 100]
    assert [photo.name.partition("/")[0] for photo in zipped_photos({str(i): x for i, x in enumerate(labels)})] == [
        "front",
        "Front 2",
        "a_b",
        "a_b 2",
        "_",
        "_con",
        "_COM1.x",
        "left out.csv 2",
        "x" * 100,
        "五" * 66,
    ]


@given(st.lists(st.text(min_size=1, max_size=100).filter(lambda s: "\ud800" not in s), unique=True, max_size=8))
def test_folder_names_are_distinct_and_valid(labels):
    good = []
    for label in labels:
        try:
            good.append(check_name(label))
        except Exception:
            continue
    good = list(dict.fromkeys(good))
    names = [photo.name.partition("/")[0] for photo in zipped_photos({str(i): x for i, x in enumerate(good)})]
    assert len({name.casefold() for name in names}) == len(good)
    for name in names:
        assert name.strip(". ") == name != ""
        assert not set('<>:"/\\|?*') & set(name)
        assert len(name.encode()) < 255


def test_zip_of_folders(tmp_path):
    images = tmp_path / "images"
    contents = {"a/1.jpg": b"one", "b/1.jpg": b"two", "2.jpg": b"three", "gone.jpg": None, "none.jpg": b"four"}
    for path, content in contents.items():
        if content:
            (images / path).parent.mkdir(parents=True, exist_ok=True)
            (images / path).write_bytes(content)
    labels = dict(zip(contents, ["x/y", "x/y", "../../etc", "x/y"], strict=False))
    write_folders(images, labels, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.testzip() is None
        found = {name: archive.read(name) for name in archive.namelist()}
    listed = list(csv.reader(io.StringIO(found.pop("left out.csv").decode())))
    renamed = list(csv.reader(io.StringIO(found.pop("renamed.csv").decode())))
    labelled = [row[:3] for row in csv.reader(io.StringIO(found.pop("labels.csv").decode()))]
    assert labelled[1:] == [
        ["x_y/a/1.jpg", "a/1.jpg", "x/y"],
        ["x_y/b/1.jpg", "b/1.jpg", "x/y"],
        ["_.._etc/2.jpg", "2.jpg", "../../etc"],
    ]
    assert found == {"x_y/a/1.jpg": b"one", "x_y/b/1.jpg": b"two", "_.._etc/2.jpg": b"three"}
    assert renamed == [
        ["path", "label", "name"],
        ["a/1.jpg", "x/y", "x_y/a/1.jpg"],
        ["b/1.jpg", "x/y", "x_y/b/1.jpg"],
        ["2.jpg", "../../etc", "_.._etc/2.jpg"],
    ]
    assert listed == [["path", "label", "reason"], ["gone.jpg", "x/y", "No such file or directory"]]


def test_zip_of_photos_older_than_zips(tmp_path):
    (tmp_path / "1.jpg").write_bytes(b"x")
    os.utime(tmp_path / "1.jpg", (0, 0))  # 1970: a zip's calendar begins in 1980
    write_folders(tmp_path, {"1.jpg": "a"}, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == ["a/1.jpg", "labels.csv"]


def test_a_compressed_table_is_compressed(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "table.csv.gz") as partial:
        pd.DataFrame({"a": [1]}).to_csv(partial, index=False)
    assert pd.read_csv(tmp_path / "table.csv.gz")["a"].tolist() == [1]


def test_a_datasheet_says_where_labels_come_from(tmp_path):
    labels = Labels(tmp_path / "labels.sqlite", 9)
    labels.assign([0, 1], "cat")
    labels.assign([2], "dog", origin=CHECKED)
    certificate = Certificate(error=0.05, confidence=0.95, checked=100)
    labels.assign([3, 4, 5], "dog", origin=Origin("finish", "certified", certificate))
    day = labels.state.origins.frame["at"][3].date()
    assert about_origins(labels.state) == {
        "labels: by hand": "2",
        "labels: checked": "1",
        "labels: certified": f"3. On {day}, with 95 % confidence at most 5 % of the 6 labels that there were "
        "then were wrong, from 100 checked photos; labels by persons count as right.",
    }
    for change, undo in (
        (lambda: labels.remove([3]), labels.undo),
        (lambda: labels.assign([8], "cat"), labels.undo),
        (lambda: labels.rename("cat", "lynx"), labels.undo),
    ):
        change()
        assert about_origins(labels.state)["labels: certified"].endswith(
            "of the 6 labels that there were then were wrong, from 100 checked photos; labels by persons count as "
            "right. Labels have changed since; what they are now was not certified."
        )
        undo()
        assert about_origins(labels.state)["labels: certified"].endswith("count as right.")
    assert labels.undo()
    assert "labels: certified" not in about_origins(labels.state)
    assert labels.redo()
    assert "of the 6 labels" in about_origins(labels.state)["labels: certified"]
    labels.close()


SYSTEMS = {
    **dict.fromkeys(("a:b.jpg", "what?.jpg", "st*r.jpg", "p|pe.jpg", 'qu"te.jpg', "less<.jpg", "new\nline.jpg"), "a"),
    **dict.fromkeys(("aux.jpg", "COM1", "lpt9.txt", "nul .png", "com².jpg", "conin$", "PRN.tar.gz"), "a"),
    **dict.fromkeys(("IMG.JPG", "img.jpg", "Img 2.jpg", "é.png", "é.png", "straße.png", "STRASSE.png"), "a"),
    **dict.fromkeys(("end. ", "end", "dots...", "x" * 300 + ".jpg", "x" * 301 + ".jpg", "五" * 84 + ".png"), "a"),
    **dict.fromkeys(("D/1.jpg", "d/1.jpg", "D./1.jpg", "e/x.jpg", "E", "con/aux/1.jpg", "back\\slash.jpg"), "a"),
    "renamed.csv": "a",
    "1.jpg": "left out.csv",
    "2.jpg": "renamed.csv",
    "3.jpg": "Left Out.csv",
    "4.jpg": "A",
    "5.jpg": "COM1",
    "6.jpg": "é",
    "7.jpg": "e\u0301",
    "8.jpg": "dot.",
    "9.jpg": "dot",
}


def test_p10_names_in_the_zip_are_valid_and_distinct_on_every_system():
    photos = zipped_photos(SYSTEMS)
    names = [photo.name for photo in photos]
    assert [photo.path for photo in photos] == list(SYSTEMS)
    same = [unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()) for name in names]
    assert len(set(same)) == len(SYSTEMS)
    folders = {"/".join(name.split("/")[:i]) for name in same for i in range(1, name.count("/") + 1)}
    assert not folders & {*same, "left out.csv", "renamed.csv"}  # nothing is a file and a folder
    for name in names:
        for part in name.split("/"):
            assert not set('<>:"\\|?*\n') & set(part)
            assert part == part.strip(" ").rstrip(".")
            assert 0 < len(part.encode()) <= 210
            assert not re.fullmatch(r"(con|prn|aux|nul|conin\$|(com|lpt)[0-9²])( *\..*)?", part, re.IGNORECASE)
    by_path = dict(zip(SYSTEMS, names, strict=True))
    assert by_path["IMG.JPG"] == "a/IMG.JPG"
    assert by_path["img.jpg"] == "a/img 2.jpg"
    assert by_path["Img 2.jpg"] == "a/Img 2 2.jpg"
    assert by_path["new\nline.jpg"] == "a/new_line.jpg"
    assert by_path["aux.jpg"] == "a/_aux.jpg"
    assert by_path["x" * 300 + ".jpg"] == f"a/{'x' * 196}.jpg"
    assert by_path["4.jpg"] == "A 2/4.jpg"
    assert by_path["con/aux/1.jpg"] == "a/_con/_aux/1.jpg"


def test_p10_no_photo_is_lost_and_a_list_says_what_was_renamed(tmp_path):
    photos = {f"=1 {i}:{j}.jpg": "-x" for i in range(3) for j in range(3)} | {"plain.jpg": "plain"}
    for path in photos:
        (tmp_path / path).write_text(path)
    write_folders(tmp_path, photos, tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
    rows = list(csv.DictReader(io.StringIO(found.pop("renamed.csv"), newline="")))
    assert found.pop("labels.csv").count("\n") == 1 + len(photos)
    assert sorted(found.values()) == sorted(photos)
    assert found["plain/plain.jpg"] == "plain.jpg"
    assert [row["path"] for row in rows] == [f"'{path}" for path in photos if path != "plain.jpg"]  # nothing is run
    assert all(found[row["name"].removeprefix("'")] == row["path"].removeprefix("'") for row in rows)
