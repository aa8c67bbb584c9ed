"""`handlens audit`: datasheets, made and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handlens.cli.app import app, fail
from handlens.errors import HandlensError

audit = typer.Typer(no_args_is_help=True, help="Say what data are, and check that it still holds.")
app.add_typer(audit, name="audit")


@audit.command()
def datasheet(
    data: Annotated[
        list[Path],
        typer.Argument(help="A table, .csv, .csv.gz or .parquet, or a folder of pictures; several are parts of one."),
    ],
    out: Annotated[Path, typer.Option("--out", help="The Markdown file; the answers in one that exists are kept.")],
    target: Annotated[str | None, typer.Option(help="The column to predict, whose classes are counted.")] = None,
    name: Annotated[str | None, typer.Option(help="What the data are called; the files' names unless given.")] = None,
) -> None:
    """Write a datasheet, or bring the facts of one up to date."""
    try:
        from handlens.audit.datasheet import Datasheet

        paths = data[0] if len(data) == 1 else data
        if out.exists():
            sheet = Datasheet.load(out)
            sheet.refresh(paths, target=target)
            sheet.name = name or sheet.name
        else:
            sheet = Datasheet.from_data(paths, name=name, target=target)
        sheet.save(out)
        typer.echo(f"{len(sheet.unanswered)} of {len(sheet.questions)} questions not answered yet: {out}")
    except HandlensError as error:
        fail(error)


@audit.command()
def check(
    sheet: Annotated[Path, typer.Argument(help="A datasheet.")],
    data: Annotated[
        list[Path] | None, typer.Argument(help="The data; those that the sheet was made of unless given.")
    ] = None,
) -> None:
    """List what a datasheet leaves open or what no longer matches the data; status 1 if there is anything."""
    try:
        from handlens.audit.datasheet import Datasheet

        found = Datasheet.load(sheet).check(data[0] if data and len(data) == 1 else data or None)
    except HandlensError as error:
        fail(error)
        return
    for sentence in found:
        typer.echo(sentence)
    if found:
        raise typer.Exit(1)
    typer.echo(f"every question is answered and every fact holds: {sheet}", err=True)
