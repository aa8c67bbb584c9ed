"""Server-sent events: what changes in a collection reaches every open tab."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from anyio import to_thread
from pydantic import BaseModel, TypeAdapter

from handlens.studio.server import payloads
from handlens.studio.server.schemas.events import Event, LabelsEvent, StateChangesEvent, StateEvent

if TYPE_CHECKING:
    from handlens.studio.collection import Collection
    from handlens.studio.spot_check import Check

TICK = 2.0
"""Seconds after which a stream without events checks whether its tab is closed, whether another process changed the
labels or the spot check, and whether the folder of photos is there."""

PAUSE = 0.15
"""Seconds between two batches of events: what changes several times in between is sent once."""

LONGEST = 16_384
"""Bytes of the labels in an event, at most; what is longer the page fetches, which compresses it."""

_EVENTS: TypeAdapter[BaseModel] = TypeAdapter(Event)
_STATE, _LABELS = ("state", None, None, None), ("labels", None, None, None)
_QUIET_TICKS = 7  # ticks without events before a comment is sent, so that proxies keep the connection


class Feed:
    """The event streams of one server. All methods but `stream` are to be called in the server's event loop.

    The server cannot stop while a stream is open, so it closes the feed first.
    """

    def __init__(self) -> None:
        self._streams: dict[asyncio.Event, str] = {}
        self._ending: set[asyncio.Event] = set()
        self._closed = False

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    def close(self) -> None:
        """End all streams, also those that would start later."""
        self._closed = True
        for id in set(self._streams.values()):
            self.end(id)

    def end(self, id: str) -> None:
        """End the streams of one collection."""
        ending = {wake for wake, of in self._streams.items() if of == id}
        self._ending |= ending
        for wake in ending:
            wake.set()

    async def stream(
        self, id: str, collection: Collection, *, gone: Callable[[], Awaitable[bool]], since: int = -1
    ) -> AsyncIterator[bytes]:
        """The events of a collection for one tab: first the state and the labels, then what changes.

        Args:
            id: the collection's id.
            collection: the open collection.
            gone: whether the tab is closed, which ends the stream.
            since: the version of the labels that the tab knows.

        Yields:
            server-sent events, each with a JSON object as data; see `handlens.studio.server.schemas.events`.
        """
        loop = asyncio.get_running_loop()
        wake = asyncio.Event()
        pending: dict[tuple[Any, ...], dict[str, Any]] = {_STATE: {}, _LABELS: {}}
        wake.set()

        def note(kind: str, payload: dict[str, Any]) -> None:
            pending[(kind, payload.get("task"), payload.get("layer"), payload.get("projection"))] = payload
            wake.set()

        def heard(kind: str, payload: dict[str, Any]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(note, kind, payload)

        unsubscribe = collection.parts.listeners.subscribe(heard)
        self._streams[wake] = id
        try:
            told, quiet = _Told(id, collection, since), 0
            sent_check: Check | None = None
            sent_there: bool | None = None
            while not self._closed and wake not in self._ending:
                try:
                    await asyncio.wait_for(wake.wait(), TICK)
                except TimeoutError:
                    if await gone():
                        return
                    quiet += 1
                    labels, check, there = await to_thread.run_sync(
                        lambda: (
                            collection.parts.labels.version,
                            collection.spot_check,
                            collection.parts.photos.register.is_there,
                        )
                    )
                    if labels != told.labels_version:
                        note("labels", {})
                    # The check is the same object as long as nothing changes.
                    if check is not sent_check or there is not sent_there:
                        note("state", {})
                    elif quiet >= _QUIET_TICKS:
                        quiet = 0
                        yield b": still here\n\n"
                    continue
                wake.clear()
                quiet = 0
                batch, pending = pending, {}
                if _LABELS in batch:
                    batch[_STATE] = {}  # which maps there are, among others, follows from the labels
                if _STATE in batch:
                    sent_check, sent_there = await to_thread.run_sync(
                        lambda: (collection.spot_check, collection.parts.photos.register.is_there)
                    )
                for (kind, *_), payload in batch.items():
                    message = await to_thread.run_sync(told.message, kind, payload)
                    if message:
                        yield message
                await asyncio.sleep(PAUSE)
        finally:
            unsubscribe()
            del self._streams[wake]
            self._ending.discard(wake)


class _Told:
    """What one stream has told of a collection: of the rest only what changes is sent."""

    def __init__(self, id: str, collection: Collection, labels_version: int) -> None:
        self._id, self._collection = id, collection
        self._state: dict[str, Any] | None = None
        self.labels_version = labels_version

    def message(self, kind: str, payload: dict[str, Any]) -> bytes | None:
        """One event as bytes; None if nothing is new."""
        if kind == "state":
            return self._state_message()
        if kind == "labels":
            labels = payloads.labels(self._collection, self.labels_version)
            self.labels_version = labels.version
            message = _bytes(LabelsEvent(version=labels.version, labels=labels))
            return message if len(message) <= LONGEST else _bytes(LabelsEvent(version=labels.version, labels=None))
        return _bytes(_EVENTS.validate_python({"kind": kind, **payload}))

    def _state_message(self) -> bytes | None:
        state, before = payloads.state(self._id, self._collection), self._state
        # What the person looks at is read on opening only.
        self._state = state.model_dump(mode="json", exclude={"as_of", "view"})
        if before is None:
            return _bytes(StateEvent(state=state))
        changes = {name: value for name, value in self._state.items() if before[name] != value}
        return _bytes(StateChangesEvent(as_of=state.as_of, changes=changes)) if changes else None


def _bytes(event: BaseModel) -> bytes:
    return b"data: " + event.model_dump_json().encode() + b"\n\n"
