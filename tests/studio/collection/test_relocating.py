"""The folder of the photos is moved or gone: labels go on, and its new place can be said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from handlens.errors import CollectionError, FolderGoneError, PhotoError
from handlens.studio.collection import Collection


@pytest.fixture
def moved(folder: Path, tmp_path: Path) -> Path:
    """Where the photos of the collection in `folder` are now."""
    (folder / "photos").rename(tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


def images_in(folder: Path) -> str:
    return json.loads((folder / "collection.json").read_text(encoding="utf-8"))["images"]


def test_a_collection_whose_folder_is_gone_says_how_to_open_it(folder: Path, moved: Path) -> None:
    with pytest.raises(FolderGoneError, match=r"there is no such folder now; the labels are safe.*images=…"):
        Collection.open(folder)
    with Collection.open(folder, images=moved) as collection:
        assert collection.images == moved
        assert (len(collection.paths), collection.left_out) == (40, [])
        assert collection.parts.photos.view(0)
    assert images_in(folder) == str(moved)
    with Collection.open(folder) as collection:  # it is kept
        assert collection.images == moved


def test_labels_and_thumbnails_stay_while_the_folder_is_gone(collection: Collection, tmp_path: Path) -> None:
    register = collection.parts.photos.register
    assert register.is_there
    collection.images.rename(tmp_path / "elsewhere")
    assert not register.is_there
    collection.label([3], "circle")
    assert collection.labels[3] == "circle"
    assert collection.parts.photos.thumbnail(3)
    with pytest.raises(PhotoError):
        collection.parts.photos.view(3)
    heard: list[str] = []
    collection.parts.listeners.subscribe(lambda kind, _: heard.append(kind))
    collection.relocate(tmp_path / "elsewhere")
    assert heard == ["state"]
    assert register.is_there
    assert collection.parts.photos.view(3)
    assert collection.images == tmp_path / "elsewhere"


def test_an_empty_folder_is_that_of_a_disk_that_is_not_plugged_in(collection: Collection, tmp_path: Path) -> None:
    collection.images.rename(tmp_path / "elsewhere")
    collection.images.mkdir()
    assert not collection.parts.photos.register.is_there
    with pytest.raises(CollectionError, match="of 40 looked for, 40 are not there, such as "):
        collection.relocate(collection.images)


def test_a_folder_below_the_collection_is_named_relative_to_it(folder: Path, moved: Path) -> None:
    moved.rename(folder / "new")
    with Collection.open(folder, images=folder / "new"):
        assert images_in(folder) == "new"


@pytest.mark.parametrize(
    ("missing", "different", "says"),
    [
        (20, 0, None),
        (21, 0, "of 40 looked for, 21 are not there, such as "),
        (0, 4, None),
        (0, 5, "of 40 looked at, 5 look different, such as "),
        (20, 3, "of 20 looked at, 3 look different, such as "),
    ],
)
def test_the_photos_must_be_those_of_the_collection(
    folder: Path, moved: Path, missing: int, different: int, says: str | None
) -> None:
    paths = sorted(path for path in moved.rglob("*.png"))
    for path in paths[:missing]:
        path.unlink()
    for path in paths[missing : missing + different]:
        Image.new("RGB", (64, 48), (0, 255, 0)).save(path)
    if says is None:
        Collection.open(folder, images=moved).close()
        return
    with pytest.raises(CollectionError, match=says):
        Collection.open(folder, images=moved)
    assert images_in(folder) == "photos"
    with pytest.raises(FolderGoneError):
        Collection.open(folder)


def test_photos_that_were_saved_again_are_the_same_and_broken_ones_are_not(folder: Path, moved: Path) -> None:
    paths = sorted(moved.rglob("*.png"))
    for path in paths:
        Image.open(path).convert("RGB").save(path, "JPEG", quality=100, subsampling=0)
    Collection.open(folder, images=moved).close()
    for path in paths[:5]:
        path.write_bytes(b"not a picture")
    with pytest.raises(CollectionError, match="5 look different"):
        Collection.open(folder, images=moved)


def test_what_is_no_folder_or_has_the_collection_in_it_is_refused(folder: Path, moved: Path) -> None:
    for images, says in (
        (moved / "none", "must be the folder that has the photos now; there is no folder"),
        (next(moved.rglob("*.png")), "there is no folder"),
        (folder.parent, "the collection would be among the photos"),
        (folder, "the collection would be among the photos"),
        (Path("~nobody-of-this-name/x"), r"~nobody-of-this-name.x cannot be opened \("),
    ):
        with pytest.raises(CollectionError, match=says):
            Collection.open(folder, images=images)
    assert images_in(folder) == "photos"


def test_preparing_stops_when_the_folder_goes_and_marks_no_photo_as_bad(drawn: Path, tmp_path: Path, quick) -> None:
    photos = shutil.copytree(drawn, tmp_path / "photos")
    with Collection.create(tmp_path / "c", images=photos, backbone=None) as collection:
        photos.rename(tmp_path / "elsewhere")
        with pytest.raises(FolderGoneError, match="is gone, or its photos are"):
            collection.prepare()
        assert collection.progress.phase == "failed"
        assert collection.parts.settings.unreadable == {}
        assert collection.parts.photos.prepared == 0
        collection.relocate(tmp_path / "elsewhere")  # only the names can be compared
        collection.prepare()
        assert collection.left_out == []
        assert collection.parts.photos.prepared == 40
