"""Downloads: labels, predictions, photos in folders, and the model."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import FileResponse, StreamingResponse
from starlette.background import BackgroundTask

from handlens.errors import CollectionError
from handlens.studio.filters import MOST_BYTES, Filter
from handlens.studio.formats import exporters
from handlens.studio.server.dependencies import CollectionId, OpenCollection, Server, ServerState
from handlens.studio.server.downloads import (
    labelled_photos,
    sent_export,
    sent_file,
    sent_written,
    until_gone,
    zip_of,
    zip_of_photos,
    zipped_model,
)
from handlens.studio.server.schemas.exports import ExportFormat, ExportFormats, ExportRun

router = APIRouter(prefix="/api/collections/{c}/export", tags=["take away"])

_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
_ANY: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}
_ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}


def _filter(
    where: Annotated[
        str | None, Query(max_length=MOST_BYTES, description="only the photos that this filter means; JSON")
    ] = None,
) -> Filter | None:
    if where is None:
        return None
    try:
        tree = json.loads(where)
    except (ValueError, RecursionError):
        raise CollectionError("where must be a filter as JSON; what arrived is not JSON.") from None
    return Filter.from_json(tree)


Exact = Annotated[
    bool,
    Query(description="text as it is, for programs; otherwise text that a spreadsheet would run gets an apostrophe"),
]
Run = Annotated[str, Path(max_length=100, description="the id of an export")]
Where = Annotated[Filter | None, Depends(_filter)]


@router.get("/labels.csv", response_class=FileResponse, responses=_CSV)
async def labels(
    request: Request, c: CollectionId, collection: OpenCollection, server: Server, where: Where, exact: Exact = False
) -> FileResponse:
    """The labelled photos: path, label, origin, gesture, labelled_at, error_at_most, confidence, by."""
    write = partial(collection.export, format="csv" if exact else "spreadsheet", where=where)
    return await _csv_unless_gone(request, c, "labels.csv", write, server)


@router.get("")
def formats(c: CollectionId, collection: OpenCollection) -> ExportFormats:  # noqa: ARG001
    """The formats that labels can be taken away in."""
    return ExportFormats(
        formats=[
            ExportFormat(name=one.name, title=one.title, ending=one.ending or ".zip") for one in exporters().values()
        ]
    )


@router.get("/as/{format}", response_class=FileResponse, responses=_ANY)
async def labels_as(
    request: Request,
    c: CollectionId,
    collection: OpenCollection,
    server: Server,
    where: Where,
    format: Annotated[str, Path(max_length=100, description="the name of one of the formats")],
) -> FileResponse:
    """The labels in a format; of one that is a folder, a zip. Writing stops if the browser goes away."""
    write = partial(sent_export, c, collection, format, where, server.temporary)
    return await until_gone(request, write)


@router.post("/as/{format}", status_code=202)
def start_export(
    c: CollectionId,
    collection: OpenCollection,
    server: Server,
    where: Where,
    format: Annotated[str, Path(max_length=100, description="the name of one of the formats")],
) -> ExportRun:
    """Start to write the labels in a format, which can be followed, cancelled, and downloaded when it is ready."""
    return server.exports.start(c, collection, format, where)


@router.get("/runs/{run}")
def export_run(c: CollectionId, server: Server, run: Run) -> ExportRun:
    """How far an export is."""
    return server.exports.state(c, run)


@router.delete("/runs/{run}", status_code=204)
def cancel_export(c: CollectionId, server: Server, run: Run) -> None:
    """Cancel an export, or remove its file."""
    server.exports.cancel(c, run)


@router.get("/runs/{run}/file", response_class=FileResponse, responses=_ANY)
def exported_file(c: CollectionId, server: Server, run: Run) -> FileResponse:
    """The file of an export that is ready, which is removed afterwards."""
    return sent_written(*server.exports.take(c, run))


@router.get("/predictions.csv", response_class=FileResponse, responses=_CSV)
async def predictions(
    request: Request, c: CollectionId, collection: OpenCollection, server: Server, where: Where, exact: Exact = False
) -> FileResponse:
    """A row for each photo: path, label, predicted, probability, one probability for each class, and reason."""
    write = partial(collection.export_predictions, where=where, spreadsheet=not exact)
    return await _csv_unless_gone(request, c, "predictions.csv", write, server)


async def _csv_unless_gone(
    request: Request, c: str, name: str, write: Callable[..., object], server: ServerState
) -> FileResponse:
    """Send what `write(file, cancel=event)` writes, which stops if the browser goes away."""

    def sent(gone: threading.Event) -> FileResponse:
        return sent_file(c, name, partial(write, cancel=gone), server.temporary, kind="text/csv")

    return await until_gone(request, sent)


@router.get("/folders.zip", response_class=StreamingResponse, responses=_ZIP)
def folders(c: CollectionId, collection: OpenCollection, where: Where) -> StreamingResponse:
    """The labelled photos, unchanged, in folders by label."""
    content = zip_of_photos(labelled_photos(collection, where))
    return StreamingResponse(content, media_type="application/zip", headers=_attachment(f"{c}-photos.zip"))


@router.get("/model.zip", response_class=StreamingResponse, responses=_ZIP)
def model(c: CollectionId, collection: OpenCollection, server: Server) -> StreamingResponse:
    """The model as a folder that `handlens predict` uses."""
    folder, files = zipped_model(collection, server.temporary)
    return StreamingResponse(
        zip_of(files),
        media_type="application/zip",
        headers=_attachment(f"{c}-model.zip"),
        background=BackgroundTask(shutil.rmtree, folder, ignore_errors=True),
    )


def _attachment(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}  # ids are plain letters
