"""Exports of a collection: CSV files, a zip of the photos in folders by label, and the model card."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from handlens.io.files import atomic_write
from handlens.io.problems import reason_of

if TYPE_CHECKING:
    from handlens.audit import ModelCard
    from handlens.studio.classifier import TrainingReport

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{i}" for p in ("com", "lpt") for i in range(1, 10))}

_LONGEST = 200  # bytes; file systems allow 255
_MISSING = "left out.csv"


def write_csv(table: pd.DataFrame, path: Path | str) -> None:
    """Write a table as UTF-8 CSV, whole or not at all; probabilities with 6 digits."""
    with atomic_write(path) as partial:
        table.to_csv(partial, index=False, float_format="%.6f")


def folder_names(labels: list[str]) -> dict[str, str]:
    """A distinct folder name, valid on every system, for each label."""
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

    Photos keep their folders below the label's, so two of the same name never meet. Those that are
    gone or cannot be read are listed with their labels in “left out.csv” inside the zip. StorageError
    if the disk refuses.
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


def model_card(name: str, report: TrainingReport) -> ModelCard:
    """The card of a model trained in Studio: what it was trained on, how, and how good its report says it is."""
    from handlens.audit.model_card import MeasuredMetric, ModelCard

    labels = {f"photos labelled {label}": int(n) for label, n in report.per_class["count"].items()}
    fine_tuned = report.network is not None
    recipe = (
        {"model": f"{report.network}, fine-tuned", "tested on": "photos held out from training"}
        if fine_tuned
        else {
            "model": "linear discriminants of layers’ features",
            "layers": ", ".join(report.layers),
            "tested on": "each labelled photo, by a model that had not seen it",
        }
    )
    tested = int(report.confusion.to_numpy().sum())
    return ModelCard(
        name,
        task="image-classification",
        data={"photos": report.n_photos, "labelled": report.n_labelled, **labels},
        recipe=recipe | {f"caution {i}": text for i, text in enumerate(report.warnings, 1)},
        metrics=[MeasuredMetric("accuracy", report.accuracy, *report.interval, tested)],
    )
