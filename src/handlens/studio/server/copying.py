"""Photos that are being copied into collections that are made now: how far each is, and how to end it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from handlens.studio.photo_sources import PhotoSource
from handlens.studio.progress import GatheringProgress


class Copying:
    """One collection whose photos are being copied.

    Args:
        name: what is copied, as a collection of it is called.

    Attributes:
        progress: how far it is.
        cancel: setting it ends it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.progress = GatheringProgress()
        self.cancel = threading.Event()


class CopyingNow:
    """All that is being copied now, by the id of the collection. All methods may be called from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[str, Copying] = {}

    def all(self) -> dict[str, Copying]:
        """What is being copied, the first first."""
        with self._lock:
            return dict(self._all)

    def cancel(self, id: str) -> None:
        """End the copying for a collection; nothing happens if it has ended already."""
        if (one := self.all().get(id)) is not None:
            one.cancel.set()

    def cancel_all(self) -> None:
        """End all copying."""
        for one in self.all().values():
            one.cancel.set()

    @contextmanager
    def begun(
        self, id: str, source: PhotoSource, progress: Callable[[GatheringProgress], None] | None
    ) -> Iterator[tuple[Callable[[GatheringProgress], None], threading.Event]]:
        """While it is entered, photos are copied; gives the `progress` and `cancel` of the copying.

        Args:
            id: of the collection.
            source: of the photos.
            progress: who else is told.
        """
        one = Copying(source.name)

        def tell(now: GatheringProgress) -> None:
            one.progress = now
            if progress is not None:
                progress(now)

        with self._lock:
            self._all[id] = one
        try:
            yield tell, one.cancel
        finally:
            with self._lock:
                self._all.pop(id, None)
