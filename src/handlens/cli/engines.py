"""The options and the progress of commands that do their work in processes of this machine or by Ray."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from handlens.errors import ShardError

if TYPE_CHECKING:
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


@contextmanager
def showing(doing: str, *, left_out: str = "left out") -> Iterator[Callable[[EmbedProgress], None]]:
    """Show how far it is: a line that changes on a terminal, and a line for each tenth elsewhere.

    Args:
        doing: what is done, such as "embedding".
        left_out: what photos are that it cannot be done with.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = TextColumn(doing), BarColumn(), TextColumn("{task.description}")
    shown = -1
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show(now: EmbedProgress) -> None:
            nonlocal shown
            text = (
                f"{now.done:,}{'' if now.total is None else f' of {now.total:,}'} photos, {now.left_out:,} {left_out}"
            )
            if now.rate is not None and now.seconds_left is not None:
                text += f", {now.rate:,.0f} a second, {timedelta(seconds=round(now.seconds_left))} left"
            bar.update(task, completed=now.share, total=1.0, description=text)
            if not console.is_terminal and int(10 * now.share) > shown:
                shown = int(10 * now.share)
                typer.echo(text, err=True)

        yield show
