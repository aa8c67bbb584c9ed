"""The HTTP API of the page of experiments."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from handlens.errors import ExperimentError
from handlens.experiments.server import actions, payloads
from handlens.experiments.server.events import StudyFeed
from handlens.experiments.server.records import Records
from handlens.experiments.server.schemas import (
    MOST_ID,
    Curves,
    Event,
    Importance,
    Name,
    PivotRequest,
    PivotTable,
    RunChange,
    RunDetail,
    RunIds,
    RunsDone,
    RunTable,
    StudyList,
    StudyName,
)
from handlens.experiments.server.summaries import importance_of, pivot_table
from handlens.serving.streams import EventStream

router = APIRouter(prefix="/api", tags=["experiments"])

MOST_CURVES = 20


class ExperimentsState:
    """The long-lived objects of one server: what it reads, and the event streams."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.feed = StudyFeed(records)


def _records(request: Request) -> Records:
    state: ExperimentsState = request.app.state.server
    return state.records


Recorded = Annotated[Records, Depends(_records)]
Study = Annotated[StudyName, Query()]
Since = Annotated[
    int | None,
    Query(ge=0, le=2**53, description="a version, for only what changed after it; everything if it is too old"),
]
RunId = Annotated[int, Path(ge=1, le=MOST_ID, description="the id of a run")]


@router.get("/studies")
def studies(records: Recorded) -> StudyList:
    """The studies in the folder, and how far each is."""
    with records.lock:
        return payloads.studies(records)


@router.get("/runs")
def runs(study: Study, records: Recorded, since: Since = None) -> RunTable:
    """The runs of a study, column by column."""
    with records.lock:
        return payloads.runs(records, study, since)


@router.get("/curves")
def curves(
    study: Study,
    number: Annotated[
        list[Annotated[str, Query(max_length=200)]],
        Query(min_length=1, max_length=MOST_CURVES, description="such as valid_loss; can be repeated"),
    ],
    records: Recorded,
    since: Since = None,
) -> Curves:
    """Numbers of every epoch of a study's runs."""
    with records.lock:
        return payloads.curves(records, study, number, since)


@router.post("/pivot")
def pivot(wanted: PivotRequest, records: Recorded) -> PivotTable:
    """A pivot table of a study, with its cells compared with a baseline."""
    return pivot_table(records, wanted)


@router.get("/importance")
def importance(
    study: Study,
    records: Recorded,
    values: Annotated[Name, Query(description="the number that is explained")] = "value",
) -> Importance:
    """How important each choice of a study is, and whether chance could explain it; this takes seconds."""
    return importance_of(records, study, values)


@router.get("/runs/{id}")
def run(id: RunId, records: Recorded) -> RunDetail:
    """Everything about one run, with the end of its log."""
    with records.lock:
        return payloads.detail(records, id)


@router.patch("/runs")
def change_runs(wanted: RunChange, records: Recorded) -> RunsDone:
    """Write a note, a star or whether they are hidden beside runs."""
    marks = wanted.model_dump(include={"note", "star", "hidden"}, exclude_none=True)
    if not marks:
        raise ExperimentError("a change must have a note, a star or hidden; none arrived.")
    with records.lock:
        return actions.mark(records, wanted.runs, marks)


@router.post("/runs/stop")
def stop_runs(wanted: RunIds, records: Recorded) -> RunsDone:
    """Stop runs: after their current epoch, and at once where nobody trains them."""
    with records.lock:
        return actions.stop(records, wanted.runs)


@router.post("/runs/requeue")
def requeue_runs(wanted: RunIds, records: Recorded) -> RunsDone:
    """Let runs wait for training again: stopped ones go on from their checkpoint, all others begin again."""
    with records.lock:
        return actions.requeue(records, wanted.runs)


@router.post("/runs/delete")
def delete_runs(wanted: RunIds, records: Recorded) -> RunsDone:
    """Delete runs with their epochs and folders, but none that is being trained."""
    with records.lock:
        return actions.delete(records, wanted.runs)


@router.get("/events", response_class=EventStream, responses={200: {"model": Event}})
async def events(request: Request) -> EventStream:
    """The studies, at first and after each change, as server-sent events."""
    state: ExperimentsState = request.app.state.server
    return EventStream(state.feed.stream(request.is_disconnected))
