"""Looking for what has changed in the folder of photos, in this thread or in one of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from handlens.core.threads import give_way
from handlens.errors import Cancelled, HandlensError
from handlens.io.sqlite import mend_indexes
from handlens.studio.listeners import Listeners
from handlens.studio.photos import Photos
from handlens.studio.progress import ScanProgress, ended_by

_TOLD = 0.5
"""Seconds between two reports of how far it is."""


class FolderScan:
    """Looks for photos that are new, moved, replaced or gone; labelling goes on meanwhile.

    Args:
        photos: of the collection.
        listeners: are told how far it is.
        database: the collection's SQLite file.
        unchecked: whether the file's indexes are still to be compared with its tables.
        finished: called when the folder was looked at.

    Attributes:
        progress: how far the current or latest search is.
        notices: why it is not known what has changed, as a sentence; empty if it is, or was not looked for. That the
            folder is gone is not among them: the page says so as long as it is.
    """

    def __init__(
        self,
        photos: Photos,
        listeners: Listeners,
        *,
        database: Path,
        unchecked: bool,
        finished: Callable[[], None],
    ) -> None:
        self._photos, self._listeners, self._database = photos, listeners, database
        self._unchecked, self._finished = unchecked, finished
        self._starting, self._running = threading.Lock(), threading.Lock()
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self.progress = ScanProgress(phase="done" if photos.register.is_new else "idle")
        self.notices: list[str] = []

    def run(
        self, *, progress: Callable[[ScanProgress], None] | None = None, cancel: threading.Event | None = None
    ) -> None:
        """Look in this thread; see `Collection.scan`."""
        if cancel is None:
            cancel = self._cancel
            cancel.clear()
        while not self._running.acquire(timeout=0.1):  # one that is under way may have passed what changed since
            _check(cancel)
        try:
            self._run(progress, cancel)
        finally:
            self._running.release()

    def _run(self, progress: Callable[[ScanProgress], None] | None, cancel: threading.Event) -> None:
        total, started, told = len(self._photos.register), time.monotonic(), 0.0

        def changed(now: ScanProgress) -> None:
            self.progress = now
            if progress:
                progress(now)
            self._listeners.tell("state")

        def step(files: int) -> None:
            nonlocal told
            _check(cancel)
            now = time.monotonic()
            if now - told >= _TOLD:
                told = now
                left = (now - started) * (total - files) / files if 0 < files <= total else None
                changed(replace(self.progress, done=files, total=max(total, files), seconds_left=left))

        self.progress = ScanProgress(running=True, phase="looking", total=total)
        step(0)
        try:
            self._photos.check_in_place()
            if self._unchecked:
                mend_indexes(self._database)
                self._unchecked = False
            self._photos.register.scan(step=step)
        except BaseException as error:
            told_elsewhere = isinstance(error, Cancelled) or not self._photos.register.is_there
            self.notices = [] if told_elsewhere else [f"What has changed in the folder of photos is not known: {error}"]
            changed(replace(self.progress, running=False, seconds_left=None, **ended_by(error, "looking for photos")))
            raise
        self.notices = []
        self.progress = replace(self.progress, running=False, phase="done", done=self.progress.total, seconds_left=0.0)
        self._finished()
        changed(self.progress)

    def start(self, then: Callable[[], None] = lambda: None) -> None:
        """Look in the background, unless that is under way; errors are in `progress`.

        Args:
            then: called when it has ended, however it did.
        """
        with self._starting:
            if self.progress.running:
                return
            self._cancel.clear()
            self.progress = ScanProgress(running=True, phase="looking", total=len(self._photos.register))
            self._thread = threading.Thread(
                target=self._quietly, args=(self._thread, then), name="handlens-scan", daemon=True
            )
            self._thread.start()

    def cancel(self) -> None:
        """Ask a search to stop after the current file."""
        self._cancel.set()

    def join(self, seconds: float | None = None) -> bool:
        """Wait for a search in the background to end, so many seconds at most; returns whether it has ended."""
        thread = self._thread
        if thread and thread is not threading.current_thread():
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def _quietly(self, before: threading.Thread | None, then: Callable[[], None]) -> None:
        give_way()
        if before:
            before.join()  # it has looked, and is at its `then`
        with suppress(HandlensError):  # it is in `progress`
            self.run(cancel=self._cancel)
        then()


def _check(cancel: threading.Event) -> None:
    if cancel.is_set():
        raise Cancelled("looking for photos was cancelled; what was known before stays.")
