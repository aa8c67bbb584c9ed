"""collection.json: the file that makes a folder a collection."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handlens.errors import CollectionError
from handlens.io.problems import reason_of

FORMAT = "handlens-collection"
FORMAT_VERSION = 1
MANIFEST = "collection.json"
DATABASE = "collection.sqlite"


@dataclass(frozen=True)
class Manifest:
    """What collection.json says of a collection: its name, the folder of its photos, and the seed of random choices."""

    name: str
    images: Path
    seed: int


def new_manifest(folder: Path, images: Path, *, name: str | None, seed: int) -> dict[str, Any]:
    """The content of a new collection's collection.json.

    Photos below the collection's folder are named relative to it, so that both can be moved together.
    """
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "name": name or images.name,
        "images": os.path.relpath(images, folder) if folder in images.parents else str(images),
        "seed": seed,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def read_manifest(folder: Path) -> Manifest:
    """Read and check the collection.json of a folder.

    Raises:
        CollectionError: there is no such file, it is damaged, it was written by a newer version, or the folder of
            photos that it names does not exist.
    """
    file = folder / MANIFEST
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CollectionError(
            f"{folder} is not a collection: it has no collection.json. Create one with Collection.create."
        ) from None
    except (OSError, ValueError) as error:
        raise CollectionError(f"{file} cannot be read ({reason_of(error)}).") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CollectionError(f"{file} does not describe a handlens collection.")
    if not isinstance(content.get("version"), int) or content["version"] > FORMAT_VERSION:
        raise CollectionError(
            f"{folder} was made by a newer handlens (version {content.get('version')}). Update handlens to open it."
        )
    if not all(isinstance(content.get(key), kind) for key, kind in (("name", str), ("images", str), ("seed", int))):
        raise CollectionError(f"{file} is damaged: name, images or seed is missing.")
    images = (folder / content["images"]).resolve()
    if not images.is_dir():
        raise CollectionError(
            f"the photos of this collection were in {images}, and there is no such folder now. "
            "Plug the disk in or move the folder back; the labels are safe."
        )
    return Manifest(content["name"], images, content["seed"])
