"""Telling a collection where its photos are now, after their folder was moved or renamed."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handlens.errors import CollectionError, PhotoError
from handlens.io.deep_pictures import Limits
from handlens.io.problems import reason_of
from handlens.io.sqlite import mend_database
from handlens.studio.creating import check_apart
from handlens.studio.manifest import DATABASE, read_content, write_images
from handlens.studio.pictures import READ_AT, open_photo, tile
from handlens.studio.register import file_below, first_paths
from handlens.studio.settings import Settings
from handlens.studio.shards.register import check_same_shards
from handlens.studio.thumbnails import TILE, ThumbnailCache

SAMPLE = 64
"""Photos that are looked at, chosen at random."""

THERE, SAME = 0.5, 0.9
"""The share of these that must be in the new folder, and the share of those found there that must look the same."""

TOLERANCE = 8.0
"""Mean difference of the pixels at 64 px, of 255, up to which two photos look the same: decoders differ a little."""


@dataclass(frozen=True)
class Found:
    """What was found of the photos looked at in a folder.

    Attributes:
        looked_at: how many photos were looked for.
        missing: the paths that are not there.
        different: the paths that are there but hold another photo.
    """

    looked_at: int
    missing: list[str]
    different: list[str]


def relocate(folder: Path, images: Path) -> Path:
    """Write into a collection's manifest where its photos are now, after looking whether they are the same.

    Args:
        folder: the collection's own folder.
        images: the folder that has its photos now, under the same paths.

    Returns:
        `images` as an absolute path.

    Raises:
        CollectionError: it is not a folder, or its photos are not those of the collection.
    """
    try:
        target = Path(os.path.abspath(images.expanduser()))
        if not target.is_dir():
            raise CollectionError(f"images must be the folder that has the photos now; there is no folder {target}.")
        target = target.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise CollectionError(
            f"images must be the folder that has the photos now; {images} cannot be opened ({reason_of(error)})."
        ) from error
    check_apart(folder, target)
    if read_content(folder).get("shards"):
        check_same_shards(folder / DATABASE, target)
        write_images(folder, target)
        return target
    found = find(folder, target)
    there = found.looked_at - len(found.missing)
    if there < THERE * found.looked_at:
        raise CollectionError(
            f"{target} does not have the photos of this collection: of {found.looked_at} looked for, "
            f"{len(found.missing)} are not there, such as {found.missing[0]}. Choose the folder in which it is."
        )
    if there - len(found.different) < SAME * there:
        raise CollectionError(
            f"{target} has other photos under the same names: of {there} looked at, {len(found.different)} look "
            f"different, such as {found.different[0]}. The labels would not belong to them."
        )
    write_images(folder, target)
    return target


def find(folder: Path, images: Path) -> Found:
    """Look for a random sample of a collection's photos in a folder, and compare them with their tiles on disk."""
    cache = ThumbnailCache(folder / "cache")
    aspects = cache.aspects.block(0, min(SAMPLE, cache.prepared))[:, 0]
    tiles = cache.tiles_of(range(len(aspects)))
    mend_database(folder / DATABASE)  # before anything else reads it, which may end a log that is damaged
    sample = first_paths(folder / DATABASE, SAMPLE)
    with closing(Settings(folder / DATABASE)) as settings:
        limits = settings.limits or {}
    missing, different = [], []
    for row, path in enumerate(sample):
        try:
            file = file_below(images, path)
        except PhotoError:
            missing.append(path)
            continue
        if not file.is_file():
            missing.append(path)
        elif row < len(aspects) and aspects[row] > 0 and not _is_like(file, tiles[row], limits):
            different.append(path)
    return Found(len(sample), missing, different)


def _is_like(file: Path, before: np.ndarray[tuple[int, int, int], np.dtype[np.uint8]], limits: Limits) -> bool:
    try:
        now = tile(open_photo(file, at_least=READ_AT, limits=limits), TILE)
    except PhotoError:
        return False
    return float(np.abs(now.astype(np.int16) - before.astype(np.int16)).mean()) <= TOLERANCE
