"""The options and the progress of commands that do their work in processes of this machine or by Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from handlens.errors import ShardError

if TYPE_CHECKING:
    from rich.progress import Progress

    from handlens.embedding import EmbedProgress


class EngineName(StrEnum):
    """Where the work is done."""

    local = "local"
    ray = "ray"


EngineOption = Annotated[
    EngineName, typer.Option(help="Where the work is done: in processes of this machine, or by Ray (extra “ray”).")
]
AddressOption = Annotated[
    str | None,
    typer.Option(help="The cluster of Ray, such as 10.0.0.1:6379; unless given, a Ray is started on this machine."),
]
ProcessesOption = Annotated[
    int | None, typer.Option(help="How many work at the same time; one a core, or a CPU of Ray, unless given.")
]
ThreadsOption = Annotated[int, typer.Option(help="Threads of each.")]


def check_address(address: str | None, engine: EngineName) -> None:
    """Raise ShardError for an address of Ray without Ray."""
    if address is not None and engine is EngineName.local:
        raise ShardError("--address goes with --engine ray; --engine local arrived. Leave one of them out.")


_OFTEN, _SELDOM = 0.2, 10.0
"""Seconds between two numbers of files found, on a terminal and elsewhere."""


@contextmanager
def showing(doing: str, *, left_out: str = "left out") -> Iterator[Showing]:
    """Show how far it is: a line that changes on a terminal, and a line for each tenth elsewhere.

    Args:
        doing: what is done, such as "embedding".
        left_out: what photos are that it cannot be done with.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn(doing), BarColumn(bar_width=10), TextColumn("{task.description}")
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield Showing(bar, left_out)


class Showing:
    """Shows how far work is.

    Args:
        bar: on a terminal.
        left_out: what photos are that it cannot be done with.
    """

    def __init__(self, bar: Progress, left_out: str) -> None:
        self._bar, self._left_out = bar, left_out
        self._task = bar.add_task("", total=None)
        self._is_terminal = bar.console.is_terminal  # which takes as long as finding a file
        self._tenth = -1
        self._said: float | None = None  # when files found were shown last

    def found(self, files: int) -> None:
        """Show how many files were found so far."""
        now = monotonic()
        if self._said is None:
            self._said = now
        if now - self._said < (_OFTEN if self._is_terminal else _SELDOM):
            return
        self._said, text = now, f"{files:,} files found so far"
        self._bar.update(self._task, description=text)
        if not self._is_terminal:
            typer.echo(text, err=True)

    def done(self, now: EmbedProgress) -> None:
        """Show how far it is."""
        total = "" if now.total is None else f" of {now.total:,}"
        text = f"{now.done:,}{total} photos"
        if now.rate is not None and now.seconds_left is not None:
            text += f", {timedelta(seconds=round(now.seconds_left))} left, {now.rate:,.0f} a second"
        text += f", {now.left_out:,} {self._left_out}"  # the last, as a narrow terminal cuts a line off
        self._bar.update(self._task, completed=now.share, total=1.0, description=text)
        if not self._is_terminal and int(10 * now.share) > self._tenth:
            self._tenth = int(10 * now.share)
            typer.echo(text, err=True)
