"""Well-known data sets, downloaded once: checked, resumed where it broke off, and unpacked inside one folder."""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from handlens.errors import DownloadError, StorageError
from handlens.io.problems import reason_of

STALL = 15.0
"""Seconds without a byte after which a connection is given up."""

ATTEMPTS = 4
"""How often a download that breaks off is taken up again before it is given up; each new byte starts the count anew."""

_CHUNK = 1 << 18
_HEAD = 1 << 20


class URLs:
    """Addresses of well-known data sets, most of them fast.ai's: `untar_data(URLs.PETS)`."""

    _S3 = "https://s3.amazonaws.com/fast-ai-"

    BIWI_HEAD_POSE = f"{_S3}imagelocal/biwi_head_pose.tgz"
    BIWI_SAMPLE = f"{_S3}sample/biwi_sample.tgz"
    CALTECH_101 = f"{_S3}imageclas/caltech_101.tgz"
    CAMVID = f"{_S3}imagelocal/camvid.tgz"
    CAMVID_TINY = f"{_S3}sample/camvid_tiny.tgz"
    CARS = f"{_S3}imageclas/stanford-cars.tgz"
    CIFAR = f"{_S3}sample/cifar10.tgz"
    CIFAR_100 = f"{_S3}imageclas/cifar100.tgz"
    CUB_200_2011 = f"{_S3}imageclas/CUB_200_2011.tgz"
    DOGS = f"{_S3}sample/dogscats.tgz"
    FLOWERS = f"{_S3}imageclas/oxford-102-flowers.tgz"
    FOOD = f"{_S3}imageclas/food-101.tgz"
    IMAGENETTE = f"{_S3}imageclas/imagenette2.tgz"
    IMAGENETTE_160 = f"{_S3}imageclas/imagenette2-160.tgz"
    IMAGENETTE_320 = f"{_S3}imageclas/imagenette2-320.tgz"
    IMAGEWOOF = f"{_S3}imageclas/imagewoof2.tgz"
    IMAGEWOOF_160 = f"{_S3}imageclas/imagewoof2-160.tgz"
    IMAGEWOOF_320 = f"{_S3}imageclas/imagewoof2-320.tgz"
    MNIST = f"{_S3}imageclas/mnist_png.tgz"
    MNIST_SAMPLE = f"{_S3}sample/mnist_sample.tgz"
    MNIST_TINY = f"{_S3}sample/mnist_tiny.tgz"
    PETS = f"{_S3}imageclas/oxford-iiit-pet.tgz"
    PLANET_SAMPLE = f"{_S3}sample/planet_sample.tgz"
    PLANET_TINY = f"{_S3}sample/planet_tiny.tgz"


# Bytes, and the MD5 of the first MiB: what their publisher tells of them. The rest is covered by gzip's checksum.
KNOWN: dict[str, tuple[int, str]] = {
    URLs.BIWI_HEAD_POSE: (452316199, "00f4ccf66e8cba184bc292fdc08fb237"),
    URLs.BIWI_SAMPLE: (593774, "9179f4c1435f4b291f0d5b072d60c2c9"),
    URLs.CALTECH_101: (131740031, "d673425306e98ee4619fcdeef8a0e876"),
    URLs.CAMVID: (598913237, "648371e4f3a833682afb39b08a3ce2aa"),
    URLs.CAMVID_TINY: (2314212, "2cf6daf91b7a2083ecfa3e9968e9d915"),
    URLs.CARS: (1957803273, "9045d6673c9ced0889f41816f6bf2f9f"),
    URLs.CIFAR: (168168549, "a5f8c31371b63a406b23368042812d3c"),
    URLs.CIFAR_100: (169168619, "e5e65dcb54b9d3913f7b8a9ad6607e62"),
    URLs.CUB_200_2011: (1150585339, "d2acaa99439dff0483c7bbac1bfe2a92"),
    URLs.DOGS: (839285364, "3e483c8d6ef2175e9d395a6027eb92b7"),
    URLs.FLOWERS: (345236087, "5666e01c1311b4c67fcf20d2b3850a88"),
    URLs.FOOD: (5686607260, "1a540ebf1fb40b2bf3f2294234ba7907"),
    URLs.IMAGENETTE: (1557161267, "2c774ecb40005b35d7937d50f5d42336"),
    URLs.IMAGENETTE_160: (99003388, "c475f8f7617a200ba35b9facc48443c3"),
    URLs.IMAGENETTE_320: (341663724, "1f1f74f133caff120e575856659b87a2"),
    URLs.IMAGEWOOF: (1343715595, "2cc1c1e36e20cb6fd24ffb978edcb487"),
    URLs.IMAGEWOOF_160: (92612825, "3559b194123981a540b87132dbda412f"),
    URLs.IMAGEWOOF_320: (328387740, "7a1fd92672a559a85de76e4810a20c21"),
    URLs.MNIST: (15683414, "03639f83c4e3d19e0a3a53a8a997c487"),
    URLs.MNIST_SAMPLE: (3214948, "2dbc7ec6f9259b583af0072c55816a88"),
    URLs.MNIST_TINY: (342207, "56143e8f24db90d925d82a5a74141875"),
    URLs.PETS: (811706944, "e4db5c768afd933bb91f5f594d7417a4"),
    URLs.PLANET_SAMPLE: (15523994, "8bfb174b3162f07fbde09b54555bdb00"),
    URLs.PLANET_TINY: (997569, "490873c5683454d4b2611fb1f00a68a9"),
}


def datasets_folder() -> Path:
    """Where data sets are kept: datasets/ below $HANDLENS_HOME, or below the system's folder for a program's data."""
    named = os.environ.get("HANDLENS_HOME")
    if named:
        return Path(named).expanduser().absolute() / "datasets"
    from platformdirs import user_data_path

    return user_data_path("handlens", appauthor=False) / "datasets"


def untar_data(url: str, *, folder: Path | str | None = None, sha256: str | None = None) -> Path:
    """The folder of a data set, downloaded and unpacked if it is not there yet; made whole or not at all.

    A download that breaks off is taken up where it ended, by the next call too. An archive that was put into the
    folder by hand is used instead of a download.

    Args:
        url: the address of a tar archive, compressed or not, http or https: one of `URLs`, or any other.
        folder: where data sets are kept; `datasets_folder()` unless given.
        sha256: of the archive, in hexadecimal, to be checked. Of those in `URLs` size and a hash are known already.

    Raises:
        DownloadError: no network, refused, not the file it should be, or an archive that is damaged or has links,
            devices, or files outside its folder.
        StorageError: the disk refused.
    """
    name = _archive_name(url)
    home = Path(folder).absolute() if folder is not None else datasets_folder()
    target = home / re.sub(r"\.(tgz|tar|tar\.\w+)$", "", name)
    if target.is_dir():
        return target
    with _reporting(home), _alone(home, name):
        if target.is_dir():  # another process had it in hand
            return target
        archive = home / name
        if not archive.is_file():
            _download(url, archive, target)
        _check(url, archive, sha256)
        _unpack(archive, target)
        archive.unlink()
    return target


def _archive_name(url: str) -> str:
    parts = urlsplit(url)
    name = unquote(parts.path.rsplit("/", 1)[-1])
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise DownloadError(f"url must be an address that starts with http:// or https://; {url!r} arrived")
    if not re.fullmatch(r"\w[\w.-]*\.(tgz|tar|tar\.(gz|bz2|xz))", name):
        raise DownloadError(f"url must be the address of a tar archive, such as …/pets.tgz; {url!r} arrived")
    return name


@contextmanager
def _reporting(home: Path) -> Iterator[None]:
    """Turn what the disk refuses into a StorageError."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StorageError(
            f"the data set could not be written below {home}: {reason_of(error)}. Make room there, or give folder="
        ) from error


@contextmanager
def _alone(home: Path, name: str) -> Iterator[None]:
    """Only one process at a time downloads and unpacks this; the others wait for it."""
    with (home / f".{name}.lock").open("w") as file:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ---------------------------------------------------------------------------------------------- downloading


class _Broken(Exception):
    """A connection that ended before the file did."""


def _download(url: str, archive: Path, target: Path) -> None:
    part = archive.with_name(f".{archive.name}.part")
    failures, best = 0, _size(part)
    with _Bar(archive.name) as bar:
        while True:
            try:
                _fetch(url, part, bar)
                break
            except (urllib.error.URLError, HTTPException, OSError, _Broken) as error:
                if isinstance(error, OSError) and not isinstance(error, urllib.error.URLError) and _is_of_disk(error):
                    raise
                failures, best = (failures + 1, best) if _size(part) <= best else (1, _size(part))
                if failures >= ATTEMPTS or not _may_pass(error):
                    raise DownloadError(_in_words(url, part, archive, target, error)) from error
                time.sleep(min(0.2 * 2**failures, 5))
    part.replace(archive)
    _mark(part).unlink(missing_ok=True)


def _fetch(url: str, part: Path, bar: _Bar) -> None:
    """Add to what there is of a file; start anew where the server cannot, or has another file by now."""
    have, mark = _size(part), _mark(part)
    version = mark.read_text(encoding="utf-8") if have and mark.is_file() else ""
    headers = {"User-Agent": "handlens", "Accept-Encoding": "identity"}
    if version:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=STALL)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # nothing beyond what there is: it is whole, or another file
            raise
        part.unlink(missing_ok=True)
        raise _Broken("the file at the address changed") from error
    with answer:
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if answer.status == 206 and not resumed:
            part.unlink(missing_ok=True)
            raise _Broken("the server sent another part than was asked for")
        # Only a strong tag says that bytes are the same; without one a broken download starts anew.
        tag = answer.headers.get("ETag", "")
        mark.write_text("" if tag.startswith("W/") else tag, encoding="utf-8")
        length = answer.headers.get("Content-Length")
        total = None if length is None else int(length) + (have if resumed else 0)
        done = have if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                bar.update(done, total)
    if total is not None and done < total:
        raise _Broken(f"the connection ended after {done:,} of {total:,} bytes")


def _mark(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _is_of_disk(error: OSError) -> bool:
    return error.filename is not None or error.errno in (ENOSPC, EDQUOT)


def _may_pass(error: Exception) -> bool:
    """Whether trying again can help: not where a server answered no, nor where there is no such name or route."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500 or error.code in (408, 429)
    return not isinstance(error, urllib.error.URLError)


def _in_words(url: str, part: Path, archive: Path, target: Path, error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        reason = f"the server answered {error.code} {error.reason}"
    elif isinstance(error, urllib.error.URLError):
        reason = f"there is no connection to {urlsplit(url).netloc} ({error.reason})"
    elif isinstance(error, TimeoutError):
        reason = f"nothing arrived for {STALL:.0f} seconds"
    else:
        reason = str(error) or type(error).__name__
    resumes = _size(part) and _mark(part).is_file() and _mark(part).stat().st_size
    kept = f" The {_size(part) / 1e6:,.1f} MB that arrived are kept: call again to go on." if resumes else ""
    return (
        f"{url} could not be downloaded: {reason}.{kept} Without a network, put the archive at {archive}, or its "
        f"content at {target}"
    )


class _Bar:
    """How far a download is, where there is a terminal or a notebook to show it."""

    def __init__(self, name: str) -> None:
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(), transient=True
        )
        self._task = self._progress.add_task(name, total=None)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.stop()

    def update(self, done: int, total: int | None) -> None:
        self._progress.update(self._task, completed=done, total=total)


# ---------------------------------------------------------------------------------------------- checking, unpacking


def _check(url: str, archive: Path, sha256: str | None) -> None:
    """Refuse, and remove, an archive that is not the one it should be."""
    wrong = ""
    if url in KNOWN:
        size, md5 = KNOWN[url]
        with archive.open("rb") as file:
            head = hashlib.md5(file.read(_HEAD), usedforsecurity=False).hexdigest()
        if (_size(archive), head) != (size, md5):
            wrong = f"it should have {size:,} bytes and a first MiB of MD5 {md5}; it has {_size(archive):,} and {head}"
    if sha256 is not None and not wrong:
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256.lower():
            wrong = f"its SHA-256 should be {sha256.lower()}; it is {found}"
    if wrong:
        archive.unlink()
        raise DownloadError(f"{archive} is not the data set of {url}: {wrong}. It was removed; download it again")


def _unpack(archive: Path, target: Path) -> None:
    """Unpack an archive beside `target`, then move what came out of it into place."""
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
    try:
        try:
            with tarfile.open(archive) as tar:
                for member in tar:
                    _refuse_odd(archive, member)
                    _write(tar, member, staging / member.name)
                # The archive's own checksum comes after its last file.
                while tar.fileobj is not None and tar.fileobj.read(_CHUNK):
                    pass
        except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise _damaged(archive, error) from error
        except OSError as error:
            # gzip and bz2 report what is wrong in the archive as the system reports what is wrong with the disk.
            if error.errno is not None:
                raise
            raise _damaged(archive, error) from error
        found = list(staging.iterdir())
        if not found:
            raise _damaged(archive, "it holds no files")
        [content] = found if len(found) == 1 and found[0].is_dir() else [staging]
        content.chmod(0o755)
        content.replace(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    """A file or folder without the owner, rights and times that the archive gives it."""
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    content = tar.extractfile(member)
    assert content is not None  # only links have none
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file, _CHUNK)


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
        "unpacked; remove the archive, and check where it came from"
    )


def _damaged(archive: Path, error: object) -> DownloadError:
    archive.unlink(missing_ok=True)
    return DownloadError(f"{archive} is damaged and was removed ({error}): download it again")
