"""What is taken away of a collection beside its labels: CSV files, facts for datasheets, and the model card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from handlens.io.files import atomic_write
from handlens.io.spreadsheets import ROWS, csv_parts
from handlens.studio.origins import certificate_sentence

if TYPE_CHECKING:
    from handlens.audit import ModelCard
    from handlens.studio.labels import LabelState
    from handlens.studio.report import TrainingReport


def write_csv(
    table: pd.DataFrame,
    path: Path | str,
    *,
    spreadsheet: bool = False,
    report: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Write a table as CSV in UTF-8, complete or not at all; numbers have 6 decimals.

    Args:
        table: without its index.
        path: the file.
        spreadsheet: for a person who opens it in a spreadsheet program, which then runs no text as a formula.
        report: called with the rows that are written and their total; what it raises ends the work.
    """
    with atomic_write(path) as partial, partial.open("w", encoding="utf-8", newline="") as out:
        for i, part in enumerate(csv_parts(table, spreadsheet=spreadsheet)):
            report(i * ROWS, len(table))
            out.write(part)


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
