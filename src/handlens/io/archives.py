"""Archives (tar) of unknown origin, unpacked inside one folder, whole or not at all."""

from __future__ import annotations

import lzma
import re
import secrets
import shutil
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from handlens.errors import DownloadError, StorageError
from handlens.io.files import atomic_folder, rename
from handlens.io.problems import reason_of

_CHUNK = 1 << 18

RATIO = 100
"""How many times its own size an archive may unpack to; not checked up to SMALL bytes."""

SMALL = 256 * 2**20
MOST_ENTRIES = 2_000_000
RESERVE = 256 * 2**20
"""Bytes of the disk that are left free."""

_LONGEST_HEADER = 2**20
_LONGEST_END = 64 * 2**20
_LONGEST_NAME, _LONGEST_PART, _DEEPEST = 1024, 255, 32


def unpack_tar(
    archive: Path, target: Path, *, as_is: bool = False, progress: Callable[[float], None] | None = None
) -> list[tuple[str, str]]:
    """Unpack a tar archive, compressed or not, as the folder `target`; a single folder in it becomes `target` itself.

    Owners, rights and times that the archive gives are not taken over.

    Args:
        archive: the archive.
        target: the folder, which is made.
        as_is: leave a damaged archive where it is, as one that was not downloaded, and a single folder a folder; of
            files of one name, the first is kept.
        progress: called with the share of the archive that is read, 0–1; what it raises ends the unpacking.

    Returns:
        the path of each file that was not written, with the reason.

    Raises:
        DownloadError: it is damaged and, unless `as_is`, was removed; or it holds links, devices, or files outside its
            folder, or would unpack to more than RATIO times its size or MOST_ENTRIES files.
        StorageError: the disk refused.
    """
    left_out: list[tuple[str, str]] = []
    size = max(1, archive.stat().st_size)
    with atomic_folder(target) as folder:
        try:
            with archive.open("rb") as file, _Tar.open(fileobj=file) as tar:
                unpacking = _Unpacking(archive, target, folder)
                while (member := tar.next_member()) is not None:
                    if progress is not None:
                        progress(min(1.0, file.tell() / size))
                    unpacking.check(member)
                    if as_is and (folder / member.name).is_file():
                        left_out.append((member.name, "another file of that name came first"))
                    else:
                        tar.write(member, folder / member.name)
                tar.read_end()
        except _TooLong as error:
            raise _refused(archive, str(error), None if as_is else target) from error
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise _damaged(archive, _first_line(error), as_is) from error
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            why = "a name in it is both that of a file and of a folder"
            raise _refused(archive, why, None if as_is else target) from error
        except OSError as error:
            # gzip and bz2 report what is wrong in the archive as the system reports what is wrong with the disk.
            if error.errno is not None:
                raise
            raise _damaged(archive, _first_line(error), as_is) from error
        found = list(folder.iterdir())
        if not found:
            raise _damaged(archive, "it holds no files", as_is)
        if len(found) == 1 and found[0].is_dir() and not as_is:
            _lift(found[0])
    return left_out


class TarError(Exception):
    """A tar archive is damaged; the message is the reason, as a clause."""


class Member(NamedTuple):
    """A file in a tar archive that is read as a stream.

    Attributes:
        name: its path there, of which nothing is known.
        size: in bytes.
        reason: why it cannot be read; "" if it can.
        read: gives its bytes, until the next member is asked for.
    """

    name: str
    size: int
    reason: str
    read: Callable[[], bytes]


def tar_members(file: BinaryIO) -> Iterator[Member]:
    """The files of a tar archive, compressed or not, in their order; nothing is written anywhere.

    Raises:
        TarError: it is damaged, or ends too early.
    """
    try:
        with _Tar.open(fileobj=file) as tar:
            while (member := tar.next_member()) is not None:
                if member.isdir():
                    continue
                reason = "" if member.isfile() else "a link, device or special file in an archive"
                name = member.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                yield Member(name, member.size, reason, lambda member=member: tar.read(member))  # type: ignore[misc]
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError, _TooLong) as error:
        raise TarError(_first_line(error)) from error
    except OSError as error:  # gzip and bz2 report what is wrong in the archive as the system reports the disk
        if error.errno is not None:
            raise
        raise TarError(_first_line(error)) from error


class _TooLong(Exception):
    """A part of an archive that is longer than any data set needs."""


class _Bounded:
    """A file of which only so much can be read at a time: tarfile reads headers of any length into memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.close = file.seek, file.tell, file.close
        self.left = _LONGEST_HEADER

    def read(self, size: int) -> bytes:
        self.left -= size
        if self.left < 0:
            raise _TooLong("a header in it is longer than 1 MB")
        return self._file.read(size)


class _Tar(tarfile.TarFile):
    """A tar archive that is read once, in order, and holds one header at a time in memory."""

    def __init__(self, name: str | None = None, mode: str = "r", fileobj: Any = None, **options: Any) -> None:
        self._bounded = _Bounded(fileobj)
        super().__init__(name, mode, self._bounded, **options)  # type: ignore[arg-type]

    def next_member(self) -> tarfile.TarInfo | None:
        """The next entry; None after the last one."""
        self._bounded.left = _LONGEST_HEADER
        member = self.next()
        self.members.clear()  # type: ignore[attr-defined]  # it keeps all that it has read
        return member

    def write(self, member: tarfile.TarInfo, path: Path) -> None:
        """Write an entry, a file or a folder."""
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        content = self.extractfile(member)
        assert content is not None  # only links have none
        self._bounded.left = member.size + _LONGEST_HEADER
        with content, path.open("wb") as file:
            shutil.copyfileobj(content, file, _CHUNK)

    def read(self, member: tarfile.TarInfo) -> bytes:
        """The bytes of a file."""
        content = self.extractfile(member)
        assert content is not None  # only links have none
        self._bounded.left = member.size + _LONGEST_HEADER
        with content:
            try:
                return content.read()
            except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, _TooLong) as error:
                raise TarError(_first_line(error)) from error

    def read_end(self) -> None:
        """Read to the end, where the checksum of a compressed archive is."""
        self._bounded.left = _LONGEST_END
        while self._bounded.read(_CHUNK):
            pass


class _Unpacking:
    """What was unpacked of an archive so far."""

    def __init__(self, archive: Path, target: Path, folder: Path) -> None:
        self._archive, self._target, self._folder = archive, target, folder
        self._most = max(SMALL, RATIO * archive.stat().st_size)
        self._bytes = self._entries = 0

    def check(self, member: tarfile.TarInfo) -> None:
        """Raise an error unless this entry may be unpacked after those before it."""
        _refuse_odd(self._archive, member)
        self._entries += 1
        self._bytes += member.size
        if self._entries > MOST_ENTRIES:
            raise _TooLong(f"it holds more than {MOST_ENTRIES:,} files")
        if self._bytes > self._most:
            raise _TooLong(
                f"it would unpack to {self._bytes / 1e6:,.0f} MB or more, which is over {RATIO} times its own size"
            )
        free = shutil.disk_usage(self._folder).free
        if member.size + RESERVE > free:
            raise StorageError(
                f"{self._archive} unpacks to more than the disk has room for: {free / 1e6:,.0f} MB are left. Make "
                "room, or choose another folder."
            )


def _lift(folder: Path) -> None:
    """Move what is in a folder one level up, and remove the folder."""
    inner = folder.with_name(secrets.token_hex(8))  # it may hold something of its own name
    rename(folder, inner)
    for path in list(inner.iterdir()):
        rename(path, inner.parent / path.name)
    inner.rmdir()


def _refuse_odd(archive: Path, member: tarfile.TarInfo) -> None:
    """No data set needs links or devices, and an archive with a way out of its folder is not to be trusted at all."""
    name = member.name.replace("\\", "/")
    if not (member.isfile() or member.isdir()):
        what = "a link" if member.issym() or member.islnk() else "a device or special file"
    elif name.startswith("/") or re.match(r"[A-Za-z]:", name) or ".." in name.split("/"):
        what = "a path outside its folder"
    elif _is_long([part.encode("utf-8", "surrogateescape") for part in name.split("/")]):
        what = f"a path of more than {_LONGEST_NAME} bytes, {_LONGEST_PART} in a part, or {_DEEPEST} folders"
    else:
        return
    raise DownloadError(
        f"{archive} is refused: {member.name[:200]!r} in it is {what}, which no data set needs. Nothing of it was "
        "unpacked; remove the archive, and check where it came from."
    )


def _is_long(parts: list[bytes]) -> bool:
    return len(b"/".join(parts)) > _LONGEST_NAME or len(parts) > _DEEPEST or max(map(len, parts)) > _LONGEST_PART


def _refused(archive: Path, why: str, target: Path | None) -> DownloadError:
    where = "and give the folder" if target is None else f"to {target}"
    return DownloadError(
        f"{archive} is refused: {why}, as no data set has. Nothing of it was unpacked. If you trust it, unpack it "
        f"yourself {where}; otherwise remove it."
    )


def _first_line(error: BaseException) -> str:
    """What is wrong; tarfile lists in further lines what each kind of compression says."""
    return reason_of(error).splitlines()[0].rstrip(":")


def _damaged(archive: Path, reason: str, is_kept: bool) -> DownloadError:
    if is_kept:
        return DownloadError(f"{archive} is damaged ({reason}).")
    archive.unlink(missing_ok=True)
    return DownloadError(f"{archive} is damaged and was removed ({reason}). Download it again.")
