"""One collection: its state, preparing it, its events, and where the page was left."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from handlens.studio.server import payloads, schemas
from handlens.studio.server.deps import CollectionId, Opened, State, collection
from handlens.studio.server.schemas_events import Event

router = APIRouter(prefix="/api/collections/{c}", tags=["collection"])

VIEW_LIMIT = 16 * 1024
VIEW_DEPTH = 8


@router.get("")
def state(c: CollectionId, opened: Opened) -> schemas.State:
    """Everything about a collection but its photos and labels."""
    return payloads.state(c, opened)


@router.delete("", status_code=204)
async def forget(c: CollectionId, state: State) -> None:
    """Delete the collection with its labels and its model; photos in a folder of the person's own stay untouched."""
    state.feed.end(c)
    await run_in_threadpool(state.registry.forget, c)


@router.post("/prepare")
def prepare(c: CollectionId, opened: Opened) -> schemas.State:
    """Start preparing, or go on where it was stopped."""
    opened.start_preparing()
    return payloads.state(c, opened)


@router.delete("/prepare")
def cancel(c: CollectionId, opened: Opened) -> schemas.State:
    """Stop preparing after the photo at hand; what was done stays."""
    opened.cancel_preparing()
    return payloads.state(c, opened)


@router.post("/sources")
def add_source(c: CollectionId, wanted: schemas.NewSource, opened: Opened) -> schemas.State:
    """Add a network, or features learned on these photos (null), and prepare it."""
    opened.add_features(wanted.backbone)
    opened.start_preparing()
    return payloads.state(c, opened)


@router.put("/view", status_code=204)
def keep_view(view: dict[str, Any], opened: Opened) -> None:
    """Remember where the page is: any JSON object of at most 16 kB."""
    try:
        text = json.dumps(view, allow_nan=False)
    except ValueError:
        raise HTTPException(422, "A view must be plain JSON, without NaN or infinity.") from None
    if len(text) > VIEW_LIMIT:
        raise HTTPException(413, f"A view must be at most {VIEW_LIMIT} bytes; {len(text)} arrived.")
    if _depth(view) > VIEW_DEPTH:
        raise HTTPException(422, f"A view must be at most {VIEW_DEPTH} levels deep.")
    opened.parts.settings.view = view


def _depth(value: object) -> int:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + max(map(_depth, inner), default=0) if isinstance(value, (dict, list)) else 0


class EventStream(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"


@router.get("/events", response_class=EventStream, responses={200: {"model": Event}})
async def events(c: CollectionId, request: Request, state: State) -> EventStream:
    """A stream of what changes: kinds state, labels, maps, projection and predictions."""
    opened = await run_in_threadpool(collection, c, request)
    return EventStream(
        state.feed.stream(c, opened, gone=request.is_disconnected),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
