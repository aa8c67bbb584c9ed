"""Files that a source of photos names: on this machine, in folders, patterns and lists."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from handlens.errors import CollectionError
from handlens.io.problems import reason_of
from handlens.studio.scanning import files_below, natural_order

MOST_FILES = 2_000_000
"""Files that one source may name."""

LONGEST_LIST = 256 * 2**20
"""Bytes of a text file of paths."""

LIST_ENDINGS = (".txt", ".lst")


Seen = Callable[[], object]
"""Called for each file that is seen, before all are and their order is known; what it raises ends the search."""

_Entry = TypeVar("_Entry")


class FoundFile(NamedTuple):
    """A file that a source names.

    Attributes:
        source: its path or address, by which it is known.
        name: the path that its photo has below the folder of photos, as far as every system takes it.
        fetch: gives the file on this machine, given a folder for what is downloaded and a function that raises
            Cancelled; raises PhotoError if it cannot.
        reason: why it cannot be used; "" if it may be.
    """

    source: str
    name: str
    fetch: Callable[[Path, Callable[[], None]], Path]
    reason: str = ""


def left_out(source: str, name: str, reason: str) -> FoundFile:
    """A file that cannot be used whatever is in it."""

    def fetch(_scratch: Path, _check: Callable[[], None]) -> Path:
        raise AssertionError("a file that is left out is not fetched")

    return FoundFile(source, name, fetch, reason)


def local_file(path: Path, name: str) -> FoundFile:
    """A file on this machine."""
    return FoundFile(str(path), name, lambda _scratch, _check: path)


def in_folder(folder: Path, name: str, seen: Seen) -> Iterator[FoundFile]:
    """The files below a folder, in natural order, under its name."""
    for path, reason in sorted(_each(files_below(folder), seen), key=lambda found: natural_order(found[0])):
        file = folder / path
        yield local_file(file, f"{name}/{path}") if reason is None else left_out(str(file), f"{name}/{path}", reason)


def _each(entries: Iterable[_Entry], seen: Seen) -> Iterator[_Entry]:
    for entry in entries:
        seen()
        yield entry


def is_pattern(text: str) -> bool:
    """Whether a text is a pattern of paths, and not the path of a file that has such a name."""
    return glob.has_magic(text) and not os.path.lexists(text)


def by_pattern(pattern: str, seen: Seen) -> list[Path]:
    """The files that a pattern means, in natural order; each once, whatever links lead to it."""
    found: dict[str, Path] = {}
    for path in _each(glob.iglob(os.path.abspath(os.path.expanduser(pattern)), recursive=True), seen):
        if os.path.isfile(path):
            found.setdefault(os.path.realpath(path), Path(path))
        if len(found) > MOST_FILES:
            raise CollectionError(f"{pattern} means more than {MOST_FILES:,} files. Give a narrower pattern.")
    return sorted(found.values(), key=lambda path: natural_order(path.as_posix()))


def read_list(file: Path) -> list[str]:
    """The paths and addresses in a text file, one in a line; empty lines count for nothing.

    Raises:
        CollectionError: it is not text in UTF-8, or UTF-16 with a mark, or is too long.
    """
    try:
        if file.stat().st_size > LONGEST_LIST:
            raise CollectionError(f"{file} must be a list of at most {LONGEST_LIST // 2**20} MB; it is longer.")
        data = file.read_bytes()
        is_16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = data.decode("utf-16" if is_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise CollectionError(
            f"{file} must be a list of paths as text in UTF-8, one in a line; it is not ({reason_of(error)})."
        ) from error
    except OSError as error:
        raise CollectionError(f"{file} cannot be read ({reason_of(error)}).") from error
    lines = [line.rstrip("\r") for line in text.split("\n")]
    if len(lines) > MOST_FILES:
        raise CollectionError(f"{file} must have at most {MOST_FILES:,} lines; it has {len(lines):,}.")
    return [line for line in lines if line.strip()]


def names_of(paths: Sequence[Path]) -> list[str]:
    """The paths below the folder that all of them share; on different disks, below their disks.

    Example:
        >>> names_of([Path("/a/b/1.png"), Path("/a/c/1.png")]), names_of([Path("/a/b/1.png")])
        (['b/1.png', 'c/1.png'], ['1.png'])
    """
    if not paths:
        return []
    try:
        above = os.path.commonpath([path.parent for path in paths])
        return [path.relative_to(above).as_posix() for path in paths]
    except ValueError:  # on Windows, on different disks
        return ["/".join(path.parts[1:]) for path in paths]
