"""Accuracy by groups, the datasheet, and the review queue."""

from __future__ import annotations

import shutil
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from handlens.studio.server import audit_payloads
from handlens.studio.server.dependencies import CollectionId, OpenCollection, Server, open_collection
from handlens.studio.server.downloads import sent_file
from handlens.studio.server.schemas.audit import (
    Answer,
    Attributes,
    Confirmed,
    Contest,
    DatasheetForm,
    FactTable,
    LabelledNeighbour,
    Overruled,
    ReviewCase,
    ReviewThreshold,
    SubgroupReport,
    TakenBack,
)
from handlens.studio.server.schemas.base import FILE_BODY

router = APIRouter(prefix="/api/collections/{c}", tags=["audit"])

CaseNumber = Annotated[int, Path(ge=1, description="the number of a case")]


# --- split report ----------------------------------------------------------------------------------


@router.get("/attributes")
def attributes(collection: OpenCollection) -> Attributes | None:
    """The attached CSV, null if there is none."""
    return audit_payloads.attributes(collection)


@router.put("/attributes", openapi_extra=FILE_BODY)
async def attach(
    c: CollectionId,
    name: Annotated[str, Query(min_length=1, max_length=255, description="what the file is called")],
    request: Request,
    server: Server,
) -> Attributes | None:
    """Attach a CSV, which is the body; it replaces an earlier one."""
    data = await request.body()

    def attached() -> Attributes | None:
        collection = open_collection(c, request)
        folder = server.temporary.new("attributes")
        try:
            (folder / "attributes.csv").write_bytes(data)
            collection.attach(folder / "attributes.csv", name=name)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return audit_payloads.attributes(collection)

    return await run_in_threadpool(attached)


@router.delete("/attributes", status_code=204)
def detach(collection: OpenCollection) -> None:
    """Remove the attached CSV."""
    collection.detach()


@router.get("/subgroups")
def subgroups(
    collection: OpenCollection,
    by: Annotated[list[str], Query(min_length=1, max_length=3, description="columns of the CSV")],
) -> SubgroupReport:
    """The accuracy of the model in use, overall and by the groups of one or several columns."""
    return audit_payloads.split(collection, by)


# --- datasheet -------------------------------------------------------------------------------------


@router.get("/datasheet")
def datasheet(collection: OpenCollection) -> DatasheetForm:
    """The questions of the datasheet with the answers so far."""
    return audit_payloads.datasheet(collection)


@router.get("/datasheet/facts")
def facts(collection: OpenCollection) -> list[FactTable]:
    """What is computed from the photos' files: tables of text. Reads every file."""
    return audit_payloads.facts(collection)


@router.put("/datasheet/{key}", status_code=204)
def answer(key: Annotated[str, Path(max_length=100)], given: Answer, collection: OpenCollection) -> None:
    """Answer a question; it is on disk before the response is sent. An empty text removes the answer."""
    collection.answer(key, given.text)


# --- review ----------------------------------------------------------------------------------------


@router.post("/review")
def review(wanted: ReviewThreshold, collection: OpenCollection) -> list[ReviewCase]:
    """The cases that wait for a person's decision: contested ones first, then the least certain."""
    return [audit_payloads.case(collection, case) for case in collection.review.waiting(below=wanted.below)]


@router.get("/review/{case}/nearest")
def nearest(case: CaseNumber, collection: OpenCollection) -> list[LabelledNeighbour]:
    """The labelled photos most like that of a case, the nearest first."""
    return audit_payloads.nearest(collection, case)


@router.post("/review/{case}/confirm")
def confirm(case: CaseNumber, decision: Confirmed, collection: OpenCollection) -> ReviewCase:
    """Confirm the prediction, which becomes the photo's label."""
    return audit_payloads.case(collection, collection.review.confirm(case, by=decision.by, reason=decision.reason))


@router.post("/review/{case}/overrule")
def overrule(case: CaseNumber, decision: Overruled, collection: OpenCollection) -> ReviewCase:
    """Decide that the prediction is wrong: another label becomes the photo's."""
    return audit_payloads.case(
        collection, collection.review.overrule(case, decision.label, by=decision.by, reason=decision.reason)
    )


@router.post("/review/{case}/take-back")
def take_back(case: CaseNumber, decision: TakenBack, collection: OpenCollection) -> ReviewCase:
    """Undo a decision: the case waits again."""
    return audit_payloads.case(collection, collection.review.take_back(case, by=decision.by))


@router.post("/contest", status_code=201)
def contest(decision: Contest, collection: OpenCollection) -> ReviewCase:
    """Send a photo to the queue with a note, however certain the model is."""
    return audit_payloads.case(collection, collection.review.contest(decision.photo, by=decision.by, why=decision.why))


# --- take away -------------------------------------------------------------------------------------


@router.get("/export/DATASHEET.md", response_class=FileResponse, responses={200: {"content": {"text/markdown": {}}}})
def datasheet_file(c: CollectionId, collection: OpenCollection, server: Server) -> FileResponse:
    """The datasheet as Markdown, which `handlens audit check` reads."""
    return sent_file(c, "DATASHEET.md", collection.export_datasheet, server.temporary, kind="text/markdown")


@router.get("/export/review-log.csv", response_class=FileResponse, responses={200: {"content": {"text/csv": {}}}})
def review_log(c: CollectionId, collection: OpenCollection, server: Server) -> FileResponse:
    """Every event of the review's log, each with the hash of the one before."""
    return sent_file(c, "review-log.csv", collection.export_review, server.temporary, kind="text/csv")
