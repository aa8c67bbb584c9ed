"""What the page of experiments is sent and sends. Times are seconds since 1970; arrays are base64, see each field."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from handlens.serving.schemas import Float32s, Int32s, RequestBody

Float64s = Annotated[str, Field(description="base64 of little-endian float64; NaN where there is no number")]
Name = Annotated[str, Field(max_length=200)]
Names = Annotated[list[Name], Field(max_length=10)]
MOST_ID = 2**31 - 1
RunNumber = Annotated[int, Field(ge=1, le=MOST_ID)]
_NO_NUL = "^[^\\x00]*$"  # which some databases cannot hold
StudyName = Annotated[str, Field(max_length=200, pattern=_NO_NUL, description="the name of a study")]
Version = Annotated[int, Field(description="grows with each change; ask with `since` for what changed after it")]


class Counts(BaseModel):
    """How many runs of a study there are in each status."""

    waiting: int = 0
    running: int = 0
    finished: int = 0
    failed: int = 0
    pruned: int = 0
    stopped: int = 0


class StudySummary(BaseModel):
    """A study, and how far it is."""

    name: str
    metric: str
    direction: Literal["minimize", "maximize"]
    seed: int
    made: float
    changed: float = Field(description="when a run of it last changed")
    combinations: int
    runs: Counts
    lost: list[int] = Field(description="runs that are being trained according to the record, but by no process")
    to_come: int = Field(description="runs of combinations that the latest run of the study is still to choose")


class StudyList(BaseModel):
    """The studies of the folder, by name; none where no study has begun yet."""

    version: Version
    folder: str
    storage: str = Field(description="of the database, as SQLAlchemy writes it, without its password")
    studies: list[StudySummary]


class NumberColumn(BaseModel):
    """A column of numbers, in the order of the ids."""

    kind: Literal["number"] = "number"
    name: str
    role: Literal["fact", "choice", "number"]
    values: Float64s
    direction: Literal["minimize", "maximize"] = Field(description="whether a smaller or a larger number is better")


class ChoiceSpace(BaseModel):
    """What a choice was asked for: one of some options, or a number from low to high."""

    kind: Literal["categorical", "integer", "real"]
    options: list[Any] | None = None
    low: float | None = None
    high: float | None = None
    log: bool = Field(False, description="whether each factor of ten is drawn equally often")


class LevelColumn(BaseModel):
    """A column of any values, in the order of the ids."""

    kind: Literal["level"] = "level"
    name: str
    role: Literal["fact", "choice", "number"]
    levels: list[Any] = Field(description="the different values: numbers by size, then text, then others")
    codes: Int32s = Field(description="base64 of little-endian int32: positions in levels; -1 where there is no value")
    space: ChoiceSpace | None = Field(default=None, description="of a choice")


class RunTable(BaseModel):
    """Runs of a study, column by column: all of them, or those that changed."""

    version: Version
    whole: bool = Field(description="whether these are all runs, in place of those known before")
    ids: Int32s
    removed: list[int] = Field(description="runs that were deleted since")
    columns: list[Annotated[NumberColumn | LevelColumn, Field(discriminator="kind")]] = Field(
        description="facts first, then choices in the order in which they were first asked for, then the last epoch's "
        "numbers"
    )


class Curve(BaseModel):
    """One number of every epoch, run after run."""

    number: str
    values: Float32s


class Curves(BaseModel):
    """Numbers of every epoch of a study's runs: of all runs, or of those that changed."""

    version: Version
    whole: bool = Field(description="whether these are all runs, in place of those known before")
    ids: Int32s
    lengths: Int32s = Field(description="base64 of little-endian int32: the epochs of each run")
    removed: list[int] = Field(description="runs that were deleted since")
    curves: list[Curve] = Field(description="as asked for; NaN where an epoch has no such number")


class PivotRequest(RequestBody):
    """Which pivot table is asked for."""

    study: StudyName
    rows: Names = Field(min_length=1, description="choices, or combination, phase, seed, split, machine, commit, star")
    columns: Names = Field(default_factory=list)
    values: Name = "value"
    baseline: dict[Name, Any] | None = Field(
        None, description="the cell that the others are compared with: a value for each row and column choice"
    )
    runs: list[RunNumber] | None = Field(None, max_length=1_000_000, description="only these; all unless given")


class PivotTable(BaseModel):
    """A pivot table; what is of the cells is a list with an entry for each. null where there is no such number."""

    version: Version
    labels: dict[str, list[Any]] = Field(description="the values of each row and column choice, in order")
    key: dict[str, list[int]] = Field(description="of each such choice, by cell, the position of its value in labels")
    runs: list[list[int]] = Field(description="the ids of the runs of each cell")
    count: list[int] = Field(description="the runs that ended with a number")
    combinations: list[int]
    missing: list[int] = Field(description="the runs without a number")
    why_missing: list[str]
    mean: list[float | None]
    median: list[float | None]
    best: list[float | None]
    sd: list[float | None]
    low: list[float | None] = Field(description="of the 95 % interval of the mean; high is its other end")
    high: list[float | None]
    difference: list[float | None] | None = Field(description="cell minus baseline; null without a baseline, as below")
    difference_low: list[float | None] | None = Field(description="of its 95 % interval")
    difference_high: list[float | None] | None
    pairs: list[int] | None = Field(description="how many runs were compared as pairs; 0 where as groups")
    p_adjusted: list[float | None] | None = Field(description="after Holm's correction for the number of cells")
    verdict: list[Literal["better", "worse", "chance could explain it", "too few runs", "baseline"]] | None
    notes: list[str] = Field(description="what a reader has to know, in sentences")


class ChoiceImportance(BaseModel):
    """How much of the differences between combinations a choice explains by itself."""

    choice: str
    importance: float = Field(description="0 to 1")
    low: float | None = Field(description="of its 95 % interval; high is the other end")
    high: float | None
    chance: float | None = Field(description="what random numbers reach in 95 % of samples")
    combinations: int
    verdict: Literal["beyond chance", "chance could explain it"]


class Importance(BaseModel):
    """The choices of a study, the most important first."""

    version: Version
    choices: list[ChoiceImportance]


class RunFile(BaseModel):
    """A file in the folder of a run."""

    name: str
    bytes: int


class RunDetail(BaseModel):
    """Everything about one run."""

    id: int
    study: str
    combination: int
    phase: str
    seed: int
    split: int
    status: str
    value: float | None
    seconds: float
    started: float | None
    ended: float | None
    stop: bool = Field(description="whether it was asked to stop after its current epoch")
    star: bool
    hidden: bool
    note: str
    error: str | None
    choices: dict[str, Any]
    numbers: dict[str, float | None] = Field(description="of the last epoch, and what the function returned")
    facts: dict[str, Any] = Field(description="versions, commit, data, machine")
    epochs: list[int]
    epoch_seconds: list[float]
    curves: dict[str, list[float | None]] = Field(description="each number by epoch; null where it is not a number")
    log: str | None = Field(description="the last part of what it printed; null where there is nothing")
    files: list[RunFile]
    missing: str | None = Field(description="a sentence, when its folder is not on this machine")


class RunIds(RequestBody):
    """Which runs are meant."""

    runs: list[RunNumber] = Field(min_length=1, max_length=100_000)


class RunChange(RunIds):
    """What to write beside these runs; what is left out stays."""

    note: str | None = Field(None, max_length=10_000, pattern=_NO_NUL)
    star: bool | None = None
    hidden: bool | None = None


class RunLeft(BaseModel):
    """A run to which it was not done, and the reason."""

    run: int
    reason: str


class RunsDone(BaseModel):
    """To which runs it was done."""

    version: Version
    done: list[int]
    left: list[RunLeft]


class StudiesEvent(BaseModel):
    """Runs or studies changed; ask for what changed since the version that you have."""

    kind: Literal["studies"] = "studies"
    studies: StudyList


class ProblemEvent(BaseModel):
    """The studies cannot be read at the moment; they are tried again."""

    kind: Literal["problem"] = "problem"
    error: str


Event = Annotated[StudiesEvent | ProblemEvent, Field(discriminator="kind")]
"""One event, told apart by `kind`."""
