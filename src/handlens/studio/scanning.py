"""Finding the photos in a folder, and the files that cannot be used, each with its reason."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handlens.errors import CollectionError, PhotoError
from handlens.io.file_kinds import CALLED, KINDS, kind_of, packed_with
from handlens.io.pictures import NOT_A_PICTURE, picture_fault
from handlens.io.problems import reason_of
from handlens.studio.contents import Stamp, content_of
from handlens.studio.pictures import open_picture

_COLLECT = ", make a collection of the file itself, or of a list"
_IN_IT = "the photos in it"
_TO_USE = {"zip": _IN_IT, "tar": _IN_IT, "pdf": "its pages", "video": "its frames", "dicom": "its pictures"}


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used.

    Attributes:
        path: relative to the folder, with `/` on every system; bytes that are not text are replaced.
        reason: why, as a clause without a full stop.

    Example:
        >>> LeftOut("notes.txt", "not a picture").reason
        'not a picture'
    """

    path: str
    reason: str


def scan(
    folder: Path,
    *,
    known: Callable[[str], bool] = lambda _path: False,
    digest: Callable[[str], bytes | None] | None = None,
    looked_at: Callable[[str, Stamp], bool] = lambda _path, _stamp: False,
    copies: bool = False,
    step: Callable[[int], None] = lambda _files: None,
) -> tuple[list[str], list[LeftOut]]:
    """Find the pictures in a folder and its subfolders by their headers; nothing is decoded or changed.

    Hidden files and folders (a leading dot) are ignored. Links to files inside the folder are used; links to folders
    are not followed.

    Args:
        folder: the folder.
        known: whether a path is preferred among files with the same bytes; otherwise the first by name is used.
        digest: gives a hash of the bytes of the file at a path, or raises OSError; they are read unless it is given.
        looked_at: whether the file at a path, of this size and time, was found to be a picture before.
        copies: use all files with the same bytes.
        step: called with the number of files seen so far; what it raises ends the search.

    Returns:
        the paths that can be used, relative to the folder: first those that were looked at before, in any order, then
        all others in natural order ("2.jpg" before "10.jpg"); and all other files in natural order.

    Raises:
        CollectionError: `folder` is not a folder that can be read.

    Example:
        >>> from PIL import Image
        >>> Image.new("L", (8, 8)).save("2.png")
        >>> Image.new("L", (8, 8), 255).save("10.png")
        >>> _ = Path("notes.txt").write_text("not a photo")
        >>> scan(Path("."))
        (['2.png', '10.png'], [LeftOut(path='notes.txt', reason='not a picture')])
    """
    root = Path(os.path.realpath(folder))
    if not root.is_dir():
        raise CollectionError(f"{folder} must be a folder of photos; there is no such folder.")
    left_out: list[LeftOut] = []
    before: list[tuple[str, bool, int]] = []  # looked at before; at a million photos sorting these would take long
    found: list[tuple[str, bool, int]] = []
    for seen, (path, reason, entry) in enumerate(_visible_files(root)):
        step(seen)
        if reason is None:
            if (size := _unchanged(path, entry, looked_at)) is not None:
                before.append((path, False, size))
                continue
            reason, is_link, size = _check_file(root, path)
            if reason is None:
                found.append((path, is_link, size))
                continue
        left_out.append(LeftOut(_printable(path), reason))
    found.sort(key=lambda file: natural_order(file[0]))
    found = before + found
    if copies:
        paths = [path for path, _, _ in found]
    else:
        look = digest or (lambda path: content_of(root / path).digest)
        paths, same = _without_copies(root, found, known, look, step)
        left_out.extend(same)
    left_out.sort(key=lambda file: natural_order(file.path))
    return paths, left_out


def files_below(root: Path) -> Iterator[tuple[str, str | None]]:
    """Every visible file below a folder whatever is in it: its path relative to it, and the reason if it is not usable.

    Args:
        root: the folder, without links on its way.

    Raises:
        CollectionError: it cannot be read.
    """
    for path, reason, _ in _visible_files(root):
        try:
            yield _printable(path), reason or _check_entry(root, path)[0]
        except OSError as error:
            yield _printable(path), picture_fault(root / path, error)


def names_below(root: Path) -> Iterator[str]:
    """Every visible file below a folder, relative to it; none is looked at.

    Raises:
        CollectionError: the folder cannot be read.
    """
    return (path for path, reason, _ in _visible_files(root) if reason is None)


def _visible_files(root: Path) -> Iterator[tuple[str, str | None, os.DirEntry[str]]]:
    """Every visible file below root: its path relative to it, and the reason if it cannot be used whatever is in it.

    A folder that cannot be opened is among them.
    """
    folders: list[tuple[str, os.DirEntry[str] | None]] = [("", None)]
    while folders:
        folder, of = folders.pop()
        try:
            with os.scandir(root / folder) as listing:
                entries = list(listing)
        except OSError as error:
            if of is None:
                raise CollectionError(f"{root} cannot be read: {reason_of(error)}.") from error
            yield folder, f"the folder cannot be opened: {reason_of(error)}", of
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not path.isascii() and _printable(path) != path:
                yield path, "its name is not valid Unicode; rename it to use it", entry
            elif entry.is_dir(follow_symlinks=False):
                folders.append((path, entry))
            else:
                yield path, None, entry


def _unchanged(path: str, entry: os.DirEntry[str], looked_at: Callable[[str, Stamp], bool]) -> int | None:
    """The size in bytes of a plain file that was looked at before and has not changed since; None for all others."""
    try:
        if entry.is_file(follow_symlinks=False):
            status = entry.stat(follow_symlinks=False)
            if status.st_size and looked_at(path, Stamp(status.st_size, status.st_mtime_ns)):
                return status.st_size
    except OSError:  # it is looked at again, and then gives its reason
        pass
    return None


def _check_file(root: Path, path: str) -> tuple[str | None, bool, int]:
    """The reason not to use a file (None: use it), whether it is a link, and its size in bytes."""
    full = root / path
    try:
        reason, is_link, size = _check_entry(root, path)
        if reason is None:
            reason = why_not_a_picture(full)
    except OSError as error:
        return picture_fault(full, error), False, 0
    return reason, is_link, size


def _check_entry(root: Path, path: str) -> tuple[str | None, bool, int]:
    """As `_check_file`, whatever the file holds; raises OSError."""
    full = root / path
    is_link = full.is_symlink()
    if is_link:
        try:
            target = full.resolve(strict=True)
        except FileNotFoundError:
            return "a link to a file that does not exist", True, 0
        except (OSError, RuntimeError):
            return "a link that leads back to itself", True, 0
        if not target.is_relative_to(root):
            return "a link to outside the folder", True, 0
        if target.is_dir():
            return "a link to a folder", True, 0
    status = full.stat()
    if not stat.S_ISREG(status.st_mode):
        return "not a file with content (a device, pipe or socket)", is_link, 0
    return ("empty (0 bytes)" if status.st_size == 0 else None), is_link, status.st_size


def why_not_a_picture(file: Path) -> str | None:
    """The reason why a file is not used as a picture, by its header; None if it is one. Raises OSError."""
    try:
        with open_picture(file):
            return None
    except PhotoError as error:
        reason = str(error)
    if reason != NOT_A_PICTURE:
        return reason
    kind, called = kind_of(file), CALLED.get(file.suffix.lower())
    if kind is not None:
        return f"{KINDS[kind]}; to use {_TO_USE[kind]}{_COLLECT}"
    if (program := packed_with(file)) is not None:
        return f"packed with {program}, which is not opened here; unpack it first"
    return reason if called is None else f"not {called}, although it is called {file.suffix}"


def why_not_predicted(reason: str, file: Path | None = None) -> str:
    """A reason as it holds for predictions, which take photos out of archives that are named and out of nothing else.

    Args:
        reason: as `scan`, `why_not_a_picture` or a model gives it.
        file: looked at if the reason says no more than that it is not a picture; not if it is not given.

    Example:
        >>> _ = Path("pages.dat").write_bytes(b"%PDF-1.7 ...")
        >>> why_not_predicted("not a picture", Path("pages.dat"))
        'a PDF document; to use its pages, save them as pictures'
    """
    if reason == NOT_A_PICTURE and file is not None:
        with suppress(OSError):
            reason = why_not_a_picture(file) or reason
    if not reason.endswith(_COLLECT):
        return reason
    what = reason.removesuffix(_COLLECT)
    return f"{what}, name the file itself" if what.endswith(_IN_IT) else f"{what}, save them as pictures"


def _without_copies(
    root: Path,
    found: list[tuple[str, bool, int]],
    known: Callable[[str], bool],
    digest: Callable[[str], bytes | None],
    step: Callable[[int], None],
) -> tuple[list[str], list[LeftOut]]:
    left_out: dict[str, str] = {}
    for same_size in _of_one_size(found):
        first: dict[bytes | None, str] = {}
        # A file that was used before stays in use; a file comes before links to it.
        for path, _, _ in sorted(same_size, key=lambda file: (not known(file[0]), file[1], natural_order(file[0]))):
            step(len(found))
            try:
                content = digest(path)
            except OSError as error:
                left_out[path] = picture_fault(root / path, error)
                continue
            if content in first:
                left_out[path] = f"the same file as {first[content]}"
            else:
                first[content] = path
    paths = [path for path, _, _ in found if path not in left_out]
    return paths, [LeftOut(path, reason) for path, reason in left_out.items()]


def _of_one_size(found: list[tuple[str, bool, int]]) -> Iterator[list[tuple[str, bool, int]]]:
    """The files of each size that several have."""
    sizes = np.fromiter((size for _, _, size in found), np.int64, len(found))
    order = np.argsort(sizes, kind="stable")
    starts = np.flatnonzero(np.diff(sizes[order], prepend=-1))
    for start, count in zip(starts.tolist(), np.diff(starts, append=len(found)).tolist(), strict=True):
        if count > 1:
            yield [found[i] for i in order[start : start + count].tolist()]


def natural_order(path: str) -> tuple[tuple[tuple[str | int, ...], ...], str]:
    """A sort key by folder, then by name with numbers as numbers."""
    parts = path.split("/")
    key = tuple(
        tuple(int(piece) if i % 2 else piece.casefold() for i, piece in enumerate(re.split(r"(\d+)", part)))
        for part in parts
    )
    return key, path


def _printable(name: str) -> str:
    """The name with bytes that are not valid text replaced, so that it can be stored and sent."""
    return os.fsencode(name).decode("utf-8", "replace")
