"""Files to download, made while they are sent or in a temporary folder."""

from __future__ import annotations

import asyncio
import io
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from fastapi import Request
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from handlens.core.predictions import PATH
from handlens.errors import Cancelled, CollectionError, PhotoError
from handlens.studio.formats import exporter_of
from handlens.studio.formats.exporting import Export, export_of
from handlens.studio.formats.writers.folders import write_photos
from handlens.studio.register import file_below
from handlens.studio.server.temporary_folders import TemporaryFolders

if TYPE_CHECKING:
    from handlens.studio.collection import Collection
    from handlens.studio.filters import Filter
    from handlens.studio.formats.exporting import Exported

T = TypeVar("T")

_LOOK = 0.2
"""Seconds between two looks whether the browser is still there."""


class _SendBuffer(io.RawIOBase):
    """A file in memory whose beginning can be taken out and sent while its end is still written.

    zipfile goes back to the header of the current entry when it knows its checksum, and not further back. So a zip can
    be sent entry by entry, without data descriptors after each entry, which some programs refuse.
    """

    def __init__(self) -> None:
        self._start = 0
        self._held = io.BytesIO()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._start + self._held.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            offset -= self._start
            if offset < 0:
                raise io.UnsupportedOperation("bytes that were sent already cannot be changed.")
        return self._start + self._held.seek(offset, whence)

    def write(self, data: object) -> int:
        return self._held.write(data)  # type: ignore[arg-type]

    def drain(self) -> bytes:
        """Take out what was written since the last call."""
        data = self._held.getvalue()
        self._start += len(data)
        self._held = io.BytesIO()
        return data


def zip_of(files: list[tuple[Path, str]]) -> Iterator[bytes]:
    """A zip of files (file, name in the zip), not compressed, yielded in pieces of one file each."""
    buffer = _SendBuffer()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for file, name in files:
            archive.write(file, name)
            yield buffer.drain()
    yield buffer.drain()


@contextmanager
def removed_on_failure(folder: Path) -> Iterator[None]:
    """Remove a folder if the block fails."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def sent_file(
    id: str, name: str, write: Callable[[Path], object], temporary: TemporaryFolders, *, kind: str
) -> FileResponse:
    """The response that sends a text file, which is removed afterwards.

    Args:
        id: the collection's id, which begins the name under which the file is saved.
        name: the file's own name.
        write: writes the file to a path.
        temporary: where it is written.
        kind: its media type.
    """
    folder = temporary.new("export")
    with removed_on_failure(folder):
        write(folder / name)
    return FileResponse(
        folder / name,
        media_type=f"{kind}; charset=utf-8",
        filename=f"{id}-{name}",
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


def sent_export(
    id: str,
    collection: Collection,
    format: str,
    where: Filter | None,
    temporary: TemporaryFolders,
    cancel: threading.Event,
) -> FileResponse:
    """The response that sends the labels in a format, which is removed afterwards.

    Args:
        id: the collection's id, which begins the name under which the file is saved.
        collection: whose labels are sent.
        format: a format's name; what it writes as a folder is sent as a zip.
        where: only the photos that this filter means.
        temporary: where it is written.
        cancel: setting it stops the writing.

    Raises:
        Cancelled: `cancel` was set.
        CollectionError: there is no such format.
    """
    folder = temporary.new("export")
    with removed_on_failure(folder):
        written, _ = written_export(id, collection, format, where, folder, cancel=cancel)
    return sent_written(written, folder)


def written_export(
    id: str,
    collection: Collection,
    format: str,
    where: Filter | None,
    folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> tuple[Path, Exported]:
    """Write the labels in a format as one file into a folder; a format that is a folder becomes a zip.

    Args:
        id: the collection's id, which begins the name of the file.
        collection, format, where, progress, cancel: as in `Collection.export`.
        folder: where it is written.

    Returns:
        the file, and what was written.

    Raises:
        Cancelled: `cancel` was set.
        CollectionError: there is no such format.
    """
    exporter = exporter_of(format)
    target = folder / f"{id}-{exporter.name}{exporter.ending}"
    done = collection.export(target, format, where=where, progress=progress, cancel=cancel)
    return (done.path if exporter.ending else _zipped(done.path, cancel)), done


def sent_written(written: Path, folder: Path) -> FileResponse:
    """The response that sends a file, and removes its folder afterwards."""
    return FileResponse(
        written,
        media_type="application/octet-stream",
        filename=written.name,
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


async def until_gone(request: Request, work: Callable[[threading.Event], T]) -> T:
    """The result of work in a thread, whose event is set if the browser goes away before it is done."""
    gone = threading.Event()

    async def watch() -> None:
        while not await request.is_disconnected():
            await asyncio.sleep(_LOOK)
        gone.set()

    watching = asyncio.create_task(watch())
    try:
        return await run_in_threadpool(work, gone)
    finally:
        watching.cancel()


def _zipped(folder: Path, cancel: threading.Event | None) -> Path:
    """A zip beside a folder, with the folder in it, which is removed."""
    file = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for path in sorted(folder.rglob("*")):
            if cancel is not None and cancel.is_set():
                raise Cancelled("the export was cancelled; nothing was written.")
            archive.write(path, path.relative_to(folder.parent).as_posix())
    shutil.rmtree(folder)
    return file


def labelled_photos(collection: Collection, where: Filter | None) -> Export:
    """What the zip of folders by label holds.

    Args:
        collection: of the photos.
        where: only the photos that this filter means.

    Raises:
        CollectionError: no such photo has a label, or a labelled photo no longer exists.
    """
    export = export_of(collection, where=where)
    paths = export.labelled[PATH].tolist()
    if not paths and where is not None:
        raise CollectionError("none of the photos that the filter means has a label, so the zip would be empty.")
    if not paths:
        raise CollectionError("no photo has a label yet, so the zip would be empty. Label some photos first.")
    missing = [path for path in paths if not _is_there(collection.images, path)]
    if missing:
        raise CollectionError(
            f"{len(missing):,} labelled photos are no longer in {collection.images}, such as {missing[0]}. "
            "Bring them back first."
        )
    return export


def zip_of_photos(export: Export) -> Iterator[bytes]:
    """A zip of folders by label, not compressed, yielded in pieces of one photo each."""
    buffer = _SendBuffer()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for _ in write_photos(archive, export):
            yield buffer.drain()
    yield buffer.drain()


def zipped_model(collection: Collection, temporary: TemporaryFolders) -> tuple[Path, list[tuple[Path, str]]]:
    """Save the model; returns a folder to remove afterwards, and the model's files with their paths in a zip."""
    folder = temporary.new("model")
    model = folder / "model"
    with removed_on_failure(folder):
        collection.export_model(model)
    files = sorted(file for file in model.rglob("*") if file.is_file())
    return folder, [(file, f"model/{file.relative_to(model).as_posix()}") for file in files]


def _is_there(images: Path, path: str) -> bool:
    try:
        return file_below(images, path).is_file()
    except (OSError, PhotoError):
        return False
