"""Exports of a collection: CSV files, a zip of the photos in folders by label, and the model card."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from handlens.errors import PhotoError
from handlens.io.files import atomic_write
from handlens.io.problems import reason_of
from handlens.io.spreadsheets import LABEL_COLUMNS, csv_text
from handlens.studio.origins import certificate_sentence
from handlens.studio.register import file_below
from handlens.studio.zip_names import ZipNames

if TYPE_CHECKING:
    from handlens.audit import ModelCard
    from handlens.studio.labels import LabelState
    from handlens.studio.report import TrainingReport

_LEFT_OUT, _RENAMED = "left out.csv", "renamed.csv"


def write_csv(table: pd.DataFrame, path: Path | str, *, spreadsheet: bool = False) -> None:
    """Write a table as CSV in UTF-8, complete or not at all; numbers have 6 decimals.

    Args:
        table: without its index.
        path: the file.
        spreadsheet: for a person who opens it in a spreadsheet program, which then runs no text as a formula.
    """
    with atomic_write(path) as partial:
        partial.write_text(csv_text(table, spreadsheet=spreadsheet), encoding="utf-8", newline="")


def labels_table(origins: pd.DataFrame) -> pd.DataFrame:
    """The table that labels.csv holds, from `Collection.origins`: labelled photos alone, times as text (ISO 8601)."""
    names = {"kind": "origin", "gesture": "gesture", "at": "labelled_at", "error": "error_at_most"}
    table = origins.dropna(subset="label").rename(columns=names)
    table["labelled_at"] = [f"{at:%Y-%m-%dT%H:%M:%S}Z" for at in table["labelled_at"]]
    return table[LABEL_COLUMNS]


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
    names = ZipNames(_LEFT_OUT, _RENAMED)
    return [ZippedPhoto(path, label, names.file(label, path)) for path, label in labels.items()]


def write_photos(archive: zipfile.ZipFile, photos: Sequence[ZippedPhoto], images: Path) -> Iterator[None]:
    """Write photos, unchanged, into a zip that is being written, and at its end what a person must know of them.

    “renamed.csv” lists the photos whose name in the zip is not their label and path, and “left out.csv” those that
    cannot be read. It goes on, after each photo, when it is asked to.
    """
    left_out: list[tuple[str, str, str]] = []
    for photo in photos:
        try:
            file = file_below(images, photo.path)
            # Read before it is written: half of a photo in a zip would look like a damaged one.
            entry, content = zipfile.ZipInfo.from_file(file, photo.name, strict_timestamps=False), file.read_bytes()
        except PhotoError as error:
            left_out.append((photo.path, photo.label, str(error)))
        except OSError as error:
            left_out.append((photo.path, photo.label, reason_of(error)))
        else:
            archive.writestr(entry, content)
            yield
    out = {photo[0] for photo in left_out}
    renamed = [
        (photo.path, photo.label, photo.name)
        for photo in photos
        if photo.name != f"{photo.label}/{photo.path}" and photo.path not in out
    ]
    for name, columns, rows in (
        (_LEFT_OUT, ["path", "label", "reason"], left_out),
        (_RENAMED, ["path", "label", "name"], renamed),
    ):
        if rows:
            archive.writestr(name, csv_text(pd.DataFrame(rows, columns=columns), spreadsheet=True))
    yield


def write_folders(images: Path, labels: Mapping[str, str], path: Path | str) -> None:
    """Write a zip with each labelled photo, unchanged, in a folder named after its label.

    Photos keep their own folders below that of the label, so two photos with the same name do not collide.

    Args:
        images: the folder of the photos.
        labels: the label of each path.
        path: the zip to write.

    Raises:
        StorageError: the disk refuses.
    """
    with atomic_write(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        for _ in write_photos(archive, zipped_photos(labels), images):
            pass


def about_origins(state: LabelState) -> dict[str, str]:
    """Where labels come from, for a datasheet: how many of each kind, and what is certain of certified ones."""
    found = {}
    origins = {seq: change.origin for seq, change in state.origins.by_change.items()}
    for kind in dict.fromkeys(origin.kind for origin in origins.values()):
        of_kind = [seq for seq, origin in origins.items() if origin.kind == kind]
        count = int(np.isin(state.origins.changes, of_kind).sum())
        found[f"labels: {kind}"] = f"{count:,}"
    certificate = certificate_sentence(state.origins, state.made)
    if certificate:
        found["labels: certified"] += f". {certificate}"
    return found


def model_card(name: str, report: TrainingReport, recipe: dict[str, str], *, certificate: str | None) -> ModelCard:
    """The model card of a model trained in Studio.

    Args:
        name: of the collection.
        report: on the model; without a check it has no accuracy, and the card says why.
        recipe: how the model was made.
        certificate: what is certain of the labels that `finish` gave, None without such labels.
    """
    from handlens.audit.model_card import MeasuredMetric, ModelCard

    labels = {f"photos labelled {label}": int(n) for label, n in report.per_class["count"].items()}
    if report.n_by_model:
        labels["photos learned from with certified labels"] = report.n_by_model
    cautions = {f"caution {i}": text for i, text in enumerate(filter(None, [report.reason, *report.warnings]), 1)}
    metrics = []
    if report.accuracy is not None and report.interval is not None:
        tested = "photos drawn at random and labelled without seeing the prediction"
        if report.unsure:
            tested += f", without {report.unsure:,} of which the person was unsure"
        cautions = {"tested on": tested} | cautions
        metrics.append(MeasuredMetric("accuracy", report.accuracy, *report.interval, report.checked))
    if certificate:
        cautions["labels given by the model"] = certificate
    return ModelCard(
        name,
        task="image-classification",
        data={"photos": report.n_photos, "labelled": report.n_labelled, **labels},
        recipe=recipe | cautions,
        metrics=metrics,
    )
