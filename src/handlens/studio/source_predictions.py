"""Predictions for photos wherever they are: in folders, patterns and lists, in archives, and at addresses."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd

from handlens.core.saved import PhotoModel, why_no_heat_maps
from handlens.errors import DataError, DownloadError, PhotoError, UploadError
from handlens.io.file_kinds import kind_of
from handlens.io.files import atomic_folder
from handlens.studio.photo_sources import PhotoSource
from handlens.studio.photo_sources.found import FoundFile
from handlens.studio.photo_sources.gathering import unpack_archive
from handlens.studio.predictor import PicturesBeside, predict_folder, with_reasons
from handlens.studio.scanning import files_below, natural_order, why_not_predicted
from handlens.studio.zip_names import ZipNames

AT_ONCE = 256
"""Files that are fetched before they are predicted."""


class _Photo(NamedTuple):
    """A file to predict, or why it cannot be; people know it by its `path`; pictures of it are called like `name`."""

    path: str
    name: str
    file: Path
    reason: str = ""


def predict_source(
    model: PhotoModel,
    source: PhotoSource,
    *,
    masks: Path | str | None = None,
    heatmaps: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Predictions of any model for the photos of a source.

    Args:
        model: what `load_learner` gives for a model for photos.
        source: a folder by itself, as in `predict_folder`; or files, folders, patterns, lists, zip and tar archives and
            addresses. Archives are unpacked, and what is at an address is downloaded, to a folder that is removed.
        masks: only of a model of masks: the folder to write, complete or not at all, of a PNG of class numbers for each
            photo. It is called like the photo, below the folder that all photos share: DIR/a/1.jpg has MASKS/a/1.png.
        heatmaps: only of a model of classes: such a folder, of heat maps of the most probable classes.
        progress: called as `progress(done, total)`, with the photos that are known by then as the total.

    Returns:
        A row for each file, in the order of the source: the columns of `photo_predictions_frame`. `path` is relative to
        a folder by itself; otherwise it is absolute, an address, or "ARCHIVE#path in it". A file that is not a photo
        that can be read has no prediction, and `reason` says why. `mask` and `heatmap` are relative to the folder that
        theirs is in.

    Raises:
        CollectionError: the source is not there or cannot be listed.
        DataError: the folder of masks or heat maps has files, or does not suit the model.

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
    if heatmaps is not None:
        why = why_no_heat_maps(model) or ("masks are of another kind of model" if masks is not None else "")
        if why:
            raise DataError(f"{why}: leave them out.")
        return _with_pictures(model, source, "heatmaps", Path(heatmaps), progress)
    if masks is not None:
        return _with_pictures(model, source, "masks", Path(masks), progress)
    return _predicted(model, source, None, progress)


def _with_pictures(
    model: PhotoModel, source: PhotoSource, kind: str, folder: Path, progress: Callable[[int, int], None] | None
) -> pd.DataFrame:
    """Predictions, and a folder of pictures."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is the folder of {kind} to write, and must be empty or not there: move it away.")
    with atomic_folder(folder) as partial:
        names = ZipNames()

        def place(name: str) -> Path:
            return partial / names.file(None, str(PurePosixPath(name).with_suffix(".png")))

        table = _predicted(model, source, PicturesBeside(kind, place), progress)
    column = kind.removesuffix("s")
    written = [None if pd.isna(file) else folder.name / Path(file).relative_to(partial) for file in table[column]]
    return table.assign(**{column: pd.Series([file and file.as_posix() for file in written], table.index, dtype="str")})


def _predicted(
    model: PhotoModel,
    source: PhotoSource,
    pictures: PicturesBeside | None,
    progress: Callable[[int, int], None] | None,
) -> pd.DataFrame:
    """The table of `predict_source`."""
    if source.folder is not None:
        return predict_folder(model, source.folder, pictures=pictures, progress=progress)
    tables = [model.predict_files([])]
    done = 0
    with TemporaryDirectory(prefix="handlens-predict-") as scratch:
        for photos, known in _batches(source, Path(scratch)):

            def tell(part: int, _: int, done: int = done, known: int = known) -> None:
                if progress:
                    progress(done + part, known)

            good = [photo for photo in photos if not photo.reason]
            more = {} if pictures is None else pictures.arguments(photo.name for photo in good)
            table = model.predict_files([photo.file for photo in good], progress=tell, **more)
            rows_of = {photo.path: i for i, photo in enumerate(good)}
            reasons = dict(zip(rows_of, table["reason"], strict=True))
            whys = [photo.reason or why_not_predicted(reasons[photo.path], photo.file) for photo in photos]
            rows = [(photo.path, rows_of.get(photo.path, -1), why) for photo, why in zip(photos, whys, strict=True)]
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
        return _Photo(found.source, found.name, Path(), found.reason)
    try:
        file = found.fetch(scratch, lambda: None)
        kind_of(file)
    except PhotoError as error:
        return _Photo(found.source, found.name, Path(), str(error))
    except OSError:  # the model says why
        pass
    return _Photo(found.source, found.name, file)


def _unpacked(archive: _Photo, folder: Path) -> list[_Photo]:
    """The visible files in an archive; if it cannot be unpacked, the archive with the reason."""
    try:
        out = unpack_archive(archive.file, folder, lambda _share: None)
    except (UploadError, DownloadError) as error:
        return [
            _Photo(archive.path, archive.name, archive.file, str(error).replace(str(archive.file), "it").rstrip("."))
        ]
    found = [*files_below(Path(os.path.realpath(folder))), *out]
    photos = [
        _Photo(f"{archive.path}#{path}", f"{archive.name}/{path}", folder / path, why or "") for path, why in found
    ]
    return sorted(photos, key=lambda photo: natural_order(photo.path))


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
