"""Who the model fails, what the photos are, and a person's word against the model's."""

from __future__ import annotations

import shutil
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from handlens.studio.server import audits, schemas, schemas_audit
from handlens.studio.server.deps import CollectionId, Opened, State, collection
from handlens.studio.server.downloads import sent_file

router = APIRouter(prefix="/api/collections/{c}", tags=["audit"])

CaseNumber = Annotated[int, Path(ge=1, description="the number of a case")]


# --- split report ----------------------------------------------------------------------------------


@router.get("/attributes")
def attributes(opened: Opened) -> schemas_audit.Attributes | None:
    """The attached CSV, null without one."""
    return audits.attributes(opened)


@router.put("/attributes", openapi_extra=schemas.FILE_BODY)
async def attach(
    c: CollectionId,
    name: Annotated[str, Query(min_length=1, max_length=255, description="what the file is called")],
    request: Request,
    state: State,
) -> schemas_audit.Attributes | None:
    """Attach a CSV, the body, in place of an earlier one."""
    data = await request.body()

    def kept() -> schemas_audit.Attributes | None:
        opened = collection(c, request)
        folder = state.temporary.new("attributes")
        try:
            (folder / "attributes.csv").write_bytes(data)
            opened.attach(folder / "attributes.csv", name=name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return audits.attributes(opened)

    return await run_in_threadpool(kept)


@router.delete("/attributes", status_code=204)
def detach(opened: Opened) -> None:
    """Remove the attached CSV."""
    opened.detach()


@router.get("/subgroups")
def subgroups(
    opened: Opened, by: Annotated[list[str], Query(min_length=1, max_length=3, description="columns of the CSV")]
) -> schemas_audit.Split:
    """The accuracy of the model in use, overall and by the groups of one or several columns."""
    return audits.split(opened, by)


# --- datasheet -------------------------------------------------------------------------------------


@router.get("/datasheet")
def datasheet(opened: Opened) -> schemas_audit.Datasheet:
    """The questions of the datasheet and what was answered so far."""
    return audits.datasheet(opened)


@router.get("/datasheet/facts")
def facts(opened: Opened) -> list[schemas_audit.FactTable]:
    """What is worked out from the photos' files: tables of text. Reads every file."""
    return audits.facts(opened)


@router.put("/datasheet/{key}", status_code=204)
def answer(key: Annotated[str, Path(max_length=100)], given: schemas_audit.Answer, opened: Opened) -> None:
    """Answer a question; it is on disk when this answers. An empty text takes the answer back."""
    opened.answer(key, given.text)


# --- review ----------------------------------------------------------------------------------------


@router.post("/review")
def review(wanted: schemas_audit.Below, opened: Opened) -> list[schemas_audit.Case]:
    """The cases that wait for a person: contested ones first, then the least sure."""
    return [audits.case(opened, case) for case in opened.review.waiting(below=wanted.below)]


@router.get("/review/{case}/nearest")
def nearest(case: CaseNumber, opened: Opened) -> list[schemas_audit.LabelledNeighbour]:
    """The labelled photos most like that of a case, the nearest first."""
    return audits.nearest(opened, case)


@router.post("/review/{case}/confirm")
def confirm(case: CaseNumber, said: schemas_audit.Confirmed, opened: Opened) -> schemas_audit.Case:
    """The prediction stands, and becomes the photo's label."""
    return audits.case(opened, opened.review.confirm(case, by=said.by, reason=said.reason))


@router.post("/review/{case}/overrule")
def overrule(case: CaseNumber, said: schemas_audit.Overruled, opened: Opened) -> schemas_audit.Case:
    """The prediction is wrong: another label becomes the photo's."""
    return audits.case(opened, opened.review.overrule(case, said.label, by=said.by, reason=said.reason))


@router.post("/review/{case}/take-back")
def take_back(case: CaseNumber, said: schemas_audit.TakenBack, opened: Opened) -> schemas_audit.Case:
    """The case waits again."""
    return audits.case(opened, opened.review.take_back(case, by=said.by))


@router.post("/contest", status_code=201)
def contest(said: schemas_audit.Contest, opened: Opened) -> schemas_audit.Case:
    """Send a photo to the queue with a note, whatever the model is sure of."""
    return audits.case(opened, opened.review.contest(said.photo, by=said.by, why=said.why))


# --- take away -------------------------------------------------------------------------------------


@router.get("/export/DATASHEET.md", response_class=FileResponse, responses={200: {"content": {"text/markdown": {}}}})
def datasheet_file(c: CollectionId, opened: Opened, state: State) -> FileResponse:
    """The datasheet as Markdown, which `handlens audit check` reads."""
    return sent_file(c, "DATASHEET.md", opened.export_datasheet, state.temporary, kind="text/markdown")


@router.get("/export/review-log.csv", response_class=FileResponse, responses={200: {"content": {"text/csv": {}}}})
def review_log(c: CollectionId, opened: Opened, state: State) -> FileResponse:
    """Every entry of the review's log, each with the hash of the one before."""
    return sent_file(c, "review-log.csv", opened.export_review, state.temporary, kind="text/csv")
