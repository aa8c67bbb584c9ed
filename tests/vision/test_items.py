"""Pictures found in folders and listed in tables, split and labelled; other files are left out by name."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from handlens.core.labels import CategoryList, FloatList, MultiCategoryList
from handlens.errors import DataError
from handlens.vision.items import ImageItemList


def encoded(kind: str = "JPEG", *, mode: str = "RGB", size: tuple[int, int] = (24, 16)) -> bytes:
    rows = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Pillow.fromarray(rows).convert(mode).save(buffer, kind)
    return buffer.getvalue()


def photos(folder: Path, *names: str, content: bytes | None = None) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content or encoded())
    return folder


def names(items: ImageItemList) -> list[str]:
    return [path.relative_to(items.path).as_posix() for path in items.items]


# Folders


def test_a_folder_is_read_in_order_without_what_is_hidden(tmp_path: Path) -> None:
    photos(tmp_path, "b/2.jpg", "b/10.JPG", "a.jpeg", "z.png", ".hidden.jpg", ".cache/x.jpg", "b/.c/y.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    items = ImageItemList.from_folder(tmp_path)
    assert names(items) == ["a.jpeg", "b/10.JPG", "b/2.jpg", "z.png"]
    assert (items.path, items.left_out, items[0].size) == (tmp_path, [], (16, 24))
    assert names(ImageItemList.from_folder(str(tmp_path), recurse=False)) == ["a.jpeg", "z.png"]
    assert names(ImageItemList.from_folder(tmp_path, extensions=[".JPG", "png"])) == ["b/10.JPG", "b/2.jpg", "z.png"]
    assert names(ImageItemList.from_folder(tmp_path, extensions=".png")) == ["z.png"]


def test_folders_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pictures; the folder is empty"):
        ImageItemList.from_folder(tmp_path)
    with pytest.raises(DataError, match="there is no folder at"):
        ImageItemList.from_folder(tmp_path / "none")
    (tmp_path / "a.txt").write_text("")
    photos(tmp_path, "below/a.jpg")
    with pytest.raises(DataError, match=r"holds no pictures; only 1 other files \(recurse=False\)"):
        ImageItemList.from_folder(tmp_path, recurse=False)
    with pytest.raises(DataError, match="path must be a folder"):
        ImageItemList.from_folder(tmp_path / "a.txt")


def _deep() -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.full((4, 4), 40_000, np.uint16)).save(buffer, "PNG")
    return buffer.getvalue()


WHOLE: dict[str, Callable[[], bytes]] = {
    "grey.jpg": lambda: encoded(mode="L"),
    "cmyk.jpg": lambda: encoded(mode="CMYK"),
    "clear.png": lambda: encoded("PNG", mode="RGBA"),
    "palette.png": lambda: encoded("PNG", mode="P"),
    "bits.png": lambda: encoded("PNG", mode="1"),
    "deep.png": _deep,
    "moving.gif": lambda: encoded("GIF"),
    "a.webp": lambda: encoded("WEBP"),
    "a.bmp": lambda: encoded("BMP"),
    "a.tif": lambda: encoded("TIFF"),
    "a.ppm": lambda: encoded("PPM"),
    "dot.png": lambda: encoded("PNG", size=(1, 1)),
    "more after its end.jpg": lambda: encoded() + b"appended by a phone" * 100,
    "really a png.jpg": lambda: encoded("PNG"),
}


def test_odd_pictures_are_pictures(tmp_path: Path) -> None:
    for name, make in WHOLE.items():
        photos(tmp_path, name, content=make())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        items = ImageItemList.from_folder(tmp_path)
    assert set(names(items)) == set(WHOLE)
    assert all(items[i].pixels.ndim == 3 for i in range(len(items)))


def _broken_png() -> bytes:
    whole = bytearray(encoded("PNG"))
    whole[41:43] = b"\0\0"  # where the compressed rows begin
    return bytes(whole[:-12])


BROKEN: dict[str, tuple[bytes, str]] = {
    "cut.jpg": (encoded()[:-200], "truncated"),
    "cut.png": (encoded("PNG")[:-40], "truncated"),
    "cut.gif": (encoded("GIF", size=(64, 64))[:-900], "truncated"),
    "damaged.png": (_broken_png(), "damaged|truncated"),
    "empty.jpg": (b"", "empty"),
    "text.jpg": (b"<html>404</html>", "not a picture"),
    "header.jpg": (encoded()[:4], "not a picture|truncated|damaged"),
}


def test_files_that_cannot_be_read_are_left_out_and_named(tmp_path: Path) -> None:
    photos(tmp_path, "good.jpg", "also good.jpg")
    for name, (content, _) in BROKEN.items():
        (tmp_path / name).write_bytes(content)
    with pytest.warns(UserWarning, match="7 of 9 files cannot be read") as told:
        items = ImageItemList.from_folder(tmp_path)
    assert names(items) == ["also good.jpg", "good.jpg"]
    assert [path.name for path, _ in items.left_out] == sorted(BROKEN)
    for path, reason in items.left_out:
        assert re.search(BROKEN[path.name][1], reason), (path.name, reason)
        assert str(path) not in reason
    [warning] = told
    assert [name in str(warning.message) for name in sorted(BROKEN)] == [True] * 5 + [False] * 2
    assert "and 2 more, see .left_out" in str(warning.message)
    assert warning.filename == __file__


def test_a_folder_of_nothing_but_broken_files(tmp_path: Path) -> None:
    photos(tmp_path, "a.jpg", "b.jpg", content=encoded()[:-200])
    with pytest.raises(DataError, match=r"none of the 2 files can be read as a picture: .*a\.jpg"):
        ImageItemList.from_folder(tmp_path)


def test_damage_inside_a_jpeg_is_no_reason_to_refuse_its_folder(tmp_path: Path) -> None:
    body = bytearray(encoded(size=(200, 200)))
    body[len(body) // 2] ^= 0xFF
    photos(tmp_path, "a.jpg", content=bytes(body))
    assert len(ImageItemList.from_folder(tmp_path)) == 1


# Tables


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    photos(tmp_path / "pictures", "001.jpg", "002.jpg", "003.jpg", "004.jpg")
    return pd.DataFrame(
        {
            "tags": ["sky sea", "", "sea", "sky"],
            "name": ["003", "001", "004", "002"],
            "age": [3.5, 1.5, 4.5, 2.5],
            "kind": ["b", "a", "b", "a"],
        },
        index=[5, 5, 9, 1],
    )


def test_a_table_names_pictures_and_labels_them(table: pd.DataFrame, tmp_path: Path) -> None:
    before = table.copy()
    items = ImageItemList.from_df(table, tmp_path, cols="name", folder="pictures", suffix=".jpg")
    assert names(items) == [f"pictures/00{i}.jpg" for i in (3, 1, 4, 2)]
    assert names(ImageItemList.from_df(table, tmp_path, cols=1, folder="pictures", suffix=".jpg")) == names(items)
    split = items.split_by_idx([0])
    ages = split.label_from_df("age")
    assert isinstance(ages.train.y, FloatList)
    assert (ages.train.y.data.tolist(), ages.valid.y.data.tolist()) == ([1.5, 4.5, 2.5], [3.5])
    kinds = split.label_from_df("kind")
    assert isinstance(kinds.train.y, CategoryList)
    assert [str(kinds.train.y[i]) for i in range(3)] == ["a", "b", "a"]
    tags = split.label_from_df("tags", label_delim=" ")
    assert isinstance(tags.train.y, MultiCategoryList)
    assert (tags.train.y.classes, tags.train.y.c) == (["sea", "sky"], 2)
    assert tags.train.y.data.tolist() == [[0, 0], [1, 0], [0, 1]]
    assert tags.valid.y[0] == ["sea", "sky"]
    pd.testing.assert_frame_equal(table, before)


def test_a_picture_left_out_takes_its_row_along(table: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "pictures/001.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"1 of 4 files .*001\.jpg \(empty"):
        items = ImageItemList.from_df(table, tmp_path, cols="name", folder="pictures", suffix=".jpg")
    assert items.split_none().label_from_df("age").train.y.data.tolist() == [3.5, 4.5, 2.5]


def test_a_csv_keeps_names_as_they_are_written(table: pd.DataFrame, tmp_path: Path) -> None:
    table.to_csv(tmp_path / "labels.csv", index=False)
    items = ImageItemList.from_csv(tmp_path, cols="name", folder="pictures", suffix=".jpg")
    assert names(items) == [f"pictures/00{i}.jpg" for i in (3, 1, 4, 2)]
    assert names(ImageItemList.from_csv(tmp_path, "labels.csv", cols=1, folder="pictures", suffix=".jpg")) == names(
        items
    )
    # An empty cell is a missing value once it was in a file.
    with pytest.raises(DataError, match=r"1 of 4 are missing in 'tags', the first at position 1.*fillna"):
        items.split_none().label_from_df("tags", label_delim=" ")
    with pytest.raises(DataError, match="there is no file"):
        ImageItemList.from_csv(tmp_path, "other.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match="cannot be read as a table"):
        ImageItemList.from_csv(tmp_path, "empty.csv")


def test_tables_that_do_not_fit(table: pd.DataFrame, tmp_path: Path) -> None:
    def read(df: pd.DataFrame, cols: int | str = "name") -> ImageItemList:
        return ImageItemList.from_df(df, tmp_path, cols=cols, folder="pictures", suffix=".jpg")

    more = pd.DataFrame({"name": ["001", *(f"{i}" for i in range(6))]})
    with pytest.raises(DataError, match=r"6 of 7 do not exist: .*0\.jpg, .*4\.jpg and 1 more\. Check path"):
        read(more)
    with pytest.raises(DataError, match=r"each picture must have one row; 1 have several in 'name': 001\."):
        read(pd.DataFrame({"name": ["001", "002", "001"]}))
    with pytest.raises(DataError, match=r"2 of 3 are missing in 'name', the first at position 1"):
        read(pd.DataFrame({"name": ["001", None, " "]}))
    with pytest.raises(DataError, match="needs rows"):
        read(table.iloc[:0])
    with pytest.raises(DataError, match="there are 4, 4 arrived"):
        read(table, 4)
    with pytest.raises(DataError, match="'file' is not exactly one of"):
        read(table, "file")


# Splits


def test_split_by_folder(tmp_path: Path) -> None:
    photos(tmp_path, "train/cat/1.jpg", "train/dog/train/2.jpg", "valid/cat/3.jpg", "test/4.jpg", "5.jpg")
    items = ImageItemList.from_folder(tmp_path)
    with pytest.warns(UserWarning, match=r"2 pictures are neither in train nor in valid .*: 5\.jpg \(1\), test \(1\)"):
        split = items.split_by_folder()
    assert names(split.train) == ["train/cat/1.jpg", "train/dog/train/2.jpg"]  # type: ignore[arg-type]
    assert names(split.valid) == ["valid/cat/3.jpg"]  # type: ignore[arg-type]
    with pytest.raises(
        DataError, match=r"the folder 'val' below .* has no pictures, and beside it are 5\.jpg, test, valid"
    ):
        items.split_by_folder(valid="val")


def test_split_by_a_file_of_names(tmp_path: Path) -> None:
    photos(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg", "b/3.jpg")
    items = ImageItemList.from_folder(tmp_path)
    (tmp_path / "valid.txt").write_text("\ufeffa/1.jpg\r\n\r\n3.jpg\r\n", encoding="utf-8")
    split = items.split_by_fname_file("valid.txt")
    assert names(split.valid) == ["a/1.jpg", "b/3.jpg"]  # type: ignore[arg-type]
    assert names(split.train) == ["a/2.jpg", "b/1.jpg"]  # type: ignore[arg-type]
    (tmp_path / "unclear.txt").write_text("1.jpg\nc.jpg\na/2.jpg\n")
    with pytest.raises(DataError, match=r"2 of 3 name no picture or several: 1\.jpg, c\.jpg"):
        items.split_by_fname_file(tmp_path / "unclear.txt")
    with pytest.raises(DataError, match="cannot be read"):
        items.split_by_fname_file("none.txt")


def test_the_other_splits(tmp_path: Path) -> None:
    items = ImageItemList.from_folder(photos(tmp_path, *(f"{i}.jpg" for i in range(10))))
    first, again = (items.random_split_by_pct(0.2, seed=2) for _ in range(2))
    assert (len(first.train), len(first.valid)) == (8, 2)
    assert list(first.valid.items) == list(again.valid.items)
    assert names(items.split_by_idx([3]).valid) == ["3.jpg"]  # type: ignore[arg-type]
    assert len(items.split_none().valid) == 0


# Labels


def test_labels_from_paths(tmp_path: Path) -> None:
    photos(tmp_path, "big/great_dane_1.jpg", "small/pug_20.jpg", "small/pug_3.jpg")
    split = ImageItemList.from_folder(tmp_path).split_none()
    assert split.label_from_re(r"([^/]+)_\d+.jpg$").train.y.classes == ["great_dane", "pug"]
    assert split.label_from_folder().train.y.data.tolist() == [0, 1, 1]
    tens = split.label_from_func(lambda path: float(path.stem.rsplit("_", 1)[1]))
    assert isinstance(tens.train.y, FloatList)
    assert tens.train.y.data.tolist() == [1, 20, 3]
    both = split.label_from_func(lambda path: [1.0, float(len(path.stem))])
    assert both.train.y.data.shape == (3, 2)
    assert both.valid.y.data.shape == (0, 2)


def test_a_pattern_that_does_not_match_names_five_files(tmp_path: Path) -> None:
    photos(tmp_path, *(f"photo{i}.jpg" for i in range(7)), "pug_1.jpg")
    split = ImageItemList.from_folder(tmp_path).split_by_idx([0])
    with pytest.raises(DataError, match=r"not in 7 of 8: .*photo1\.jpg.*photo5\.jpg' and 2 more") as error:
        split.label_from_re(r"([^/]+)_\d+.jpg$")
    assert str(error.value).count(".jpg'") == 5
    with pytest.raises(DataError, match="must have a group"):
        split.label_from_re(r"photo")


def test_a_class_with_one_photo(tmp_path: Path) -> None:
    photos(tmp_path, "cat_1.jpg", "cat_2.jpg", "dog_1.jpg")
    items = ImageItemList.from_folder(tmp_path)
    pattern = r"([^/]+)_\d+.jpg$"
    assert items.split_by_idx([0]).label_from_re(pattern).train.y.classes == ["cat", "dog"]
    with pytest.raises(DataError, match=r"1 are not, such as 'dog'\. Split otherwise, .* or give all classes"):
        items.split_by_idx([2]).label_from_re(pattern)
    known = items.split_by_idx([2]).label_from_re(pattern, classes=["cat", "dog"])
    assert known.valid.y.data.tolist() == [1]


# ---------------------------------------------------------------------------------------------- links


def photos_in(folder: Path, n: int = 2) -> Path:
    folder.mkdir(parents=True)
    for i in range(n):
        Pillow.new("RGB", (8, 8), (i, 0, 0)).save(folder / f"{i}.png")
    return folder


def test_p1_a_class_folder_that_is_a_link_is_followed(tmp_path: Path) -> None:
    root = photos_in(tmp_path / "data" / "cats").parent
    (root / "dogs").symlink_to(photos_in(tmp_path / "elsewhere" / "of dogs", 3))
    labelled = ImageItemList.from_folder(root).split_none().label_from_folder()
    assert labelled.train.y.classes == ["cats", "dogs"]
    assert labelled.train.y.data.bincount().tolist() == [2, 3]


def test_p1_links_in_links_and_links_to_files_are_followed(tmp_path: Path) -> None:
    store, root = photos_in(tmp_path / "store"), tmp_path / "data"
    (root / "a").mkdir(parents=True)
    (root / "a" / "one.png").symlink_to(store / "0.png")
    (tmp_path / "between").mkdir()
    (tmp_path / "between" / "b").symlink_to(store)
    (root / "deep").symlink_to(tmp_path / "between")
    (tmp_path / "entry").symlink_to(root)
    with pytest.warns(UserWarning, match=r"1 pictures are found by several paths.* a/one.png and deep/b/0.png"):
        items = ImageItemList.from_folder(tmp_path / "entry")
    assert [file.relative_to(tmp_path / "entry").as_posix() for file in items.items] == [
        "a/one.png",
        "deep/b/0.png",
        "deep/b/1.png",
    ]


def test_p1_links_that_lead_back_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "data"
    photos_in(root / "a", 1)
    photos_in(root / "b", 1)
    (root / "a" / "self").symlink_to(root / "a")
    (root / "a" / "up").symlink_to("..")
    (root / "b" / "far up").symlink_to(tmp_path)
    (root / "b" / "everything").symlink_to("/")
    photos_in(tmp_path / "beside it", 1)
    items = ImageItemList.from_folder(root)
    assert [file.relative_to(root).as_posix() for file in items.items] == ["a/0.png", "b/0.png"]
    assert items.left_out == []


def test_p1_folders_that_link_to_one_another_end(tmp_path: Path) -> None:
    root = tmp_path / "data"
    photos_in(root / "a", 1)
    photos_in(root / "b", 1)
    (root / "a" / "to b").symlink_to(root / "b")
    (root / "b" / "to a").symlink_to(root / "a")
    with pytest.warns(UserWarning, match="2 pictures are found by several paths"):
        items = ImageItemList.from_folder(root)
    assert [file.relative_to(root).as_posix() for file in items.items] == [
        "a/0.png",
        "a/to b/0.png",
        "b/0.png",
        "b/to a/0.png",
    ]


def test_p1_a_link_that_leads_nowhere_is_said(tmp_path: Path) -> None:
    root = photos_in(tmp_path / "data" / "cats").parent
    (root / "dogs").symlink_to("/gone/dogs")
    (root / "cats" / "3.png").symlink_to("3.png")
    with pytest.warns(
        UserWarning, match=r"2 of 4 files cannot be read.*dogs \(a link to /gone/dogs, which is not there"
    ):
        items = ImageItemList.from_folder(root)
    assert [file.name for file, _ in items.left_out] == ["3.png", "dogs"]
    assert len(items) == 2


def test_p1_a_folder_of_dead_links_alone_says_so(tmp_path: Path) -> None:
    (tmp_path / "dogs").symlink_to("/gone/dogs")
    with pytest.raises(DataError, match=r"holds no pictures; .*dogs is a link to /gone/dogs, which is not there\."):
        ImageItemList.from_folder(tmp_path)


def test_p1_a_linked_folder_is_a_part_of_a_split(tmp_path: Path) -> None:
    root = photos_in(tmp_path / "data" / "train" / "cats").parents[1]
    photos_in(tmp_path / "held out" / "cats", 1)
    (root / "valid").symlink_to(tmp_path / "held out")
    split = ImageItemList.from_folder(root).split_by_folder()
    assert (len(split.train), len(split.valid)) == (2, 1)


def test_p1_a_datasheet_describes_what_links_lead_to(tmp_path: Path) -> None:
    from handlens.audit import Datasheet

    root = photos_in(tmp_path / "data" / "cats").parent
    (root / "dogs").symlink_to(photos_in(tmp_path / "elsewhere", 3))
    (root / "dogs" / "up").symlink_to(tmp_path)
    sheet = Datasheet.from_data(root)
    assert "dogs" in sheet.to_markdown()
