"""Pictures of more than 8 bits a channel, or of signed numbers or fractions: their values, and how they are shown.

Pillow reads only some of them, and of 16-bit colour only the upper byte, so OpenCV reads PNG and TIFF files.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION, _FORMAT = 256, 257, 258, 262, 274, 339
_STRIPS, _TILES = (273, 279), (324, 325)
_WHITE_IS_0, _GREY_OR_RGB = 0, (0, 1, 2)
_SIGNED, _FRACTIONS = 2, 3
_TIFF, _BIG_TIFF = (b"II*\0", b"MM\0*"), (b"II+\0", b"MM\0+")

DEPTHS = (8, 10, 12, 14, 16)
"""The bits that cameras and scanners use of 16."""


VALUES = "handlens.values"
"""Where `Image.info` of a picture that Pillow cannot open holds its values, upright."""

_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],
    7: lambda stored: stored.swapaxes(0, 1)[::-1, ::-1],
    8: lambda stored: stored.swapaxes(0, 1)[::-1],
}


class ValueRange(NamedTuple):
    """The value that is shown as black and the one that is shown as white; those outside are black or white too.

    Example:
        >>> picture = PixelValues(np.array([[0, 1000, 2000]], np.uint16))
        >>> picture.shown({"whole": ValueRange(0, 2000)}).getpixel((1, 0))
        (128, 128, 128)
    """

    low: float
    high: float


Limits = Mapping[str, ValueRange]
"""The ranges in which pictures of more than 8 bits are shown: those of "whole" numbers, and those of "fractions"."""


class PixelValues(NamedTuple):
    """The values of a picture as they are stored.

    Attributes:
        array: [H, W], or [H, W, 3] in colour, or [H, W, 4] with the share that is not transparent.
        negative: whether the least value is white.

    Example:
        >>> PixelValues(np.array([[0, 2048, 4095]], np.uint16)).shown().getpixel((1, 0))
        (128, 128, 128)
    """

    array: NDArray[Any]
    negative: bool = False

    @property
    def colours(self) -> NDArray[Any]:
        """The values without transparency."""
        return self.array[..., :3] if self.array.ndim == 3 else self.array

    @property
    def kind(self) -> str:
        """What the values are, "whole" numbers or "fractions"."""
        return "fractions" if self.array.dtype.kind == "f" else "whole"

    @property
    def extent(self) -> ValueRange | None:
        """The least and the greatest finite value; None if there is none."""
        found = self.colours
        if found.dtype.kind == "f":
            found = found[np.isfinite(found)]
        return ValueRange(float(found.min()), float(found.max())) if found.size else None

    def turned(self, orientation: int) -> PixelValues:
        """Upright, by an orientation of 1 to 8 as EXIF counts."""
        return self._replace(array=_TURNS.get(orientation, lambda stored: stored)(self.array))

    def shown(self, limits: Limits | None = None) -> Image.Image:
        """The picture in 8-bit RGB; transparent parts are white, and what is not a number is black.

        Args:
            limits: those of its collection; unless given, 0 is black, and white is the greatest number of the fewest
                bits, of 8, 10, 12, 14 and 16, that hold the picture's values: 12 bits in a file of 16 keep 256 levels.
                Fractions of 0–1 are shown as they are. Other values are shown from the least to the greatest.
        """
        grey = _scaled(self.colours, (limits or {}).get(self.kind) or self._own_range())
        if self.negative:
            grey = 255 - grey
        if self.array.dtype.kind == "f":
            grey[np.isnan(self.colours)] = 0
        if self.array.shape[2:] == (4,):
            alpha = self.array[..., 3:]
            top = 1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
            grey = 255 - (255 - grey) * (_scaled(alpha, ValueRange(0, top)) / 255)
        return Image.fromarray(np.rint(grey).astype(np.uint8)).convert("RGB")

    def _own_range(self) -> ValueRange:
        found = self.extent or ValueRange(0, 0)
        if self.array.dtype.kind == "f":
            return ValueRange(0, 1) if found.low >= 0 and found.high <= 1 else found
        top = next((2**bits - 1 for bits in DEPTHS if found.high < 2**bits), None)
        return found if found.low < 0 or top is None else ValueRange(0, top)


def about_limits(limits: Limits) -> str:
    """How pictures of more than 8 bits are shown, as a sentence; "" if there are none.

    Example:
        >>> about_limits({"whole": ValueRange(0, 4095)})
        'Pictures of more than 8 bits are shown in the range that they have here: 0 is black and 4095 white.'
    """
    ranges = [f"{low:.7g} is black and {high:.7g} white" for _, (low, high) in sorted(limits.items(), reverse=True)]
    how = ", of fractions ".join(ranges)
    return f"Pictures of more than 8 bits are shown in the range that they have here: {how}." if ranges else ""


def limits_from(saved: Mapping[str, Any]) -> dict[str, ValueRange]:
    """Ranges as JSON holds them, [least, greatest] of each kind of numbers; ValueError if they are not that.

    Example:
        >>> limits_from({"whole": [0, 4095]})
        {'whole': ValueRange(low=0.0, high=4095.0)}
    """
    found = {str(kind): ValueRange(*(float(str(end)) for end in ends)) for kind, ends in saved.items()}
    if not all(-math.inf < low <= high < math.inf for low, high in found.values()):
        raise ValueError(f"limits must be finite numbers, the least first; {dict(saved)!r:.80} arrived")
    return found


def is_deep(picture: Image.Image) -> bool:
    """Whether an opened picture has values that 8 bits do not hold."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;") or VALUES in picture.info:
        return True
    tags = getattr(picture, "tag_v2", None)
    if tags is not None:
        return _is_deep_tiff(tags)
    return picture.format == "PNG" and any(";16" in str(tile[3]) for tile in getattr(picture, "tile", ()))


def values_of(picture: Image.Image) -> PixelValues | None:
    """The values of a deep picture that was opened from a file, not turned upright.

    Returns:
        None if Pillow alone can read this file.

    Raises:
        Exception: of nearly any type, if the file is damaged.
    """
    if VALUES in picture.info:
        return cast(PixelValues, picture.info[VALUES])
    file, tags = getattr(picture, "filename", ""), getattr(picture, "tag_v2", None)
    picture.load()  # which finds damage
    try:
        if file and tags is not None and tags.get(_PHOTOMETRIC) in _GREY_OR_RGB:
            return read_tiff(Path(file), tags)
        if file and picture.format == "PNG":
            return PixelValues(_decoded(Path(file).read_bytes()))
    except OSError:
        pass
    return PixelValues(np.asarray(picture)) if picture.mode in ("I", "F") or picture.mode.startswith("I;") else None


def tiff_tags(path: Path) -> ImageFileDirectory_v2 | None:
    """The tags of a deep TIFF file, which Pillow may not open; None for other files."""
    with path.open("rb") as file:
        tags = tiff_directory(file)
        if tags is None:
            return None
        file.seek(tags.next)
        tags.load(file)
    return tags if _is_deep_tiff(tags) else None


def tiff_directory(file: BinaryIO) -> ImageFileDirectory_v2 | None:
    """No tags yet, and in `next` where those of the first picture of a TIFF file are; None for other files."""
    head = file.read(4)
    if head not in (*_TIFF, *_BIG_TIFF):
        return None
    return ImageFileDirectory_v2(head + file.read(12 if head in _BIG_TIFF else 4))


def tiff_size(tags: ImageFileDirectory_v2) -> tuple[int, int]:
    """Width and height in pixels, as stored."""
    return int(tags[_WIDTH]), int(tags[_HEIGHT])


def read_tiff(path: Path, tags: ImageFileDirectory_v2) -> PixelValues:
    """The values of a deep TIFF file, not turned upright.

    Raises:
        OSError: it is damaged, or of a kind that is not read.
    """
    data = path.read_bytes()
    for starts, lengths in (_STRIPS, _TILES):
        for start, length in zip(tags.get(starts, ()), tags.get(lengths, ()), strict=False):
            if start + length > len(data):
                raise OSError("image file is truncated")
    halves = tags.get(_FORMAT, (1,))[0] == _FRACTIONS and tags[_BITS][0] == 16
    # OpenCV would turn the picture, and reads no fractions of 16 bits: here they pass as whole numbers.
    found = _decoded(_with_tags(data, {_ORIENTATION: 1, **({_FORMAT: 1} if halves else {})}))
    # OpenCV inverts where 0 is white, but only numbers of 8 bits.
    negative = tags.get(_PHOTOMETRIC) == _WHITE_IS_0 and found.dtype.itemsize > 1
    return PixelValues(found.view(np.float16) if halves else found, negative)


def _is_deep_tiff(tags: ImageFileDirectory_v2) -> bool:
    bits, kind = tags.get(_BITS, (1,))[0], tags.get(_FORMAT, (1,))[0]
    return tags.get(_PHOTOMETRIC) in _GREY_OR_RGB and (bits in (16, 32, 64) or (bits == 8 and kind == _SIGNED))


def _scaled(values: NDArray[Any], limits: ValueRange) -> NDArray[np.float64]:
    """From 0 to 255, clipped."""
    low, high = limits
    if not high > low:
        return np.zeros(values.shape)
    share = (np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low) - low) / (high - low)
    return share.clip(0, 1) * 255


def _decoded(data: bytes) -> NDArray[Any]:
    import cv2

    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        found: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        found = None
    finally:
        cv2.utils.logging.setLogLevel(before)
    if found is None or found.shape[2:] not in ((), (3,), (4,)):
        raise OSError("the picture cannot be decoded")
    return found if found.ndim == 2 else found[..., [2, 1, 0, 3][: found.shape[2]]]  # from blue, green and red


def _with_tags(data: bytes, values: dict[int, int]) -> bytes:
    """A TIFF file with other values of some tags of its first picture, where it has these tags."""
    end = "<" if data[:2] == b"II" else ">"
    number, count_of, step = ("Q", "Q", 20) if data[:4] in _BIG_TIFF else ("I", "H", 12)
    width = struct.calcsize(number)
    (at,) = struct.unpack_from(end + number, data, width)  # of 8 bytes in a large file, after its head of 8
    (count,) = struct.unpack_from(end + count_of, data, at)
    first = at + struct.calcsize(count_of)
    changed = bytearray(data)
    for entry in range(first, min(first + step * count, len(data) - step + 1), step):
        tag, kind = struct.unpack_from(end + "HH", data, entry)
        if tag not in values or kind not in (1, 3, 4):
            continue
        one = {1: "B", 3: "H", 4: "I"}[kind]
        (times,) = struct.unpack_from(end + number, data, entry + 4)
        new = struct.pack(f"{end}{min(times, 4)}{one}", *[values[tag]] * min(times, 4))
        place = entry + 4 + width
        if times * struct.calcsize(one) > width:
            (place,) = struct.unpack_from(end + number, data, place)
        if place + len(new) <= len(data):
            changed[place : place + len(new)] = new
    return bytes(changed)
