"""Labels: assign, remove, rename, merge, delete, undo and redo."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

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
    content = payloads.labels(collection, since).model_dump_json().encode()
    return compressed(request, content, {}, media_type=JSON)


@router.post("/labels/assign")
def assign(wanted: Assign, collection: OpenCollection, since: Since = -1) -> AnyLabels:
    """Give photos a label; it is on disk before the response is sent."""
    ids = selected(wanted.selection, len(collection.paths))
    collection.parts.labels.assign(ids, wanted.name, origin=Origin(wanted.gesture, wanted.kind))
    return payloads.labels(collection, since)


@router.post("/labels/remove")
def remove(wanted: Remove, collection: OpenCollection, since: Since = -1) -> AnyLabels:
    """Remove the labels of photos."""
    collection.unlabel(selected(wanted.selection, len(collection.paths)))
    return payloads.labels(collection, since)


@router.post("/labels/rename")
def rename(wanted: Rename, collection: OpenCollection, since: Since = -1) -> AnyLabels:
    """Give a label another name."""
    collection.rename(wanted.name, wanted.to)
    return payloads.labels(collection, since)


@router.post("/labels/merge")
def merge(wanted: Merge, collection: OpenCollection, since: Since = -1) -> AnyLabels:
    """Give all photos of some labels one label."""
    collection.merge(wanted.names, wanted.into)
    return payloads.labels(collection, since)


@router.post("/labels/delete")
def delete(wanted: Delete, collection: OpenCollection, since: Since = -1) -> AnyLabels:
    """Delete a label."""
    collection.delete(wanted.name)
    return payloads.labels(collection, since)


@router.post("/undo")
def undo(collection: OpenCollection, since: Since = -1) -> AnyLabels:
    """Undo the latest change, if there is one."""
    collection.undo()
    return payloads.labels(collection, since)


@router.post("/redo")
def redo(collection: OpenCollection, since: Since = -1) -> AnyLabels:
    """Redo what was undone last, if there is something."""
    collection.redo()
    return payloads.labels(collection, since)
