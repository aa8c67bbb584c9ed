"""The collections of one person: where they lie, which are open, and how new ones are made."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import threading
import time
import unicodedata
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handlens.errors import CollectionError
from handlens.studio.collection import Collection
from handlens.studio.manifest import MANIFEST
from handlens.studio.server.schemas import CollectionSummary
from handlens.studio.server.scratch import Scratch
from handlens.studio.server.zips import reporting_full_disk

RECORD = "studio.json"  # what the home screen says of a collection that is not open
CLOSING = 4.0
"""Seconds to wait at the end for work that cannot be stopped midway; it is begun anew the next time."""

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")


class NoSuchCollection(CollectionError):
    """An id that no collection has."""


@dataclass(frozen=True)
class CollectionRequest:
    """What a new collection is to have; no backbones means features learned on its own photos."""

    name: str | None = None
    backbones: tuple[str, ...] = ()
    weights: tuple[Path, ...] = ()
    own_features: bool = False
    seed: int = 0


class CollectionRegistry:
    """The collections below `home`, each opened once and shared by all who ask for it."""

    def __init__(self, home: Path, scratch: Scratch) -> None:
        self.home = home
        self.folder = home / "collections"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._scratch = scratch
        self._lock = threading.Lock()
        self._open: dict[str, Future[Collection]] = {}
        self._recorded: dict[str, float] = {}

    # --- opening -------------------------------------------------------------------------------

    def get(self, id: str) -> Collection:
        """The collection, opened if need be and then going on to prepare; waits for one that is being made."""

        def make() -> Collection:
            if not self._exists(id):
                raise _unknown(id)
            return Collection.open(self.folder / id)

        return self._opened(id, make)

    def open_path(self, photos: Path, wanted: CollectionRequest) -> str:
        """Open the collection of a folder of photos, made if there is none; returns its id."""
        id, make = self.plan_path(photos, wanted)
        _add(self._opened(id, make), wanted)
        return id

    def plan_path(self, photos: Path, wanted: CollectionRequest) -> tuple[str, Callable[[], Collection]]:
        """The id that a folder of photos has, and how to open or make its collection."""
        try:
            folder = photos.expanduser().resolve()
            if not folder.is_dir():
                raise CollectionError(f"{folder} must be a folder of photos, and there is no such folder.")
        except (OSError, ValueError, RuntimeError) as error:
            raise CollectionError(f"{photos} must be a folder of photos; it cannot be opened ({error}).") from error
        if folder == self.home or self.home.resolve() in folder.parents:
            raise CollectionError(f"{folder} is where Studio keeps its own files. Choose another folder.")
        id = _identify(folder.name, str(folder))
        return id, lambda: self._open_or_create(id, folder, wanted)

    def open_builtin(self, name: str, wanted: CollectionRequest) -> str:
        """Open a collection that comes with Studio, its pictures written out if need be; returns its id."""
        id, make = self.plan_builtin(name, wanted)
        _add(self._opened(id, make), wanted)
        return id

    def plan_builtin(self, name: str, wanted: CollectionRequest) -> tuple[str, Callable[[], Collection]]:
        """The id of a built-in collection, and how to open or make it."""
        id = _identify(name, f"builtin:{name}")

        def make() -> Collection:
            from handlens.studio.builtin import BUILTIN, write_builtin

            if not self._exists(id):
                title = next((b.title for b in BUILTIN if b.name == name), None)
                if title is None:
                    known = ", ".join(b.name for b in BUILTIN)
                    raise CollectionError(f"built-in collections are {known}; “{name[:100]}” arrived.")
                pictures = self._scratch.new("builtin") / "photos"
                with reporting_full_disk("the pictures"):
                    write_builtin(name, pictures)
                self._move_in(pictures, id)
                return self._open_or_create(id, self.folder / id / "photos", replace(wanted, name=wanted.name or title))
            return self._open_or_create(id, self.folder / id / "photos", wanted)

        return id, make

    def create_from_upload(self, photos: Path, wanted: CollectionRequest) -> str:
        """Make a collection of uploaded photos, which move into it; returns its id."""
        inside = [entry for entry in photos.iterdir() if not entry.name.startswith(".")]
        alone = inside[0].name if len(inside) == 1 and inside[0].is_dir() else None
        name = wanted.name or alone or "Uploaded photos"
        id = _identify(name, secrets.token_hex(16))

        def make() -> Collection:
            self._move_in(photos, id)
            return self._open_or_create(id, self.folder / id / "photos", replace(wanted, name=name))

        self._opened(id, make)
        return id

    def forget(self, id: str) -> None:
        """Delete a collection with its labels, its model and all else that is Studio's own; other photos stay.

        Whoever asks for it meanwhile waits, and is told that it is gone. Raises NoSuchCollection.
        """
        leaving: Future[Collection] = Future()
        with self._lock:
            opened = self._open.get(id)
            self._open[id] = leaving
        try:
            if opened is not None:
                self._close_one(id, opened)
            if not self._exists(id):
                raise _unknown(id)
            # Out of the way at once and as a whole: what a power cut leaves behind is swept up with the scratch.
            grave = self._scratch.new("forgotten")
            (self.folder / id).replace(grave / id)
            shutil.rmtree(grave, ignore_errors=True)
        finally:
            with self._lock:
                self._open.pop(id, None)
            leaving.set_exception(_unknown(id))

    def begin(self, id: str, make: Callable[[], Collection]) -> Future[Collection]:
        """Open a collection in the background; whoever asks for it meanwhile waits."""
        with self._lock:
            future = self._open.get(id)
            if future is None:
                future = self._open[id] = Future()
                threading.Thread(target=self._fulfil, args=(id, future, make), name=f"open {id}", daemon=True).start()
        return future

    def _opened(self, id: str, make: Callable[[], Collection]) -> Collection:
        with self._lock:
            future = self._open.get(id)
            mine = future is None
            if future is None:
                future = self._open[id] = Future()
        if mine:
            self._fulfil(id, future, make)
        return future.result()

    def _fulfil(self, id: str, future: Future[Collection], make: Callable[[], Collection]) -> None:
        try:
            collection = make()
            collection.parts.listeners.subscribe(lambda kind, _: self._heard(id, collection, kind))
            self._record(id, collection, opened=True)
            if collection.progress.phase == "idle":
                collection.start_preparing()
        except BaseException as error:
            with self._lock:
                self._open.pop(id, None)
            future.set_exception(error)
        else:
            future.set_result(collection)

    # --- making --------------------------------------------------------------------------------

    def _exists(self, id: str) -> bool:
        return _ID.fullmatch(id) is not None and (self.folder / id / MANIFEST).is_file()

    def _open_or_create(self, id: str, photos: Path, wanted: CollectionRequest) -> Collection:
        folder = self.folder / id
        if self._exists(id):
            collection = Collection.open(folder)
            _add(collection, wanted)
            return collection
        collection = Collection.create(
            folder,
            images=photos,
            backbone=list(wanted.backbones) or None,
            weights=list(wanted.weights) or None,
            seed=wanted.seed,
            name=wanted.name,
        )
        try:
            if not collection.paths:
                out = collection.left_out
                why = "; ".join(f"{o.path} {o.reason}" for o in out[:3]) + (
                    f"; and {len(out) - 3:,} more" if out[3:] else ""
                )
                raise CollectionError(
                    "there is no photo to use in this folder. " + (f"Left out: {why}." if out else "It has no files.")
                )
            if wanted.own_features and wanted.backbones:
                collection.add_features(None)
        except BaseException:
            collection.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return collection

    def _move_in(self, photos: Path, id: str) -> None:
        """Give photos that are Studio's own their place in the collection's folder."""
        folder = self.folder / id
        shutil.rmtree(folder, ignore_errors=True)  # the rest of a making that was killed
        with reporting_full_disk("the collection"):
            folder.mkdir(parents=True)
            photos.replace(folder / "photos")
        shutil.rmtree(photos.parent, ignore_errors=True)

    # --- the home screen -----------------------------------------------------------------------

    def summaries(self) -> list[CollectionSummary]:
        """All collections, the latest opened first."""
        found = []
        for folder in self.folder.iterdir():
            if self._exists(folder.name):
                collection = self._if_open(folder.name)
                if collection is not None:
                    self._record(folder.name, collection)
                summary = _read_summary(folder)
                if summary is not None:
                    found.append(summary)
        return sorted(found, key=lambda s: (s.opened_at or "", s.id), reverse=True)

    def _if_open(self, id: str) -> Collection | None:
        with self._lock:
            future = self._open.get(id)
        return future.result() if future and future.done() and not future.exception() else None

    def _heard(self, id: str, collection: Collection, kind: str) -> None:
        # At most once a second: the record is a help for the home screen, the truth is in the collection.
        if kind in ("labels", "maps") and time.monotonic() - self._recorded.get(id, -9.0) > 1:
            self._record(id, collection)

    def _record(self, id: str, collection: Collection, *, opened: bool = False) -> None:
        self._recorded[id] = time.monotonic()
        file = self.folder / id / RECORD
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
        with suppress(OSError):  # a full disk loses no more than a line on the home screen
            partial.write_text(json.dumps(record), encoding="utf-8")
            partial.replace(file)
        with suppress(OSError):
            partial.unlink()

    def close(self) -> bool:
        """Stop all preparing and close all collections; False when one was still busy after CLOSING seconds."""
        with self._lock:
            futures, self._open = dict(self._open), {}
        closing = [
            threading.Thread(target=self._close_one, args=(id, future), daemon=True) for id, future in futures.items()
        ]
        for thread in closing:
            thread.start()
        until = time.monotonic() + CLOSING
        for thread in closing:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in closing)

    def _close_one(self, id: str, future: Future[Collection]) -> None:
        with suppress(Exception):  # one that never opened has nothing to close
            collection = future.result()
            collection.cancel_preparing()
            self._record(id, collection)
            collection.close()


def _unknown(id: str) -> NoSuchCollection:
    return NoSuchCollection(f"there is no collection “{id[:100]}”. Choose one on the home page.")


def _add(collection: Collection, wanted: CollectionRequest) -> None:
    """Give a collection that is there already the features it lacks of those wanted."""
    for i, backbone in enumerate(wanted.backbones):
        collection.add_features(backbone, wanted.weights[i] if i < len(wanted.weights) else None)
    if wanted.own_features:
        collection.add_features(None)
    if wanted.backbones or wanted.own_features:
        collection.start_preparing()


def _identify(name: str, distinct: str) -> str:
    """An id fit for an address: what plain letters the name has, and a hash of what tells it from others."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "photos"
    return f"{slug}-{hashlib.sha256(os.fsencode(distinct)).hexdigest()[:10]}"


def _read_json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _read_summary(folder: Path) -> CollectionSummary | None:
    record = {**_read_json(folder / MANIFEST), **_read_json(folder / RECORD)}
    images = str(record.get("images", ""))
    try:
        return CollectionSummary(
            id=folder.name,
            name=str(record.get("name", folder.name)),
            images=images,
            count=int(record.get("count", 0)),
            labelled=int(record.get("labelled", 0)),
            prepared=int(record.get("prepared", 0)),
            opened_at=record.get("opened_at"),
            copied=images != "" and (folder / images).resolve().is_relative_to(folder.resolve()),
        )
    except (TypeError, ValueError):
        return None
