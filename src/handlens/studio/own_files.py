"""A collection may come from a stranger: nothing outside its own folder is taken for a part of it."""

from __future__ import annotations

import os
from pathlib import Path

from handlens.errors import CollectionError
from handlens.studio.manifest import MANIFEST


def is_inside(file: Path, folder: Path) -> bool:
    """Whether a file, all links followed, is in a folder, whether or not it exists; raises OSError and ValueError."""
    return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder))


def check_own_files(folder: Path, images: Path | None = None) -> None:
    """Raise CollectionError if a link among a collection's own files leads out of its folder, or one is not a file.

    Args:
        folder: the collection's own folder.
        images: the folder of its photos, which have rules of their own; None to check collection.json alone.
    """
    if images is None:
        check_inside(folder / MANIFEST, folder)
        return
    below = [folder]
    while below:
        at = below.pop()
        try:
            entries = os.scandir(at)
        except OSError:  # it cannot be read, or another process works on the collection, and has removed it since
            continue
        with entries as listing:
            for entry in listing:  # there may be a million: their kind is known without a look at each
                if entry.is_symlink():
                    check_inside(at / entry.name, folder)
                elif entry.is_dir(follow_symlinks=False):
                    if at / entry.name != images:
                        below.append(at / entry.name)
                elif not entry.is_file(follow_symlinks=False) and os.path.lexists(entry.path):
                    raise CollectionError(
                        f"{at / entry.name} is a pipe or a device, and a collection consists of files. Remove it."
                    )


def check_inside(file: Path, folder: Path) -> None:
    """Raise CollectionError if a file, once all links are followed, is not in the collection's folder."""
    try:
        inside = is_inside(file, folder)
    except (OSError, ValueError):
        inside = False
    if not inside:
        raise CollectionError(
            f"{file} is a link that leads out of the collection, and nothing outside of it is read or written. Put the "
            "file itself there, or remove the link."
        )
