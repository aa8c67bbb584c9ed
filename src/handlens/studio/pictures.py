"""Pictures as they come from people: finding them in a folder, and decoding each safely to plain RGB."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import threading
from collections import defaultdict
from collections.abc import Container, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handlens.errors import CollectionError, PhotoError
from handlens.io.pictures import FORMATS, LARGEST, is_heic, orientation_of, to_rgb, upright
from handlens.io.problems import reason_of

_LARGE = 40_000_000
# A decoded picture takes 4 bytes a pixel and conversions copy it: large ones wait for each other.
_large_pictures = threading.Lock()


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used: its path relative to the folder (posix, printable) and why."""

    path: str
    reason: str


# ---------------------------------------------------------------------------------------------- finding


def scan(folder: Path, *, known: Container[str] = (), copies: bool = False) -> tuple[list[str], list[LeftOut]]:
    """Find the pictures in a folder and its subfolders from their headers; nothing is decoded or changed.

    Hidden files and folders (a leading dot) are ignored. Links are used when they lead to a file inside the
    folder; links to folders are never followed. Of byte-identical files one of the paths `known` is used, else the
    first by name; with `copies` all of them are.

    Returns:
        paths relative to the folder (posix, natural order: "2.jpg" before "10.jpg") that can be used, and
        every other file with the reason why not, in the same order.

    Raises:
        CollectionError: `folder` is not a folder that can be read.
    """
    root = Path(os.path.realpath(folder))
    if not root.is_dir():
        raise CollectionError(f"{folder} must be a folder of photos; there is no such folder")
    left_out: list[LeftOut] = []
    found: list[tuple[str, bool, int]] = []
    for path, reason in _files(root):
        if reason is None:
            reason, is_link, size = _check_file(root, path)
            if reason is None:
                found.append((path, is_link, size))
                continue
        left_out.append(LeftOut(_printable(path), reason))
    found.sort(key=lambda file: natural_order(file[0]))
    if copies:
        paths = [path for path, _, _ in found]
    else:
        paths, same = _without_copies(root, found, known)
        left_out.extend(same)
    left_out.sort(key=lambda file: natural_order(file.path))
    return paths, left_out


def _files(root: Path) -> Iterator[tuple[str, str | None]]:
    """Every visible file below root, as (relative posix path, reason when it cannot be used at all)."""
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as listing:
                entries = list(listing)
        except OSError as error:
            if not folder:
                raise CollectionError(f"{root} cannot be read: {reason_of(error)}") from error
            yield folder, f"the folder cannot be opened: {reason_of(error)}"
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            if _printable(path) != path:
                yield path, "its name is not valid Unicode; rename it to use it"
            elif entry.is_dir(follow_symlinks=False):
                folders.append(path)
            else:
                yield path, None


def _check_file(root: Path, path: str) -> tuple[str | None, bool, int]:
    """The reason not to use a file (None: use it), whether it is a link, and its size in bytes."""
    full = root / path
    try:
        is_link = full.is_symlink()
        if is_link:
            try:
                target = full.resolve(strict=True)
            except FileNotFoundError:
                return "a link to a file that does not exist", True, 0
            except (OSError, RuntimeError):
                return "a link that leads back to itself", True, 0
            if not target.is_relative_to(root):
                return "a link to outside the folder", True, 0
            if target.is_dir():
                return "a link to a folder", True, 0
        about = full.stat()
        if not stat.S_ISREG(about.st_mode):
            return "not a file with content (a device, pipe or socket)", is_link, 0
        if about.st_size == 0:
            return "empty (0 bytes)", is_link, 0
        with _opened(full):
            pass
    except PhotoError as error:
        return str(error), False, 0
    except OSError as error:
        return f"cannot be opened: {reason_of(error)}", False, 0
    return None, is_link, about.st_size


def _without_copies(
    root: Path, found: list[tuple[str, bool, int]], known: Container[str]
) -> tuple[list[str], list[LeftOut]]:
    by_size: dict[int, list[tuple[str, bool]]] = defaultdict(list)
    for path, is_link, size in found:
        by_size[size].append((path, is_link))
    left_out: dict[str, str] = {}
    for same_size in by_size.values():
        if len(same_size) == 1:
            continue
        first: dict[bytes, str] = {}
        # What was used before stays in use; the file itself before a link to it.
        for path, _ in sorted(same_size, key=lambda file: (file[0] not in known, file[1])):
            try:
                with (root / path).open("rb") as file:
                    content = hashlib.file_digest(file, "blake2b").digest()
            except OSError as error:
                left_out[path] = f"cannot be opened: {reason_of(error)}"
                continue
            if content in first:
                left_out[path] = f"the same file as {first[content]}"
            else:
                first[content] = path
    paths = [path for path, _, _ in found if path not in left_out]
    return paths, [LeftOut(path, reason) for path, reason in left_out.items()]


def natural_order(path: str) -> tuple[tuple[tuple[str | int, ...], ...], str]:
    """A sort key by folder, then by name with numbers as numbers."""
    parts = path.split("/")
    key = tuple(
        tuple(int(piece) if i % 2 else piece.casefold() for i, piece in enumerate(re.split(r"(\d+)", part)))
        for part in parts
    )
    return key, path


def _printable(name: str) -> str:
    """The name with the bytes that are no valid text replaced, so that it can be stored and sent."""
    return os.fsencode(name).decode("utf-8", "replace")


# ---------------------------------------------------------------------------------------------- decoding


def _opened(path: Path) -> Image.Image:
    """Open a picture without decoding it; PhotoError when it is none that we read, or too large."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise PhotoError("not a file")
        image = Image.open(path, formats=FORMATS)
    except FileNotFoundError as error:
        raise PhotoError("the file is gone") from error
    except PermissionError as error:
        raise PhotoError("cannot be opened: permission denied") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoError(_too_large()) from error
    except PhotoError:
        raise
    except Exception as error:  # Pillow raises nearly any type on a malformed file
        raise PhotoError(_why_not_a_picture(path)) from error
    if image.width * image.height > LARGEST:
        image.close()
        raise PhotoError(_too_large(image.size))
    return image


def _too_large(size: tuple[int, int] | None = None) -> str:
    what = f"too large: {size[0]}×{size[1]} pixels" if size else "too large"
    return f"{what}, more than {LARGEST // 1_000_000} megapixels"


def _why_not_a_picture(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        return f"cannot be opened: {reason_of(error)}"
    if not head:
        return "empty (0 bytes)"
    if is_heic(head):
        return "a HEIC picture, which is not supported; export it as JPEG"
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*")) or (
        head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    ):
        return "a damaged picture: it cannot be decoded"
    return "not a picture"


def open_photo(path: Path, *, at_least: int) -> Image.Image:
    """Decode a picture to RGB as a person sees it, reduced as far as its short side stays `at_least` pixels.

    Turned upright by its EXIF orientation; the first frame of an animation; transparency over white; CMYK,
    palette and 16-bit pictures in 8-bit RGB. Safe to call from many threads.

    Raises:
        PhotoError: with the reason, when it is truncated, unreadable, gone or too large.
    """
    image = _opened(path)
    with image:
        # JPEG decodes at 1/2, 1/4 or 1/8 for the price of the small picture.
        image.draft(image.mode, (at_least, at_least))
        large = image.width * image.height > _LARGE
        with _large_pictures if large else nullcontext():
            try:
                image.load()
                orientation = orientation_of(image)
                picture = to_rgb(_reduced(image, at_least))
            except PhotoError:
                raise
            except Exception as error:  # Pillow raises nearly any type on a malformed file
                raise PhotoError(_why_not_decoded(error)) from error
    return upright(picture, orientation)


def _why_not_decoded(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "too large for the memory of this machine"
    if "truncated" in str(error).lower():
        return "truncated: the end of the file is missing"
    return "a damaged picture: it cannot be decoded"


def _reduced(image: Image.Image, at_least: int) -> Image.Image:
    factor = min(image.size) // max(at_least, 1)
    if factor < 2:
        return image
    # Neither bits nor codes of colours can be averaged, nor a colour that stands for transparency.
    if image.mode in ("1", "P", "PA") or image.mode.startswith("I;") or "transparency" in image.info:
        image = to_rgb(image)
    return image.reduce(factor)


# ---------------------------------------------------------------------------------------------- sizes


def thumbnail(image: Image.Image, side: int = 256) -> bytes:
    """The picture as a JPEG that fits inside side×side, keeping its aspect; never enlarged."""
    scale = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def tile(image: Image.Image, side: int = 64) -> NDArray[np.uint8]:
    """The whole picture squeezed to uint8 [side, side, 3], for the map, which draws it at its own aspect."""
    return square(image, side)


def square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """The whole picture squeezed to uint8 [size, size, 3] with antialiasing, for a network."""
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(image)


READ_AT = 256
"""Short side in pixels down to which a photo may be decoded at reduced scale; every use starts from there."""


def read_squares(path: Path, sizes: set[int]) -> tuple[Image.Image, dict[int, NDArray[np.uint8]]]:
    """A photo decoded for thumbnails, and squeezed to a square [size, size, 3] of each size.

    A size gets the same pixels whatever else is asked for, so that a model sees at prediction what it saw in
    training. PhotoError if it is unreadable.
    """
    image = open_photo(path, at_least=READ_AT)
    larger = {size: open_photo(path, at_least=size) for size in sizes if size > READ_AT}
    return image, {size: square(larger.get(size, image), size) for size in sizes}
