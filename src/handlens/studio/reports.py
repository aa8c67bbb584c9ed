"""A training report as plain JSON, to be kept in the collection's file."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pandas as pd

from handlens.studio.classifier import TrainingReport


def packed_report(report: TrainingReport, names: list[str], colours: list[int]) -> dict[str, Any]:
    """The report with the names of its classes, and the numbers of their colours, by which labels stay known."""
    kept = asdict(replace(report, per_class=pd.DataFrame(), confusion=pd.DataFrame()))
    return kept | {
        "names": names,
        "colours": colours,
        "per_class": report.per_class.to_dict("list"),
        "confusion": report.confusion.to_numpy().tolist(),
    }


def unpacked_report(kept: dict[str, Any], classes: list[str]) -> TrainingReport:
    """What `packed_report` gave, with its classes as they are called now."""
    names = pd.Index(classes, name="label")
    per_class = pd.DataFrame(kept["per_class"], index=names)
    confusion = pd.DataFrame(kept["confusion"], index=names, columns=pd.Index(classes, name="predicted"))
    low, high = kept["interval"]
    others = ("names", "colours", "per_class", "confusion", "interval", "id")
    rest = {key: value for key, value in kept.items() if key not in others}
    return TrainingReport(per_class=per_class, confusion=confusion, interval=(low, high), **rest)
