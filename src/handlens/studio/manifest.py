"""collection.json: the file that makes a folder a collection."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handlens.errors import CollectionError, FolderGoneError
from handlens.io.checksums import KEY, DamagedError, with_checksum, without_checksum
from handlens.io.files import atomic_write
from handlens.io.plain_json import read_json
from handlens.io.problems import reason_of

FORMAT = "handlens-collection"
FORMAT_VERSION = 2
"""2: with checksums. An earlier handlens would change rows without theirs, and what it wrote would seem damaged."""
SHARDS_VERSION = 3
"""Of collections that stand on shards, which an earlier handlens would take for a folder of photos."""
MANIFEST = "collection.json"
DATABASE = "collection.sqlite"

_MEMBERS = frozenset({"format", "version", "name", "images", "seed", "created", "shards"})


@dataclass(frozen=True)
class Manifest:
    """What collection.json says of a collection.

    Attributes:
        name: what it is called.
        images: the folder of its photos, or of the shards that it stands on.
        seed: of random choices.
        shards: whether it stands on shards.
    """

    name: str
    images: Path
    seed: int
    shards: bool = False


def new_manifest(folder: Path, images: Path, *, name: str | None, seed: int, shards: bool = False) -> dict[str, Any]:
    """The content of a new collection's collection.json."""
    return with_checksum(
        {
            "format": FORMAT,
            "version": SHARDS_VERSION if shards else FORMAT_VERSION,
            **({"shards": True} if shards else {}),
            "name": name or images.name,
            "images": _written(images, folder),
            "seed": seed,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
    )


def read_manifest(folder: Path) -> Manifest:
    """Read and check the collection.json of a folder.

    Raises:
        CollectionError: there is no such file, it is damaged, or it was written by a newer version.
        FolderGoneError: the folder of photos that it names does not exist.
    """
    content, images = read_content(folder), images_of(folder)
    if not os.path.isdir(images):  # also where the name is too long for a file
        raise FolderGoneError(
            f"the photos of this collection were in {images}, and there is no such folder now; the labels are safe. "
            "Plug the disk in or move the folder back; or open it with the folder where they are now, "
            "Collection.open(folder, images=…)."
        )
    return Manifest(content["name"], images, content["seed"], content.get("shards") is True)


def is_collection(folder: Path) -> bool:
    """Whether a folder has the collection.json of a collection, of whatever version."""
    try:
        return read_json(folder / MANIFEST).get("format") == FORMAT
    except (OSError, ValueError):
        return False


def images_of(folder: Path) -> Path:
    """The folder of photos that the collection.json of a folder names, whether or not it exists.

    Raises:
        CollectionError: as of `read_manifest`.
    """
    return (folder / read_content(folder)["images"]).resolve()


def write_images(folder: Path, images: Path) -> None:
    """Write into the collection.json of a folder where its photos are; errors of `images_of`, or StorageError."""
    _write(folder, read_content(folder) | {"images": _written(images, folder)})


def write_version(folder: Path) -> None:
    """Write the present version into the collection.json of a folder that an earlier handlens made.

    Raises:
        CollectionError: as of `read_manifest`.
        StorageError: the disk refuses.
    """
    content = read_content(folder)
    if content["version"] < FORMAT_VERSION:
        _write(folder, content | {"version": FORMAT_VERSION})


def _write(folder: Path, members: dict[str, Any]) -> None:
    content = with_checksum(members)
    with atomic_write(folder / MANIFEST) as partial:
        partial.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def _written(images: Path, folder: Path) -> str:
    """The folder of photos; below the collection's folder, relative to it, so that both can be moved together."""
    return os.path.relpath(images, folder) if folder in images.parents else str(images)


def read_content(folder: Path) -> dict[str, Any]:
    """The members of the collection.json of a folder; CollectionError as of `read_manifest`."""
    file = folder / MANIFEST
    try:
        content = read_json(file)
    except FileNotFoundError:
        raise CollectionError(
            f"{folder} is not a collection: it has no collection.json. Create one with Collection.create."
        ) from None
    except (OSError, ValueError) as error:
        raise CollectionError(f"{file} cannot be read ({reason_of(error)}). Restore it from a backup.") from error
    if content.get("format") != FORMAT:
        raise CollectionError(f"{file} does not describe a handlens collection. Restore it from a backup.")
    version = content.get("version")
    known = SHARDS_VERSION if content.get("shards") is True else FORMAT_VERSION
    if type(version) is not int or version > known:
        raise CollectionError(f"{folder} was made by a newer handlens (version {version}). Update handlens to open it.")
    try:
        content = without_checksum(content, known=_MEMBERS)
    except DamagedError as error:
        raise CollectionError(
            f"{file} is damaged: {reason_of(error)}. Restore it from a backup. If you changed it on purpose, remove "
            f"the line “{KEY}”."
        ) from error
    if not all(type(content.get(key)) is kind for key, kind in (("name", str), ("images", str), ("seed", int))):
        raise CollectionError(f"{file} is damaged: name, images or seed is missing. Restore it from a backup.")
    if content["seed"] < 0 or not is_path(content["images"]):
        raise CollectionError(f"{file} is damaged: its images or seed cannot be right. Restore it from a backup.")
    return content


def is_path(value: Any) -> bool:
    """Whether a value in JSON can be the path of a folder."""
    try:
        return b"\0" not in os.fsencode(value) and value != ""
    except (TypeError, UnicodeEncodeError):
        return False
