"""What is looked at again: labels that the model doubts, and photos that are there more than once."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException

from handlens.studio.server import payloads
from handlens.studio.server.dependencies import CollectionId, OpenCollection
from handlens.studio.server.encoding import selected
from handlens.studio.server.routes.labelling import Since
from handlens.studio.server.schemas.collection import CollectionState
from handlens.studio.server.schemas.labels import AnyLabels
from handlens.studio.server.schemas.reviewing import DuplicateGroups, OfSuspects, SuspectLabels

router = APIRouter(prefix="/api/collections/{c}", tags=["reviewing"])


@router.get("/suspects")
def suspects(collection: OpenCollection) -> SuspectLabels:
    """The labels that may be wrong, the most doubtful first."""
    return payloads.suspects(collection)


@router.post("/suspects/keep")
def keep_suspects(wanted: OfSuspects, collection: OpenCollection, since: Since = -1) -> AnyLabels:
    """Keep labels that the model doubts; they are not listed again until a model suggests other ones."""
    ids = selected(wanted.selection, len(collection.paths))
    collection.parts.suspects.keep(ids, version=wanted.version)
    return payloads.labels(collection, since)


@router.post("/suspects/take")
def take_suggested(wanted: OfSuspects, collection: OpenCollection, since: Since = -1) -> AnyLabels:
    """Give photos the labels that the model suggests."""
    ids = selected(wanted.selection, len(collection.paths))
    collection.parts.suspects.take(ids, version=wanted.version)
    return payloads.labels(collection, since)


@router.post("/duplicates", status_code=202)
def search_duplicates(c: CollectionId, collection: OpenCollection) -> CollectionState:
    """Start to search for duplicates in the background; the state says how far that is."""
    collection.parts.duplicates.start()
    return payloads.state(c, collection)


@router.delete("/duplicates")
def cancel_duplicates(c: CollectionId, collection: OpenCollection) -> CollectionState:
    """Stop the search for duplicates."""
    collection.parts.duplicates.cancel()
    return payloads.state(c, collection)


@router.get("/duplicates")
def duplicates(collection: OpenCollection) -> DuplicateGroups:
    """The groups of duplicates; 404 while they are not known."""
    found = payloads.duplicates(collection)
    if found is None:
        raise HTTPException(404, "The duplicates are not known yet. Search for them first.")
    return found


@router.post("/duplicates/label")
def label_duplicates(collection: OpenCollection, since: Since = -1) -> AnyLabels:
    """Give photos without a label that of their duplicates."""
    collection.label_duplicates()
    return payloads.labels(collection, since)
