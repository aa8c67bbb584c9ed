"""`handlens export`: the labels of a collection in a format that other tools read."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from handlens.cli.app import app, fail
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
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write the labels of a collection in a format that other tools read, each with its origin."""
    try:
        from handlens.studio.collection import Collection

        with Collection.open(collection) as opened, photo_progress() as progress:
            written = opened.export(out, format, progress=progress)
    except HandlensError as error:
        fail(error)
    if as_json:
        typer.echo(json.dumps(asdict(written), default=str, ensure_ascii=False))
        return
    typer.echo(written)
    for one in written.left_out:
        typer.echo(f"left out: {one.path}: {one.reason}", err=True)
