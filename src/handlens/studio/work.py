"""Work that takes seconds: how far it is, how long it will take, and whether it is to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from handlens.studio.listeners import Listeners

Task = Literal["map", "train", "predict", "separate", "search"]
Report = Callable[[int, int], bool]
"""Called with the steps that are done and their total; True means that the work is to stop."""


class Work:
    """The work that is under way.

    Args:
        listeners: are told how far it is, as `work`: with task, layer and projection (None unless it is a map), done,
            total, and seconds_left (None at first). The last time, done is total, also if the work was stopped.

    Example:
        >>> listeners, heard = Listeners(), []
        >>> unsubscribe = listeners.subscribe(lambda kind, payload: heard.append((payload["done"], payload["total"])))
        >>> work = Work(listeners)
        >>> with work.begin("train") as report:
        ...     first = report(1, 4)
        ...     work.cancel("train")
        ...     first, report(2, 4)
        (False, True)
        >>> heard
        [(1, 4), (2, 4), (4, 4)]
    """

    def __init__(self, listeners: Listeners) -> None:
        self._listeners, self._lock = listeners, threading.Lock()
        self._stops: dict[tuple[Task, str | None, str | None], list[threading.Event]] = {}

    @contextmanager
    def begin(
        self,
        task: Task,
        *,
        layer: str | None = None,
        projection: str | None = None,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[Report]:
        """Do work inside `with`, and call what this gives along the way.

        Args:
            task: what is done.
            layer: of the map that is computed.
            projection: of the map that is computed.
            progress: called with the steps done and their total.
            cancel: setting it stops the work, as `Work.cancel` does.
        """
        key, stop = (task, layer, projection), threading.Event()
        steps = 0
        first: tuple[int, float] | None = None  # the steps done at the first report, and when that was

        def tell(done: int, total: int, seconds_left: float | None) -> None:
            payload = {"task": task, "layer": layer, "projection": projection, "done": done, "total": total}
            self._listeners.tell("work", **payload, seconds_left=seconds_left)

        def report(done: int, total: int) -> bool:
            nonlocal steps, first
            steps, now = total, time.monotonic()
            first = first or (done, now)
            # What comes before the first step may be slower, or faster, than all others.
            since = done - first[0]
            tell(done, total, (now - first[1]) * (total - done) / since if since > 0 else None)
            if progress:
                progress(done, total)
            return stop.is_set() or (cancel is not None and cancel.is_set())

        with self._lock:
            self._stops.setdefault(key, []).append(stop)
        try:
            yield report
        finally:
            with self._lock:
                self._stops[key].remove(stop)
            if steps:
                tell(steps, steps, 0.0)

    def cancel(self, task: Task, layer: str | None = None, projection: str | None = None) -> None:
        """Ask the work to stop, if it is under way."""
        with self._lock:
            for stop in self._stops.get((task, layer, projection), []):
                stop.set()
