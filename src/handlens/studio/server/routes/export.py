"""Downloads: labels, predictions, photos in folders, and the model."""

from __future__ import annotations

import shutil
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, StreamingResponse
from starlette.background import BackgroundTask

from handlens.studio.server.dependencies import CollectionId, OpenCollection, Server
from handlens.studio.server.downloads import labelled_files, sent_file, zip_of, zipped_model

router = APIRouter(prefix="/api/collections/{c}/export", tags=["take away"])

_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
_ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}


@router.get("/labels.csv", response_class=FileResponse, responses=_CSV)
def labels(c: CollectionId, collection: OpenCollection, server: Server) -> FileResponse:
    """The labelled photos: path, label, origin, gesture, labelled_at, error_at_most, confidence."""
    return sent_file(c, "labels.csv", collection.export_labels, server.temporary, kind="text/csv")


@router.get("/predictions.csv", response_class=FileResponse, responses=_CSV)
def predictions(c: CollectionId, collection: OpenCollection, server: Server) -> FileResponse:
    """A row for each photo: path, label, predicted, probability, one probability for each class, and reason."""
    return sent_file(c, "predictions.csv", collection.export_predictions, server.temporary, kind="text/csv")


@router.get("/folders.zip", response_class=StreamingResponse, responses=_ZIP)
def folders(c: CollectionId, collection: OpenCollection) -> StreamingResponse:
    """The labelled photos, unchanged, in folders by label."""
    files = labelled_files(collection)
    return StreamingResponse(zip_of(files), media_type="application/zip", headers=_attachment(f"{c}-photos.zip"))


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
