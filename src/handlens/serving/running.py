"""Running a server that has a page: print its address, open a browser, serve, and stop cleanly."""

from __future__ import annotations

import secrets
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable

from fastapi import FastAPI

from handlens.core.threads import answering_first
from handlens.serving.connections import Server
from handlens.serving.listening import LOCAL, accepted_hosts, address, has_display, listen


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


def serve_page(
    name: str,
    make: Callable[[str | None, list[str]], tuple[FastAPI, str]],
    *,
    host: str,
    port: int | None,
    browser: bool,
    ending: str,
) -> FastAPI:
    """Serve an app with a page until SIGINT or SIGTERM, and print the page's address.

    Args:
        name: what the address is printed as.
        make: makes the app, whose `state.server.feed` ends the event streams, and the path to open; it is given the
            token that requests must carry and the Host headers to answer to.
        host: the address to listen on; any other than this machine's own requires a token.
        port: the port; None for the first free one from 8600 on.
        browser: whether to open the page in a browser.
        ending: printed below the address: what ends the server, and what is kept.

    Returns:
        The app, after it has stopped.

    Raises:
        AddressError: the address or port cannot be listened on.
    """
    token = None if host in LOCAL else secrets.token_urlsafe(24)
    bound = listen(host, port)
    try:
        actual = int(bound.getsockname()[1])
        app, path = make(token, accepted_hosts(host, actual))
        url = address(host, actual, path, token)

        def ready() -> None:
            print(f"{name}: {url}", flush=True)
            print(ending, flush=True)
            if browser and has_display():
                threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()

        server = _Server(app, ready)
        # uvicorn raises the signal again when it has stopped; to stop on a signal is not a failure here.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        with answering_first():
            server.run(sockets=[bound])
        return app
    finally:
        bound.close()
