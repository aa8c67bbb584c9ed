"""Predictions for photos wherever they are: in folders, patterns and lists, in archives, and at addresses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd

from handlens.core.saved import PhotoModel
from handlens.errors import DownloadError, PhotoError, UploadError
from handlens.io.file_kinds import kind_of
from handlens.studio.photo_sources import PhotoSource
from handlens.studio.photo_sources.found import FoundFile
from handlens.studio.photo_sources.gathering import unpack_archive
from handlens.studio.predictor import predict_folder, with_reasons
from handlens.studio.scanning import files_below, natural_order

AT_ONCE = 256
"""Files that are fetched before they are predicted."""


class _Photo(NamedTuple):
    """A file to predict, or why it cannot be; `path` is what people know it by."""

    path: str
    file: Path
    reason: str = ""


def predict_source(
    model: PhotoModel, source: PhotoSource, *, progress: Callable[[int, int], None] | None = None
) -> pd.DataFrame:
    """Predictions of any model for the photos of a source.

    Args:
        model: what `load_learner` gives for a model for photos.
        source: a folder by itself, as in `predict_folder`; or files, folders, patterns, lists, zip and tar archives and
            addresses. Archives are unpacked, and what is at an address is downloaded, to a folder that is removed.
        progress: called as `progress(done, total)`, with the photos that are known by then as the total.

    Returns:
        A row for each file, in the order of the source: the columns of `photo_predictions_frame`. `path` is relative to
        a folder by itself; otherwise it is absolute, an address, or "ARCHIVE#path in it". A file that is not a photo
        that can be read has no prediction, and `reason` says why.

    Raises:
        CollectionError: the source is not there or cannot be listed.

    Example:
        >>> import numpy as np
        >>> from handlens.core.predictions import class_predictions_frame
        >>> class Always:  # a model that says the same of every photo
        ...     def predict_files(self, files, *, progress=None):
        ...         return class_predictions_frame(files, ["cat"], np.ones((len(files), 1)), reasons=[""] * len(files))
        >>> Path("1.jpg").touch()
        >>> predict_source(Always(), PhotoSource(["1.jpg", "2.jpg"]))["reason"].tolist()
        ['', 'there is no such file']
    """
    if source.folder is not None:
        return predict_folder(model, source.folder, progress=progress)
    tables = [model.predict_files([])]
    done = 0
    with TemporaryDirectory(prefix="handlens-predict-") as scratch:
        for photos, known in _batches(source, Path(scratch)):

            def tell(part: int, _: int, done: int = done, known: int = known) -> None:
                if progress:
                    progress(done + part, known)

            good = [photo for photo in photos if not photo.reason]
            table = model.predict_files([photo.file for photo in good], progress=tell)
            places = {photo.path: i for i, photo in enumerate(good)}
            reasons = dict(zip(places, table["reason"], strict=True))
            rows = [(p.path, places.get(p.path, -1), p.reason or reasons[p.path]) for p in photos]
            tables.append(with_reasons(table, rows))
            done += len(photos)
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _batches(source: PhotoSource, scratch: Path) -> Iterator[tuple[list[_Photo], int]]:
    """Photos to predict together, and how many are known by then; their files are there until the next ones."""
    files = list({found.source: found for found in source.files()}.values())
    known, photos = len(files), list[_Photo]()
    for number, found in enumerate(files):
        photo = _fetched(found, scratch)
        if photo.reason or kind_of(photo.file) not in ("zip", "tar"):
            photos.append(photo)
            if len(photos) == AT_ONCE:
                yield photos, known
                photos = []
                _empty(scratch)
            continue
        if photos:
            yield photos, known
            photos = []
        folder = scratch / f"{number}-unpacked"
        held = _unpacked(photo, folder)
        known += len(held) - 1
        for start in range(0, len(held), AT_ONCE):
            yield held[start : start + AT_ONCE], known
        _empty(scratch)
    if photos:
        yield photos, known


def _fetched(found: FoundFile, scratch: Path) -> _Photo:
    if found.reason:
        return _Photo(found.source, Path(), found.reason)
    try:
        file = found.fetch(scratch, lambda: None)
        kind_of(file)
    except PhotoError as error:
        return _Photo(found.source, Path(), str(error))
    except OSError:  # the model says why
        pass
    return _Photo(found.source, file)


def _unpacked(archive: _Photo, folder: Path) -> list[_Photo]:
    """The visible files in an archive; if it cannot be unpacked, the archive with the reason."""
    try:
        out = unpack_archive(archive.file, folder, lambda _share: None)
    except (UploadError, DownloadError) as error:
        return [_Photo(archive.path, archive.file, str(error).replace(str(archive.file), "it").rstrip("."))]
    found = [*files_below(Path(os.path.realpath(folder))), *out]
    photos = [_Photo(f"{archive.path}#{path}", folder / path, why or "") for path, why in found]
    return sorted(photos, key=lambda photo: natural_order(photo.path))


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
