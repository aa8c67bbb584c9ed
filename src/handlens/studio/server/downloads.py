"""Files a person takes away, made while they are sent or in a scratch folder."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from handlens.errors import CollectionError
from handlens.studio.server.temporary_folders import TemporaryFolders

if TYPE_CHECKING:
    from handlens.studio.collection import Collection


class _Window(io.RawIOBase):
    """A file that forgets what was drained.

    zipfile goes back to the head of an entry once it knows its checksum, and no further; so a zip can
    be sent entry by entry without the trailing descriptors that some programs refuse.
    """

    def __init__(self) -> None:
        self._start = 0
        self._held = io.BytesIO()

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._start + self._held.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            offset -= self._start
            if offset < 0:
                raise io.UnsupportedOperation("what was sent cannot be changed")
        return self._start + self._held.seek(offset, whence)

    def write(self, data: object) -> int:
        return self._held.write(data)  # type: ignore[arg-type]

    def drain(self) -> bytes:
        data = self._held.getvalue()
        self._start += len(data)
        self._held = io.BytesIO()
        return data


def zip_of(files: list[tuple[Path, str]]) -> Iterator[bytes]:
    """A zip of files, stored and not compressed, in pieces of one file each: (file, name in the zip)."""
    window = _Window()
    with zipfile.ZipFile(window, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for file, name in files:
            archive.write(file, name)
            yield window.drain()
    yield window.drain()


@contextmanager
def removed_on_failure(folder: Path) -> Iterator[None]:
    """Remove a scratch folder when what was to be put into it could not be made."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def sent_file(
    id: str, name: str, write: Callable[[Path], None], temporary: TemporaryFolders, *, kind: str
) -> FileResponse:
    """A text file that `write` makes in a scratch folder, which is removed once the file is sent.

    The person gets it under the collection's id and its own name.
    """
    folder = temporary.new("export")
    with removed_on_failure(folder):
        write(folder / name)
    return FileResponse(
        folder / name,
        media_type=f"{kind}; charset=utf-8",
        filename=f"{id}-{name}",
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


def labelled_files(collection: Collection) -> list[tuple[Path, str]]:
    """Each labelled photo with its place in the zip of folders by label; CollectionError if one is gone."""
    from handlens.studio.exports import folder_names

    labels = collection.labels
    names = folder_names(list(dict.fromkeys(labels.dropna())))
    files = [
        (collection.images / path, f"{names[label]}/{path}")
        for path, label in zip(collection.paths, labels, strict=True)
        if isinstance(label, str)
    ]
    if not files:
        raise CollectionError("no photo has a label yet, so the zip would be empty. Label some photos first.")
    gone = [file.name for file, _ in files if not file.is_file()]
    if gone:
        raise CollectionError(
            f"{len(gone):,} labelled photos are no longer in {collection.images}, such as {gone[0]}. "
            "Bring them back first."
        )
    return files


def zipped_model(collection: Collection, temporary: TemporaryFolders) -> tuple[Path, list[tuple[Path, str]]]:
    """A folder to remove afterwards, and the files of the saved model with their places in a zip."""
    folder = temporary.new("model")
    model = folder / "model"
    with removed_on_failure(folder):
        collection.export_model(model)
    files = sorted(file for file in model.rglob("*") if file.is_file())
    return folder, [(file, f"model/{file.relative_to(model).as_posix()}") for file in files]
