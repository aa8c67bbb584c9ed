"""Photos at addresses: s3:// and gs:// by fsspec, http:// and https:// if they are asked for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from handlens.errors import CollectionError, DownloadError, HandlensError, PhotoError
from handlens.io.download import download
from handlens.io.problems import is_disk_full, reason_of
from handlens.io.safe_paths import is_hidden
from handlens.studio.photo_sources.found import FoundFile

CLOUD = ("s3", "gs")
"""What an address of a bucket begins with."""

_CHUNK = 2**20
_PATTERN = re.compile(r"[*?\[]")


def scheme_of(text: str) -> str | None:
    """What an address begins with, such as "s3"; None for a path.

    Example:
        >>> scheme_of("s3://bucket/photos"), scheme_of("C:/photos"), scheme_of("photos")
        ('s3', None, None)
    """
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]+)://", text)
    return match[1].lower() if match else None


def at_address(address: str) -> Iterator[FoundFile]:
    """The files at an address, as they are found: below it, those that its pattern means, or the one that it names.

    Raises:
        CollectionError: it cannot be listed, its bucket does not exist, or its extra is not installed.
    """
    if scheme_of(address) not in CLOUD:
        name = unquote(urlsplit(address).path).rsplit("/", 1)[-1] or "photo"
        yield FoundFile(address, name, partial(_from_web, address, name))
        return
    files = _file_system(address)
    try:
        path = files._strip_protocol(address)
        pattern, above, found = _PATTERN.search(path), path, iter([path])
        if pattern:
            found, above = iter(sorted(files.glob(path))), path[: pattern.start()].rpartition("/")[0]
        elif files.isfile(path):
            above = path.rpartition("/")[0]
        else:
            found = _below(files, path)
        is_empty = True
        for one in found:
            is_empty, name = False, one.removeprefix(above).lstrip("/")
            if name and not name.endswith("/") and not is_hidden(PurePosixPath(name)):
                yield FoundFile(files.unstrip_protocol(one), name, partial(_from_cloud, files, one, name))
        if is_empty:
            _check_bucket(files, path)
    except Exception as error:  # of nearly any type: each service has its own
        raise CollectionError(
            f"{address} cannot be listed ({_first_line(error)}). Check the address, the network, and that this machine "
            "may read it."
        ) from error


def _below(files: Any, path: str) -> Iterator[str]:
    """The paths below a path, in order; those of S3 page by page, so that a bucket of millions is seen to be listed."""
    if not hasattr(files, "call_s3"):
        yield from sorted(files.find(path))
        return
    bucket, key, _ = files.split_path(path)
    if not bucket:
        raise ValueError("it names no bucket")
    below = {"Bucket": bucket, "Prefix": f"{key.rstrip('/')}/" if key else ""}
    after: dict[str, str] = {}
    while True:
        page = files.call_s3("list_objects_v2", **below, **after)
        yield from (f"{bucket}/{one['Key']}" for one in page.get("Contents", ()))
        if not page.get("IsTruncated"):
            return
        after = {"ContinuationToken": page["NextContinuationToken"]}


def _check_bucket(files: Any, path: str) -> None:
    """Raise an error if nothing was found because there is no bucket, or because it may not be read."""
    bucket = path.strip("/").split("/")[0]
    try:
        files.info(bucket)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"there is no bucket {bucket}") from error
    except PermissionError as error:
        raise PermissionError(f"access to the bucket {bucket} is refused") from error


def _file_system(address: str) -> Any:
    try:
        import fsspec

        return fsspec.filesystem(scheme_of(address))
    except ImportError as error:
        raise CollectionError(
            f"{address} needs a library that is not installed: pip install 'handlens[cloud]'."
        ) from error


def _from_cloud(files: Any, path: str, name: str, scratch: Path, check: Callable[[], None]) -> Path:
    target = scratch / _local_name(path, name)
    try:
        with files.open(path, "rb") as remote, target.open("wb") as local:
            while chunk := remote.read(_CHUNK):
                check()
                local.write(chunk)
    except HandlensError:  # it was cancelled
        raise
    except Exception as error:  # of nearly any type: each service has its own
        if is_disk_full(error):
            raise
        raise PhotoError(f"it could not be downloaded: {_first_line(error)}") from error
    return target


def _from_web(address: str, name: str, scratch: Path, check: Callable[[], None]) -> Path:
    target = scratch / _local_name(address, name)
    try:
        download(address, target, progress=lambda _done, _total: check())
    except DownloadError as error:
        raise PhotoError(str(error).rstrip(".")) from error
    return target


def _local_name(address: str, name: str) -> str:
    """A name that no other address has, with the ending that the file has there."""
    ending = re.sub(r"[^A-Za-z0-9.]", "", "".join(PurePosixPath(name).suffixes[-2:]))[-20:]
    return hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()[:16] + ending


def _first_line(error: Exception) -> str:
    return reason_of(error).strip().splitlines()[0]
