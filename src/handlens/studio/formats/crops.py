"""Boxes as photos of their own: each box is cut out of its photo, and its label goes with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from handlens.errors import CollectionError, PhotoError
from handlens.io.files import atomic_folder
from handlens.io.pictures import as_seen, picture_fault
from handlens.io.spreadsheets import csv_text
from handlens.studio.formats.found import FoundLabel, FoundLabels, Unreadable
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.pictures import open_picture
from handlens.studio.zip_names import ZipNames

LABELS = "labels.csv"
"""The file beside the crops that says what they show."""

_COLUMNS = ["path", "label", "photo", "where"]
_DECIMALS = 6  # of a pixel; shares of a picture are as exact as that


def write_crops(
    found: FoundLabels,
    photos: PhotoNames,
    file_of: Callable[[int], Path],
    folder: Path,
    *,
    report: Callable[[int, int], None] = lambda _done, _total: None,
) -> FoundLabels:
    """Cut each box out of its photo, and write it as a photo into a new folder, with labels.csv beside them.

    A crop has the pixels whose middle lies in the box, of the photo as a person sees it: upright, and in 8-bit RGB. It
    is a PNG, so no pixel changes, and is called as its photo, with the number of the box in it. labels.csv has the
    columns path, label, photo and where. Boxes are in shares of the picture, so the photo may be larger or smaller than
    the picture that they were drawn on; if its sides have another ratio, it is another picture, and is listed.

    Args:
        found: labels, of which those with boxes are used.
        photos: of the collection.
        file_of: the file of a photo of the collection; it may raise PhotoError.
        folder: where they are written, new or empty.
        report: called with the photos that are done and their total; what it raises ends the work, and nothing is
            written.

    Returns:
        the labels of the crops, which `photo` names by their paths in the folder; `problems` are the boxes without one.

    Raises:
        CollectionError: the folder has something in it, or there are no boxes.
        StorageError: the disk refuses.

    Example:
        >>> Image.new("RGB", (10, 10)).save("a.png")
        >>> found = FoundLabels.of("COCO", "c.json", [FoundLabel("a.png", "cat", "annotation 1", (0.1, 0.2, 0.3, 0.4))])
        >>> crops = write_crops(found, PhotoNames(["a.png"]), lambda _: Path("a.png"), Path("crops"))
        >>> crops.labels["photo"].tolist()
        ['a 1.png']
        >>> with Image.open("crops/a 1.png") as crop:
        ...     crop.size
        (3, 4)
    """
    boxes = found.labels[found.labels["x"].notna()]
    if boxes.empty:
        raise CollectionError(f"{found.name} must have boxes to cut out; it has labels of whole photos only.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CollectionError(f"crops need a new or an empty folder; {folder} is there. Choose another name.")
    matches = [photos.find(name) for name in boxes["photo"]]
    problems = [Unreadable(where, why) for where, (_, why) in zip(boxes["where"], matches, strict=True) if why]
    ids = np.array([id for id, _ in matches])
    groups: Any = boxes[ids >= 0].groupby(ids[ids >= 0])
    names, crops, lines = ZipNames(LABELS), [], []
    with atomic_folder(folder) as writing:
        for done, (id, of_photo) in enumerate(groups):
            report(done, len(groups))
            path = PurePosixPath(photos.paths[int(id)])
            try:
                picture = _picture(file_of(int(id)))
            except PhotoError as error:
                problems += [Unreadable(where, f"the photo cannot be read: {error}") for where in of_photo["where"]]
                continue
            rows: list[Any] = list(of_photo.itertuples(index=False))
            for number, row in enumerate(rows, 1):
                try:
                    crop = picture.crop(_edges(row, *picture.size))
                except ValueError as error:
                    problems.append(Unreadable(row.where, str(error)))
                    continue
                name = names.file(None, str(path.with_name(f"{path.stem} {number}.png")))
                (writing / name).parent.mkdir(parents=True, exist_ok=True)
                crop.save(writing / name)
                crops.append(FoundLabel(name, row.label, row.where, by=row.by, at=None if pd.isna(row.at) else row.at))
                lines.append((name, row.label, str(path), row.where))
        table = csv_text(pd.DataFrame(lines, columns=_COLUMNS, dtype=object), spreadsheet=False)
        (writing / LABELS).write_text(table, encoding="utf-8", newline="")
    return FoundLabels.of(found.title, found.name, crops, problems=problems)


def _picture(file: Path) -> Image.Image:
    """A photo as a person sees it; PhotoError if it cannot be read."""
    with open_picture(file) as opened:
        try:
            return as_seen(opened)
        except Exception as error:  # Pillow raises nearly any type on a malformed file
            raise PhotoError(picture_fault(file, error)) from error


def _edges(row: Any, width: int, height: int) -> tuple[int, int, int, int]:
    """The first pixel and the one after the last, across and down; ValueError if no pixel is in the box."""
    if not pd.isna(row.picture_width):
        drawn = row.picture_width, row.picture_height
        # Both may have been rounded to whole pixels when one was made from the other.
        if abs(drawn[0] * height - drawn[1] * width) > max(sum(drawn), width + height) / 2:
            raise ValueError(
                f"the box was drawn on a picture of {drawn[0]:g}×{drawn[1]:g} pixels, and the photo, "
                f"{width}×{height}, has sides of another ratio"
            )
    left, right = _pixels(row.x, row.width, width)
    top, bottom = _pixels(row.y, row.height, height)
    if left >= right or top >= bottom:
        raise ValueError("no pixel's middle lies in the box")
    return left, top, right, bottom


def _pixels(start: float, length: float, side: int) -> tuple[int, int]:
    first, end = (math.ceil(round(share * side, _DECIMALS) - 0.5) for share in (start, start + length))
    return max(first, 0), min(end, side)
