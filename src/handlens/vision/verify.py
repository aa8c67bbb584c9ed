"""Which files can be read as pictures: `unreadable_images` of a list, and `verify_images` of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PIL import Image as Pillow

from handlens.core.checks import whole
from handlens.errors import DataError
from handlens.io.files import atomic_write
from handlens.io.pictures import FORMATS, LARGEST
from handlens.io.problems import reporting_disk_errors
from handlens.io.walking import walk
from handlens.vision.image import Image, open_image, why_unreadable

_TAIL = 64
_THREADS = 8  # they mostly wait for the disk


def unreadable_images(paths: Sequence[Path]) -> list[tuple[Path, str]]:
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
        >>> [path.name for path, reason in unreadable_images([Path("notes.png")])]
        ['notes.png']
    """
    with ThreadPoolExecutor(_THREADS) as threads:
        found = threads.map(_fault, paths, chunksize=64)
        return [(path, reason) for path, reason in zip(paths, found, strict=True) if reason]


def verify_images(
    path: Path | str, delete: bool = False, *, max_size: int | None = None, recurse: bool = False
) -> list[tuple[Path, str]]:
    """Decode each picture in a folder, and say which cannot be read; as lesson 2 of the course.

    Unlike there nothing is deleted unless asked, and pictures are neither converted nor renamed.

    Args:
        path: the folder; hidden files are left alone.
        delete: delete the files that cannot be read.
        max_size: write pictures again of which a side has more pixels, with the longer side of this many: over the
            file, in its format, upright, without its metadata.
        recurse: also those in subfolders.

    Returns:
        (path, reason) of each file that cannot be read, which are printed too.

    Raises:
        DataError: there is no such folder, or `max_size` is not 1 or more.
        StorageError: the disk refused.

    Example:
        >>> Path("found").mkdir()
        >>> Path("found/1.jpg").write_text("<html>not found</html>")
        22
        >>> verify_images("found", delete=True)
        found/1.jpg cannot be read and was deleted: not a picture
        [(PosixPath('found/1.jpg'), 'not a picture')]
    """
    root = Path(path)
    if not root.is_dir():
        raise DataError(f"path must be a folder of pictures; there is no folder at {root.absolute()}.")
    if max_size is not None:
        max_size = whole(max_size, "max_size", DataError)
    files = sorted(root / entry.path for entry in walk(root, recurse=recurse) if not entry.problem)
    with ThreadPoolExecutor(_THREADS) as threads:
        found = list(zip(files, threads.map(partial(_decoded_fault, max_size=max_size), files), strict=True))
    faults = [(file, reason) for file, reason in found if reason]
    with reporting_disk_errors(root):
        for file, reason in faults:
            if delete:
                file.unlink()
            print(f"{file} cannot be read{' and was deleted' if delete else ''}: {reason}")
    return faults


def _decoded_fault(file: Path, *, max_size: int | None) -> str:
    try:
        image = open_image(file)
    except DataError as error:
        return why_unreadable(file, error)
    if max_size is not None and max(image.size) > max_size:
        _write_smaller(image, file, max_size)
    return ""


def _write_smaller(image: Image, file: Path, max_size: int) -> None:
    with Pillow.open(file, formats=FORMATS) as picture:
        kind = picture.format
    smaller = Pillow.fromarray(image.pixels)
    smaller.thumbnail((max_size, max_size))
    with reporting_disk_errors(file), atomic_write(file) as target:
        smaller.save(target, format=kind)


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
