"""Photos that are made of parts of a file: pages of a document or scan, frames of a video."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from handlens.errors import PhotoError
from handlens.io.pictures import LARGEST

MOST_PAGES = 10_000
"""Pages that one file may have."""

MOST_FRAMES = 100_000
"""Frames that are taken of one video."""


class FilePart(NamedTuple):
    """A part of a file that becomes a photo.

    Attributes:
        page: counted from 1; None for a frame, and for the only part of a file.
        second: when a frame is shown, from the beginning; None for all else.
        ending: of the photo's file, such as ".png".
        write: writes the photo to a file; raises PhotoError if this part cannot be read.
        share: how much of the file is behind this part, 0–1; None while unknown.
        note: what a person should know of the photo; "" if there is nothing.
    """

    page: int | None
    second: float | None
    ending: str
    write: Callable[[Path], None]
    share: float | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """What follows the name of the file in that of the photo, such as "/page 3.png"."""
        if self.second is not None:
            return f"/second {self.second:.3f}{self.ending}"
        return self.ending if self.page is None else f"/page {self.page}{self.ending}"


PartReader = Callable[[Path], Generator[FilePart, None, None]]
"""Gives the parts of a file, in order; each is written before the next is asked for.

Raises:
    PhotoError: the file cannot be used; the message is the reason, as a clause.
"""


def check_pages(count: int) -> None:
    """Raise PhotoError unless a file may have so many pages."""
    if count > MOST_PAGES:
        raise PhotoError(f"too long: {count:,} pages, and at most {MOST_PAGES:,} are used. Split it")
    if count < 1:
        raise PhotoError("it has no pages")


def check_pixels(width: float, height: float) -> None:
    """Raise PhotoError unless a part may have so many pixels."""
    if not 0 < width * height <= LARGEST:
        most = LARGEST // 1_000_000
        raise PhotoError(f"its size is {width:,.0f}×{height:,.0f} pixels, which is not one of up to {most} megapixels")


def write_png(picture: Image.Image, file: Path) -> None:
    """Write a picture without loss, and without what its file says beside the pixels."""
    clean = Image.frombytes(picture.mode, picture.size, picture.tobytes())
    clean.save(file, "PNG", compress_level=3)
