"""A case of the review queue, and the cases that result from the events of its log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from handlens.audit.review.event_log import Event
from handlens.errors import AuditError
from handlens.io.problems import reason_of

WAITING, CONFIRMED, OVERRULED = "waiting", "confirmed", "overruled"
"""The statuses of a case."""

PREDICTED, CONTESTED, UNDONE = "predicted", "contested", "undone"
"""The kinds of events in the log; CONFIRMED and OVERRULED are kinds too."""

Label = str | int | float | bool


@dataclass(frozen=True)
class Case:
    """One prediction that waits for a person, or was decided by one.

    Attributes:
        id: its number in the queue, from 1.
        reference: which input it is about: a file's path, a row's key.
        predicted: the class or number that the model predicted.
        probabilities: by class; empty if a number was predicted.
        explanation: where the heat map is, or how much each feature changed the prediction, as it was given.
        nearest: the most similar labelled cases, each with its reference, label and distance.
        why: the reasons that it is in the queue, oldest first.
        contested: whether somebody contests the prediction.
        status: "waiting", "confirmed" or "overruled".
        label, by, reason: the decision, who made it and why; None while the case waits.

    Example:
        >>> Case(id=1, reference="photos/13.jpg", predicted="cat", probabilities={"cat": 0.55, "dog": 0.45}).confidence
        0.55
    """

    id: int
    reference: str
    predicted: Label
    probabilities: dict[str, float]
    explanation: Any = None
    nearest: list[dict[str, Any]] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    contested: bool = False
    status: str = WAITING
    label: Label | None = None
    by: str | None = None
    reason: str | None = None

    @property
    def confidence(self) -> float | None:
        """The largest probability; None if a number was predicted."""
        return max(self.probabilities.values(), default=None)


class Cases:
    """The cases as they are after the events that were applied, in the order in which they were added."""

    def __init__(self) -> None:
        self._cases: list[Case] = []
        self._id_of: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._cases)

    def all(self) -> list[Case]:
        """Every case."""
        return list(self._cases)

    def get(self, id: Any) -> Case:
        """One case; raises AuditError if there is no case with this number."""
        if isinstance(id, bool) or not isinstance(id, (int, np.integer)) or not 1 <= id <= len(self._cases):
            raise AuditError(f"id must be a case's number, from 1 to {len(self._cases)}; {id!r} arrived.")
        return self._cases[id - 1]

    def undecided(self, id: Any) -> Case:
        """One case that waits; raises AuditError if it is decided."""
        case = self.get(id)
        if case.status != WAITING:
            raise AuditError(
                f"id must be that of a waiting case; case {id} is {case.status} by {case.by} already: undo that first."
            )
        return case

    def of(self, reference: str) -> Case | None:
        """The case of an input, None if it has none."""
        id = self._id_of.get(reference)
        return None if id is None else self._cases[id - 1]

    def apply(self, event: Event) -> Case:
        """Change the cases as an event says; returns the case that it is about.

        Raises:
            AuditError: it says nothing that can be, as in a log that somebody else made.
        """
        try:
            return self._applied(event)
        except (LookupError, TypeError, ValueError, RecursionError) as error:
            raise AuditError(
                f"event {event.seq} of the review log is not one of handlens ({reason_of(error)}). Compare the log "
                "with an export or a backup."
            ) from error

    def _applied(self, event: Event) -> Case:
        body = json.loads(event.body)
        if not isinstance(body, dict) or not 1 <= event.case <= len(self._cases) + (event.kind == PREDICTED):
            raise ValueError(f"it is about case {event.case!r:.20}, of {len(self._cases)}")
        if event.kind == PREDICTED:
            case = self._predicted(event.case, body)
        else:
            case = self._cases[event.case - 1]
            if event.kind == CONTESTED:
                why = [*case.why, f"contested by {body['by']}: {body['why']}"]
                case = replace(_reopened(case), why=why, contested=True)
            elif event.kind == UNDONE:
                case = _reopened(case)
            else:
                case = replace(case, status=event.kind, **_decision(event.kind, body))
        self._cases[event.case - 1] = case
        return case

    def _predicted(self, id: int, body: Mapping[str, Any]) -> Case:
        prediction = {name: value for name, value in body.items() if name != "why"}
        _check_prediction(prediction)
        if id > len(self._cases):
            self._cases.append(Case(id, **prediction))
            self._id_of[prediction["reference"]] = id
        case = replace(self._cases[id - 1], **prediction)
        why = body["why"]
        return case if why is None or why in case.why else replace(case, why=[*case.why, why])


def _check_prediction(body: Mapping[str, Any]) -> None:
    """Raise ValueError unless a prediction has values of the types that a case has."""
    kinds: dict[str, Any] = {"reference": str, "predicted": (str, int, float), "probabilities": dict, "nearest": list}
    odd = next((name for name, kind in kinds.items() if not isinstance(body[name], kind)), None)
    if odd is None and not all(isinstance(each, (int, float)) for each in body["probabilities"].values()):
        odd = "probabilities"
    if odd is None and not all(isinstance(each, dict) for each in body["nearest"]):
        odd = "nearest"
    if odd is not None:
        raise ValueError(f"its {odd} cannot be {body[odd]!r:.60}")


def _decision(kind: str, body: dict[str, Any]) -> dict[str, Any]:
    """What a person decided; ValueError if nobody can have."""
    if kind not in (CONFIRMED, OVERRULED) or not body.keys() <= {"label", "by", "reason"}:
        raise ValueError(f"it is of the kind {kind!r:.40} with {', '.join(body)!r:.60}")
    return body


def _reopened(case: Case) -> Case:
    return replace(case, status=WAITING, label=None, by=None, reason=None)
