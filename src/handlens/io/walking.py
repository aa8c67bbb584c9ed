"""The files below a folder, through links to folders too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from handlens.io.problems import reason_of


class Entry(NamedTuple):
    """A file below a folder; or a folder or a link whose files cannot be listed.

    Attributes:
        path: below the folder.
        linked: whether a link to a folder led to it.
        problem: why its files cannot be listed, as a clause; "" for a file.
    """

    path: Path
    linked: bool = False
    problem: str = ""


def walk(root: Path, *, recurse: bool = True) -> Iterator[Entry]:
    """Every file below a folder, in no order; hidden files and folders (a leading dot) are left out.

    Links to folders are followed, but for those that lead back to a folder that they are in.

    Example:
        >>> Path("a").mkdir()
        >>> Path("a/1.txt").touch()
        >>> Path("b").symlink_to("a")
        >>> Path("a/up").symlink_to("..")
        >>> sorted(entry.path.as_posix() for entry in walk(Path(".")))
        ['a/1.txt', 'b/1.txt']
    """
    place = root.resolve()
    return _walk(root, Entry(Path()), tuple(map(_identity, (place, *place.parents))), recurse)


def _walk(root: Path, folder: Entry, above: tuple[tuple[int, int], ...], recurse: bool) -> Iterator[Entry]:
    try:
        with os.scandir(root / folder.path) as listing:
            entries = [entry for entry in listing if not entry.name.startswith(".")]
    except OSError as error:
        yield folder._replace(problem=f"the folder cannot be opened: {reason_of(error)}")
        return
    for entry in entries:
        found = Entry(folder.path / entry.name, folder.linked)
        if _is_folder(entry):
            identity = _identity(Path(entry.path))
            if recurse and identity not in above:
                linked = found.linked or not entry.is_dir(follow_symlinks=False)
                yield from _walk(root, found._replace(linked=linked), (*above, identity), recurse)
        elif entry.is_symlink() and not os.path.exists(entry.path):
            yield found._replace(problem=f"a link to {os.readlink(entry.path)}, which is not there")
        else:
            yield found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads back to itself
        return False


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
