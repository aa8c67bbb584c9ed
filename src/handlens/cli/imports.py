"""`handlens import`: labels from a file into a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handlens.cli.app import Json, app, fail, print_json
from handlens.errors import CollectionError, HandlensError

if TYPE_CHECKING:
    from handlens.studio.collection import Collection
    from handlens.studio.formats.importing import ImportPlan


@app.command("import")
def import_labels(
    collection: Annotated[Path, typer.Argument(help="The folder of a collection.")],
    source: Annotated[Path, typer.Argument(help="A file or folder with labels, such as a CSV or folders by label.")],
    format: Annotated[
        str | None, typer.Option(help="The format of the labels, such as csv or folders; recognised unless given.")
    ] = None,
    choose: Annotated[
        list[str] | None,
        typer.Option(
            help="What the format leaves open, as NAME=VALUE, such as label_column=species; can be repeated. The "
            "preview lists what can be chosen."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Give photos that have another label the one of the file.")
    ] = False,
    as_truth: Annotated[
        bool, typer.Option("--as-truth", help="Keep the labels aside to measure predictions against.")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Import the labels; without it this is a preview.")] = False,
    crops: Annotated[
        Path | None,
        typer.Option(
            help="Cut the boxes of the file out of their photos into this new folder, with labels.csv beside them; "
            "nothing is imported."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Import labels into a collection: first see what it would do, then do it with --apply, in one undoable step."""
    try:
        choices = _choices(choose or [])
        from handlens.studio.collection import Collection

        with Collection.open(collection) as opened:
            plan = opened.plan_import(source, format=format, **choices)
            if crops is not None:
                _crop(opened, plan, crops, as_json=as_json)
                return
            if apply:
                plan = opened.import_labels(plan, replace=replace, as_truth=as_truth)
    except HandlensError as error:
        fail(error)
        return
    if as_json:
        print_json(plan.as_json())
        return
    typer.echo(str(plan))
    if not apply:
        typer.echo("This is a preview, and nothing has changed. Add --apply to import.", err=True)


def _crop(collection: Collection, plan: ImportPlan, folder: Path, *, as_json: bool) -> None:
    made = collection.crop_boxes(plan, folder)
    if as_json:
        crops = made.labels[["photo", "label", "where"]].rename(columns={"photo": "path"})  # as in labels.csv
        print_json({"crops": crops.to_dict("records"), "problems": made.problems.to_dict("records")})
        return
    count = "1 crop" if len(made.labels) == 1 else f"{len(made.labels):,} crops"
    typer.echo(f"{count}: {folder}")
    for where, reason in made.problems.itertuples(index=False):
        typer.echo(f"{where}: {reason}", err=True)


def _choices(given: list[str]) -> dict[str, str]:
    """Choices by name, from texts such as label_column=species."""
    choices = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.isidentifier() or name == "format":
            raise CollectionError(f"--choose must be NAME=VALUE, such as label_column=species; {text!r} arrived.")
        choices[name] = value
    return choices
