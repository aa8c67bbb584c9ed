"""`handlens embed`: photos, wherever they are, into shards."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from handlens.cli.app import app, fail, stopped_by_sigterm
from handlens.cli.engines import (
    AddressOption,
    EngineName,
    EngineOption,
    ProcessesOption,
    ThreadsOption,
    check_address,
    showing,
)
from handlens.errors import HandlensError

_SHOWN = 5
"""Photos of which it is said why they are left out."""


@app.command()
@stopped_by_sigterm()
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
    engine: EngineOption = EngineName.local,
    address: AddressOption = None,
    processes: ProcessesOption = None,
    threads: ThreadsOption = 1,
    seed: Annotated[int, typer.Option(help="The seed of every random choice.")] = 0,
    urls: Annotated[bool, typer.Option("--urls", help="Read the addresses that a list holds, too.")] = False,
) -> None:
    """Embed photos into shards: features of every layer, thumbnails and paths.

    Ctrl-C stops it. Run the same command again to go on; each photo is embedded once, whatever happened in between.
    """
    from handlens.embedding import embed as run
    from handlens.embedding.driver import size
    from handlens.embedding.plan import PLAN
    from handlens.studio.photo_sources import PhotoSource

    try:
        check_address(address, engine)
        with showing("embedding") as shown:
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
                found=shown.found,
                progress=shown.done,
                say=lambda text: typer.echo(text, err=True),
            )
    except KeyboardInterrupt:
        said = "Stopped before anything was embedded; nothing is kept."
        if (out.expanduser() / PLAN).exists():
            said = f"Stopped; what is embedded stays in {out}. Run the same command again to go on."
        typer.echo(said, err=True)
        raise typer.Exit(130) from None
    except HandlensError as error:
        fail(error)
    photos = sum(shard.bytes for shard in found.shards)
    typer.echo(
        f"{found.photos:,} photos are in {out} ({size(photos)}, {len(found.shards):,} shards); "
        f"{found.left_out:,} are left out."
    )
    _say_why(out, found.left_out)


def _say_why(out: Path, count: int) -> None:
    """Say why the first photos are left out."""
    from handlens.scale import ShardSet

    for photo in islice(ShardSet.open(out).left_out() if count else (), _SHOWN):
        typer.echo(f"  {photo.path}: {photo.reason}", err=True)
    if count > _SHOWN:
        typer.echo("  … `handlens.scale.ShardSet.open(OUT).left_out()` gives all.", err=True)
