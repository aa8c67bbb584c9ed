"""collection.json: what makes a folder a collection."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handlens.errors import CollectionError

FORMAT = "handlens-collection"
FORMAT_VERSION = 1
ABOUT = "collection.json"


def new_about(folder: Path, photos: Path, *, name: str | None, seed: int) -> dict[str, Any]:
    """What is said of a new collection; photos below its folder are named relative to it, so that both can move."""
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "name": name or photos.name,
        "images": os.path.relpath(photos, folder) if folder in photos.parents else str(photos),
        "seed": seed,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def read_about(folder: Path) -> dict[str, Any]:
    """What the folder's collection.json says, checked; CollectionError if it is none, or newer than this library."""
    file = folder / ABOUT
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CollectionError(
            f"{folder} is not a collection: it has no collection.json. Create one with Collection.create."
        ) from None
    except (OSError, ValueError) as error:
        raise CollectionError(f"{file} cannot be read ({error}).") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise CollectionError(f"{file} does not describe a handlens collection.")
    if not isinstance(about.get("version"), int) or about["version"] > FORMAT_VERSION:
        raise CollectionError(
            f"{folder} was made by a newer handlens (version {about.get('version')}). Update handlens to open it."
        )
    if not all(isinstance(about.get(key), kind) for key, kind in (("name", str), ("images", str), ("seed", int))):
        raise CollectionError(f"{file} is damaged: name, images or seed is missing.")
    return about
