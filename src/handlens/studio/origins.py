"""Where labels come from: the action that gave them, whether a person gave them, and when."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import CollectionError

Kind = Literal["by hand", "suggested", "checked", "certified", "imported"]
"""Who gave a label: a person; a person who confirmed a prediction; a person who answered a spot check, with the
prediction hidden; the model, with a bound on its errors; or a file."""

Gesture = Literal[
    "lasso", "box", "click", "similar", "search", "review", "duplicates", "check", "import", "finish", "call", "unknown"
]
"""The action that gave a label; “duplicates” gave it to a group of them, “call” is one from Python, “unknown” one of a
version that did not keep it."""


@dataclass(frozen=True)
class Certificate:
    """What is known about labels that the model gave: with `confidence`, at most the share `error` of them is wrong.

    Attributes:
        error: the largest share of all labels of the collection that may be wrong, 0–1.
        confidence: the probability with which that holds, between 0 and 1.
        checked: the number of photos that people had checked.
    """

    error: float
    confidence: float
    checked: int

    def __post_init__(self) -> None:
        if not (_is_number(self.error) and 0 <= self.error <= 1):
            raise CollectionError(f"a certificate's error must be a share from 0 to 1; {self.error!r} arrived.")
        if not (_is_number(self.confidence) and 0 < self.confidence < 1):
            raise CollectionError(
                f"a certificate's confidence must be a probability between 0 and 1; {self.confidence!r} arrived."
            )
        if isinstance(self.checked, bool) or not isinstance(self.checked, int) or self.checked < 0:
            raise CollectionError(
                f"a certificate's checked must be a whole number of photos, 0 or more; {self.checked!r} arrived."
            )


@dataclass(frozen=True)
class Origin:
    """Where the labels of one change come from.

    Attributes:
        gesture: the action that gave them.
        kind: who gave them.
        certificate: the bound on their errors; of certified labels, and only of these.
        by: what gave them, if it was not a person: of certified labels the hash of the model (SHA-256 of the
            tensors.safetensors that `Collection.export_model` writes), of imported ones the name of the file. None of
            versions that did not keep it.

    Example:
        >>> Origin("lasso", "by hand").kind
        'by hand'
        >>> Origin("finish", "certified", Certificate(error=0.05, confidence=0.95, checked=200)).certificate.error
        0.05
    """

    gesture: Gesture
    kind: Kind
    certificate: Certificate | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("gesture", self.gesture, get_args(Gesture)),
            ("kind", self.kind, get_args(Kind)),
        ):
            if value not in choices:
                raise CollectionError(f"an origin's {name} must be one of {', '.join(choices)}; {value!r} arrived.")
        if isinstance(self.certificate, Certificate) != (self.kind == "certified"):
            raise CollectionError(
                "certified labels must have a certificate, and others must not; "
                f"{self.kind!r} arrived with {self.certificate!r}."
            )
        if self.by is not None and (not isinstance(self.by, str) or self.kind not in ("certified", "imported")):
            raise CollectionError(
                "an origin's by must be text, and only certified and imported labels have it; "
                f"{self.by!r} arrived with {self.kind!r}."
            )

    def as_json(self) -> dict[str, Any]:
        """The origin as the label log keeps it."""
        body: dict[str, Any] = {"gesture": self.gesture, "kind": self.kind}
        if self.certificate:
            body["certificate"] = asdict(self.certificate)
        if self.by is not None:
            body["by"] = self.by
        return body

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Origin:
        """Read what `as_json` made; KeyError, TypeError or CollectionError if it is damaged."""
        if "certificate" not in body:
            return _without_certificate(body["gesture"], body["kind"], body.get("by"))
        return cls(body["gesture"], body["kind"], Certificate(**body["certificate"]), body.get("by"))


@lru_cache(maxsize=64)
def _without_certificate(gesture: Gesture, kind: Kind, by: str | None) -> Origin:
    """One object for the many changes that have the same origin."""
    return Origin(gesture, kind, None, by)


CALL = Origin("call", "by hand")
"""A call of `Collection.label`."""

CHECKED = Origin("check", "checked")
"""A person's answer in a spot check."""

UNKNOWN = Origin("unknown", "by hand")
"""A label of a version that did not keep origins."""


class LabelChange(NamedTuple):
    """One change that gave labels: where they come from, when it was made (UTC), and how many labels there were then.

    The number is that of all labels in the collection after the change.
    """

    origin: Origin
    at: datetime
    labels: int


class LabelOrigins(NamedTuple):
    """Where the label of each photo comes from.

    Photos that were labelled by one change resemble each other, so they are held out together.

    Attributes:
        changes: int64 [N], the number of the change that gave each photo its label, 0 without a label.
        by_change: what is known of each change in `changes`.
    """

    changes: NDArray[np.int64]
    by_change: dict[int, LabelChange]

    @property
    def frame(self) -> pd.DataFrame:
        """Gesture, kind, time (UTC), certificate and `by` of each label by photo id; missing values without a label."""
        numbers, changes = list(self.by_change), self.by_change.values()
        certificates = [change.origin.certificate for change in changes]
        by_change = pd.DataFrame(
            {
                "gesture": pd.Series([change.origin.gesture for change in changes], numbers, "str"),
                "kind": pd.Series([change.origin.kind for change in changes], numbers, "str"),
                "at": pd.Series([change.at for change in changes], numbers, "datetime64[us, UTC]"),
                "error": pd.Series([c.error if c else np.nan for c in certificates], numbers, float),
                "confidence": pd.Series([c.confidence if c else np.nan for c in certificates], numbers, float),
                "by": pd.Series([change.origin.by for change in changes], numbers, "str"),
            }
        )
        return by_change.reindex(self.changes).set_index(pd.RangeIndex(len(self.changes), name="id"))


def certified(origins: LabelOrigins) -> NDArray[np.bool_]:
    """Which photos have a label that the model gave, with a certificate; bool [N]."""
    changes = [seq for seq, change in origins.by_change.items() if change.origin.kind == "certified"]
    return np.isin(origins.changes, changes)


def certificate_sentence(origins: LabelOrigins, made: frozenset[int]) -> str | None:
    """What is certain of the labels that a model gave last, and of which moment that is said, in sentences.

    Args:
        origins: of all labels.
        made: the numbers of the changes of labels that were made and not taken back.

    Returns:
        None if there are no such labels.
    """
    changes = origins.changes[certified(origins)]
    if not len(changes):
        return None
    number = int(changes.max())
    origin, at, labels = origins.by_change[number]
    certificate = origin.certificate
    assert certificate is not None
    since = " Labels have changed since; what they are now was not certified." if max(made) > number else ""
    return (
        f"On {at:%Y-%m-%d}, with {100 * certificate.confidence:g} % confidence at most {100 * certificate.error:g} % "
        f"of the {labels:,} labels that there were then were wrong, from {certificate.checked:,} checked photos; "
        f"labels by persons count as right.{since}"
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
