"""Attached CSVs: which row belongs to which photo, what is said about the rest, and how reports are split by them."""

from __future__ import annotations

import codecs
from pathlib import Path

import numpy as np
import pytest

from handlens.errors import AuditError, CollectionError, TrainingError
from handlens.studio.attributes import Attached, match_csv
from handlens.studio.collection import Collection

PATHS = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "café.png"]


def read(text: str, paths: list[str] = PATHS) -> Attached:
    return match_csv(text.encode(), "cameras.csv", paths)


def test_rows_are_matched_by_path() -> None:
    found = read("photo,camera,iso\na/1.jpg,one,100\nb/1.jpg,two,\ncafé.png,one,400\n")
    assert (found.column, found.columns, found.rows, found.matched) == ("photo", ["camera", "iso"], 3, 3)
    assert found.table["camera"].isna().tolist() == [False, True, False, False]
    assert found.table["camera"].dropna().tolist() == ["one", "two", "one"]
    np.testing.assert_array_equal(found.table["iso"], [100, np.nan, np.nan, 400])
    assert found.without.tolist() == [1]
    assert found.unmatched.empty


@pytest.mark.parametrize(
    ("value", "id"),
    [
        ("2.jpg", 1),
        ("./a/2.jpg", 1),
        ("a\\2.jpg", 1),
        ("/home/me/photos/a/2.jpg", 1),
        ("2", 1),
        ("b/1", 2),
        ("cafe\u0301.png", 3),  # the same letters, spelled as macOS does
    ],
)
def test_a_photo_is_found_by_what_people_call_it(value: str, id: int) -> None:
    found = read(f"camera,file\nx,{value}\n")
    assert found.column == "file"
    assert found.table["camera"].notna().to_numpy().nonzero()[0].tolist() == [id]


def test_rows_that_are_not_used_are_told_with_their_reasons() -> None:
    found = read("file,site\n2.jpg,x\n1.jpg,x\n3.jpg,x\na/2.jpg,y\n,z\nelsewhere/2.jpg,x\n")
    assert found.matched == 1
    assert found.unmatched.to_numpy().tolist() == [
        [3, "1.jpg", "2 photos have this name"],
        [4, "3.jpg", "no photo has this name"],
        [5, "a/2.jpg", "names the same photo as line 2"],
        [6, "", "names no photo"],
        [7, "elsewhere/2.jpg", "no photo has this path; a/2.jpg is another one of this name"],
    ]
    assert found.table["site"].dropna().tolist() == ["x"]


def test_semicolons_tabs_marks_and_other_encodings_are_read() -> None:
    for separator in ";\t":
        found = read(f"file{separator}site{separator}n\n2.jpg{separator}x, y{separator}1\n")
        assert found.columns == ["site", "n"]
    text = "file,site\ncafé.png,x\n"
    for data in (codecs.BOM_UTF8 + text.encode(), text.encode("utf-16")):
        assert match_csv(data, "c.csv", PATHS).table["site"].dropna().to_dict() == {3: "x"}


def test_numbers_are_numbers_and_codes_with_a_zero_in_front_stay_names() -> None:
    found = read("file,n,code\n2.jpg,-1.5e3,007\na/1.jpg,2,010\n")
    assert found.table["n"].dropna().tolist() == [2.0, -1500.0]
    assert found.table["code"].dropna().tolist() == ["010", "007"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "a heading and at least one row"),
        (b"file,site\n", "a heading and at least one row"),
        (b"\xff\x00\x80", "text in UTF-8"),
        (b"PK\x03\x04\x00\x00", "text in UTF-8"),
        (b"file\n2.jpg\n", "at least one other"),
        (b"file,site,site\n2.jpg,1,2\n", "“site” is there twice"),
        (b"file,site\n2.jpg,x\n1.jpg,x,y\n", "line 3 has 3"),
        (b'file,site\n2.jpg,"x\n', "cannot be read as CSV"),
        (b"name,site\nnobody,x\n", "must name photos of this collection by path or name, such as a/1.jpg"),
    ],
)
def test_a_csv_that_will_not_do_gets_a_sentence(data: bytes, says: str) -> None:
    with pytest.raises(CollectionError, match=says):
        match_csv(data, "c.csv", PATHS)


def test_a_collection_without_photos_has_none_to_name() -> None:
    with pytest.raises(CollectionError, match="must name photos"):
        match_csv(b"file,site\nx,y\n", "c.csv", [])


# --- a collection's own ----------------------------------------------------------------------------


def cameras(tmp_path: Path, rows: int = 20) -> Path:
    """The first photos of either kind by an old camera (the first five) or a new one; the other photos have none."""
    file = tmp_path / "cameras.csv"
    lines = [f"{kind}/{i}.png,{'old' if i < 5 else 'new'},{i}" for kind in ("circles", "squares") for i in range(rows)]
    file.write_text("\n".join(["photo,camera,year", *lines]))
    return file


def in_two_gestures(collection: Collection, n: int) -> None:
    """Labels the first n of each kind, half of them at a time."""
    for ids in (range(n // 2), range(n // 2, n)):
        collection.label(ids, "circle")
        collection.label([20 + i for i in ids], "square")


def test_an_attached_csv_is_kept_with_the_collection_and_can_be_removed(collection: Collection, tmp_path: Path) -> None:
    before = sorted(collection.images.rglob("*"))
    file = cameras(tmp_path, 18)
    found = collection.attach(file)
    assert (found.name, found.matched, len(found.without)) == ("cameras.csv", 36, 4)
    file.unlink()
    with Collection.open(collection.folder) as again:
        assert again.attached is not None
        assert again.attached.table.equals(found.table)
    assert sorted(collection.images.rglob("*")) == before
    collection.detach()
    assert collection.attached is None
    collection.detach()


def test_a_csv_that_is_refused_leaves_the_one_before(collection: Collection, tmp_path: Path) -> None:
    collection.attach(cameras(tmp_path))
    bad = tmp_path / "bad.csv"
    bad.write_text("x,y\n1,2\n")
    for file in (bad, tmp_path / "none.csv", tmp_path):
        with pytest.raises(CollectionError):
            collection.attach(file)
    assert collection.attached is not None
    assert collection.attached.name == "cameras.csv"


def test_the_report_is_split_by_photos_that_the_model_had_not_seen(collection: Collection, tmp_path: Path) -> None:
    in_two_gestures(collection, 12)
    # Three of the old camera's photos are labelled wrong: held out, they must be predicted against their label.
    collection.label([0, 1, 2], "square")
    collection.train()
    found = collection.held_out
    assert found is not None
    right = [t == p for t, p in zip(found.truth, found.predicted, strict=True)]
    assert len(right) == 24
    assert {found.truth[i] for i, id in enumerate(found.ids) if id in (0, 1, 2, 25)} == {"square"}

    collection.attach(cameras(tmp_path))
    frame = collection.subgroups("camera").frame.set_index("group")
    assert frame.loc[["old", "new"], "n"].tolist() == [10, 14]
    old = np.isin(found.ids % 20, range(5))
    assert frame.loc["old", "value"] == pytest.approx(np.mean(np.array(right)[old]))
    assert frame.loc["old", "worst"]
    assert frame["small"].all()

    both = collection.subgroups(["camera", "year"], metrics=["error"]).frame
    assert set(both["by"]) == {"overall", "camera", "year", "camera × year"}


def test_photos_without_a_row_are_a_group_of_their_own(collection: Collection, tmp_path: Path) -> None:
    in_two_gestures(collection, 8)
    collection.train()
    collection.attach(cameras(tmp_path, 4))
    frame = collection.subgroups("camera").frame.set_index("group")
    assert frame["n"].to_dict() == {"all": 16, "old": 8, "missing": 8}


def test_what_is_held_out_survives_a_restart_and_a_new_name(collection: Collection) -> None:
    in_two_gestures(collection, 4)
    collection.train()
    collection.rename("circle", "disc")
    with Collection.open(collection.folder) as again:
        assert again.held_out is not None
        assert set(again.held_out.truth) == {"disc", "square"}
    # Evidence of another training run is not this model's.
    settings = collection.parts.settings
    record = settings.model_record("quick")
    settings.replace_model("quick", record, {"of": [0, 0], "ids": [], "truth": [], "predicted": []}, use="quick")
    assert collection.held_out is None


def test_what_cannot_be_split_gets_a_sentence(collection: Collection, tmp_path: Path) -> None:
    assert collection.held_out is None
    with pytest.raises(CollectionError, match="no CSV is attached"):
        collection.subgroups("camera")
    collection.attach(cameras(tmp_path))
    with pytest.raises(CollectionError, match="among camera, year; site arrived"):
        collection.subgroups(["camera", "site"])
    with pytest.raises(CollectionError, match="none arrived"):
        collection.subgroups([])
    with pytest.raises(TrainingError, match="no model yet"):
        collection.subgroups("camera")
    in_two_gestures(collection, 4)
    collection.train()
    with pytest.raises(AuditError, match="metrics"):
        collection.subgroups("camera", metrics=["beauty"])
    settings = collection.parts.settings
    settings.replace_model("quick", settings.model_record("quick"), {}, use="quick")
    with pytest.raises(TrainingError, match="Train again"):
        collection.subgroups("camera")


def test_labels_of_one_gesture_each_tell_nothing_of_groups(collection: Collection, tmp_path: Path) -> None:
    collection.label(range(8), "circle")
    collection.label(range(20, 28), "square")
    collection.train()
    assert collection.held_out is not None
    assert len(collection.held_out.ids) == 0
    collection.attach(cameras(tmp_path))
    with pytest.raises(TrainingError, match="selected together"):
        collection.subgroups("camera")
