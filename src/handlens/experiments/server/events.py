"""Server-sent events: what any process writes into the record reaches every open tab."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from anyio import to_thread
from pydantic import BaseModel

from handlens.errors import HandlensError
from handlens.experiments.server import payloads
from handlens.experiments.server.records import Records
from handlens.experiments.server.schemas import ProblemEvent, StudiesEvent

TICK = 1.0
"""Seconds between two looks at the database, which other processes change."""

_QUIET_TICKS = 15  # ticks without events before a comment is sent, so that proxies keep the connection


class StudyFeed:
    """The event streams of one server, which cannot stop while a stream is open, so it closes the feed first."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._closed = asyncio.Event()

    def close(self) -> None:
        """End all streams, also those that would start later; to be called in the server's event loop."""
        self._closed.set()

    async def stream(self, gone: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
        """The studies for one tab, at first and after each change, or why they cannot be read.

        Args:
            gone: whether the tab is closed, which ends the stream.

        Yields:
            server-sent events, each with a JSON object as data; see `Event`.
        """
        sent: object = None
        quiet = 0
        while not self._closed.is_set() and not await gone():
            now, event = await to_thread.run_sync(self._look, sent)
            if event is not None:
                sent, quiet = now, 0
                yield b"data: " + event.model_dump_json().encode() + b"\n\n"
            elif (quiet := quiet + 1) >= _QUIET_TICKS:
                quiet = 0
                yield b": still here\n\n"
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closed.wait(), TICK)

    def _look(self, sent: object) -> tuple[object, BaseModel | None]:
        """What there is to know now, and the event that says so unless that was sent."""
        try:
            with self._records.lock:
                now = self._records.version(), [run["id"] for run in self._records.lost()]
                return now, StudiesEvent(studies=payloads.studies(self._records)) if now != sent else None
        except HandlensError as error:
            said = str(error)
            return said, ProblemEvent(error=said[:1].upper() + said[1:]) if said != sent else None
