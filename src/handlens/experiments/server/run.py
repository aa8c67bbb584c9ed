"""Running the page of experiments: print its address, serve, and stop cleanly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlens.experiments.store import Place
from handlens.serving.running import serve_page

if TYPE_CHECKING:
    from fastapi import FastAPI


def serve(place: Place, *, host: str = "127.0.0.1", port: int | None = None, browser: bool = True) -> None:
    """Serve the page of the studies in one place until SIGINT or SIGTERM, and print its address.

    Args:
        place: the folder and the database.
        host: the address to listen on; any other than this machine's own requires a token.
        port: the port; the first free one from 8600 on unless given.
        browser: whether to open the page in a browser.

    Raises:
        AddressError: the address or port cannot be listened on.
    """
    from handlens.experiments.server.app import HOME, create_app

    def make(token: str | None, hosts: list[str]) -> tuple[FastAPI, str]:
        return create_app(place, token=token, hosts=hosts), HOME

    ending = "Ctrl+C ends it; runs that are being trained go on."
    serve_page("handlens experiments", make, host=host, port=port, browser=browser, ending=ending)
