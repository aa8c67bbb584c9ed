"""Exports that are written in the background, so that a page can show how far they are, and cancel them."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from handlens.errors import CollectionError, HandlensError
from handlens.io.problems import reason_of
from handlens.studio.formats import exporter_of
from handlens.studio.server.downloads import written_export
from handlens.studio.server.encoding import readable
from handlens.studio.server.schemas.base import LeftOutFile
from handlens.studio.server.schemas.exports import ExportRun
from handlens.studio.server.temporary_folders import TemporaryFolders

if TYPE_CHECKING:
    from handlens.studio.collection import Collection
    from handlens.studio.filters import Filter
    from handlens.studio.formats.exporting import Exported

_log = logging.getLogger(__name__)

KEPT = 600.0
"""Seconds after which an export that nobody has downloaded is removed, when the next one starts."""

_LISTED = 100
_CLOSING = 4.0  # seconds to wait at the end for exports that are being cancelled


class NoSuchExport(CollectionError):
    """The export was never started, was cancelled, or its file was downloaded already."""


@dataclass
class _Run:
    collection: str
    folder: Path
    thread: threading.Thread | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    steps: tuple[int, int] = (0, 1)
    file: Path | None = None
    exported: Exported | None = None
    error: str | None = None
    ended: float | None = None


class RunningExports:
    """The exports of one server, each in a temporary folder of its own.

    Args:
        temporary: where these folders are made.

    Raises:
        NoSuchExport: (all methods with an id) there is no such export.

    Example:
        >>> temporary = TemporaryFolders(Path("scratch"))
        >>> RunningExports(temporary).state("my-photos", "export-1")
        Traceback (most recent call last):
            ...
        handlens.studio.server.running_exports.NoSuchExport: there is no such export any more. Start it again.
        >>> temporary.close()
    """

    def __init__(self, temporary: TemporaryFolders) -> None:
        self._temporary = temporary
        self._lock = threading.Lock()
        self._runs: dict[str, _Run] = {}

    def start(self, c: str, collection: Collection, format: str, where: Filter | None) -> ExportRun:
        """Start to write the labels of a collection in a format.

        Args:
            c: the collection's id.
            collection: the collection.
            format: a format's name.
            where: only the photos that this filter means.

        Raises:
            CollectionError: there is no such format.
        """
        exporter_of(format)
        self._remove_old()
        run = _Run(c, self._temporary.new("export"))
        id = run.folder.name

        def progress(done: int, total: int) -> None:
            run.steps = done, total

        def work() -> None:
            try:
                run.file, run.exported = written_export(
                    c, collection, format, where, run.folder, progress=progress, cancel=run.cancel
                )
            except HandlensError as error:
                run.error = str(error)
            except Exception as error:  # an exporter of another package may raise anything
                _log.error("export as %s", format, exc_info=error)
                run.error = f"the export failed: {reason_of(error)}. See the terminal for more."
            run.ended = time.monotonic()
            if run.cancel.is_set():
                shutil.rmtree(run.folder, ignore_errors=True)

        run.thread = threading.Thread(target=work, name=f"export {id}", daemon=True)
        with self._lock:
            self._runs[id] = run
        run.thread.start()
        return self.state(c, id)

    def state(self, c: str, id: str) -> ExportRun:
        """How far an export is."""
        run = self._find(c, id)
        (done, total), exported, ended = run.steps, run.exported, run.ended is not None
        left_out = exported.left_out if exported else []
        return ExportRun(
            run=id,
            done=done,
            total=total,
            ready=ended and run.file is not None,
            error=_sentence(run.error) if ended and run.error is not None else None,
            labels=exported.labels if exported else None,
            left_out=len(left_out),
            problems=[LeftOutFile(path=readable(one.path), reason=readable(one.reason)) for one in left_out[:_LISTED]],
        )

    def take(self, c: str, id: str) -> tuple[Path, Path]:
        """The file of an export that is ready, and its folder, which belongs to the caller from now on."""
        run = self._find(c, id)
        if run.ended is None or run.file is None:
            raise CollectionError("this export must be ready before its file is downloaded. Wait for it.")
        with self._lock:
            if self._runs.pop(id, None) is None:
                raise _gone()
        return run.file, run.folder

    def cancel(self, c: str, id: str) -> None:
        """Cancel an export and remove what it has written."""
        run = self._find(c, id)
        with self._lock:
            self._runs.pop(id, None)
        _stop(run)

    def close(self) -> None:
        """Cancel all exports."""
        with self._lock:
            runs, self._runs = [*self._runs.values()], {}
        for run in runs:
            _stop(run)
        until = time.monotonic() + _CLOSING
        for run in runs:
            if run.thread is not None:
                run.thread.join(max(0.0, until - time.monotonic()))

    def _find(self, c: str, id: str) -> _Run:
        with self._lock:
            run = self._runs.get(id)
        if run is None or run.collection != c:
            raise _gone()
        return run

    def _remove_old(self) -> None:
        with self._lock:
            runs = [*self._runs.items()]
        for id, run in runs:
            if run.ended is not None and time.monotonic() - run.ended > KEPT:
                with self._lock:
                    self._runs.pop(id, None)
                _stop(run)


def _stop(run: _Run) -> None:
    run.cancel.set()
    if run.ended is not None:  # otherwise its thread removes the folder
        shutil.rmtree(run.folder, ignore_errors=True)


def _gone() -> NoSuchExport:
    return NoSuchExport("there is no such export any more. Start it again.")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
