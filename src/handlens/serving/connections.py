"""How many connections a server keeps, and how long each may be silent: who opens many or sends little is cut off."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import time
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""In which the head of a request must have arrived, from the start of a connection or the end of the last answer."""

BODY_SECONDS, BODY_BYTES = 30.0, 1024
"""A body must bring so many bytes in so many seconds, or end."""

ANSWER_SECONDS = 120.0
"""In which a part of an answer must be taken that waits to be sent."""

MOST, FEWEST = 512, 16
_OTHER_FILES = 128
WAITING = 256
"""Connections that may wait to be accepted."""

_AT_ONCE = 32
"""Connections taken up in one go: asyncio accepts so many before any is looked at."""

_HEAD_BYTES = 64 * 1024
_LOOK = 1.0


class Server(uvicorn.Server):
    """Serves an app over HTTP/1.1 with limits on connections, and with nothing in the log but errors of ours."""

    def __init__(self, app: ASGIApp) -> None:
        logging.getLogger("asyncio").addFilter(_OnceAMinute())
        config = uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            backlog=_AT_ONCE,
            h11_max_incomplete_event_size=_HEAD_BYTES,
            # A warning for each request that is not HTTP would let anybody fill the log.
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or []:
            bound.listen(WAITING)  # asyncio takes the number that it accepts in one go for both


def most_connections() -> int:
    """How many connections are kept: as many as leave enough of the files that this process may have open."""
    try:
        import resource
    except ImportError:  # on Windows, which has no such limit
        return MOST
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY:
        return MOST
    return max(FEWEST, min(MOST, (files - _OTHER_FILES) // 2))


class Connection(H11Protocol):
    """A connection that is closed when it is silent for too long; a new one takes the place of the longest idle one.

    Attributes:
        since: when it began to wait for what it waits for now, in the time of the event loop.
    """

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._received = self._answered = 0  # bytes, requests
        self._waits: tuple[object, float] = ("", 0.0)
        self._timer: asyncio.TimerHandle | None = None
        self.since = 0.0

    @property
    def idle(self) -> bool:
        """Whether no request is being answered, and no answer waits to be taken."""
        return (self.cycle is None or self.cycle.response_complete) and not self.flow.write_paused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()
        kept = [one for one in self.connections if isinstance(one, Connection) and not one.transport.is_closing()]
        if len(kept) > most_connections():
            # This one is idle too, and the last to be closed.
            min((one for one in kept if one.idle), key=lambda one: one.since).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)

    def on_response_complete(self) -> None:
        self._answered += 1
        self._note()
        super().on_response_complete()

    def _look(self) -> None:
        """Close the connection if it has waited for too long; look again later."""
        self._timer = self.loop.call_later(_LOOK, self._look)
        self._note()
        if self.loop.time() - self.since >= self._waits[1]:
            self.transport.abort()

    def _note(self) -> None:
        """Start to count again if it waits for something else than before."""
        if (waits := self._waiting()) != self._waits:
            self._waits, self.since = waits, self.loop.time()

    def _waiting(self) -> tuple[object, float]:
        """What it waits for, which changes with each progress, and for how many seconds it may."""
        if self.idle:
            return ("head", self._answered), HEAD_SECONDS
        if self.flow.write_paused:
            return ("answer", self.transport.get_write_buffer_size()), ANSWER_SECONDS
        if self.cycle.more_body and not self.flow.read_paused:
            return ("body", self._received // BODY_BYTES), BODY_SECONDS
        return "work", math.inf  # it is ours to act


class _OnceAMinute(logging.Filter):
    """Lets through one of the messages that no more files can be opened: asyncio gives one for each that waits."""

    def __init__(self) -> None:
        super().__init__()
        self._last = -60.0

    def filter(self, record: logging.LogRecord) -> bool:
        if "out of system resource" not in record.getMessage():
            return True
        now = time.monotonic()
        if now - self._last < 60:
            return False
        self._last = now
        return True
