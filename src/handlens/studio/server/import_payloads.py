"""What the HTTP API sends of importing labels."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from handlens.errors import ImportProblem, TrainingError
from handlens.studio.server.encoding import readable
from handlens.studio.server.schemas.importing import (
    Changed,
    Conflicting,
    ImportCounts,
    ImportPlanned,
    NewLabels,
    NotUsed,
    Respelled,
    TruthState,
    Uncut,
)

if TYPE_CHECKING:
    import pandas as pd

    from handlens.studio.collection import Collection
    from handlens.studio.formats.importing import ImportPlan

LISTED = 100
"""How many of each kind are listed."""


class PlanChanged(ImportProblem):
    """What an import would do is not what a person has agreed to."""


def check_digest(found: ImportPlan, wanted: str | None) -> None:
    """Check that a plan is the one that a person has agreed to.

    Raises:
        PlanChanged: it is another one.
    """
    if wanted is not None and digest(found) != wanted:
        raise PlanChanged(
            f"the labels, or {found.name}, have changed since this was shown, so nothing was imported. "
            "Look at it again."
        )


def digest(found: ImportPlan) -> str:
    """A hash of which photos would get which labels, and of those that they have."""
    rows = found.matched[["id", "label", "now"]].itertuples(index=False, name=None)
    return hashlib.sha256("\n".join(map(repr, rows)).encode("utf-8", "surrogatepass")).hexdigest()


def uncut(problems: pd.DataFrame) -> list[Uncut]:
    """The first boxes that were not cut out."""
    return [
        Uncut(where=readable(where), reason=readable(reason)) for where, reason in _rows(problems, "where", "reason")
    ]


def plan(found: ImportPlan) -> ImportPlanned:
    """What an import would do, or what it did."""
    labels = found.new["label"].value_counts(sort=False).sort_values(ascending=False, kind="stable").head(LISTED)
    return ImportPlanned(
        name=found.name,
        format=found.title,
        choices={key: [readable(value) for value in values[:LISTED]] for key, values in found.choices.items()},
        counts=ImportCounts(**found.counts),
        labels=[NewLabels(label=str(label), count=int(count)) for label, count in labels.items()],
        new_labels=found.new_labels[:LISTED],
        new_labels_count=len(found.new_labels),
        respelled=[
            Respelled(before=readable(before), after=after) for before, after in [*found.respelled.items()][:LISTED]
        ],
        unmatched=[
            NotUsed(
                where=readable(where),
                photo=readable(photo),
                label=readable(label) if isinstance(label, str) else None,
                reason=readable(reason),
            )
            for where, photo, label, reason in _rows(found.unmatched, "where", "photo", "label", "reason")
        ],
        conflicting=[
            Conflicting(photo=photo, labels=labels[:LISTED], where=[readable(place) for place in where[:LISTED]])
            for photo, labels, where in _rows(found.conflicting, "id", "labels", "where")
        ],
        changes=[
            Changed(photo=photo, now=now, label=label)
            for photo, now, label in _rows(found.changes, "id", "now", "label")
        ],
        boxes=int(found.found.labels["x"].notna().sum()),
        digest=digest(found),
        imported=found.imported,
    )


def truth(collection: Collection) -> TruthState | None:
    """The labels that are kept aside, None if there are none."""
    found = collection.truth
    if found is None:
        return None
    try:
        report = found.report()
        accuracy, interval, sentence = report.accuracy, report.interval, str(report)
    except TrainingError as error:
        accuracy, interval, sentence = None, None, str(error)
    low, high = interval or (None, None)
    return TruthState(
        name=found.name,
        at=found.at.isoformat(),
        labels=len(found),
        accuracy=accuracy,
        low=low,
        high=high,
        sentence=sentence[:1].upper() + sentence[1:],
    )


def _rows(table: pd.DataFrame, *columns: str) -> list[list[Any]]:
    """The first rows of some columns of a table."""
    rows: list[list[Any]] = table[list(columns)].head(LISTED).astype(object).to_numpy().tolist()
    return rows
