"""Picture files: which are read, why others are not, and their pixels as a person sees them."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from errno import EACCES, EIO, EPERM
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image, UnidentifiedImageError

from handlens.io.deep_pictures import VALUES, Limits, PixelValues, is_deep, read_tiff, tiff_size, tiff_tags, values_of
from handlens.io.problems import reason_of

LARGEST = 200_000_000
"""Pixels of the largest picture that is opened."""

# Only formats that Pillow decodes by itself: its EPS reader, for one, starts another program.
# A multi-picture JPEG (MPO) has no opener of its own: the JPEG one takes it.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM", "ICO")

# Pillow warns at its limit and raises at twice that; we refuse at LARGEST, so up to there it must stay quiet.
Image.MAX_IMAGE_PIXELS = LARGEST

_MAGICS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*")  # JPEG, PNG, GIF, and TIFF twice
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
NOT_A_PICTURE = "not a picture"
NEEDS_HEIC = "a HEIC picture; to read it, pip install 'handlens[heic]', or export it as JPEG"
_ORIENTATION, _XMP = 0x0112, 700
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def is_heic(head: bytes) -> bool:
    """Whether a file that begins with these 12 bytes is a HEIC picture, which needs the extra `heic`."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS


def check_is_file(path: Path) -> None:
    """Raise FileNotFoundError unless there is a file: opening a pipe, for one, would wait for ever."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} must be a picture file; it is not a file.")


def check_size(width: int, height: int) -> None:
    """Raise Pillow's DecompressionBombError for a picture of more than LARGEST pixels, before it is decoded."""
    if width * height > LARGEST:
        raise Image.DecompressionBombError(f"{width}×{height} pixels are more than {LARGEST}.")


def is_cut_off(pixels: int, length: int) -> bool:
    """Whether a JPEG of so many pixels cannot be whole in `length` bytes: each block of 8×8 pixels takes a bit or more.

    Decoding would take a gigabyte to find that out. Smaller pictures are decoded, which says more of what is wrong.

    Example:
        >>> is_cut_off(200_000_000, 3_000), is_cut_off(200_000_000, 2_000_000)
        (True, False)
    """
    return pixels > 40_000_000 and pixels > 8 * 64 * length


def picture_fault(path: Path, error: BaseException) -> str:
    """Why a file cannot be read as a picture: a clause without the file's name, the same wherever it is read.

    Args:
        path: the file.
        error: what was raised when it was opened or decoded.

    Example:
        >>> Path("notes.txt").write_text("hello")
        5
        >>> picture_fault(Path("notes.txt"), UnidentifiedImageError())
        'not a picture'
        >>> picture_fault(Path("missing.jpg"), FileNotFoundError())
        'there is no such file'
    """
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"too large, more than {LARGEST // 1_000_000} megapixels"
    if isinstance(error, MemoryError):
        return "too large for the memory of this machine"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return "not a file"
        with path.open("rb") as file:
            head = file.read(12)
    except FileNotFoundError:
        return "there is no such file"
    except (OSError, ValueError) as refusal:  # ValueError: a zero byte in the path
        return f"the file cannot be opened: {reason_of(refusal)}"
    if getattr(error, "errno", None) in (EACCES, EIO, EPERM):  # others come of positions in a damaged file
        return f"the file cannot be read: {reason_of(error)}"
    return _fault_of_content(head, error)


def _fault_of_content(head: bytes, error: BaseException) -> str:
    if not head:
        return "empty (0 bytes)"
    if "image file is truncated" in str(error):  # Pillow says “Truncated File Read” of malformed headers too
        return "truncated: the end of the file is missing"
    if is_heic(head):
        return NEEDS_HEIC if isinstance(error, ImportError) else "a damaged HEIC picture: it cannot be decoded"
    is_known = head.startswith(_MAGICS) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
    if isinstance(error, UnidentifiedImageError) and not is_known:
        return NOT_A_PICTURE
    return "a damaged picture: it cannot be decoded"


def open_picture(path: Path) -> Image.Image:
    """Open a picture file without decoding it, but for TIFF files that Pillow cannot open, which are decoded here.

    HEIC pictures are read by pillow-heif, the extra `heic`.

    Raises:
        Exception: of nearly any type: it is not a picture file that is read here, or has more than LARGEST pixels.
    """
    check_is_file(path)
    picture: Image.Image
    try:
        picture = Image.open(path, formats=FORMATS)
    except UnidentifiedImageError:
        with path.open("rb") as file:
            picture = _heic(path) if is_heic(file.read(12)) else _deep_tiff(path)
    if picture.format == "TIFF":  # Pillow maps the file of one on its side as if its rows were columns
        picture.load_read = cast(Any, picture.fp).read  # type: ignore[attr-defined]  # with it no file is mapped
    try:
        check_size(*picture.size)
        if picture.format in ("JPEG", "MPO") and is_cut_off(picture.width * picture.height, path.stat().st_size):
            raise OSError("image file is truncated")
    except (Image.DecompressionBombError, OSError):
        picture.close()
        raise
    return picture


def _heic(path: Path) -> Image.Image:
    from pillow_heif import HeifImageFile  # ImportError: see `picture_fault`

    return cast(Image.Image, HeifImageFile(path))


def _deep_tiff(path: Path) -> Image.Image:
    tags = tiff_tags(path)
    if tags is None:
        raise UnidentifiedImageError(f"{path} is not a picture.")
    check_size(*tiff_size(tags))
    values = read_tiff(path, tags).turned(_orientation_in(tags, tags.get(_XMP)))
    picture = values.shown()
    picture.info[VALUES] = values
    return picture


def as_seen(
    picture: Image.Image, *, at_least: tuple[int, int] | None = None, limits: Limits | None = None
) -> Image.Image:
    """An opened picture as a person sees it: upright, in 8-bit RGB, and writable.

    Args:
        picture: as `open_picture` gives it.
        at_least: the height and width of the upright picture that are enough: a JPEG may be decoded at 1/2, 1/4 or 1/8
            of its size, which is faster.
        limits: what is black and what is white in a picture of more than 8 bits; those of the picture unless given.

    Raises:
        Exception: of nearly any type, if the file is damaged.
    """
    deep = is_deep(picture)
    if picture.format == "PNG":
        picture.load()  # reading the EXIF would do it, and an error then is not one of the EXIF
    orientation = orientation_of(picture)
    if deep:
        values = values_of(picture)
        if values is not None:
            return upright(values.shown(limits), orientation)
    if at_least is not None and picture.format in ("JPEG", "MPO"):
        height, width = at_least if orientation < 5 else at_least[::-1]  # from 5 on the picture is stored sideways
        picture.draft(picture.mode, (width, height))
    picture.load()  # only afterwards does Pillow know whether the pixels must be copied
    if picture.format == "TIFF":  # turned while it was loaded, unless Pillow did not understand how
        orientation = orientation_of(picture)
    return upright(to_rgb(picture), orientation)


def orientation_of(picture: Image.Image) -> int:
    """How the picture is turned by its EXIF block or else its XMP block, 1 to 8 as EXIF counts.

    1 is upright, from 5 on it is on its side. A number of any type counts; anything else is upright.
    """
    return _orientation_in(_exif(picture), picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp"))


def _exif(picture: Image.Image) -> Mapping[int, Any]:
    try:
        for _, segment in getattr(picture, "applist", ()):
            if segment.startswith(b"Exif\0") and "exif" not in picture.info:  # after it any byte may stand
                found = Image.Exif()
                found.load(segment[6:])
                return found
        return picture.getexif()
    except Exception:  # a malformed EXIF block says nothing about the pixels, which are good
        return {}


def _orientation_in(tags: Mapping[int, Any], xmp: Any) -> int:
    """The orientation of EXIF or TIFF tags, or else of an XMP block."""
    found: Any = tags.get(_ORIENTATION)
    if found is None and xmp:
        text = xmp.decode("utf-8", "replace") if isinstance(xmp, bytes) else str(xmp)
        match = re.search(r"""tiff:Orientation\s*(?:=\s*["']|>)\s*(\d+)\s*["'<]""", text)
        found = match and match[1]
    if isinstance(found, tuple) and found:
        found = found[0]
    if isinstance(found, bytes):
        found = found[0] if found and found[0] <= 8 else found.rstrip(b"\0 ").decode("latin-1")
    try:
        number = int(found) if found is not None and float(found) == int(found) else 1
    except (TypeError, ValueError, ArithmeticError):
        return 1
    return number if 1 <= number <= 8 else 1


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture turned as `orientation_of` says it must be."""
    return picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture


def to_rgb(picture: Image.Image) -> Image.Image:
    """The picture in 8-bit RGB and writable: transparency over white; CMYK, palettes and 16 bits as they look."""
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture.copy() if picture.readonly else picture
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        return PixelValues(np.asarray(picture)).shown()
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        over = Image.new("RGB", picture.size, "white")
        over.paste(picture, mask=picture.getchannel("A"))
        return over
    return picture.convert("RGB")
