"""The command `handlens` itself, which its subcommands add themselves to, and what they share."""

from __future__ import annotations

import io
import json
import math
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from handlens import __version__
from handlens.errors import HandlensError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_show_locals=False)

Json = Annotated[bool, typer.Option("--json", help="Print it as JSON, for programs.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"handlens {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[  # noqa: ARG001 - its callback has ended the process
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From raw pictures or a raw table to labels, a trained model and its predictions."""
    warnings.showwarning = _say_warning
    # Such a photo is left out, or refused, with a reason of ours.
    warnings.filterwarnings("ignore", "Image size .* exceeds limit")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label or a path may have what the terminal has not


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning as a sentence, without the line of code that gave it."""
    typer.secho(f"Warning: {message}", fg="yellow", err=True)


def fail(error: HandlensError) -> None:
    """Say what is wrong in red and end with status 1."""
    typer.secho(f"Error: {error}", fg="red", err=True)
    raise typer.Exit(1)


@contextmanager
def stopped_by_sigterm() -> Iterator[None]:
    """A block in which SIGTERM, as clusters and service managers send it, is Ctrl+C: what was begun is cleared away."""
    if threading.current_thread() is not threading.main_thread():  # no other may say what signals do
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def print_json(value: Any) -> None:
    """Print a value as JSON: what is missing or infinite as null, and what JSON does not have as text.

    Only ASCII is printed, which each terminal and pipe can take, also for names of files that are not text.
    """
    typer.echo(json.dumps(_plain(value), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "item"):  # a number of NumPy
        value = value.item()
    if value is None or (value != value) is True or (isinstance(value, float) and math.isinf(value)):
        return None
    return value if isinstance(value, bool | int | float | str) else str(value)
