"""The pages of TIFF files that have several."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from handlens.errors import PhotoError
from handlens.io.deep_pictures import PixelValues, is_deep, tiff_directory, values_of
from handlens.io.pictures import as_seen, open_picture, orientation_of, picture_fault
from handlens.studio.photo_sources.parts import MOST_PAGES, FilePart, PartReader, check_pages, write_png

_SUBFILE = 254
_NOT_A_PAGE = 0b101  # a reduced copy of another page, or a mask of one


def has_pages(file: Path) -> bool:
    """Whether a file is a TIFF picture of several pages; one that is damaged before the second is not."""
    try:
        return len(_pages(file, most=2)) == 2
    except Exception:  # of nearly any type, of a file that is not a TIFF picture or is damaged
        return False


def scan_pages(scratch: Path) -> PartReader:
    """Give a `PartReader` of TIFF files.

    Args:
        scratch: where a copy of the file may be while it is read.
    """
    return partial(_scan_pages, scratch=scratch)


def _scan_pages(file: Path, scratch: Path) -> Generator[FilePart, None, None]:
    try:
        places = _pages(file, most=MOST_PAGES + 1)
    except Exception as error:  # of nearly any type
        raise PhotoError("a damaged picture: its list of pages cannot be read") from error
    check_pages(len(places))
    copy = scratch / "pages.tif"
    shutil.copyfile(file, copy)
    try:
        for number, place in enumerate(places):
            _put_first(copy, place)
            try:
                with _opened(copy) as picture:
                    deep = is_deep(picture)
            except PhotoError:  # `write` says what is wrong with this page
                deep = False

            def write(target: Path) -> None:
                with _opened(copy) as picture:
                    try:
                        values = values_of(picture) if is_deep(picture) else None
                        if values is None:
                            write_png(as_seen(picture), target)
                        else:
                            _write_values(values.turned(orientation_of(picture)), target)
                    except PhotoError:
                        raise
                    except Exception as error:
                        raise PhotoError(picture_fault(copy, error)) from error

            share = (number + 1) / len(places)
            yield FilePart(number + 1, None, ".tif" if deep else ".png", write, share)
    finally:
        copy.unlink(missing_ok=True)


def _opened(file: Path) -> Any:
    try:
        return open_picture(file)
    except Exception as error:
        raise PhotoError(picture_fault(file, error)) from error


def _pages(file: Path, *, most: int) -> list[int]:
    """Where the first so many pages are described in a TIFF file."""
    places: list[int] = []
    seen: set[int] = set()
    with file.open("rb") as opened:
        directory = tiff_directory(opened)
        place = 0 if directory is None else directory.next
        while directory is not None and place and place not in seen and len(places) < most:
            seen.add(place)
            opened.seek(place)
            directory.load(opened)
            if not int(directory.get(_SUBFILE, 0)) & _NOT_A_PAGE:
                places.append(place)
            place = directory.next
    return places


def _put_first(file: Path, place: int) -> None:
    """Make the page that is described at a place the first one of its TIFF file."""
    with file.open("r+b") as opened:
        head = opened.read(4)
        width = 8 if 43 in head[2:] else 4  # bytes of a place, and where it is
        opened.seek(width)
        opened.write(place.to_bytes(width, "little" if head[:2] == b"II" else "big"))


def _write_values(values: PixelValues, file: Path) -> None:
    """Write a page of more than 8 bits as a TIFF file that keeps its values."""
    import cv2

    array = values.array
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
    elif array.dtype not in (np.uint8, np.uint16):
        array = array.astype(np.float64)
    if values.negative:
        array = -array if array.dtype.kind == "f" else np.iinfo(array.dtype).max - array
    if array.ndim == 3:
        array = array[..., [2, 1, 0, 3][: array.shape[2]]]  # to blue, green and red
    is_written, encoded = cv2.imencode(".tif", np.ascontiguousarray(array))
    if not is_written:
        raise PhotoError("a page that cannot be written as a TIFF file")
    file.write_bytes(encoded.tobytes())
