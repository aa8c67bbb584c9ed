"""What the home screen says of each collection, kept in a small file next to it, so that none must be opened."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handlens.io.files import rename
from handlens.studio.collection import Collection
from handlens.studio.manifest import MANIFEST
from handlens.studio.server.schemas.home import CollectionSummary

RECORD = "studio.json"
INTERVAL = 1.0
"""Seconds between two records of a collection while it is worked on."""


class Summaries:
    """Writes and reads the summaries of the collections below a folder.

    A summary only helps the home screen; the collection itself has the true numbers. So a write that the disk
    refuses is ignored, and a summary that cannot be read is left out.

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
        record = _read_json(file)
        record.update(
            name=collection.name,
            images=str(collection.images),
            count=len(collection.paths),
            labelled=sum(info.count for info in collection.parts.labels.table),
            prepared=collection.parts.photos.prepared,
        )
        if opened:
            record["opened_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        partial = file.with_name(f".{RECORD}.{threading.get_ident()}.tmp")
        with suppress(OSError):
            partial.write_text(json.dumps(record), encoding="utf-8")
            rename(partial, file)
        with suppress(OSError):
            partial.unlink()

    def changed(self, id: str, collection: Collection) -> None:
        """Record the collection again, unless that was done within the last second."""
        if time.monotonic() - self._written.get(id, -9.0) > INTERVAL:
            self.write(id, collection)

    def read(self, id: str) -> CollectionSummary | None:
        """The summary of a collection; None if its files are damaged."""
        folder = self._folder / id
        record = {**_read_json(folder / MANIFEST), **_read_json(folder / RECORD)}
        images = str(record.get("images", ""))
        try:
            return CollectionSummary(
                id=id,
                name=str(record.get("name", id)),
                images=images,
                count=int(record.get("count", 0)),
                labelled=int(record.get("labelled", 0)),
                prepared=int(record.get("prepared", 0)),
                folder_gone=images != "" and not (folder / images).is_dir(),
                opened_at=record.get("opened_at"),
                copied=images != "" and (folder / images).resolve().is_relative_to(folder.resolve()),
            )
        except (TypeError, ValueError):
            return None


def _read_json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
