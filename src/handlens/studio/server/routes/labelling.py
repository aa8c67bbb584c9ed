"""Labels: assign, remove, rename, merge, delete, undo and redo."""

from __future__ import annotations

from fastapi import APIRouter

from handlens.studio.origins import Origin
from handlens.studio.server import payloads
from handlens.studio.server.dependencies import OpenCollection
from handlens.studio.server.encoding import selected
from handlens.studio.server.schemas.labels import Assign, Delete, LabelsState, Merge, Remove, Rename

router = APIRouter(prefix="/api/collections/{c}", tags=["labels"])


@router.get("/labels")
def labels(collection: OpenCollection) -> LabelsState:
    """All labels, and what undo and redo would do."""
    return payloads.labels(collection)


@router.post("/labels/assign")
def assign(wanted: Assign, collection: OpenCollection) -> LabelsState:
    """Give photos a label; it is on disk before the response is sent."""
    ids = selected(wanted.selection, len(collection.paths))
    collection.parts.labels.assign(ids, wanted.name, origin=Origin(wanted.gesture, wanted.kind))
    return payloads.labels(collection)


@router.post("/labels/remove")
def remove(wanted: Remove, collection: OpenCollection) -> LabelsState:
    """Remove the labels of photos."""
    collection.unlabel(selected(wanted.selection, len(collection.paths)))
    return payloads.labels(collection)


@router.post("/labels/rename")
def rename(wanted: Rename, collection: OpenCollection) -> LabelsState:
    """Give a label another name."""
    collection.rename(wanted.name, wanted.to)
    return payloads.labels(collection)


@router.post("/labels/merge")
def merge(wanted: Merge, collection: OpenCollection) -> LabelsState:
    """Give all photos of some labels one label."""
    collection.merge(wanted.names, wanted.into)
    return payloads.labels(collection)


@router.post("/labels/delete")
def delete(wanted: Delete, collection: OpenCollection) -> LabelsState:
    """Delete a label."""
    collection.delete(wanted.name)
    return payloads.labels(collection)


@router.post("/undo")
def undo(collection: OpenCollection) -> LabelsState:
    """Undo the latest change, if there is one."""
    collection.undo()
    return payloads.labels(collection)


@router.post("/redo")
def redo(collection: OpenCollection) -> LabelsState:
    """Redo what was undone last, if there is something."""
    collection.redo()
    return payloads.labels(collection)
