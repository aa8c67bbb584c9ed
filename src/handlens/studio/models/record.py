"""What a collection's settings keep of a trained model: its id, its classes and its report, as plain JSON."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace
from typing import Any

import pandas as pd

from handlens.studio.classifier import TrainingReport

_TABLES = ("per_class", "confusion")


@dataclass(frozen=True)
class ModelRecord:
    """A trained model's id, classes and report.

    Attributes:
        id: part of the names of the model's files, so that two models never mix; "" for a quick model that was
            trained before models had ids.
        names: the classes, as they were called when it was trained.
        colours: the number of each class's colour, which its label keeps when it is renamed.
        report: the report's fields as JSON.
    """

    id: str
    names: list[str]
    colours: list[int]
    report: dict[str, Any]

    @classmethod
    def of(cls, report: TrainingReport, names: list[str], colours: list[int], *, id: str | None = None) -> ModelRecord:
        """The record of a model that was just trained, with a new id unless one is given."""
        fields = asdict(replace(report, per_class=pd.DataFrame(), confusion=pd.DataFrame())) | {
            "per_class": report.per_class.to_dict("list"),
            "confusion": report.confusion.to_numpy().tolist(),
        }
        return cls(id or new_id(), names, colours, fields)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> ModelRecord:
        """The record that `to_json` gave, of this or an earlier version."""
        fields = {key: value for key, value in kept.items() if key not in ("id", "names", "colours")}
        names = [str(name) for name in kept["names"]]
        return cls(str(kept.get("id") or ""), names, list(kept["colours"]), fields)

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON."""
        return self.report | {"id": self.id, "names": self.names, "colours": self.colours}

    def training_report(self, classes: list[str]) -> TrainingReport:
        """The report, with the class names `classes`."""
        names = pd.Index(classes, name="label")
        per_class = pd.DataFrame(self.report["per_class"], index=names)
        confusion = pd.DataFrame(self.report["confusion"], index=names, columns=pd.Index(classes, name="predicted"))
        low, high = self.report["interval"]
        rest = {key: value for key, value in self.report.items() if key not in (*_TABLES, "interval")}
        return TrainingReport(per_class=per_class, confusion=confusion, interval=(low, high), **rest)

    @property
    def run(self) -> list[float]:
        """Tells one training run from another."""
        return [self.report["labels_version"], self.report["seconds"]]


def new_id() -> str:
    """An id that no other model has."""
    return secrets.token_hex(8)
