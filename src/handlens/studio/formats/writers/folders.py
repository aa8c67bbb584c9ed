"""Folders: a zip of the photos in folders by label."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from handlens.core.predictions import LABEL, PATH
from handlens.errors import PhotoError
from handlens.io.files import atomic_write
from handlens.io.problems import reason_of
from handlens.io.spreadsheets import csv_text
from handlens.studio.formats.exporting import Export, named_table
from handlens.studio.formats.readers.yolo import SPLITS
from handlens.studio.register import file_below
from handlens.studio.scanning import LeftOut
from handlens.studio.zip_names import ZipNames

_LABELS, _LEFT_OUT, _RENAMED = "labels.csv", "left out.csv", "renamed.csv"


class FoldersExporter:
    """A zip with each labelled photo, unchanged, in a folder named after its label, and labels.csv.

    labels.csv has for each photo its `name` in the zip, and what an export as CSV has. Photos keep their own folders
    below that of the label, so two photos with the same name do not collide.

    Example:
        >>> FoldersExporter().ending
        '.zip'
    """

    name, title, ending = "folders", "Folders by label", ".zip"

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """Write the zip; see `Exporter`."""
        left_out: list[LeftOut] = []
        n = len(export.labelled)
        with atomic_write(path) as partial, zipfile.ZipFile(partial, "w") as archive:
            for done, out in enumerate(write_photos(archive, export), 1):
                export.report(min(done, n), n)
                left_out += [out] if out else []
        return left_out


@dataclass(frozen=True)
class ZippedPhoto:
    """A labelled photo in the zip of folders by label.

    Attributes:
        path: below the folder of photos.
        label: of the photo.
        name: in the zip: the label's folder, and below it the photo's own ones.
    """

    path: str
    label: str
    name: str


def zipped_photos(labels: Mapping[str, str]) -> list[ZippedPhoto]:
    """The name in the zip of each photo, given the label of each path; all differ and are valid on every system.

    Example:
        >>> [photo.name for photo in zipped_photos({"1.png": "left/right", "a?.png": "left?right", "2.png": "con"})]
        ['left_right/1.png', 'left_right 2/a_.png', '_con/2.png']
    """
    names = ZipNames(_LABELS, _LEFT_OUT, _RENAMED)
    return [ZippedPhoto(path, label, names.file(label, path)) for path, label in labels.items()]


def write_photos(archive: zipfile.ZipFile, export: Export) -> Iterator[LeftOut | None]:
    """Write the labelled photos, unchanged, into a zip that is being written, and at its end what is known of them.

    “labels.csv” has the origins of labels, “renamed.csv” lists the photos whose name in the zip is not their label and
    path, or all photos if only this tells which of their folders is the label, and “left out.csv” those that cannot be
    read. It goes on, after each photo, when it is asked to, and gives what was left out.
    """
    photos = zipped_photos(dict(zip(export.labelled[PATH], export.labelled[LABEL], strict=True)))
    out: dict[str, str] = {}
    for photo in photos:
        try:
            file = file_below(export.images, photo.path)
            # Read before it is written: half of a photo in a zip would look like a damaged one.
            entry, content = zipfile.ZipInfo.from_file(file, photo.name, strict_timestamps=False), file.read_bytes()
        except PhotoError as error:
            out[photo.path] = str(error)
        except OSError as error:
            out[photo.path] = reason_of(error)
        else:
            archive.writestr(entry, content)
        yield LeftOut(photo.path, out[photo.path]) if photo.path in out else None
    labels = named_table(export, [photo.name for photo in photos], [LeftOut(*pair) for pair in out.items()])
    for name, table in ((_LABELS, labels), *lists_of(photos, out)):
        archive.writestr(name, csv_text(table, spreadsheet=True))
    yield None


def lists_of(photos: Sequence[ZippedPhoto], out: Mapping[str, str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The names and tables of the lists of what was renamed and left out, those that are not empty.

    Args:
        photos: with their names.
        out: by path, why a photo is left out.
    """
    left_out = [(photo.path, photo.label, out[photo.path]) for photo in photos if photo.path in out]
    unclear = _are_unclear(photos)
    renamed = [
        (photo.path, photo.label, photo.name)
        for photo in photos
        if (unclear or photo.name != f"{photo.label}/{photo.path}") and photo.path not in out
    ]
    if left_out:
        yield _LEFT_OUT, pd.DataFrame(left_out, columns=["path", "label", "reason"])
    if renamed:
        yield _RENAMED, pd.DataFrame(renamed, columns=["path", "label", "name"])


def _are_unclear(photos: Sequence[ZippedPhoto]) -> bool:
    """Whether the label's folders could be taken for one around them, or for the training photos of a data set."""
    in_folders = [photo for photo in photos if "/" in photo.path]
    only_one = len({photo.label for photo in photos}) == 1 and len(in_folders) == len(photos)
    return only_one or any(photo.label.casefold() in SPLITS for photo in in_folders)
