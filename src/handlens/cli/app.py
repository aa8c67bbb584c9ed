"""The command `handlens` itself, which its subcommands add themselves to."""

from __future__ import annotations

from typing import Annotated

import typer

from handlens import __version__
from handlens.errors import HandlensError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"handlens {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From raw pictures or a raw table to labels, a trained model and its predictions."""


def fail(error: HandlensError) -> None:
    """Say what is wrong in red and end with status 1."""
    typer.secho(f"Error: {error}", fg="red", err=True)
    raise typer.Exit(1)
