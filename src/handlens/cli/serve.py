"""`handlens serve`: one saved model behind HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handlens.cli.app import app, fail
from handlens.errors import HandlensError


@app.command()
def serve(
    model: Annotated[Path, typer.Argument(help="The folder of a saved model, from Studio or learn.export().")],
    port: Annotated[
        int | None, typer.Option(help="The port to listen on; the first free one from 8600 on unless given.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; any but this machine's own asks for a token.")
    ] = "127.0.0.1",
) -> None:
    """Answer requests for predictions over HTTP; the printed address says how to ask."""
    try:
        from handlens.serving import app as server

        server.serve(model, host=host, port=port)
    except HandlensError as error:
        fail(error)
