"""One collection: its state, preparing it, its events, and the state in which the page was left."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from handlens.serving.streams import EventStream
from handlens.studio.server import payloads
from handlens.studio.server.dependencies import CollectionId, OpenCollection, Server, open_collection
from handlens.studio.server.routes.labelling import Since
from handlens.studio.server.schemas.collection import CollectionState, NewSource, Relocate
from handlens.studio.server.schemas.events import Event
from handlens.studio.server.typed_paths import typed_path
from handlens.studio.settings import VIEW_DEPTH, is_deep

router = APIRouter(prefix="/api/collections/{c}", tags=["collection"])

VIEW_LIMIT = 16 * 1024


@router.get("")
def state(c: CollectionId, collection: OpenCollection) -> CollectionState:
    """Everything about a collection except its photos and labels."""
    return payloads.state(c, collection)


@router.delete("", status_code=204)
async def forget(c: CollectionId, server: Server) -> None:
    """Delete the collection with its labels and models; photos in a folder of the user's own are not touched."""
    server.feed.end(c)
    await run_in_threadpool(server.registry.forget, c)


@router.post("/scan")
def scan(c: CollectionId, collection: OpenCollection) -> CollectionState:
    """Start to look for what has changed in the folder of photos; what is to be prepared is prepared then."""
    collection.start_scanning()
    return payloads.state(c, collection)


@router.delete("/scan")
def cancel_scan(c: CollectionId, collection: OpenCollection) -> CollectionState:
    """Stop looking for what has changed; what was known before stays."""
    collection.cancel_scanning()
    return payloads.state(c, collection)


@router.post("/found")
def add_found(c: CollectionId, server: Server) -> CollectionState:
    """Use the photos that were found in the folder, and prepare them: they get the next ids, and `count` grows."""
    collection = server.registry.add_found(c)
    if collection.progress.phase == "idle":
        collection.start_preparing()
    return payloads.state(c, collection)


@router.post("/prepare")
def prepare(c: CollectionId, collection: OpenCollection) -> CollectionState:
    """Start preparing, or continue where it was stopped."""
    collection.start_preparing()
    return payloads.state(c, collection)


@router.delete("/prepare")
def cancel(c: CollectionId, collection: OpenCollection) -> CollectionState:
    """Stop preparing after the current photo; what was done stays."""
    collection.cancel_preparing()
    return payloads.state(c, collection)


@router.post("/sources")
def add_source(c: CollectionId, wanted: NewSource, collection: OpenCollection) -> CollectionState:
    """Add a network, or features learned on these photos (null), and prepare it."""
    collection.add_features(wanted.backbone)
    collection.start_preparing()
    return payloads.state(c, collection)


@router.delete("/sources/{name}")
def remove_source(
    c: CollectionId,
    name: Annotated[str, Path(max_length=300, description="of a source that failed")],
    collection: OpenCollection,
) -> CollectionState:
    """Remove a source that failed, such as a network whose weights cannot be downloaded."""
    collection.remove_features(name)
    return payloads.state(c, collection)


@router.put("/images")
def relocate(c: CollectionId, wanted: Relocate, server: Server) -> CollectionState:
    """Say in which folder the photos are now, after it was moved; some photos are looked for there and compared."""
    return payloads.state(c, server.registry.relocate(c, typed_path(wanted.path)))


@router.put("/view", status_code=204)
def keep_view(view: dict[str, Any], collection: OpenCollection) -> None:
    """Keep the state of the page, to restore it later: any JSON object of at most 16 kB."""
    if is_deep(view):
        raise HTTPException(422, f"A view must be at most {VIEW_DEPTH} levels deep.")
    try:
        text = json.dumps(view, allow_nan=False)
    except ValueError:
        raise HTTPException(422, "A view must be plain JSON, without NaN or infinity.") from None
    if len(text) > VIEW_LIMIT:
        raise HTTPException(413, f"A view must be at most {VIEW_LIMIT} bytes; {len(text)} arrived.")
    collection.parts.settings.view = view


@router.get("/events", response_class=EventStream, responses={200: {"model": Event}})
async def events(c: CollectionId, request: Request, server: Server, since: Since = -1) -> EventStream:
    """A stream of what changes, as server-sent events."""
    collection = await run_in_threadpool(open_collection, c, request)
    return EventStream(
        server.feed.stream(c, collection, gone=request.is_disconnected, since=since),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
