"""What the calls about auditing take and give."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from handlens.studio.server.schemas import Body, LabelText

Person = Annotated[str, Field(max_length=200, description="who says so; kept in the log")]
CaseStatus = Literal["waiting", "confirmed", "overruled"]
Note = Annotated[str, Field(max_length=5_000)]


class Unmatched(BaseModel):
    """A line of the CSV that was not used, and why."""

    line: int
    value: str
    reason: str


class Attributes(BaseModel):
    """An attached CSV; of what did not match, the first lines and photos are listed."""

    name: str
    column: str = Field(description="the column that names the photos")
    columns: list[str] = Field(description="the others, by which the report can be split")
    rows: int
    matched: int = Field(description="photos with a row")
    unmatched: int
    unmatched_lines: list[Unmatched]
    without: int = Field(description="photos without a row")
    without_paths: list[str]


class Group(BaseModel):
    """One group's accuracy, with its 95 % interval; null where it is undefined."""

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


class Split(BaseModel):
    """The report by groups: overall first, then level by level; `sentences` name the worst groups."""

    groups: list[Group]
    sentences: list[str]
    small: int = Field(description="photos below which a group is small")


class Question(BaseModel):
    """A question of the datasheet with its answer, empty if there is none."""

    key: str
    question: str
    answer: str


class Section(BaseModel):
    """A section of the datasheet."""

    title: str
    questions: list[Question]


class Datasheet(BaseModel):
    """The datasheet's form."""

    sections: list[Section]
    notes: str


class FactTable(BaseModel):
    """A table of what was worked out, as text."""

    heading: list[str]
    rows: list[list[str]]


class Answer(Body):
    """What a person answers; empty takes it back."""

    text: Annotated[str, Field(max_length=100_000)]


class Below(Body):
    """Predictions with less than this probability wait for a person."""

    below: Annotated[float, Field(ge=0, le=1)]


class Case(BaseModel):
    """A prediction before a person; `why` are the reasons that it is here."""

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
    """A labelled photo and how far it is."""

    photo: int
    label: str
    distance: float


class Confirmed(Body):
    """The prediction stands; where it was contested, a reason is owed."""

    by: Person
    reason: Note = ""


class Overruled(Body):
    """The prediction is wrong."""

    label: LabelText
    by: Person
    reason: Note


class TakenBack(Body):
    """A decision is undone."""

    by: Person


class Contest(Body):
    """A photo that somebody wants a person to look at."""

    photo: Annotated[int, Field(ge=0)]
    by: Person
    why: Note
