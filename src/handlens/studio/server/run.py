"""Running Studio: print its address, serve, and stop cleanly."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from handlens.errors import StorageError
from handlens.io.problems import reason_of
from handlens.serving.running import serve_page

if TYPE_CHECKING:
    from fastapi import FastAPI


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

    def make(token: str | None, hosts: list[str]) -> tuple[FastAPI, str]:
        try:
            app = create_app(home, token=token, hosts=hosts)
        except OSError as error:
            raise StorageError(
                f"{home} cannot be written ({reason_of(error)}). Set HANDLENS_HOME to a folder that can."
            ) from error
        return app, begin(app) if begin else "/"

    ending = "Ctrl+C ends it; everything is kept."
    app = serve_page("handlens Studio", make, host=host, port=port, browser=browser, ending=ending)
    if not app.state.server.finished:
        # Labels are on disk; what other threads still compute is a cache, and is computed again the next time.
        os._exit(0)
