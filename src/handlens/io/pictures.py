"""Picture files: which are read, why others are not, and their pixels as a person sees them."""

from __future__ import annotations

import stat
from errno import EACCES, EIO, EPERM
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

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
_ORIENTATION = 0x0112
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
    """Whether a file that begins with these 12 bytes is a HEIC picture, which Pillow does not read."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS


def check_is_file(path: Path) -> None:
    """Raise FileNotFoundError unless there is a file: opening a pipe, for one, would wait for ever."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} must be a picture file; it is not a file.")


def check_size(picture: Image.Image) -> None:
    """Raise Pillow's DecompressionBombError for a picture of more than LARGEST pixels, before it is decoded."""
    if picture.width * picture.height > LARGEST:
        raise Image.DecompressionBombError(f"{picture.width}×{picture.height} pixels are more than {LARGEST}.")


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
        return "a HEIC picture, which is not supported; export it as JPEG"
    is_known = head.startswith(_MAGICS) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
    if isinstance(error, UnidentifiedImageError) and not is_known:
        return "not a picture"
    return "a damaged picture: it cannot be decoded"


def orientation_of(picture: Image.Image) -> int:
    """How the picture is turned by its EXIF block, 1 to 8 as EXIF counts; 1 is upright, from 5 on it is on its side."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # a malformed EXIF block says nothing about the pixels, which are good
        return 1


def upright(picture: Image.Image, orientation: int) -> Image.Image:
    """The picture turned as `orientation_of` says it must be."""
    return picture.transpose(_TURNS[orientation]) if orientation in _TURNS else picture


def to_rgb(picture: Image.Image) -> Image.Image:
    """The picture in 8-bit RGB and writable: transparency over white; CMYK, palettes and 16 bits as they look."""
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture.copy() if picture.readonly else picture
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        return _grey_to_8_bit(np.asarray(picture))
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        over = Image.new("RGB", picture.size, "white")
        over.paste(picture, mask=picture.getchannel("A"))
        return over
    return picture.convert("RGB")


def _grey_to_8_bit(values: NDArray[Any]) -> Image.Image:
    """Grey of more than 8 bits: 0…65535 (0…1 for fractions) to 0…255, other ranges from least to greatest."""
    grey = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(grey.min()), float(grey.max())
    top = 1.0 if values.dtype.kind == "f" else 65535.0
    if low >= 0 and high <= top:
        low, high = 0.0, top
    grey = (grey - low) * (255.0 / (high - low) if high > low else 0.0)
    return Image.fromarray(np.rint(grey).astype(np.uint8)).convert("RGB")
