"""download_images: the pictures at a list of addresses, as lesson 2 of the course collects its own data set."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from handlens.core.checks import whole
from handlens.errors import DataError, DownloadError
from handlens.io.download import download
from handlens.io.problems import reason_of, reporting_disk_errors

LARGEST_FILE = 1 << 26
"""Bytes of the largest picture that is downloaded, 64 MiB."""


def download_images(
    urls: Path | str | Iterable[str], dest: Path | str, max_pics: int = 1000, *, max_workers: int = 8
) -> list[tuple[str, str]]:
    """Download pictures into a folder: 00000000.jpg, 00000001.png and so on, by their places in the list.

    A picture that is there already is not downloaded again. What servers send may be anything: `verify_images` says
    which files cannot be read as pictures.

    Args:
        urls: a text file with an address in each line, or the addresses themselves; http or https.
        dest: the folder, which is made.
        max_pics: how many of the list are downloaded at most.
        max_workers: how many at once; 0 is one after the other too.

    Returns:
        (address, reason) of each that could not be downloaded, which are printed too.

    Raises:
        DataError: the file of addresses cannot be read, or a number is out of range.
        StorageError: the disk refused.

    Example:
        >>> faults = download_images(["bears/1.jpg"], "bears")
        bears/1.jpg: url must be an address that starts with http:// or https://; 'bears/1.jpg' arrived
        >>> len(faults)
        1
    """
    workers = max(1, whole(max_workers, "max_workers", DataError, least=0))
    wanted = _addresses(urls)[: whole(max_pics, "max_pics", DataError)]
    folder = Path(dest)
    with reporting_disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    targets = [folder / f"{i:08d}{_ending(url)}" for i, url in enumerate(wanted)]
    with ThreadPoolExecutor(workers) as threads:
        found = list(zip(wanted, threads.map(_fault, wanted, targets), strict=True))
    faults = [(url, reason) for url, reason in found if reason]
    for url, reason in faults:
        print(f"{url}: {reason}")
    return faults


def _addresses(urls: Path | str | Iterable[str]) -> list[str]:
    if not isinstance(urls, (str, Path)):
        return [str(url) for url in urls]
    try:
        lines = Path(urls).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"urls must be a text file with an address in each line; {urls} cannot be read: {reason_of(error)}."
        ) from error
    return [line.strip() for line in lines if line.strip()]


def _ending(url: str) -> str:
    from handlens.vision.items import IMAGE_EXTENSIONS

    try:
        ending = Path(urlsplit(url).path).suffix.lower()
    except ValueError:  # not an address, which downloading says
        ending = ""
    return ending if ending in IMAGE_EXTENSIONS else ".jpg"


def _fault(url: str, target: Path) -> str:
    if target.exists():
        return ""
    try:
        download(url, target, attempts=2, progress=_refuse_large)
    except DownloadError as error:
        return reason_of(error)
    return ""


def _refuse_large(done: int, total: int | None) -> None:
    if max(done, total or 0) > LARGEST_FILE:
        raise DownloadError(f"a picture may have {LARGEST_FILE >> 20} MiB; this file is larger.")
