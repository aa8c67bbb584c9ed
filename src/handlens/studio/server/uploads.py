"""Photos and zips on their way in: streamed to disk, kept apart until a collection is made of them."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread

from handlens.errors import StorageError, UploadError
from handlens.studio.server.safe_paths import is_hidden, safe_path
from handlens.studio.server.temporary_folders import TemporaryFolders
from handlens.studio.server.zips import TooLarge, Unpacked, ZipLimits, reporting_full_disk, unpack

IDLE = 6 * 3600.0
"""Seconds after which an upload that nobody goes on with is removed."""

_BUFFER = 2**20


class NoSuchUpload(UploadError):
    """An upload that was never started, was used already, or lay idle too long."""


@dataclass(frozen=True)
class UploadLimits:
    """Bytes of one photo and of one zip, and bytes of the disk to leave free."""

    photo: int = 2 * 2**30
    zip: int = 50 * 2**30
    reserve: int = 256 * 2**20
    unpacked: ZipLimits = field(default_factory=ZipLimits)


@dataclass
class _Upload:
    folder: Path
    used: float
    busy: int = 0


class Uploads:
    """The uploads that are under way, each with a folder of its own in `temporary`."""

    def __init__(self, temporary: TemporaryFolders, *, limits: UploadLimits | None = None) -> None:
        self.limits = limits or UploadLimits()
        self._temporary = temporary
        self._lock = threading.Lock()
        self._uploads: dict[str, _Upload] = {}
        self._numbers = itertools.count()

    def start(self) -> str:
        """The id of a new upload; forgets those that lay idle."""
        now = time.monotonic()
        with self._lock:
            idle = [id for id, upload in self._uploads.items() if not upload.busy and now - upload.used > IDLE]
        for id in idle:
            self.discard(id)
        with reporting_full_disk("the upload"):
            folder = self._temporary.new("upload")
            (folder / "photos").mkdir()
        with self._lock:
            self._uploads[folder.name] = _Upload(folder, now)
        return folder.name

    def discard(self, id: str) -> None:
        """Remove an upload and its files."""
        shutil.rmtree(self._take(id), ignore_errors=True)

    def take(self, id: str) -> Path:
        """Hand over the folder of an upload's photos, which is the caller's from then on."""
        return self._take(id) / "photos"

    async def photo(self, id: str, path: str, body: AsyncIterator[bytes], *, length: int | None) -> str:
        """Keep one photo under a relative path; returns the path as it was kept.

        A second one of the same path replaces the first. Raises UploadError for a path that leads
        elsewhere, TooLarge, StorageError for a full disk; then, or if the sender goes away, nothing is kept.
        """
        place = safe_path(path)
        if is_hidden(place):
            raise UploadError(f"hidden files are not kept; “{path[:200]}” arrived.")
        upload = self._use(id)
        try:
            partial = await self._receive(upload, body, length=length, limit=self.limits.photo)
            await to_thread.run_sync(_settle, partial, upload.folder / "photos" / place)
        finally:
            self._leave(upload)
        return str(place)

    async def zip(self, id: str, body: AsyncIterator[bytes], *, length: int | None) -> Unpacked:
        """Keep the photos of a zip; raises like `photo`, and whatever `unpack` does."""
        upload = self._use(id)
        try:
            partial = await self._receive(upload, body, length=length, limit=self.limits.zip)

            def unpacked() -> Unpacked:
                try:
                    return unpack(partial, upload.folder / "photos", limits=self.limits.unpacked)
                finally:
                    partial.unlink(missing_ok=True)

            return await to_thread.run_sync(unpacked)
        finally:
            self._leave(upload)

    async def _receive(self, upload: _Upload, body: AsyncIterator[bytes], *, length: int | None, limit: int) -> Path:
        """Stream a body to a file of its own, removed again unless all of it came."""
        self._check_room(length or 0, limit)
        partial = upload.folder / f"{next(self._numbers)}.part"
        received, buffer = 0, bytearray()
        try:
            with reporting_full_disk("the upload"), partial.open("xb") as file:
                async for chunk in body:
                    received += len(chunk)
                    if received > limit:
                        raise TooLarge(f"a file must be at most {limit / 1e6:,.0f} MB; this one is longer.")
                    buffer += chunk
                    if len(buffer) >= _BUFFER:
                        await to_thread.run_sync(file.write, bytes(buffer))
                        buffer.clear()
                        self._check_room(0, limit)
                await to_thread.run_sync(file.write, bytes(buffer))
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return partial

    def _check_room(self, length: int, limit: int) -> None:
        if length > limit:
            raise TooLarge(f"a file must be at most {limit / 1e6:,.0f} MB; this one has {length / 1e6:,.0f} MB.")
        free = shutil.disk_usage(self._temporary.folder).free
        if length + self.limits.reserve > free:
            raise StorageError(f"the disk has only {free / 1e6:,.0f} MB left. Make room, then upload again.")

    def _use(self, id: str) -> _Upload:
        with self._lock:
            upload = self._uploads.get(id)
            if upload is None:
                raise NoSuchUpload("there is no such upload any more. Start it again.")
            upload.busy += 1
            return upload

    def _leave(self, upload: _Upload) -> None:
        with self._lock:
            upload.busy -= 1
            upload.used = time.monotonic()

    def _take(self, id: str) -> Path:
        with self._lock:
            upload = self._uploads.get(id)
            if upload is None:
                raise NoSuchUpload("there is no such upload any more. Start it again.")
            if upload.busy:
                raise UploadError("the upload is not finished: files are still arriving. Wait for them.")
            del self._uploads[id]
            return upload.folder


def _settle(partial: Path, target: Path) -> None:
    """Move a whole file to its place."""
    try:
        with reporting_full_disk("the photo"):
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        partial.unlink(missing_ok=True)
        raise UploadError(f"“{target.name}” cannot be both a file and a folder in one upload.") from None
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
