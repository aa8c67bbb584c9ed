"""What the HTTP API sends of a collection's attached CSV, its datasheet and its review queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from handlens.serving.encoding import finite
from handlens.studio.server.encoding import readable
from handlens.studio.server.schemas.audit import (
    Attributes,
    CaseStatus,
    DatasheetForm,
    DatasheetQuestion,
    DatasheetSection,
    FactTable,
    Group,
    LabelledNeighbour,
    ReviewCase,
    SubgroupReport,
    UnmatchedLine,
)

if TYPE_CHECKING:
    from handlens.audit import Case
    from handlens.studio.collection import Collection

LISTED = 100
"""How many of the lines and photos without a match are listed."""


def attributes(collection: Collection) -> Attributes | None:
    """The attached CSV, None if there is none."""
    found = collection.attached
    if found is None:
        return None
    lines = found.unmatched.head(LISTED).to_numpy().tolist()
    return Attributes(
        name=found.name,
        column=found.column,
        columns=found.columns,
        rows=found.rows,
        matched=found.matched,
        unmatched=len(found.unmatched),
        unmatched_lines=[
            UnmatchedLine(line=line, value=readable(value), reason=reason) for line, value, reason in lines
        ],
        without=len(found.without),
        without_paths=[readable(collection.paths[id]) for id in found.without[:LISTED].tolist()],
    )


def split(collection: Collection, columns: list[str]) -> SubgroupReport:
    """The report by columns of the CSV."""
    from handlens.audit.report.formatting import rows_of
    from handlens.audit.report.text import subgroups_sentences

    found = collection.subgroups(columns)
    groups = [
        Group(
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
    return SubgroupReport(groups=groups, sentences=subgroups_sentences(found), small=found.small)


def datasheet(collection: Collection) -> DatasheetForm:
    """The questions with their answers."""
    from handlens.audit import Datasheet

    answers = collection.parts.checks.answers
    sections = [
        DatasheetSection(
            title=title,
            questions=[
                DatasheetQuestion(key=key, question=question, answer=answers.get(key, ""))
                for key, question in questions.items()
            ],
        )
        for title, questions in Datasheet.sections.items()
    ]
    return DatasheetForm(sections=sections, notes=answers.get("notes", ""))


def facts(collection: Collection) -> list[FactTable]:
    """The computed part of the datasheet."""
    from handlens.audit.report.datasheet_tables import facts_as_tables

    return [
        FactTable(heading=heading, rows=[[_cell(value) for value in row] for row in rows])
        for heading, rows in facts_as_tables(collection.datasheet().facts)
    ]


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else readable(str(value))


def case(collection: Collection, case: Case) -> ReviewCase:
    """A case with its photo's id."""
    return ReviewCase(
        id=case.id,
        photo=collection.review.photo(case),
        predicted=str(case.predicted),
        probabilities=case.probabilities,
        why=case.why,
        contested=case.contested,
        status=cast(CaseStatus, case.status),
        label=None if case.label is None else str(case.label),
        by=case.by,
        reason=case.reason,
    )


def nearest(collection: Collection, id: int) -> list[LabelledNeighbour]:
    """The labelled photos most like that of a case."""
    review = collection.review
    found = review.nearest(review.photo(review.queue.case(id)))
    ids = {path: photo for photo, path in enumerate(collection.paths)}
    return [
        LabelledNeighbour(photo=ids[reference], label=label, distance=distance)
        for reference, label, distance in found.to_numpy().tolist()
    ]
