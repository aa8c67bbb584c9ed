"""Photos of any kind, decoded safely to RGB and brought to the sizes that Studio needs."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handlens.errors import PhotoError
from handlens.io import pictures
from handlens.io.deep_pictures import Limits, ValueRange, is_deep, values_of
from handlens.io.pictures import picture_fault

_LARGE = 40_000_000
# A decoded picture takes 4 bytes a pixel, and conversions copy it: large ones are decoded one after the other.
_large_pictures = threading.Lock()


def open_picture(path: Path) -> Image.Image:
    """Open a picture without decoding it.

    Raises:
        PhotoError: it is not a picture of a format that is read here, cannot be opened, or is too large.
    """
    try:
        return pictures.open_picture(path)
    except Exception as error:  # Pillow raises nearly any type on a malformed file
        raise PhotoError(picture_fault(path, error)) from error


def open_photo(path: Path, *, at_least: int, limits: Limits | None = None) -> Image.Image:
    """Decode a picture to 8-bit RGB as a person sees it.

    It is turned upright by its EXIF orientation; of an animation it is the first frame; transparent parts become white.
    May be called from several threads.

    Args:
        path: the file.
        at_least: pixels; the picture is reduced by a whole number as long as its short side keeps this size.
        limits: what is black and what is white in a picture of more than 8 bits; its own unless given.

    Raises:
        PhotoError: it is truncated, unreadable, missing or too large; the message is the reason, as a clause.

    Example:
        >>> Image.new("L", (400, 300), 128).save("grey.png")
        >>> picture = open_photo(Path("grey.png"), at_least=100)
        >>> picture.mode, picture.size
        ('RGB', (134, 100))
    """
    with open_picture(path) as image:
        large = image.width * image.height > _LARGE
        with _large_pictures if large else nullcontext():
            try:
                picture = pictures.as_seen(image, at_least=(at_least, at_least), limits=limits)
            except Exception as error:
                raise PhotoError(picture_fault(path, error)) from error
    factor = max(1, min(picture.size) // max(at_least, 1))
    return picture if factor == 1 else picture.reduce(factor)


def thumbnail(image: Image.Image, side: int = 256) -> bytes:
    """The picture as a JPEG that fits into side×side pixels and keeps its aspect ratio; never enlarged."""
    scale = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if size != image.size:
        image = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def tile(image: Image.Image, side: int = 64) -> NDArray[np.uint8]:
    """The whole picture squeezed to uint8 [side, side, 3], for the map, which draws it in its own aspect ratio."""
    return square(image, side)


def square(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """The whole picture squeezed to uint8 [size, size, 3] with antialiasing, for a network."""
    if image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(image)


def jpeg_of(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Pixels uint8 [h, w, 3] as a JPEG with full resolution of the colours."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0)
    return buffer.getvalue()


def decoded_jpeg(data: bytes, side: int) -> NDArray[np.uint8]:
    """The pixels uint8 [side, side, 3] of a JPEG that is known to have this size and to be whole."""
    # In half the time of Image.open, which finds out what a file is.
    return np.asarray(Image.frombytes("RGB", (side, side), data, "jpeg", "RGB", ""))


def square_of_jpeg(data: bytes, size: int) -> NDArray[np.uint8]:
    """A JPEG of our own squeezed to uint8 [size, size, 3]."""
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        return square(image.convert("RGB"), size)


READ_AT = 256
"""Pixels of the short side to which a photo may be reduced when it is decoded, before it is resized for any use."""


def read_squares(
    path: Path, sizes: set[int], *, limits: Limits | None = None
) -> tuple[Image.Image, dict[int, NDArray[np.uint8]]]:
    """Decode a photo once for its thumbnail and for several networks.

    The pixels of a size do not depend on the other sizes, so a model sees the same when it predicts as in training.

    Returns:
        the decoded photo, and for each of `sizes` the whole photo squeezed to uint8 [size, size, 3].

    Raises:
        PhotoError: it cannot be read.
    """
    image = open_photo(path, at_least=READ_AT, limits=limits)
    larger = {size: open_photo(path, at_least=size, limits=limits) for size in sizes if size > READ_AT}
    return image, {size: square(larger.get(size, image), size) for size in sizes}


def limits_of(files: Iterable[Path]) -> dict[str, ValueRange]:
    """From which value to which pictures of more than 8 bits go, of each kind of numbers; nothing for other pictures.

    Args:
        files: the pictures; those that cannot be read are left out.
    """
    found: dict[str, ValueRange] = {}
    for file in files:
        try:
            with open_picture(file) as picture:
                values = values_of(picture) if is_deep(picture) else None
        except Exception:  # it cannot be read, which preparing says
            continue
        extent = None if values is None else values.extent
        if values is not None and extent is not None:
            low, high = found.get(values.kind, extent)
            found[values.kind] = ValueRange(min(low, extent.low), max(high, extent.high))
    return found
