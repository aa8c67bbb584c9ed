"""A collection's folder, opened: its files, its lock, and who listens for changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handlens.errors import CollectionError
from handlens.studio.collection.about import read_about
from handlens.studio.labels import LabelLog
from handlens.studio.register import Register

Listener = Callable[[str, dict[str, Any]], None]


class Folder:
    """What every part of a collection stands on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        about = read_about(folder)
        self.name: str = about["name"]
        self.images = (folder / about["images"]).resolve()
        self.seed: int = about["seed"]
        if not self.images.is_dir():
            raise CollectionError(
                f"the photos of this collection were in {self.images}, and there is no such folder now. "
                "Plug the disk in or move the folder back; the labels are safe."
            )
        self._cache = folder / "cache"
        self._register = Register(folder / "collection.sqlite", self.images, seed=self.seed)
        self._log = LabelLog(folder / "collection.sqlite", len(self._register))
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []

    @property
    def view(self) -> dict[str, Any] | None:
        """Where the page was left, free-form."""
        kept = self._log.kept("view")
        return kept if isinstance(kept, dict) else None

    def set_view(self, view: dict[str, Any]) -> None:
        """Remember where the page is."""
        self._log.keep("view", view)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(kind, payload)` on every change, from whatever thread; returns how to stop."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def _tell(self, kind: str, **payload: Any) -> None:
        for listener in list(self._listeners):
            listener(kind, payload)

    def _changed(self) -> None:
        self._tell("state")
