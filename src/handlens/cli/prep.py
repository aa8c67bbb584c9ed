"""`handlens prep`: raw tables made ready for training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handlens.cli.app import app, fail
from handlens.errors import HandlensError

prep = typer.Typer(no_args_is_help=True, help="Prepare raw tables for training.")
app.add_typer(prep, name="prep")


@prep.command()
def rossmann(
    tables: Annotated[Path, typer.Argument(help="The folder of the seven raw tables, .csv or .csv.gz.")],
    out: Annotated[Path, typer.Argument(help="The folder to write train_clean.parquet and test_clean.parquet to.")],
) -> None:
    """Join the seven Rossmann tables into one row for each shop and day, as the lesson's notebook does."""
    try:
        from handlens.io.files import atomic_write
        from handlens.tabular.rossmann import prepare

        for what, table in zip(("train", "test"), prepare(tables), strict=True):
            path = out / f"{what}_clean.parquet"
            with atomic_write(path) as partial:
                table.to_parquet(partial)
            rows, columns = table.shape
            typer.echo(f"{rows:,} {'training' if what == 'train' else what} rows × {columns} columns: {path}")
    except HandlensError as error:
        fail(error)
