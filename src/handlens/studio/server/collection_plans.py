"""How a collection is opened, or made of a source of photos, of built-in pictures or of uploaded photos."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import threading
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from handlens.errors import CollectionError, FolderGoneError, StorageError
from handlens.io.files import rename
from handlens.io.zips import reporting_full_disk
from handlens.studio.collection import Collection
from handlens.studio.creating import OWN_PHOTOS
from handlens.studio.manifest import MANIFEST, images_of, is_collection
from handlens.studio.photo_sources import PhotoSource
from handlens.studio.progress import GatheringProgress
from handlens.studio.server.copying import CopyingNow
from handlens.studio.server.temporary_folders import TemporaryFolders
from handlens.studio.sources import AUTO

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")


class NoSuchCollection(CollectionError):
    """No collection has this id."""


@dataclass(frozen=True)
class CollectionRequest:
    """What a new collection should have.

    Attributes:
        name: what it is called; the name of its folder of photos unless given.
        backbones: pretrained networks, None for features learned on its own photos, or "auto" to choose by the photos.
        weights: a safetensors file for each network, the first for the first.
        seed: of all random choices.
    """

    name: str | None = None
    backbones: tuple[str | None, ...] = (AUTO,)
    weights: tuple[Path, ...] = ()
    seed: int = 0

    def add_to(self, collection: Collection) -> None:
        """Add the features that are named and that the collection does not have yet, and prepare them."""
        for i, backbone in enumerate(self.backbones):
            if backbone != AUTO:
                collection.add_features(backbone, self.weights[i] if i < len(self.weights) else None)
        if self.backbones != (AUTO,):
            collection.start_preparing()


@dataclass(frozen=True)
class CollectionPlan:
    """A collection that is not opened yet.

    Attributes:
        id: its id, which is known before it is opened or made.
        open: opens it, and makes it first if it does not exist.
        request: what it should have.
    """

    id: str
    open: Callable[[], Collection]
    request: CollectionRequest = CollectionRequest()


class CollectionPlans:
    """Plans the collections of one home folder; nothing is opened or written before a plan's `open` is called.

    Args:
        home: Studio's own folder; collections are in `collections` below it, each in a folder named by its id.
        temporary: where pictures are written before they move into a collection.

    Attributes:
        copying: the photos that are being copied now.
    """

    def __init__(self, home: Path, temporary: TemporaryFolders) -> None:
        self.home, self.folder = home, home / "collections"
        self.copying = CopyingNow()
        self._temporary = temporary

    def exists(self, id: str) -> bool:
        """Whether there is a collection with this id."""
        return _ID.fullmatch(id) is not None and (self.folder / id / MANIFEST).exists()

    def existing(self, id: str, *, images: Path | None = None) -> CollectionPlan:
        """The plan of a collection that was made before; its `open` raises NoSuchCollection if there is none.

        Args:
            id: of the collection.
            images: where its photos are now, if they were moved.
        """

        def open() -> Collection:
            if not self.exists(id):
                raise no_such_collection(id)
            try:
                return Collection.open(self.folder / id, images=images)
            except FolderGoneError as error:
                raise FolderGoneError(
                    f"the folder of its photos, {images_of(self.folder / id)}, is gone; the labels are safe. "
                    "Plug its disk in or move the folder back and try again, or say where the folder is now."
                ) from error

        return CollectionPlan(id, open)

    def of_photos(
        self,
        photos: PhotoSource,
        request: CollectionRequest,
        *,
        progress: Callable[[GatheringProgress], None] | None = None,
    ) -> CollectionPlan:
        """The plan of the collection of a source of photos; one folder, or other source, has one id.

        Args:
            photos: the source.
            request: what the collection should have.
            progress: called by the plan's `open` while it copies photos, which it does for all but a folder.

        Raises:
            CollectionError: there is no such folder or file, or it is Studio's own or a collection.
        """
        photos.check()
        folder = photos.folder
        if folder is not None and is_collection(folder):
            raise self._not_photos(folder)
        if folder is None:
            id = _id_of(photos.name, json.dumps([photos.given, photos.every]))
        elif folder == self.home or self.home.resolve() in folder.parents:
            raise CollectionError(f"{folder} is where Studio keeps its own files. Choose another folder.")
        else:
            id = self._id_of_folder(folder)

        def open() -> Collection:
            if folder is not None or self.exists(id):
                return self._open_or_create(id, photos, request)
            with self.copying.begun(id, photos, progress) as (tell, cancel):
                return self._open_or_create(id, photos, request, progress=tell, cancel=cancel)

        return CollectionPlan(id, open, request)

    def _not_photos(self, collection: Path) -> CollectionError:
        """The error of a collection in the place of photos, which says how to open it."""
        if self.home.resolve() in collection.parents:
            return CollectionError(
                f"{collection} is a collection, and not a folder of photos. Run `handlens studio` alone: its home page "
                "lists it."
            )
        return CollectionError(
            f"{collection} is a collection, and not a folder of photos. Its photos are in {images_of(collection)}: run "
            "`handlens studio` with that folder to label them in a collection of Studio's own, or open this one in "
            f'Python, Collection.open("{collection}").'
        )

    def of_builtin(self, name: str, request: CollectionRequest) -> CollectionPlan:
        """The plan of a built-in collection; its `open` raises CollectionError for a name that does not exist."""
        id = _id_of(name, f"builtin:{name}")
        photos = self.folder / id / OWN_PHOTOS

        def open() -> Collection:
            from handlens.studio.builtin import BUILTIN, write_builtin

            if self.exists(id):
                return self._open_or_create(id, PhotoSource(photos), request)
            title = next((b.title for b in BUILTIN if b.name == name), None)
            if title is None:
                known = ", ".join(b.name for b in BUILTIN)
                raise CollectionError(f"built-in collections are {known}; “{name[:100]}” arrived.")
            pictures = self._temporary.new("builtin") / "photos"
            with reporting_full_disk("the pictures"):
                write_builtin(name, pictures)
            self._move_in(pictures, id)
            return self._open_or_create(id, PhotoSource(photos), replace(request, name=request.name or title))

        return CollectionPlan(id, open, request)

    def of_upload(self, photos: Path, request: CollectionRequest) -> CollectionPlan:
        """The plan of a new collection of uploaded photos, which move into it."""
        entries = [entry for entry in photos.iterdir() if not entry.name.startswith(".")]
        only_folder = entries[0].name if len(entries) == 1 and entries[0].is_dir() else None
        name = request.name or only_folder or "Uploaded photos"
        id = _id_of(name, secrets.token_hex(16))

        def open() -> Collection:
            self._move_in(photos, id)
            return self._open_or_create(id, PhotoSource(self.folder / id / OWN_PHOTOS), replace(request, name=name))

        return CollectionPlan(id, open, request)

    def _id_of_folder(self, photos: Path) -> str:
        """The id of the collection of these photos, which may have been moved here; a new one if there is none."""
        for id in sorted(entry.name for entry in self.folder.iterdir() if self.exists(entry.name)):
            with suppress(CollectionError):
                if images_of(self.folder / id) == photos:
                    return id
        ids = (_id_of(photos.name, f"{photos} {n}" if n else str(photos)) for n in count())
        return next(id for id in ids if not self.exists(id))  # one that exists has its photos elsewhere now

    def _open_or_create(
        self,
        id: str,
        photos: PhotoSource,
        request: CollectionRequest,
        *,
        progress: Callable[[GatheringProgress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Collection:
        folder = self.folder / id
        if self.exists(id):
            collection = Collection.open(folder)
            request.add_to(collection)
            return collection
        try:
            collection = Collection.create(
                folder,
                images=photos,
                backbone=request.backbones,
                weights=request.weights,
                seed=request.seed,
                name=request.name,
                progress=progress,
                cancel=cancel,
            )
        except (CollectionError, StorageError) as error:
            nothing_copied = photos.folder is None and not (folder / OWN_PHOTOS).exists()  # to go on with
            refused = isinstance(error, StorageError) and photos.folder == (folder / OWN_PHOTOS).resolve()
            if nothing_copied or refused:  # copies of photos, which belong to nothing
                shutil.rmtree(folder, ignore_errors=True)
            raise
        try:
            if not collection.paths:
                raise CollectionError(_no_photo(collection))
        except BaseException:
            collection.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return collection

    def _move_in(self, photos: Path, id: str) -> None:
        """Move photos that are Studio's own copies into the collection's folder."""
        folder = self.folder / id
        shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed while it made the collection
        with reporting_full_disk("the collection"):
            folder.mkdir(parents=True)
            rename(photos, folder / OWN_PHOTOS)
        shutil.rmtree(photos.parent, ignore_errors=True)


def no_such_collection(id: str) -> NoSuchCollection:
    """The error for an id that no collection has."""
    return NoSuchCollection(f"there is no collection “{id[:100]}”. Choose one on the home page.")


def _no_photo(collection: Collection) -> str:
    left_out = collection.left_out
    if not left_out:
        return "there is no photo to use in this folder. It has no files."
    reasons = "; ".join(f"{file.path} {file.reason}" for file in left_out[:3])
    more = f"; and {len(left_out) - 3:,} more" if len(left_out) > 3 else ""
    return f"there is no photo to use in this folder. Left out: {reasons}{more}."


def _id_of(name: str, distinct: str) -> str:
    """An id that fits into an address: the plain letters of the name, and a hash of what makes it unique."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "photos"
    return f"{slug}-{hashlib.sha256(os.fsencode(distinct)).hexdigest()[:10]}"
