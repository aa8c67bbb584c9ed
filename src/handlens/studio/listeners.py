"""The functions that are called when something in a collection changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Listener = Callable[[str, dict[str, Any]], None]


class Listeners:
    """Functions that are called with `(kind, payload)` on every change, from whichever thread made it.

    Kinds: `state` (anything but photos and labels), `labels` (version), `maps` (version, prepared), `map` (layer,
    projection), `work` (see `handlens.studio.work`) and `predictions` (version).

    Example:
        >>> listeners, heard = Listeners(), []
        >>> unsubscribe = listeners.subscribe(lambda kind, payload: heard.append((kind, payload)))
        >>> listeners.tell("labels", version=3)
        >>> unsubscribe()
        >>> listeners.tell("state")
        >>> heard
        [('labels', {'version': 3})]
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []

    def __len__(self) -> int:
        return len(self._listeners)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` on every change; returns a function that ends it."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def tell(self, kind: str, **payload: Any) -> None:
        """Tell all listeners of a change."""
        for listener in list(self._listeners):
            listener(kind, payload)
