"""Zips and tars of a data set, which are unpacked while labels are read from them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from handlens.errors import DownloadError, ImportProblem, UploadError
from handlens.io.archives import unpack_tar
from handlens.io.file_kinds import kind_of, stem_of
from handlens.io.problems import reason_of
from handlens.io.zips import unpack
from handlens.studio.formats import importers
from handlens.studio.formats.found import Unreadable
from handlens.studio.formats.readers.folders import is_picture


class Opened(NamedTuple):
    """A file or folder that labels are read from, and the files of its archive that could not be unpacked."""

    path: Path
    left_out: Sequence[Unreadable] = ()


@contextmanager
def unpacked(source: Path) -> Iterator[Opened]:
    """What labels are read from: a file or folder itself, and of a zip or tar what is in it, while the block runs.

    A file with an ending that an importer reads is not unpacked.

    Raises:
        ImportProblem: it cannot be read, is damaged, or holds what no data set needs; see `unpack` and `unpack_tar`.
        StorageError: the disk for temporary files refused.
    """
    endings = {ending for importer in importers().values() for ending in importer.endings}
    try:
        kind = None if source.is_dir() or source.suffix.lower() in endings else kind_of(source)
    except OSError as error:
        raise ImportProblem(f"{source.name} cannot be read: {reason_of(error)}.") from error
    if kind not in ("zip", "tar"):
        yield Opened(source)
        return
    with tempfile.TemporaryDirectory(prefix="handlens-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / (stem_of(source.name).strip(". ") or "archive")
        left_out: list[tuple[str, str]] = []
        try:
            if kind == "tar":
                unpack_tar(source, folder, as_is=True)
            else:
                folder.mkdir()
                left_out = unpack(source, folder).left_out
        except DownloadError as error:
            raise ImportProblem(str(error)) from error
        except UploadError as error:
            raise ImportProblem(f"{source.name} cannot be unpacked: {reason_of(error)}.") from error
        yield Opened(data_set_in(folder), [Unreadable(*out) for out in left_out])


def data_set_in(folder: Path) -> Path:
    """The file or folder of a data set that was packed or sent: the only file, or the only folder in other ones.

    A folder with pictures in it may be a label, so that what is around it is the data set.

    Example:
        >>> for name in ("sent/pets/cat/1.jpg", "sent/pets/dog/2.jpg"):
        ...     Path(name).parent.mkdir(parents=True)
        ...     Path(name).touch()
        >>> data_set_in(Path("sent")).name
        'pets'
    """
    while True:
        found = [path for path in folder.iterdir() if not path.name.startswith(".") and path.name != "__MACOSX"]
        if len(found) != 1 or any(is_picture(path.name) for path in [*found, *_in(found[0])]):
            return folder
        if not found[0].is_dir():
            return found[0]
        folder = found[0]


def _in(path: Path) -> list[Path]:
    return list(path.iterdir()) if path.is_dir() else []
