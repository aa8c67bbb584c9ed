"""A collection's audit in the words of the HTTP API."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from handlens.studio.server import schemas_audit
from handlens.studio.server.payloads import finite, readable

if TYPE_CHECKING:
    from handlens.audit import Case
    from handlens.studio.collection import Collection

LISTED = 100
"""Lines and photos without a match that are listed."""


def attributes(collection: Collection) -> schemas_audit.Attributes | None:
    """The attached CSV, None without one."""
    found = collection.attached
    if found is None:
        return None
    lines = found.unmatched.head(LISTED).to_numpy().tolist()
    return schemas_audit.Attributes(
        name=found.name,
        column=found.column,
        columns=found.columns,
        rows=found.rows,
        matched=found.matched,
        unmatched=len(found.unmatched),
        unmatched_lines=[
            schemas_audit.Unmatched(line=line, value=readable(value), reason=reason) for line, value, reason in lines
        ],
        without=len(found.without),
        without_paths=[readable(collection.paths[id]) for id in found.without[:LISTED].tolist()],
    )


def split(collection: Collection, columns: list[str]) -> schemas_audit.Split:
    """The report by columns of the CSV."""
    from handlens.audit.report.formatting import rows_of
    from handlens.audit.report.text import subgroups_sentences

    found = collection.subgroups(columns)
    groups = [
        schemas_audit.Group(
            by=row.by,
            group=readable(str(row.group)),
            n=row.n,
            value=finite(row.value),
            low=finite(row.low),
            high=finite(row.high),
            worst=row.worst,
            best=row.best,
            small=row.small,
            undefined=row.undefined,
        )
        for row in rows_of(found.frame)
    ]
    return schemas_audit.Split(groups=groups, sentences=subgroups_sentences(found), small=found.small)


def datasheet(collection: Collection) -> schemas_audit.Datasheet:
    """The questions with their answers."""
    from handlens.audit import Datasheet

    answers = collection.parts.checks.answers
    sections = [
        schemas_audit.Section(
            title=title,
            questions=[
                schemas_audit.Question(key=key, question=question, answer=answers.get(key, ""))
                for key, question in questions.items()
            ],
        )
        for title, questions in Datasheet.sections.items()
    ]
    return schemas_audit.Datasheet(sections=sections, notes=answers.get("notes", ""))


def facts(collection: Collection) -> list[schemas_audit.FactTable]:
    """The computed part of the datasheet."""
    from handlens.audit.report.datasheet_tables import facts_as_tables

    return [
        schemas_audit.FactTable(heading=heading, rows=[[_cell(value) for value in row] for row in rows])
        for heading, rows in facts_as_tables(collection.datasheet().facts)
    ]


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else readable(str(value))


def case(collection: Collection, case: Case) -> schemas_audit.Case:
    """A case with its photo's id."""
    return schemas_audit.Case(
        id=case.id,
        photo=collection.review.photo(case),
        predicted=str(case.predicted),
        probabilities=case.probabilities,
        why=case.why,
        contested=case.contested,
        status=cast(schemas_audit.CaseStatus, case.status),
        label=None if case.label is None else str(case.label),
        by=case.by,
        reason=case.reason,
    )


def nearest(collection: Collection, id: int) -> list[schemas_audit.LabelledNeighbour]:
    """The labelled photos most like that of a case."""
    review = collection.review
    found = review.nearest(review.photo(review.queue.case(id)))
    ids = {path: photo for photo, path in enumerate(collection.paths)}
    return [
        schemas_audit.LabelledNeighbour(photo=ids[reference], label=label, distance=distance)
        for reference, label, distance in found.to_numpy().tolist()
    ]
