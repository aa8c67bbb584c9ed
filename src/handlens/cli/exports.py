"""`handlens export`: the labels of a collection in a format that other tools read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from handlens.cli.app import Json, app, fail, print_json
from handlens.cli.progress import photo_progress
from handlens.errors import HandlensError


@app.command()
def export(
    collection: Annotated[Path, typer.Argument(help="The folder of the collection.")],
    out: Annotated[Path, typer.Argument(help="The file to write; for a format that is a folder, a new or empty one.")],
    format: Annotated[
        str,
        typer.Option(
            help="csv, spreadsheet, parquet, folders (a zip), coco, label-studio, fiftyone, hugging-face, croissant, "
            "yolo, or the name of a plugin."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Write the labels of a collection in a format that other tools read, each with its origin."""
    try:
        from handlens.studio.collection import Collection

        with Collection.open(collection) as opened, photo_progress() as progress:
            written = opened.export(out, format, progress=progress)
    except HandlensError as error:
        fail(error)
    if as_json:
        print_json(asdict(written))
        return
    typer.echo(written)
    for one in written.left_out:
        typer.echo(f"left out: {one.path}: {one.reason}", err=True)
