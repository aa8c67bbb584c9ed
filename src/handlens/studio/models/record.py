"""What a collection's settings keep of a trained model: its id, its classes and its report, as plain JSON."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from handlens.errors import ArtifactError
from handlens.io.problems import reason_of
from handlens.studio.classifier import TrainingReport

_ID = re.compile("[0-9a-f]*")  # it is part of the names of files


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
        """The record that `to_json` gave, of this or an earlier version.

        Raises:
            ArtifactError: a field is missing or is not what it should be.
        """
        fields = {key: value for key, value in kept.items() if key not in ("id", "names", "colours")}
        try:
            id, names = str(kept.get("id") or ""), [str(name) for name in kept["names"]]
            record = cls(id, names, [int(colour) for colour in kept["colours"]], fields)
            record.training_report(names)
            if len(record.colours) != len(names) or not _ID.fullmatch(id):
                raise ValueError(f"id {id}, {len(names)} names and {len(record.colours)} colours")
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"the record of the model is damaged: {reason_of(error)}. Train again.") from error
        return record

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON."""
        return self.report | {"id": self.id, "names": self.names, "colours": self.colours}

    def training_report(self, classes: list[str]) -> TrainingReport:
        """The report, with the class names `classes`."""
        kept, names = self.report, pd.Index(classes, name="label")
        confusion = np.array(kept["confusion"], np.int64)
        low, high = kept["interval"]
        network = kept.get("network")
        return TrainingReport(
            accuracy=float(kept["accuracy"]),
            interval=(float(low), float(high)),
            per_class=pd.DataFrame(kept["per_class"], index=names)[["count", "correct", "recall", "thin"]],
            confusion=pd.DataFrame(confusion, index=names, columns=pd.Index(classes, name="predicted")),
            n_labelled=int(kept["n_labelled"]),
            n_photos=int(kept["n_photos"]),
            layers=[str(layer) for layer in kept["layers"]],
            labels_version=int(kept["labels_version"]),
            seconds=float(kept["seconds"]),
            warnings=[str(warning) for warning in kept["warnings"]],
            network=None if network is None else str(network),
        )

    @property
    def run(self) -> list[float]:
        """Tells one training run from another."""
        return [self.report["labels_version"], self.report["seconds"]]


def new_id() -> str:
    """An id that no other model has."""
    return secrets.token_hex(8)
