"""What the home screen says of each collection, kept in a small file next to it, so that none must be opened."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handlens.errors import CollectionError
from handlens.io.checksums import DamagedError, with_checksum, without_checksum
from handlens.io.files import rename
from handlens.io.plain_json import read_json
from handlens.io.problems import reason_of
from handlens.studio.collection import Collection
from handlens.studio.manifest import is_path, read_content
from handlens.studio.server.schemas.home import CollectionSummary

RECORD = "studio.json"
INTERVAL = 1.0
"""Seconds between two records of a collection while it is worked on."""


class Summaries:
    """Writes and reads the summaries of the collections below a folder.

    A summary only helps the home screen; the collection itself has the true numbers. So a write that the disk
    refuses is ignored, and of a summary that cannot be read the home screen says why.

    Args:
        folder: holds each collection's folder, named by its id.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: dict[str, float] = {}

    def write(self, id: str, collection: Collection, *, opened: bool = False) -> None:
        """Record the collection as it is now; with `opened`, also that it was opened now."""
        self._written[id] = time.monotonic()
        file = self._folder / id / RECORD
        before, _ = _record(file)
        opened_at = datetime.now(UTC).isoformat(timespec="seconds") if opened else before.get("opened_at")
        record = {
            "name": collection.name,
            "images": str(collection.images),
            "count": len(collection.paths),
            "labelled": sum(info.count for info in collection.parts.labels.table),
            "prepared": collection.parts.photos.prepared,
            "opened_at": opened_at,
        }
        partial = file.with_name(f".{RECORD}.{threading.get_ident()}.tmp")
        with suppress(OSError):
            partial.write_text(json.dumps(with_checksum(record)), encoding="utf-8")
            rename(partial, file)
        with suppress(OSError):
            partial.unlink()

    def changed(self, id: str, collection: Collection) -> None:
        """Record the collection again, unless that was done within the last second."""
        if time.monotonic() - self._written.get(id, -9.0) > INTERVAL:
            self.write(id, collection)

    def read(self, id: str) -> CollectionSummary:
        """The summary of a collection; with its fault, if its files are damaged."""
        folder = self._folder / id
        record, fault = _record(folder / RECORD)
        try:
            manifest = read_content(folder)
            name, images = manifest["name"], manifest["images"]
        except CollectionError as error:
            name, images, fault = record.get("name") or id, record.get("images") or "", str(error)
        photos = folder / images
        return CollectionSummary(
            id=id,
            name=_shown(name),
            images=_shown(record.get("images") or images),
            count=record.get("count") or 0,
            labelled=record.get("labelled") or 0,
            prepared=record.get("prepared") or 0,
            folder_gone=images != "" and not os.path.isdir(photos),
            opened_at=record.get("opened_at"),
            copied=images != "" and photos.resolve().is_relative_to(folder.resolve()),
            fault=fault,
        )


def _record(file: Path) -> tuple[dict[str, Any], str | None]:
    """What the last write recorded, and why it cannot be read; neither if there is no record yet."""
    try:
        record = without_checksum(read_json(file), known=frozenset(_FITS))
        for key, value in record.items():
            if not _FITS[key](value):
                raise DamagedError(f"its “{key}” cannot be {str(value)[:40]!r}")
    except FileNotFoundError:
        return {}, None
    except (OSError, ValueError) as error:
        return {}, f"{file} is damaged: {reason_of(error)}. Open the collection, and it is written again."
    return record, None


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def _is_time(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value.isascii() and value.isprintable())


_FITS: dict[str, Callable[[Any], bool]] = {
    "name": lambda value: isinstance(value, str),
    "images": is_path,
    "count": _is_count,
    "labelled": _is_count,
    "prepared": _is_count,
    "opened_at": _is_time,
}


def _shown(text: str) -> str:
    """A text as JSON can hold it: a name in a damaged file, or of a folder, may have what is not text."""
    return text.encode("utf-8", "replace").decode()
