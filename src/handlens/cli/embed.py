"""`handlens embed`: photos, wherever they are, into shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handlens.cli.app import app, fail
from handlens.errors import HandlensError

if TYPE_CHECKING:
    from handlens.embedding import EmbedProgress


class EngineName(StrEnum):
    """Where the work is done."""

    local = "local"
    ray = "ray"


@app.command()
def embed(
    source: Annotated[
        list[str],
        typer.Argument(
            help="Photos: a folder, a pattern (in quotes), a list of paths (.txt), or s3:// and gs:// addresses; tar "
            "archives as of WebDataset; Parquet files with a column of bytes. They stay where they are."
        ),
    ],
    out: Annotated[
        Path, typer.Argument(help="The folder of the shards; with --engine ray on a disk that all machines share.")
    ],
    backbone: Annotated[
        str,
        typer.Option(
            help="The network that describes the photos, by its name in timm or torchvision; “learned” for features "
            "learned on 500 of the photos."
        ),
    ] = "tf_efficientnet_lite0",
    weights: Annotated[Path | None, typer.Option(help="A safetensors file of weights for the network.")] = None,
    engine: Annotated[
        EngineName, typer.Option(help="Where the work is done: in processes of this machine, or by Ray (extra “ray”).")
    ] = EngineName.local,
    address: Annotated[
        str | None,
        typer.Option(help="The cluster of Ray, such as 10.0.0.1:6379; unless given, a Ray is started on this machine."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(help="How many work at the same time; one a core unless given.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads of each for the network.")] = 1,
    seed: Annotated[int, typer.Option(help="The seed of every random choice.")] = 0,
    urls: Annotated[bool, typer.Option("--urls", help="Read the addresses that a list holds, too.")] = False,
) -> None:
    """Embed photos into shards: features of every layer, thumbnails and paths.

    Ctrl-C stops it. Run the same command again to go on; each photo is embedded once, whatever happened in between.
    """
    from handlens.embedding import embed as run
    from handlens.embedding.driver import size
    from handlens.studio.photo_sources import PhotoSource

    try:
        check_address(address, engine)
        with showing("embedding") as progress:
            found = run(
                PhotoSource(source[0] if len(source) == 1 else source, urls=urls),
                out,
                backbone=None if backbone == "learned" else backbone,
                weights=weights,
                engine=engine.value,
                address=address,
                processes=processes,
                threads=threads,
                seed=seed,
                progress=progress,
                say=lambda text: typer.echo(text, err=True),
            )
    except KeyboardInterrupt:
        typer.echo(f"Stopped; what is embedded stays in {out}. Run the same command again to go on.", err=True)
        raise typer.Exit(130) from None
    except HandlensError as error:
        fail(error)
    photos = sum(shard.bytes for shard in found.shards)
    typer.echo(
        f"{found.photos:,} photos are in {out} ({size(photos)}, {len(found.shards):,} shards); "
        f"{found.left_out:,} are left out."
    )


def check_address(address: str | None, engine: EngineName) -> None:
    """Raise ShardError for an address of Ray without Ray."""
    if address is not None and engine is EngineName.local:
        from handlens.errors import ShardError

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
