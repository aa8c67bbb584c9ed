"""Uploads: photos and zips are streamed to a temporary folder, until a collection is made of them."""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from anyio import to_thread

from handlens.errors import StorageError, UploadError
from handlens.io.files import rename
from handlens.io.safe_paths import is_hidden, safe_path
from handlens.io.zips import TooLarge, Unpacked, ZipLimits, reporting_full_disk, unpack
from handlens.studio.server.temporary_folders import TemporaryFolders

IDLE = 6 * 3600.0
"""Seconds after which an upload that gets no more files is removed."""

_BUFFER = 2**20


class NoSuchUpload(UploadError):
    """The upload was never started, was used or cancelled already, or got no files for too long."""


@dataclass(frozen=True)
class UploadLimits:
    """What an upload may take.

    Attributes:
        photo: bytes of one photo.
        zip: bytes of one zip.
        reserve: bytes of the disk to leave free.
        unpacked: what one zip may unpack to.
    """

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
    """The uploads of one server, each in a temporary folder of its own.

    Args:
        temporary: where these folders are made.
        limits: what an upload may take.

    Example:
        >>> import asyncio
        >>> async def body():
        ...     yield b"first half, "
        ...     yield b"second half"
        >>> temporary = TemporaryFolders(Path("scratch"))
        >>> uploads = Uploads(temporary)
        >>> id = uploads.start()
        >>> asyncio.run(uploads.photo(id, "holiday/beach.jpg", body(), length=None))
        'holiday/beach.jpg'
        >>> (uploads.take(id) / "holiday/beach.jpg").read_bytes()
        b'first half, second half'
        >>> temporary.close()
    """

    def __init__(self, temporary: TemporaryFolders, *, limits: UploadLimits | None = None) -> None:
        self.limits = limits or UploadLimits()
        self._temporary = temporary
        self._lock = threading.Lock()
        self._uploads: dict[str, _Upload] = {}
        self._numbers = itertools.count()

    def start(self) -> str:
        """Start an upload and return its id; uploads that got no files for too long are removed."""
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
        """End an upload and return the folder of its photos, which belongs to the caller from now on."""
        return self._take(id) / "photos"

    @contextmanager
    def using(self, id: str) -> Iterator[Path]:
        """The folder of an upload's files, which stays while the block runs and afterwards."""
        upload = self._use(id)
        try:
            yield upload.folder / "photos"
        finally:
            self._release(upload)

    async def photo(self, id: str, path: str, body: AsyncIterator[bytes], *, length: int | None) -> str:
        """Store one photo. If it fails, or the connection is closed midway, nothing is stored.

        Args:
            id: the upload.
            path: the photo's path in its folder; a photo that has this path already is replaced.
            body: the file.
            length: how many bytes were announced, if known.

        Returns:
            The path under which it is stored.

        Raises:
            UploadError: there is no such upload, or the path is not allowed.
            TooLarge: the photo has more bytes than `limits.photo`.
            StorageError: the disk is full.
        """
        place = safe_path(path)
        if is_hidden(place):
            raise UploadError(f"hidden files are not stored; “{path[:200]}” arrived.")
        upload = self._use(id)
        try:
            partial = await self._receive(upload, body, length=length, limit=self.limits.photo)
            await to_thread.run_sync(_move_to, partial, upload.folder / "photos" / place)
        finally:
            self._release(upload)
        return str(place)

    async def zip(self, id: str, body: AsyncIterator[bytes], *, length: int | None) -> Unpacked:
        """Store the photos of a zip; raises the errors of `photo` and of `unpack`."""
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
            self._release(upload)

    async def _receive(self, upload: _Upload, body: AsyncIterator[bytes], *, length: int | None, limit: int) -> Path:
        """Stream a body to a file, which is removed if not all of it arrives."""
        self._check_space(length or 0, limit)
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
                        self._check_space(0, limit)
                await to_thread.run_sync(file.write, bytes(buffer))
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return partial

    def _check_space(self, length: int, limit: int) -> None:
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

    def _release(self, upload: _Upload) -> None:
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


def _move_to(partial: Path, target: Path) -> None:
    """Move a complete file to its place."""
    try:
        with reporting_full_disk("the photo"):
            target.parent.mkdir(parents=True, exist_ok=True)
            rename(partial, target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        partial.unlink(missing_ok=True)
        raise UploadError(f"“{target.name}” cannot be both a file and a folder in one upload.") from None
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
