"""Running Studio: print its address, serve, and stop cleanly."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from handlens.core.threads import answering_first
from handlens.errors import StorageError
from handlens.io.problems import reason_of
from handlens.serving.connections import Server
from handlens.serving.listening import LOCAL, accepted_hosts, address, has_display, listen

if TYPE_CHECKING:
    from fastapi import FastAPI


class _Server(Server):
    """A server that calls `ready` when it accepts requests, and ends the event streams before it stops."""

    def __init__(self, app: FastAPI, ready: Callable[[], None]) -> None:
        super().__init__(app)
        self._app, self._ready = app, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.server.feed.close()
        await super().shutdown(sockets)


def serve(
    home: Path,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = True,
    begin: Callable[[FastAPI], str] | None = None,
) -> None:
    """Serve Studio until SIGINT or SIGTERM, and print its address.

    Args:
        home: Studio's own folder.
        host: the address to listen on; any other than this machine's own requires a token.
        port: the port; the first free one from 8600 on unless given.
        browser: whether to open the page in a browser.
        begin: called with the app before the first request; returns the path to open.

    Raises:
        AddressError: the address or port cannot be listened on.
        StorageError: the folder cannot be written.
    """
    from handlens.studio.server.app import create_app

    token = None if host in LOCAL else secrets.token_urlsafe(24)
    bound = listen(host, port)
    try:
        actual = int(bound.getsockname()[1])
        try:
            app = create_app(home, token=token, hosts=accepted_hosts(host, actual))
        except OSError as error:
            raise StorageError(
                f"{home} cannot be written ({reason_of(error)}). Set HANDLENS_HOME to a folder that can."
            ) from error
        path = begin(app) if begin else "/"
        url = address(host, actual, path, token)

        def ready() -> None:
            print(f"handlens Studio: {url}", flush=True)
            print("Ctrl+C ends it; everything is kept.", flush=True)
            if browser and has_display():
                threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

        server = _Server(app, ready)
        # uvicorn raises the signal again when it has stopped; to stop on a signal is not a failure here.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        with answering_first():
            server.run(sockets=[bound])
        if not app.state.server.finished:
            # Labels are on disk; what other threads still compute is a cache, and is computed again the next time.
            os._exit(0)
    finally:
        bound.close()
