"""What a collection's settings keep of a trained model: its id, its classes and how it was trained, as plain JSON."""

from __future__ import annotations

import math
import re
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from handlens.errors import ArtifactError
from handlens.io.problems import reason_of
from handlens.studio.estimates import Tally

_ID = re.compile("[0-9a-f]*")  # it is part of the names of files


@dataclass(frozen=True)
class Training:
    """How a model was trained, and how it did on labelled photos that were held out.

    Attributes:
        counts: labelled photos of each class that it learned from.
        drawn: number of those that were drawn at random for a spot check.
        by_model: photos that it learned from besides, with a label that a model gave.
        n_photos: photos of the collection that could be read.
        layers: ids of the layers that it uses; empty for a fine-tuned one.
        labels_version: which labels by persons it learned from, as `LabelState.last_by_person`.
        seconds: how long it took.
        whole_gestures: labelled photos that were predicted correctly, and tested, with whole gestures held out.
        each_label: the same with weights such that each label counts the same.
        single_photos: without weights, with photos held out without regard to gestures.
        one_gesture: the classes whose photos come from one gesture only, by their positions.
        warnings: sentences for the person.
        network: the network that was fine-tuned, None for the quick model.
    """

    counts: list[int] = field(default_factory=list)
    drawn: int = 0
    by_model: int = 0
    n_photos: int = 0
    layers: list[str] = field(default_factory=list)
    labels_version: int = 0
    seconds: float = 0.0
    whole_gestures: Tally = (0, 0)
    each_label: Tally = (0, 0)
    single_photos: Tally = (0, 0)
    one_gesture: list[int] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    network: str | None = None

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Training:
        """The training that `asdict` gave, of this or an earlier version.

        Raises:
            KeyError, TypeError, ValueError: it is damaged.
        """
        counts = kept["counts"] if "counts" in kept else kept["per_class"]["count"]
        network = kept.get("network")
        return cls(
            counts=[int(count) for count in counts],
            drawn=int(kept.get("drawn", 0)),
            by_model=int(kept.get("by_model", 0)),
            n_photos=int(kept["n_photos"]),
            layers=[str(layer) for layer in kept["layers"]],
            labels_version=int(kept["labels_version"]),
            seconds=float(kept["seconds"]),
            whole_gestures=_tally(kept.get("whole_gestures", (0, 0))),
            each_label=_tally(kept.get("each_label", (0, 0))),
            single_photos=_tally(kept.get("single_photos", (0, 0))),
            one_gesture=[int(code) for code in kept.get("one_gesture", [])],
            warnings=[str(warning) for warning in kept["warnings"]] if "counts" in kept else [],
            network=None if network is None else str(network),
        )


@dataclass(frozen=True)
class ModelRecord:
    """A trained model's id and classes, and how it was trained.

    Attributes:
        id: part of the names of the model's files, so that two models never mix; "" for a quick model that was
            trained before models had ids.
        names: the classes, as they were called when it was trained.
        colours: the number of each class's colour, the key of its label, which it keeps when it is renamed.
        training: how it was trained.
    """

    id: str
    names: list[str]
    colours: list[int]
    training: Training

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> ModelRecord:
        """The record that `to_json` gave, of this or an earlier version.

        Raises:
            ArtifactError: a field is missing or is not what it should be.
        """
        try:
            id, names = str(kept.get("id") or ""), [str(name) for name in kept["names"]]
            record = cls(id, names, [int(colour) for colour in kept["colours"]], Training.from_json(kept))
            if not len(record.colours) == len(names) == len(record.training.counts) or not _ID.fullmatch(id):
                raise ValueError(f"id {id}, {len(names)} names and {len(record.colours)} colours")
            if not all(0 <= code < len(names) for code in record.training.one_gesture):
                raise ValueError(f"classes {record.training.one_gesture} of {len(names)}")
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"the record of the model is damaged: {reason_of(error)}. Train again.") from error
        return record

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON."""
        return asdict(self.training) | {"id": self.id, "names": self.names, "colours": self.colours}

    @property
    def run(self) -> list[float]:
        """Tells one training run from another."""
        return [self.training.labels_version, self.training.seconds]


def new_id() -> str:
    """An id that no other model has."""
    return secrets.token_hex(8)


def _tally(kept: Any) -> Tally:
    right, tested = (float(number) for number in kept)
    if not 0 <= right <= tested < math.inf:
        raise ValueError(f"{right} of {tested} are right")
    return right, tested
