"""Exports of a collection: CSV files, a zip of the photos in folders by label, and the model card."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from handlens.io.files import atomic_write
from handlens.io.problems import reason_of
from handlens.studio.origins import certificate_sentence

if TYPE_CHECKING:
    from handlens.audit import ModelCard
    from handlens.studio.labels import LabelState
    from handlens.studio.report import TrainingReport

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{i}" for p in ("com", "lpt") for i in range(1, 10))}

_LONGEST = 200  # bytes; file systems allow 255
_MISSING = "left out.csv"


def write_csv(table: pd.DataFrame, path: Path | str) -> None:
    """Write a table as CSV in UTF-8, complete or not at all; numbers have 6 decimals."""
    with atomic_write(path) as partial:
        table.to_csv(partial, index=False, float_format="%.6f")


def labels_table(origins: pd.DataFrame) -> pd.DataFrame:
    """The table that labels.csv holds, from `Collection.origins`: labelled photos alone, times as text (ISO 8601)."""
    names = {"kind": "origin", "gesture": "gesture", "at": "labelled_at", "error": "error_at_most"}
    table = origins.dropna(subset="label").rename(columns=names)
    table["labelled_at"] = [f"{at:%Y-%m-%dT%H:%M:%S}Z" for at in table["labelled_at"]]
    return table[["path", "label", *names.values(), "confidence"]]


def folder_names(labels: list[str]) -> dict[str, str]:
    """A folder name for each label: all differ, and each is valid on every system.

    Example:
        >>> folder_names(["left/right", "left?right", "con"])
        {'left/right': 'left_right', 'left?right': 'left_right 2', 'con': '_con'}
    """
    taken = {_MISSING}
    names: dict[str, str] = {}
    for label in labels:
        name = _FORBIDDEN.sub("_", label).encode()[:_LONGEST].decode(errors="ignore").strip(". ") or "_"
        if name.split(".")[0].casefold() in _RESERVED:
            name = f"_{name}"
        base, i = name, 2
        while name.casefold() in taken:
            name, i = f"{base} {i}", i + 1
        taken.add(name.casefold())
        names[label] = name
    return names


def write_folders(images: Path, paths: list[str], labels: pd.Series[str], path: Path | str) -> None:
    """Write a zip with each labelled photo, unchanged, in a folder named after its label.

    Photos keep their own folders below that of the label, so two photos with the same name do not collide. Photos that
    no longer exist or cannot be read are listed with their labels in “left out.csv” inside the zip.

    Args:
        images: the folder of the photos.
        paths: their paths by id.
        labels: their labels by id, missing where a photo has none.
        path: the zip to write.

    Raises:
        StorageError: the disk refuses.
    """
    names = folder_names(list(dict.fromkeys(labels.dropna())))
    missing: list[tuple[str, str, str]] = []
    with atomic_write(path) as partial, zipfile.ZipFile(partial, "w", strict_timestamps=False) as archive:
        for photo, label, known in zip(paths, labels, labels.notna(), strict=True):
            if not known:
                continue
            try:
                with (images / photo).open("rb"):
                    pass
            except OSError as error:
                missing.append((photo, label, reason_of(error)))
                continue
            archive.write(images / photo, f"{names[label]}/{photo}")
        if missing:
            text = io.StringIO(newline="")
            csv.writer(text).writerows([("path", "label", "reason"), *missing])
            archive.writestr(_MISSING, text.getvalue())


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
