"""Files from the network: resumed where they broke off, checked, and in their place whole or not at all."""

from __future__ import annotations

import hashlib
import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from urllib.parse import urlsplit

from handlens.errors import DownloadError
from handlens.io.files import rename
from handlens.io.problems import is_disk_full, reporting_disk_errors

_log = logging.getLogger(__name__)

STALL = 8.0
"""Seconds without a byte after which a connection is given up."""

ATTEMPTS = 4
"""How often a broken download is taken up again before it is given up; each new byte starts the count again."""

Report = Callable[[int, int | None], None]
"""Called with the bytes that arrived so far, and how many there are, if the server says so."""

_CHUNK = 1 << 18


def download(
    url: str,
    file: Path,
    *,
    attempts: int = ATTEMPTS,
    sha256_start: str = "",
    advice: str = "",
    progress: Report | None = None,
) -> None:
    """Download a file. Only one process may download the same file at a time: hold a `process_lock`.

    What arrives is kept beside `file` until it is whole, so that a later call goes on from there. It asks the network
    for nothing but this file. A proxy that the environment names is used.

    Args:
        url: an address with http or https.
        file: where it is written to; its folder is made.
        attempts: how often a broken download is taken up again; see `ATTEMPTS`.
        sha256_start: the first digits, or all, of the SHA-256 that the file must have, in hexadecimal.
        advice: what to do without a network, for the error.
        progress: called for each part that arrives.

    Raises:
        DownloadError: not an address with http or https, offline by choice (HF_HUB_OFFLINE), no network, refused,
            silent for `STALL` seconds, or not the file that the hash says.
        StorageError: the disk refused.
    """
    check_address(url)
    if is_offline():
        raise DownloadError(
            f"{url} is not on this machine, and HF_HUB_OFFLINE forbids downloading it. {advice}".strip()
        )
    part = file.with_name(f".{file.name}.part")
    with reporting_disk_errors(f"what is downloaded to {file}", "Make room there, or choose another folder."):
        file.parent.mkdir(parents=True, exist_ok=True)
        failures, best = 0, _size(part)
        while True:
            try:
                _go_on(url, part, progress or _ignore)
                break
            except (urllib.error.URLError, HTTPException, OSError, _Broken) as error:
                if _is_of_disk(error):
                    raise
                failures, best = (failures + 1, best) if _size(part) <= best else (1, _size(part))
                if failures >= attempts or not _may_pass(error):
                    raise DownloadError(f"{_why(url, part, error)} {advice}".strip()) from error
                _log.info("%s is tried again: %s", url, error)
                time.sleep(min(0.2 * 2**failures, 5))
        if sha256_start:
            with part.open("rb") as arrived:
                found = hashlib.file_digest(arrived, "sha256").hexdigest()
            if not found.startswith(sha256_start.lower()):
                _forget(part)
                raise DownloadError(
                    f"what {url} sent is not the file that was asked for: its SHA-256 should be {sha256_start}; it is "
                    f"{found}. It was removed."
                )
        rename(part, file)
        _forget(part)


def check_address(url: str) -> None:
    """Raise DownloadError unless this is an address with http or https: urllib would read local files too."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.netloc)
    except ValueError:  # of brackets that do not match
        usable = False
    if not usable:
        raise DownloadError(f"url must be an address that starts with http:// or https://; {url!r} arrived.")


def is_offline() -> bool:
    """Whether the person set HF_HUB_OFFLINE: then nothing may be downloaded."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


@contextmanager
def progress_bar(name: str) -> Iterator[Report]:
    """Show how far a download is, where there is a terminal or a notebook to show it."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class _Broken(Exception):
    """A connection that ended before the file did."""


def _go_on(url: str, part: Path, progress: Report) -> None:
    """Add to what there is of a file; start again where the server cannot resume, or has another file by now."""
    have, tag_file = _size(part), _tag_of(part)
    version = tag_file.read_text(encoding="utf-8") if have and tag_file.is_file() else ""
    headers = {"User-Agent": "handlens", "Accept-Encoding": "identity"}
    if version:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    try:
        # Not `urlopen`, which keeps the proxies of its first call for as long as the process lives.
        answer = urllib.request.build_opener().open(urllib.request.Request(url, headers=headers), timeout=STALL)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # nothing beyond what there is: it is whole, or another file
            raise
        _forget(part)
        raise _Broken("the file at the address changed") from error
    with answer:
        resumed = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if answer.status == 206 and not resumed:
            _forget(part)
            raise _Broken("the server sent another part than was asked for")
        # Only a strong tag says that bytes are the same; without one a broken download starts again.
        tag = answer.headers.get("ETag", "")
        tag_file.write_text("" if tag.startswith("W/") else tag, encoding="utf-8")
        done = have if resumed else 0
        total = None if answer.length is None else done + answer.length
        with part.open("ab" if resumed else "wb") as file:
            # Not `read`, which waits for a whole chunk and forgets what came of it when the connection is given up.
            while chunk := answer.read1(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                progress(done, total)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and done < total:
        raise _Broken(f"the connection ended after {done:,} of {total:,} bytes")


def _tag_of(part: Path) -> Path:
    """The file that holds the tag by which the server knows this version of the file."""
    return part.with_name(f"{part.name}.tag")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag_of(part).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _ignore(done: int, total: int | None) -> None:
    """Show nothing."""


def _is_of_disk(error: Exception) -> bool:
    if not isinstance(error, OSError) or isinstance(error, urllib.error.URLError):
        return False
    return error.filename is not None or is_disk_full(error)


def _may_pass(error: Exception) -> bool:
    """Whether trying again can help: not where a server answered no, nor where there is no such name or route."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500 or error.code in (408, 429)
    return not isinstance(error, urllib.error.URLError)


def _why(url: str, part: Path, error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        reason = f"the server answered {error.code} {error.reason}"
    elif isinstance(error, urllib.error.URLError):
        reason = f"there is no connection to {urlsplit(url).netloc} ({error.reason})"
    elif isinstance(error, TimeoutError):
        reason = f"nothing arrived for {STALL:.0f} seconds"
    elif isinstance(error, IncompleteRead):
        reason = "the connection ended before the file did"
    else:
        reason = str(error) or type(error).__name__
    reason = " ".join(reason.split())  # what a server sent may have lines
    resumes = _size(part) and _size(_tag_of(part))
    kept = f" The {_size(part) / 1e6:,.1f} MB that arrived are kept: call again to go on." if resumes else ""
    return f"{url} could not be downloaded: {reason}.{kept}"
