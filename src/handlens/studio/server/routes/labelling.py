"""Labels: giving, taking off, renaming, merging, deleting, and undoing any of it."""

from __future__ import annotations

from fastapi import APIRouter

from handlens.studio.server import payloads, schemas
from handlens.studio.server.deps import Opened

router = APIRouter(prefix="/api/collections/{c}", tags=["labels"])


@router.get("/labels")
def labels(opened: Opened) -> schemas.Labels:
    """All labels, and what undo and redo would do."""
    return payloads.labels(opened)


@router.post("/labels/assign")
def assign(wanted: schemas.Assign, opened: Opened) -> schemas.Labels:
    """Give photos a label; it is on disk when this answers."""
    opened.label(payloads.selected(wanted.selection, len(opened.paths)), wanted.name)
    return payloads.labels(opened)


@router.post("/labels/remove")
def remove(wanted: schemas.Remove, opened: Opened) -> schemas.Labels:
    """Take the labels off photos."""
    opened.unlabel(payloads.selected(wanted.selection, len(opened.paths)))
    return payloads.labels(opened)


@router.post("/labels/rename")
def rename(wanted: schemas.Rename, opened: Opened) -> schemas.Labels:
    """Give a label another name."""
    opened.rename(wanted.name, wanted.to)
    return payloads.labels(opened)


@router.post("/labels/merge")
def merge(wanted: schemas.Merge, opened: Opened) -> schemas.Labels:
    """Give all photos of some labels one label."""
    opened.merge(wanted.names, wanted.into)
    return payloads.labels(opened)


@router.post("/labels/delete")
def delete(wanted: schemas.Delete, opened: Opened) -> schemas.Labels:
    """Delete a label."""
    opened.delete(wanted.name)
    return payloads.labels(opened)


@router.post("/undo")
def undo(opened: Opened) -> schemas.Labels:
    """Take the latest change back, if there is one."""
    opened.undo()
    return payloads.labels(opened)


@router.post("/redo")
def redo(opened: Opened) -> schemas.Labels:
    """Bring back what undo took, if there is something."""
    opened.redo()
    return payloads.labels(opened)
