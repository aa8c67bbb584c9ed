"""Unpacking zips that cannot be trusted: everything is checked before the first byte is written."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from handlens.errors import StorageError, UploadError
from handlens.io.problems import is_disk_full, reason_of
from handlens.io.safe_paths import is_hidden, safe_path

CHUNK = 2**20
_ENTRY = b"PK\x01\x02"
_ENDED = b"PK\x05\x06"
_ENDED_64 = b"PK\x06\x06"
_WHERE_64 = b"PK\x06\x07"
_UTF8 = 0x800
_ENCRYPTED = 0x1 | 0x40
_UNICODE_PATH = 0x7075
_OTHERWISE = "Unpack it yourself and give the folder, which has no such limit."
# OverflowError and ValueError: of positions that no file has, and of names that are not of the encoding that they say.
_UNREADABLE = (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, struct.error)
_KINDS = (0, stat.S_IFREG, stat.S_IFDIR)


class TooLarge(UploadError):
    """An upload, or what its zip unpacks to, is larger than the server accepts."""


@dataclass(frozen=True)
class ZipLimits:
    """What a zip may unpack to.

    Attributes:
        total: bytes.
        count: files.
        ratio: times its own size; not checked if it unpacks to at most `small` bytes.
        small: bytes.
        reserve: bytes of the disk to leave free.
    """

    total: int = 100 * 2**30
    count: int = 200_000
    ratio: int = 100
    small: int = 256 * 2**20
    reserve: int = 256 * 2**20


@dataclass
class Unpacked:
    """The result of unpacking a zip.

    Attributes:
        count: how many files were written.
        left_out: the path of each file that was not written, with the reason.
    """

    count: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def reporting_full_disk(what: str) -> Iterator[None]:
    """Raise a StorageError if the disk is full; all other errors pass."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise StorageError(f"the disk is full, so {what} could not be kept. Make room, then try again.") from error
        raise


def unpack(
    archive: Path, folder: Path, *, limits: ZipLimits | None = None, progress: Callable[[float], None] | None = None
) -> Unpacked:
    """Unpack a zip into a folder. After an error, nothing of the zip is left there.

    Entries that are damaged, are compressed in an unusual way, or have the name of a file that exists are left out.

    Args:
        archive: the zip.
        folder: where to; files that are there already are never replaced.
        limits: what it may unpack to.
        progress: called with the share that is written, 0–1; what it raises ends the unpacking.

    Raises:
        UploadError: it is not a zip, is encrypted, or has links, overlapping entries or names that lead out of the
            folder. Nothing was written.
        TooLarge: it exceeds the limits.
        StorageError: the disk is full.
    """
    limits = limits or ZipLimits()
    start, length = _directory(archive, limits)
    with _Mended(archive, start, length) as file:
        try:
            opened = zipfile.ZipFile(file)
        except (*_UNREADABLE, OSError) as error:
            raise UploadError(f"this is not a zip that can be opened ({reason_of(error)}).") from error
        with opened:
            entries = _checked(opened, archive.stat().st_size, limits)
            declared = sum(info.file_size for info, _ in entries)
            if declared + limits.reserve > shutil.disk_usage(folder).free:
                raise StorageError(
                    f"the zip holds {_megabytes(declared)} of files and the disk has not enough room. "
                    "Make room, then try again."
                )
            written: list[Path] = []
            try:
                with reporting_full_disk("the zip"):
                    return _write_all(opened, entries, folder, written, limits, progress or (lambda _share: None))
            except BaseException:
                for path in written:
                    path.unlink(missing_ok=True)
                raise


def _directory(archive: Path, limits: ZipLimits) -> tuple[int, int]:
    """Where the table of contents is and its length; refuses one too long to read, as zipfile would do in memory."""
    size = archive.stat().st_size
    with archive.open("rb") as file:
        file.seek(max(0, size - 65_557))
        tail = file.read()
        at = tail.rfind(_ENDED)
        if at < 0 or len(tail) < at + 22:
            raise UploadError("this is not a zip: it has no table of contents. It may have been cut off on its way.")
        count, length = struct.unpack_from("<HL", tail, at + 10)
        end = size - len(tail) + at
        if at >= 20 and tail[at - 20 : at - 16] == _WHERE_64:
            # What is beyond the end may be more than the system takes.
            end = min(struct.unpack_from("<Q", tail, at - 12)[0], size)
            file.seek(end)
            record = file.read(56)
            if len(record) < 56 or record[:4] != _ENDED_64:
                raise UploadError("this is not a zip that can be opened: its table of contents is damaged.")
            count, length = struct.unpack_from("<QQ", record, 32)
    # Each entry has 46 bytes and a name; an average of 500 bytes is far more than any real zip has.
    if count > limits.count or length > limits.count * 500:
        raise _too_many(count, limits)
    return end - length, length


class _Mended(io.FileIO):
    """A zip that is read as if no name in it said that it is UTF-8 and is not: zipfile would refuse the whole zip.

    Args:
        archive: the zip, which is not changed.
        start, length: where its table of contents is.
    """

    def __init__(self, archive: Path, start: int, length: int) -> None:
        super().__init__(archive)
        self._start, self._length = start, length

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as `FileIO`; zipfile reads the table of contents as a whole."""
        at, found = self.tell(), super().read(-1 if size is None else size) or b""
        return _mended(found) if (at, size) == (self._start, self._length) else found


def _mended(directory: bytes) -> bytes:
    """A table of contents without the flag of UTF-8 at names that are not."""
    mended, at = bytearray(directory), 0
    while directory[at : at + 4] == _ENTRY and at + 46 <= len(directory):
        flags = struct.unpack_from("<H", directory, at + 8)[0]
        lengths = struct.unpack_from("<HHH", directory, at + 28)
        try:
            directory[at + 46 : at + 46 + lengths[0]].decode("utf-8")
        except UnicodeDecodeError:
            struct.pack_into("<H", mended, at + 8, flags & ~_UTF8)
        at += 46 + sum(lengths)
    return bytes(mended)


def _checked(opened: zipfile.ZipFile, size: int, limits: ZipLimits) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The entries that are files, each with its path in the folder; raises before anything is written."""
    infos = opened.infolist()
    if len(infos) > limits.count:
        raise _too_many(len(infos), limits)
    entries = []
    for info in infos:
        name = _name(info)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in _KINDS:
            raise UploadError(f"a zip must hold plain files; “{name[:200]}” is a link or a special file.")
        if name.replace("\\", "/").strip("/.") == "" and name.endswith("/"):
            continue
        path = safe_path(name)
        if info.flag_bits & _ENCRYPTED:
            raise UploadError(f"the zip is encrypted (“{name[:200]}”). Unpack it and give the folder instead.")
        if name.endswith(("/", "\\")) or kind == stat.S_IFDIR or is_hidden(path):
            continue
        entries.append((info, path))
    total = sum(info.file_size for info, _ in entries)
    if total > limits.total:
        raise TooLarge(
            f"a zip must unpack to at most {_megabytes(limits.total)}; this one says {_megabytes(total)}. {_OTHERWISE}"
        )
    if total > limits.small and total > limits.ratio * size:
        raise TooLarge(
            f"a zip must unpack to at most {limits.ratio} times its size; this one would to {total // max(size, 1):,} "
            f"times ({_megabytes(total)}), as no photos do. {_OTHERWISE}"
        )
    _check_overlaps(infos, size)
    return entries


def _too_many(count: int, limits: ZipLimits) -> TooLarge:
    return TooLarge(f"a zip must have at most {limits.count:,} files; this one says {count:,}. {_OTHERWISE}")


def _check_overlaps(infos: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse entries that share bytes: so a small zip could hold any number of large files."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise UploadError("the zip's entries overlap each other, as in a zip made to fill a disk.")
        end = info.header_offset + 30 + info.compress_size
    if end > size:
        raise UploadError("the zip is incomplete: it declares more bytes than it has. Send it again.")


def _name(info: zipfile.ZipInfo) -> str:
    """An entry's name; zips of older programs and of macOS do not say how it is encoded, so it is found out here."""
    if info.flag_bits & _UTF8:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437", "replace")
    extra = info.extra
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        field_, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and len(field_) > 5 and struct.unpack_from("<L", field_, 1)[0] == zlib.crc32(raw):
            raw = field_[5:]
            break
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return info.orig_filename


def _write_all(
    opened: zipfile.ZipFile,
    entries: list[tuple[zipfile.ZipInfo, PurePosixPath]],
    folder: Path,
    written: list[Path],
    limits: ZipLimits,
    progress: Callable[[float], None],
) -> Unpacked:
    result = Unpacked()
    left = limits.total
    total, behind = max(1, sum(info.file_size for info, _ in entries)), 0
    for info, path in entries:
        before, behind = behind, behind + info.file_size
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            result.left_out.append((str(path), "is compressed in a way that cannot be opened here"))
            continue
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
        except (FileExistsError, NotADirectoryError):
            result.left_out.append((str(path), "another file of that name came first"))
            continue
        written.append(target)
        try:
            with os.fdopen(handle, "wb") as out:
                left -= _copy(opened, info, out, left, partial(_tell, progress, before, total))
            result.count += 1
        except (*_UNREADABLE, zlib.error, EOFError, RuntimeError) as error:
            with contextlib.suppress(OSError):
                target.unlink()
            result.left_out.append((str(path), f"is damaged inside the zip ({reason_of(error)})"))
    return result


def _tell(progress: Callable[[float], None], before: int, total: int, done: int) -> None:
    progress((before + done) / total)


def _copy(
    opened: zipfile.ZipFile, info: zipfile.ZipInfo, out: BinaryIO, left: int, progress: Callable[[int], None]
) -> int:
    """Copy one entry, and count the bytes that it really unpacks to, whatever the zip declares."""
    done = 0
    with opened.open(info) as source:
        while chunk := source.read(CHUNK):
            done += len(chunk)
            if done > left or done > info.file_size:
                raise TooLarge("the zip unpacks to more than it declares.")
            out.write(chunk)
            progress(done)
    return done


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
