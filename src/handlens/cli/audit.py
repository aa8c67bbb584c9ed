"""`handlens audit`: makes and checks datasheets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handlens.cli.app import Json, app, fail, print_json
from handlens.errors import HandlensError

audit = typer.Typer(no_args_is_help=True, help="Describe data in a datasheet, and check that it still holds.")
app.add_typer(audit, name="audit")


@audit.command()
def datasheet(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="A table (.csv, .csv.gz or .parquet) or a folder of pictures; several are parts of one data set."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="The Markdown file; the answers in an existing one are kept.")],
    target: Annotated[str | None, typer.Option(help="The column to predict, whose classes are counted.")] = None,
    hide: Annotated[
        list[str] | None,
        typer.Option(help="A column of which no value may be in the datasheet; can be repeated. For pictures: label."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="What the data are called; the names of the files unless given.")
    ] = None,
) -> None:
    """Write a datasheet, or update the facts of an existing one."""
    try:
        from handlens.audit.datasheet import Datasheet

        paths = data[0] if len(data) == 1 else data
        if out.exists():
            sheet = Datasheet.load(out)
            sheet.refresh(paths, target=target, hide=hide or [])
            sheet.name = name or sheet.name
        else:
            sheet = Datasheet.from_data(paths, name=name, target=target, hide=hide or [])
        sheet.save(out)
        typer.echo(f"{len(sheet.unanswered)} of {len(sheet.questions)} questions not answered yet: {out}")
    except HandlensError as error:
        fail(error)


@audit.command()
def check(
    sheet: Annotated[Path, typer.Argument(help="A datasheet.")],
    data: Annotated[
        list[Path] | None, typer.Argument(help="The data; the files that the datasheet was made from unless given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List unanswered questions and facts that no longer match the data; exits with status 1 if there are any."""
    try:
        from handlens.audit.datasheet import Datasheet

        found = Datasheet.load(sheet).check(data[0] if data and len(data) == 1 else data or None)
    except HandlensError as error:
        fail(error)
        return
    if as_json:
        print_json(found)
    else:
        for sentence in found:
            typer.echo(sentence)
    if found:
        raise typer.Exit(1)
    typer.echo(f"every question is answered and every fact holds: {sheet}", err=True)
