"""Archives (tar) of unknown origin, unpacked inside one folder, whole or not at all."""

from __future__ import annotations

import lzma
import re
import secrets
import shutil
import tarfile
import zlib
from pathlib import Path

from handlens.errors import DownloadError
from handlens.io.files import atomic_folder, rename
from handlens.io.problems import reason_of

_CHUNK = 1 << 18


def unpack_tar(archive: Path, target: Path) -> None:
    """Unpack a tar archive, compressed or not, as the folder `target`; a single folder in it becomes `target` itself.

    Owners, rights and times that the archive gives are not taken over.

    Raises:
        DownloadError: it is damaged and was removed, or it holds links, devices, or files outside its folder.
        StorageError: the disk refused.
    """
    with atomic_folder(target) as folder:
        try:
            with tarfile.open(archive) as tar:
                for member in tar:
                    _refuse_odd(archive, member)
                    _write(tar, member, folder / member.name)
                # The archive's own checksum comes after its last file.
                while tar.fileobj is not None and tar.fileobj.read(_CHUNK):
                    pass
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise _damaged(archive, _first_line(error)) from error
        except OSError as error:
            # gzip and bz2 report what is wrong in the archive as the system reports what is wrong with the disk.
            if error.errno is not None:
                raise
            raise _damaged(archive, _first_line(error)) from error
        found = list(folder.iterdir())
        if not found:
            raise _damaged(archive, "it holds no files")
        if len(found) == 1 and found[0].is_dir():
            _lift(found[0])


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None  # only links have none
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file, _CHUNK)


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
    else:
        return
    raise DownloadError(
        f"{archive} is refused: {member.name[:200]!r} in it is {what}, which no data set needs. Nothing of it was "
        "unpacked; remove the archive, and check where it came from."
    )


def _first_line(error: BaseException) -> str:
    """What is wrong; tarfile lists in further lines what each kind of compression says."""
    return reason_of(error).splitlines()[0].rstrip(":")


def _damaged(archive: Path, reason: str) -> DownloadError:
    archive.unlink(missing_ok=True)
    return DownloadError(f"{archive} is damaged and was removed ({reason}). Download it again.")
