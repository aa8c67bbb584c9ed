"""The open collections of one server: each is opened once, and shared by all requests."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from handlens.errors import HandlensError
from handlens.io.files import rename
from handlens.studio.collection import Collection
from handlens.studio.server.collection_plans import CollectionPlan, CollectionPlans, no_such_collection
from handlens.studio.server.schemas.home import CollectionSummary
from handlens.studio.server.summaries import Summaries
from handlens.studio.server.temporary_folders import TemporaryFolders

CLOSING = 4.0
"""Seconds to wait at the end for work that cannot be stopped midway; it starts again the next time."""


class CollectionRegistry:
    """The collections below a home folder. All methods may be called from several threads.

    Args:
        home: Studio's own folder; made if it does not exist.
        temporary: where a collection goes that is being deleted.

    Attributes:
        plans: plans collections that are to be opened or made.

    Example:
        >>> from PIL import Image
        >>> from handlens.studio.photo_sources import PhotoSource
        >>> from handlens.studio.server.collection_plans import CollectionRequest
        >>> Path("shades").mkdir()
        >>> for i in range(3):
        ...     Image.new("L", (32, 32), 80 * i).save(f"shades/{i}.png")
        >>> temporary = TemporaryFolders(Path("home/scratch"))
        >>> registry = CollectionRegistry(Path("home"), temporary)
        >>> plan = registry.plans.of_photos(PhotoSource("shades"), CollectionRequest(name="Shades"))
        >>> collection = registry.open(plan)
        >>> registry.get(plan.id) is collection
        True
        >>> [(summary.name, summary.count) for summary in registry.summaries()]
        [('Shades', 3)]
        >>> _ = registry.close()
        >>> temporary.close()
    """

    def __init__(self, home: Path, temporary: TemporaryFolders) -> None:
        self.plans = CollectionPlans(home, temporary)
        self._folder = self.plans.folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._summaries = Summaries(self._folder)
        self._temporary = temporary
        self._lock = threading.Lock()
        self._open: dict[str, Future[Collection]] = {}

    def get(self, id: str) -> Collection:
        """The collection with this id, opened if it is not open.

        Then what has changed in its folder is looked for in the background, and its preparation continues.

        Waits for a collection that is being opened.

        Raises:
            NoSuchCollection: there is no such collection.
        """
        return self._opened(self.plans.existing(id))

    def open(self, plan: CollectionPlan) -> Collection:
        """The collection of a plan, opened or made if it is not open, with the features that the plan asks for.

        Raises:
            CollectionError, StorageError: it cannot be opened or made.
        """
        collection = self._opened(plan)
        plan.request.add_to(collection)
        return collection

    def relocate(self, id: str, images: Path) -> Collection:
        """The collection with this id, whose photos are in the folder `images` now; opened if it is not open.

        Raises:
            NoSuchCollection: there is no such collection.
            CollectionError: the folder does not have its photos.
        """
        collection = self._if_open(id)
        if collection is None:
            return self._opened(self.plans.existing(id, images=images))
        collection.relocate(images)
        collection.start_scanning()
        self._summaries.write(id, collection)
        return collection

    def add_found(self, id: str) -> Collection:
        """The collection with this id, with the photos that were found in its folder.

        Who asks for it in the meantime waits.

        Raises:
            NoSuchCollection: there is no such collection.
            CollectionError: a network is being trained.
            StorageError: its file cannot be read; it stays as it was.
        """
        self.get(id)
        adding: Future[Collection] = Future()
        with self._lock:
            opened = self._open.get(id)
            if opened is None or not opened.done():  # it is being deleted, or another thread adds them
                opened = None
            else:
                self._open[id] = adding
        if opened is None:
            return self.get(id)
        collection = opened.result()
        try:
            collection.add_found()
        finally:
            adding.set_result(collection)
        return collection

    def open_in_background(self, plan: CollectionPlan) -> Future[Collection]:
        """Start to open the collection of a plan; who asks for it in the meantime waits."""
        future, is_new = self._future(plan.id)
        if is_new:
            thread = threading.Thread(target=self._run, args=(plan, future), name=f"open {plan.id}", daemon=True)
            thread.start()
        return future

    def forget(self, id: str) -> None:
        """Delete a collection with its labels, its models and all else that is Studio's own; other photos stay.

        Who asks for it in the meantime waits, and gets NoSuchCollection.

        Raises:
            NoSuchCollection: there is no such collection.
        """
        deleting: Future[Collection] = Future()
        with self._lock:
            opened = self._open.get(id)
            self._open[id] = deleting
        try:
            if opened is not None:
                self._close_one(id, opened)
            if not self.plans.exists(id):
                raise no_such_collection(id)
            # Moved away at once and as a whole; if the process is killed now, temporary folders are removed later.
            removed = self._temporary.new("forgotten")
            rename(self._folder / id, removed / id)
            shutil.rmtree(removed, ignore_errors=True)
        finally:
            with self._lock:
                self._open.pop(id, None)
            deleting.set_exception(no_such_collection(id))

    def summaries(self) -> list[CollectionSummary]:
        """All collections, the one opened last first."""
        found = []
        for id in [folder.name for folder in self._folder.iterdir() if self.plans.exists(folder.name)]:
            collection = self._if_open(id)
            if collection is not None:
                with suppress(HandlensError):  # it was deleted while it is open
                    self._summaries.write(id, collection)
            found.append(self._summaries.read(id))
        return sorted(found, key=lambda summary: (summary.opened_at or "", summary.id), reverse=True)

    def close(self) -> bool:
        """Stop all preparing and close all collections; False if one was still busy after CLOSING seconds."""
        self.plans.copying.cancel_all()
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

    def _opened(self, plan: CollectionPlan) -> Collection:
        future, is_new = self._future(plan.id)
        if is_new:
            self._run(plan, future)
        return future.result()

    def _future(self, id: str) -> tuple[Future[Collection], bool]:
        """The collection, open or being opened, and whether the caller has to open it."""
        with self._lock:
            future = self._open.get(id)
            if future is not None:
                return future, False
            future = self._open[id] = Future()
            return future, True

    def _run(self, plan: CollectionPlan, future: Future[Collection]) -> None:
        """Open the collection of a plan, and give the result or the error to all who wait for it."""
        id = plan.id
        try:
            collection = plan.open()
            collection.parts.listeners.subscribe(lambda kind, _: self._heard(id, collection, kind))
            self._summaries.write(id, collection, opened=True)
            if collection.scanning.phase != "done":
                collection.start_scanning()
            elif collection.progress.phase == "idle":  # its folder was looked at when it was made
                collection.start_preparing()
        except BaseException as error:
            with self._lock:
                self._open.pop(id, None)
            future.set_exception(error)
        else:
            future.set_result(collection)

    def _heard(self, id: str, collection: Collection, kind: str) -> None:
        if kind in ("labels", "maps"):
            self._summaries.changed(id, collection)

    def _if_open(self, id: str) -> Collection | None:
        with self._lock:
            future = self._open.get(id)
        return future.result() if future and future.done() and not future.exception() else None

    def _close_one(self, id: str, future: Future[Collection]) -> None:
        with suppress(Exception):  # a collection that could not be opened needs no closing
            collection = future.result()
            collection.cancel_preparing()
            self._summaries.write(id, collection)
            collection.close()
