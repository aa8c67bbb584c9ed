"""Labels: assign, remove, rename, merge, delete, undo and redo."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from handlens.studio.collection import Collection
from handlens.studio.origins import Origin
from handlens.studio.server import payloads
from handlens.studio.server.columns import JSON, compressed
from handlens.studio.server.dependencies import OpenCollection
from handlens.studio.server.encoding import selected
from handlens.studio.server.schemas.labels import AnyLabels, Assign, Delete, Merge, Remove, Rename

router = APIRouter(prefix="/api/collections/{c}", tags=["labels"])

Since = Annotated[
    int,
    Query(
        ge=-1,
        description="the version of the labels that the caller knows: the answer is then what has changed since, where "
        "that is known, and else all labels",
    ),
]


@router.get("/labels", response_model=AnyLabels)
def labels(request: Request, collection: OpenCollection, since: Since = -1) -> Response:
    """All labels or what has changed, and what undo and redo would do."""
    return _labels(request, collection, since)


@router.post("/labels/assign", response_model=AnyLabels)
def assign(request: Request, wanted: Assign, collection: OpenCollection, since: Since = -1) -> Response:
    """Give photos a label; it is on disk before the response is sent."""
    ids = selected(wanted.selection, len(collection.paths))
    collection.parts.labels.assign(ids, wanted.name, origin=Origin(wanted.gesture, wanted.kind))
    return _labels(request, collection, since)


@router.post("/labels/remove", response_model=AnyLabels)
def remove(request: Request, wanted: Remove, collection: OpenCollection, since: Since = -1) -> Response:
    """Remove the labels of photos."""
    collection.unlabel(selected(wanted.selection, len(collection.paths)))
    return _labels(request, collection, since)


@router.post("/labels/rename", response_model=AnyLabels)
def rename(request: Request, wanted: Rename, collection: OpenCollection, since: Since = -1) -> Response:
    """Give a label another name."""
    collection.rename(wanted.name, wanted.to)
    return _labels(request, collection, since)


@router.post("/labels/merge", response_model=AnyLabels)
def merge(request: Request, wanted: Merge, collection: OpenCollection, since: Since = -1) -> Response:
    """Give all photos of some labels one label."""
    collection.merge(wanted.names, wanted.into)
    return _labels(request, collection, since)


@router.post("/labels/delete", response_model=AnyLabels)
def delete(request: Request, wanted: Delete, collection: OpenCollection, since: Since = -1) -> Response:
    """Delete a label."""
    collection.delete(wanted.name)
    return _labels(request, collection, since)


@router.post("/undo", response_model=AnyLabels)
def undo(request: Request, collection: OpenCollection, since: Since = -1) -> Response:
    """Undo the latest change, if there is one."""
    collection.undo()
    return _labels(request, collection, since)


@router.post("/redo", response_model=AnyLabels)
def redo(request: Request, collection: OpenCollection, since: Since = -1) -> Response:
    """Redo what was undone last, if there is something."""
    collection.redo()
    return _labels(request, collection, since)


def _labels(request: Request, collection: Collection, since: int) -> Response:
    """All labels or what has changed, compressed."""
    content = payloads.labels(collection, since).model_dump_json().encode()
    return compressed(request, content, {}, media_type=JSON)
