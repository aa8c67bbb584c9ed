"""`handlens studio`: the page to label photos in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from handlens.cli.app import app, fail
from handlens.errors import CollectionError, HandlensError
from handlens.io.home import home_folder

if TYPE_CHECKING:
    from concurrent.futures import Future

    from fastapi import FastAPI

    from handlens.studio.photo_sources import PhotoSource
    from handlens.studio.progress import GatheringProgress


class _DemoAlone(TyperCommand):
    """A command whose `--demo` without a name is `--demo vehicles`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--demo" in args:
            named = args.index("--demo") + 1
            if args[named : named + 1] == [] or args[named].startswith("-"):
                args = [*args[:named], "vehicles", *args[named:]]
        return super().parse_args(ctx, args)


@app.command(cls=_DemoAlone)
def studio(
    photos: Annotated[
        list[str] | None,
        typer.Argument(
            help="A folder of photos to open. Or files whose photos are copied first: pictures, archives, patterns, "
            "lists of paths (.txt), s3:// and gs:// addresses, PDF documents, videos, DICOM files. Without it Studio "
            "shows its home page."
        ),
    ] = None,
    backbone: Annotated[
        list[str] | None,
        typer.Option(
            help="What describes the photos: a pretrained network, by its name in timm or torchvision; “learned” for "
            "features learned on the photos; or “auto” to choose by the photos, as in a new collection unless given. "
            "May be repeated. Without a folder, the form for a new collection begins with it."
        ),
    ] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="A safetensors file of weights; the first goes with the first --backbone, and so on."),
    ] = None,
    demo: Annotated[
        str | None,
        typer.Option(
            help="A built-in collection to open instead of a folder: vehicles, as without a name, or digits.",
            autocompletion=lambda: ["vehicles", "digits"],
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port to listen on; the first free one from 8600 on unless given.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; any but this machine's own asks visitors for a token.")
    ] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="The seed of every random choice in a new collection.")] = 0,
    every: Annotated[float, typer.Option(help="Seconds between two frames that are taken of a video.")] = 1.0,
    urls: Annotated[
        bool, typer.Option("--urls", help="Download http:// and https:// addresses, and all addresses in lists.")
    ] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Open Studio, the page to label photos in, on photos or on its home page."""
    try:
        named = backbone or []
        _check_studio(photos, named, weights or [], demo)
        from handlens.studio.photo_sources import PhotoSource

        source = PhotoSource(photos[0] if len(photos) == 1 else photos, every=every, urls=urls) if photos else None
        if source is not None:
            source.check()
        from handlens.studio.server.run import serve

        backbones = tuple(None if name == "learned" else name for name in named or ["auto"])
        wanted = (backbones, tuple(file.expanduser().resolve() for file in weights or []), seed)
        serve(
            home_folder(),
            host=host,
            port=port,
            browser=browser,
            begin=lambda server: _begin(server, source, demo, *wanted),
        )
    except HandlensError as error:
        fail(error)


def _check_studio(photos: list[str] | None, backbones: list[str], weights: list[Path], demo: str | None) -> None:
    if photos and demo is not None:
        raise CollectionError("give photos or --demo, not both.")
    if len(weights) > len(backbones):
        raise CollectionError(
            f"each --weights goes with a --backbone; {len(weights)} files and {len(backbones)} names arrived."
        )
    for file in weights:
        if not file.expanduser().is_file():
            raise CollectionError(f"--weights must be a safetensors file; there is no file {file}.")


def _begin(
    server: FastAPI,
    photos: PhotoSource | None,
    demo: str | None,
    backbones: tuple[str | None, ...],
    weights: tuple[Path, ...],
    seed: int,
) -> str:
    """Start opening what was asked for, in the background; returns the path of its page.

    Photos that are to be copied are copied before that, while the terminal shows how far it is.
    """
    from handlens.studio.server.collection_plans import CollectionRequest

    registry = server.state.server.registry
    request = CollectionRequest(backbones=backbones, weights=weights, seed=seed)
    if photos is not None:
        with _copying() as progress:
            plan = registry.plans.of_photos(photos, request, progress=progress)
            if not registry.plans.exists(plan.id):
                _say_cost(photos, backbones, registry.plans.folder)
            if photos.folder is None:
                registry.open(plan)
    elif demo is not None:
        plan = registry.plans.of_builtin(demo, request)
    else:
        server.state.server.preset = request
        return "/"

    def report(opening: Future[object]) -> None:
        error = opening.exception()
        if error is not None:
            typer.secho(f"{'Error' if isinstance(error, HandlensError) else repr(error)}: {error}", fg="red", err=True)

    registry.open_in_background(plan).add_done_callback(report)
    return f"/c/{plan.id}"


def _say_cost(photos: PhotoSource, backbones: tuple[str | None, ...], folder: Path) -> None:
    """Say on a terminal what a collection that will be made takes of the disk and of time, where that is known."""
    if not sys.stderr.isatty():
        return
    from handlens.studio.costs import cost_of

    cost = cost_of(photos, backbone=backbones, folder=folder)
    if cost is not None:
        typer.echo(str(cost), err=True)


@contextmanager
def _copying() -> Iterator[Callable[[GatheringProgress], None]]:
    """Show how far copying photos is, where there is a terminal; Ctrl+C ends it, and the same command goes on."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = TextColumn("copying photos"), BarColumn(), TextColumn("{task.description}")
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show(now: GatheringProgress) -> None:
            text = f"{now.files:,} of {now.total:,} files, {now.photos:,} photos, {now.left_out:,} left out"
            if now.seconds_left is not None:
                text += f", {timedelta(seconds=round(now.seconds_left))} left"
            bar.update(task, completed=now.share, total=1.0, description=text)

        yield show
