"""Schemas of the attached CSV, the datasheet and the review queue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from handlens.serving.schemas import RequestBody
from handlens.studio.server.schemas.base import LabelText

Person = Annotated[str, Field(max_length=200, description="who decides; kept in the log")]
CaseStatus = Literal["waiting", "confirmed", "overruled"]
Note = Annotated[str, Field(max_length=5_000)]


class UnmatchedLine(BaseModel):
    """A line of the CSV that was not used, and the reason."""

    line: int
    value: str
    reason: str


class Attributes(BaseModel):
    """An attached CSV; of the lines and photos that did not match, the first ones are listed."""

    name: str
    column: str = Field(description="the column that names the photos")
    columns: list[str] = Field(description="the others, by which the report can be split")
    rows: int
    matched: int = Field(description="photos with a row")
    unmatched: int
    unmatched_lines: list[UnmatchedLine]
    without: int = Field(description="photos without a row")
    without_paths: list[str]


class Group(BaseModel):
    """The accuracy of one group with its 95 % interval; null if undefined."""

    by: str
    group: str
    n: int
    value: float | None
    low: float | None
    high: float | None
    worst: bool
    best: bool
    small: bool
    undefined: str


class SubgroupReport(BaseModel):
    """The report by groups: overall first, then level by level; `sentences` name the worst groups."""

    groups: list[Group]
    sentences: list[str]
    small: int = Field(description="photos below which a group is small")


class DatasheetQuestion(BaseModel):
    """A question of the datasheet with its answer, an empty text if there is none."""

    key: str
    question: str
    answer: str


class DatasheetSection(BaseModel):
    """A section of the datasheet."""

    title: str
    questions: list[DatasheetQuestion]


class DatasheetForm(BaseModel):
    """The datasheet's form."""

    sections: list[DatasheetSection]
    notes: str


class FactTable(BaseModel):
    """A table of computed facts, as text."""

    heading: list[str]
    rows: list[list[str]]


class Answer(RequestBody):
    """An answer; an empty text removes it."""

    text: Annotated[str, Field(max_length=100_000)]


class ReviewThreshold(RequestBody):
    """Predictions with a lower probability than this wait for a person's decision."""

    below: Annotated[float, Field(ge=0, le=1)]


class ReviewCase(BaseModel):
    """A prediction in the review queue; `why` are the reasons for which it is there."""

    id: int
    photo: int
    predicted: str
    probabilities: dict[str, float]
    why: list[str]
    contested: bool
    status: CaseStatus
    label: str | None
    by: str | None
    reason: str | None


class LabelledNeighbour(BaseModel):
    """A labelled photo and its distance."""

    photo: int
    label: str
    distance: float


class Confirmed(RequestBody):
    """The prediction is right; if it was contested, a reason is required."""

    by: Person
    reason: Note = ""


class Overruled(RequestBody):
    """The prediction is wrong, and this is the right label; if it was contested, a reason is required."""

    label: LabelText
    by: Person
    reason: Note = ""


class TakenBack(RequestBody):
    """A decision is undone."""

    by: Person


class Contest(RequestBody):
    """A photo that somebody wants to be reviewed."""

    photo: Annotated[int, Field(ge=0)]
    by: Person
    why: Note
