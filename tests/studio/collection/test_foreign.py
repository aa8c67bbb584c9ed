"""A collection from a stranger: whatever it says, nothing outside its folder of photos is read."""

from __future__ import annotations

import shutil
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from handlens.errors import CollectionError, PhotoError
from handlens.io.sqlite import open_database
from handlens.studio.collection import Collection
from handlens.studio.server.covers import cover
from handlens.studio.server.downloads import labelled_photos

pytestmark = pytest.mark.usefixtures("quick")

OUTSIDE = "it is outside the folder of photos"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A photo that is not one of the collection's."""
    Image.new("RGB", (64, 48), (1, 255, 1)).save(tmp_path / "secret.png")
    return tmp_path / "secret.png"


def written(folder: Path, path: str, photo: int = 3) -> None:
    """Write a path into a collection's list of photos, as a stranger could, and take its photo away."""
    (folder / "photos" / "circles" / f"{photo}.png").unlink()
    with closing(open_database(folder / "collection.sqlite", "")) as db:
        db.keep_checksums("photos")
        db.execute("UPDATE photos SET path = ? WHERE id = ?", (path, photo))


NAMES: list[Callable[[Path, Path], str]] = [
    lambda secret, images: str(secret),
    lambda secret, images: f"../../{secret.name}",
    lambda secret, images: f"circles/../../../{secret.name}",
    lambda secret, images: f"./../../{secret.name}",
    lambda secret, images: "",
    lambda secret, images: ".",
    lambda secret, images: "circles\0/0.png",
    lambda secret, images: "/dev/zero",
    lambda secret, images: "C:\\secret.png",
    lambda secret, images: "\\\\server\\share\\secret.png",
    lambda secret, images: "x" * 5000,
]


def doors(collection: Collection, photo: int, tmp_path: Path) -> None:
    """Ask for the bytes of a photo in every way; none gives those of the secret one."""
    photos = collection.parts.photos
    with pytest.raises(PhotoError):
        photos.view(photo)
    (collection.folder / "cache" / "thumbs.pack").unlink()
    with pytest.raises(PhotoError):
        photos.thumbnail(photo)
    collection.label([photo], "mine")
    collection.export(tmp_path / "folders.zip", "folders")
    with zipfile.ZipFile(tmp_path / "folders.zip") as archive:
        assert archive.namelist() == ["labels.csv", "left out.csv"]
        assert "mine" in archive.read("left out.csv").decode()
    with pytest.raises(CollectionError, match="1 labelled photos"):
        labelled_photos(collection, None)
    collection.datasheet()
    assert all(file.path.resolve().is_relative_to(collection.images) for file in collection.describe().parts["data"])


@pytest.mark.parametrize("name", NAMES)
def test_s3_a_path_in_the_list_that_leads_out(folder: Path, secret: Path, tmp_path: Path, name) -> None:
    path = name(secret, folder / "photos")
    written(folder, path)
    with Collection.open(folder) as collection:
        doors(collection, 3, tmp_path)
        shutil.rmtree(folder / "cache")
    with Collection.open(folder) as collection:
        collection.prepare()
        assert not collection.parts.photos.usable[3]
        assert {out.path for out in collection.left_out} >= {path}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize("nested", [False, True])
def test_s3_a_photo_that_became_a_link_to_outside(folder: Path, secret: Path, tmp_path: Path, nested: bool) -> None:
    with Collection.open(folder) as collection:
        if nested:  # the folder is the link
            shutil.copytree(folder / "photos" / "circles", tmp_path / "circles")
            shutil.copy(secret, tmp_path / "circles" / "3.png")
            shutil.rmtree(folder / "photos" / "circles")
            (folder / "photos" / "circles").symlink_to(tmp_path / "circles")
        else:
            (folder / "photos" / "circles" / "3.png").unlink()
            (folder / "photos" / "circles" / "3.png").symlink_to(secret)
        doors(collection, 3, tmp_path)
    with Collection.open(folder) as collection:
        collection.scan()
        reasons = {out.path: out.reason for out in collection.left_out}
        assert reasons["circles" if nested else "circles/3.png"] == "a link to outside the folder"
        with pytest.raises(PhotoError, match=OUTSIDE):
            collection.parts.photos.view(3)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
@pytest.mark.parametrize(
    "link",
    [
        "cache/sources/patches",
        "cache/thumbs.pack",
        "cache/tiles.pack",
        "cache",
        "collection.json",
        "collection.sqlite",
    ],
)
def test_s3_a_link_among_its_own_files_that_leads_out(folder: Path, tmp_path: Path, link: str) -> None:
    shutil.move(folder / link, tmp_path / "elsewhere")
    (folder / link).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CollectionError, match="is a link that leads out of the collection"):
        Collection.open(folder)
    if link in ("cache", "cache/tiles.pack"):
        with pytest.raises(CollectionError, match="is a link that leads out of the collection"):
            cover(folder)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_s3_a_link_within_the_collection_is_followed(folder: Path) -> None:
    (folder / "cache").rename(folder / "large")
    (folder / "cache").symlink_to("large")
    with Collection.open(folder) as collection:
        assert collection.parts.photos.prepared == 40


@pytest.mark.parametrize("name", ["..", ".", "../../x", "..\\x", "C:x", "/tmp/x"])
def test_s3_a_network_whose_name_is_a_path(folder: Path, name: str) -> None:
    with Collection.open(folder) as collection:
        collection.parts.settings.requested_sources = [{"backbone": name, "weights": None}]
    with Collection.open(folder) as collection:
        (source,) = collection.sources
        assert source.folder.parent == folder / "cache" / "sources"


def test_s3_a_collection_that_is_opened_elsewhere_says_where_its_photos_are(folder: Path, tmp_path: Path) -> None:
    (folder / "photos").rename(tmp_path / "private")
    with Collection.open(folder, images=tmp_path / "private") as collection:
        pass
    folder.rename(tmp_path / "received")
    with Collection.open(tmp_path / "received") as collection:
        assert collection.notices == [
            f"This collection is opened here for the first time. Its photos are in {tmp_path / 'private'}."
        ]
    with Collection.open(tmp_path / "received") as collection:
        assert collection.notices == []
