"""Files and folders that are written whole or not at all, on Linux, macOS and Windows.

What is new is written beside its place, flushed to disk, and renamed. Windows differs in three ways: a rename is
refused while another program, a virus scanner for one, has the file open, so it is tried again for a while; a folder
never takes the place of another, not even of an empty one; and a folder cannot be flushed.
"""

from __future__ import annotations

import glob
import logging
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from handlens.errors import StorageError
from handlens.io.problems import reporting_disk_errors

_log = logging.getLogger(__name__)

_RETRIES = 8
"""Times that Windows is asked again for a rename, the first after 10 ms, each later one after twice as long."""
_FEW = 64
"""Files that are flushed to disk one by one; for more, everything that waits is flushed at once where that can be."""


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends without an error.

    Where `path` is a symbolic link, the file that it points to is written, and the link stays. A file that is replaced
    keeps its permissions, except on Windows.

    Raises:
        StorageError: the disk refused; what was at `path` before stays.

    Example:
        >>> with atomic_write("table.csv") as partial:
        ...     _ = partial.write_text("a,b")
        >>> Path("table.csv").read_text()
        'a,b'
    """
    named = Path(path)
    if named.is_dir():
        raise StorageError(f"{named} is a folder; name a file. Nothing was overwritten.")
    target = Path(os.path.realpath(named)) if named.is_symlink() else named
    partial = target.with_name(f".{secrets.token_hex(8)}.tmp{''.join(named.suffixes)}")  # pandas compresses by them
    with reporting_disk_errors(named, "Nothing was overwritten."):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            _flush_file(partial)
            _keep_permissions(target, partial)
            rename(partial, target)
            _flush_names(target.parent)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def write_once(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that becomes it when the block ends without an error, unless there is one already.

    What is at `path` is never overwritten: of two processes that write it, the first to end wins, and the other's file
    is removed. A process that is killed leaves a hidden file that ends in `.tmp`.

    Raises:
        StorageError: the disk refused.

    Example:
        >>> for text in ("first", "second"):
        ...     with write_once(Path("part.txt")) as partial:
        ...         _ = partial.write_text(text)
        >>> Path("part.txt").read_text()
        'first'
    """
    partial = path.with_name(f".{secrets.token_hex(8)}.tmp")
    with reporting_disk_errors(path, "Nothing was overwritten."):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            _flush_file(partial)
            with suppress(FileExistsError):
                _name(partial, path)
            _flush_names(path.parent)
        finally:
            partial.unlink(missing_ok=True)


def _name(partial: Path, path: Path) -> None:
    """Give a file its name; FileExistsError if another has it."""
    if sys.platform == "win32":
        os.rename(partial, path)  # which refuses there
        return
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links, where two processes at the same moment are not told apart
        if not path.exists():
            os.rename(partial, path)


@contextmanager
def atomic_folder(path: Path | str) -> Iterator[Path]:
    """An empty folder beside `path` that takes its place, and that of what is there, when the block ends well.

    Folders cannot be swapped in one step: a process that is killed between the two leaves what was at `path` under
    another name beside it, which `interrupted_folder` finds and `restore_folder` puts back. The next call removes it.

    Raises:
        StorageError: the disk refused; what was at `path` before stays.

    Example:
        >>> with atomic_folder("model") as folder:
        ...     _ = (folder / "model.json").write_text("{}")
        >>> sorted(path.name for path in Path("model").iterdir())
        ['model.json']
    """
    target = Path(path).absolute()
    with reporting_disk_errors(target, "What was there before is unchanged."):
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = _beside(target, "tmp")
        staging.mkdir()
        try:
            yield staging
            _flush_folder(staging)
            _swap(staging, target)
            _flush_names(target.parent)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def interrupted_folder(path: Path | str) -> Path | None:
    """What was at `path` before `atomic_folder` was killed while replacing it; None if it was not."""
    target = Path(path).absolute()
    return None if target.exists() else next(_left_over(target, "old"), None)


def restore_folder(path: Path | str) -> None:
    """Put back what `interrupted_folder` finds; only for the one process that writes there.

    What killed calls left beside it is removed: half of a new folder, or of the one before it.

    Raises:
        StorageError: the disk refused.
    """
    target = Path(path).absolute()
    before = interrupted_folder(target)
    if before is not None:
        with reporting_disk_errors(path, f"What belongs there is {before}: rename it."):
            rename(before, target)
    _remove_left_over(target, "old")
    _remove_left_over(target, "tmp")


def remove_folder(path: Path | str) -> None:
    """Remove a folder, whole or not at all; what a killed call leaves beside it `restore_folder` removes.

    Raises:
        StorageError: the disk refused; the folder stays.

    Example:
        >>> Path("models/run").mkdir(parents=True)
        >>> remove_folder("models/run")
        >>> list(Path("models").iterdir())
        []
    """
    target = Path(path).absolute()
    aside = _beside(target, "tmp")
    with reporting_disk_errors(path, "It is still there."):
        rename(target, aside)
    shutil.rmtree(aside, ignore_errors=True)


def rename(source: Path, target: Path) -> None:
    """Rename a file or folder, over a file that is there; on Windows, wait up to 2.5 s for who has it open.

    Raises:
        OSError: as `os.replace`.
    """
    for attempt in range(_RETRIES):
        try:
            os.replace(source, target)
            return
        except PermissionError as error:
            if sys.platform != "win32" or target.is_dir():  # a folder does not go away by itself
                raise
            _log.debug("%s cannot be renamed yet: %s", source, error)
            time.sleep(0.01 * 2**attempt)
    os.replace(source, target)


def _keep_permissions(target: Path, partial: Path) -> None:
    """Give a new file the mode bits of the one that it is about to replace."""
    if sys.platform == "win32":  # where there is only a read-only bit, and a file that has it cannot be replaced
        return
    with suppress(FileNotFoundError):  # nothing is replaced
        shutil.copymode(target, partial)


def _swap(staging: Path, target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        target.rmdir()
    if not target.exists():
        rename(staging, target)
        _remove_left_over(target, "old")
        return
    aside = _beside(target, "old")
    rename(target, aside)
    try:
        rename(staging, target)
    except OSError:
        rename(aside, target)
        raise
    _remove_left_over(target, "old")


def _left_over(target: Path, ending: str) -> Iterator[Path]:
    """What `_beside` named for a target, in this call or in one that was killed."""
    return target.parent.glob(f".{glob.escape(target.name)}.{'[0-9a-f]' * 16}.{ending}")  # for model not model.b's


def _remove_left_over(target: Path, ending: str) -> None:
    for aside in _left_over(target, ending):
        if aside.is_dir() and not aside.is_symlink():
            shutil.rmtree(aside, ignore_errors=True)
        else:  # a file, or a link, whose target stays
            with suppress(OSError):
                aside.unlink()


def _beside(target: Path, ending: str) -> Path:
    """A name that nothing has, for what is beside the target for a while."""
    return target.with_name(f".{target.name}.{secrets.token_hex(8)}.{ending}")


def _flush_folder(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    if len(files) > _FEW and sys.platform != "win32":
        os.sync()
        return
    for file in files:
        _flush_file(file)
    for inner in (path for path in folder.rglob("*") if path.is_dir()):
        _flush_names(inner)
    _flush_names(folder)


def _flush_file(file: Path) -> None:
    descriptor = os.open(file, os.O_RDWR | getattr(os, "O_BINARY", 0))  # Windows flushes no file opened to be read
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_names(folder: Path) -> None:
    """Make the renames in a folder outlast a power cut, where the system has a call for that."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:  # some network file systems cannot
        _log.debug("%s cannot be flushed to disk: %s", folder, error)
    finally:
        os.close(descriptor)
