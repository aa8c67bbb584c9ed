"""verify_images: which files can be read as pictures, without decoding most of them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image as Pillow

from handlens.errors import DataError
from handlens.io.pictures import FORMATS, LARGEST
from handlens.vision.image import open_image, why_unreadable

_TAIL = 64
_THREADS = 8  # they mostly wait for the disk


def verify_images(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """The files that cannot be read as pictures, in their order.

    Only a file's header and its end are checked; a file is decoded if one of them is unusual. Damage in the middle of a
    file is therefore not found here.

    Args:
        paths: the files.

    Returns:
        (path, reason) of each file that cannot be read; the reason is a clause such as "empty (0 bytes)".

    Example:
        >>> Path("notes.png").write_text("not a picture")
        13
        >>> [path.name for path, reason in verify_images([Path("notes.png")])]
        ['notes.png']
    """
    with ThreadPoolExecutor(_THREADS) as threads:
        found = threads.map(_fault, paths, chunksize=64)
        return [(path, reason) for path, reason in zip(paths, found, strict=True) if reason]


def _fault(path: Path) -> str:
    if _looks_whole(path):
        return ""
    try:
        open_image(path, at_least=(1, 1))
    except DataError as error:
        return why_unreadable(path, error)
    return ""


def _looks_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            tail = file.read(_TAIL)
            ended = b"\xff\xd9" in tail if head.startswith(b"\xff\xd8") else b"IEND" in tail and head == b"\x89PNG"
            if not ended:
                return False
            file.seek(0)
            with Pillow.open(file, formats=FORMATS) as picture:
                return picture.width * picture.height <= LARGEST
    except Exception:  # Pillow raises nearly any type on a malformed file; decoding says what it is
        return False
