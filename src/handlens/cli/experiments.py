"""`handlens experiments`: the page of a folder of studies, and studies from the shell."""

from __future__ import annotations

import json
import runpy
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from handlens.cli.app import Json, app, fail, print_json
from handlens.errors import ExperimentError, HandlensError

if TYPE_CHECKING:
    from handlens.experiments import Study
    from handlens.experiments.server.records import Records
    from handlens.experiments.store import Place


class _PageFirst(TyperGroup):
    """Commands of which `page` is meant where none is named: `experiments FOLDER` is `experiments page FOLDER`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["page", *args]
        return super().parse_args(ctx, args)


experiments = typer.Typer(
    cls=_PageFirst,
    no_args_is_help=True,
    help="Train with many settings, and see what works. “handlens experiments FOLDER” opens the page of a folder.",
)
app.add_typer(experiments, name="experiments")

Folder = Annotated[Path, typer.Argument(help="The folder of the studies, as Study(folder) was given it.")]
Storage = Annotated[
    str | None,
    typer.Option(help="The database, as SQLAlchemy writes it; the file experiments.db in the folder unless given."),
]


@experiments.command()
def page(
    folder: Folder,
    storage: Storage = None,
    port: Annotated[
        int | None, typer.Option(help="The port to listen on; the first free one from 8600 on unless given.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; any but this machine's own asks visitors for a token.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Open the page of a folder of studies; it shows what is trained as it comes in."""
    try:
        from handlens.experiments.server import run as server

        server.serve(_place(folder, storage), host=host, port=port, browser=browser)
    except HandlensError as error:
        fail(error)


@experiments.command()
def run(
    script: Annotated[
        Path,
        typer.Argument(
            help="A Python file that defines train(trial), and study = Study(…) unless Study('experiments', name) of "
            "the file's own name will do."
        ),
    ],
    n: Annotated[
        int | None, typer.Option("--n", help="How many combinations of choices the study is to have in all.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="How many seeds each combination is trained with.")] = 1,
    splits: Annotated[int, typer.Option(help="How many splits of the data each is trained on.")] = 1,
    minutes: Annotated[float | None, typer.Option(help="After so long it stops; the next call goes on.")] = None,
    jobs: Annotated[int, typer.Option(help="How many processes train at once.")] = 1,
    sampler: Annotated[str, typer.Option(help="How choices are drawn: random, or tpe, which learns.")] = "random",
    prune: Annotated[bool, typer.Option("--prune", help="End runs early that are worse than others.")] = False,
    engine: Annotated[str, typer.Option(help="local, or ray for a Ray cluster.")] = "local",
    address: Annotated[str | None, typer.Option(help="Of the Ray cluster, such as host:6379 or auto.")] = None,
) -> None:
    """Train the function of a script with many combinations of choices; what an earlier call left goes on first."""
    try:
        if n is None and minutes is None:
            raise ExperimentError("say how much to train, with --n, --minutes or both.")
        train, study = _script(script)
        study.run(
            train, n, repeats=repeats, splits=splits, minutes=minutes, jobs=jobs, sampler=sampler, prune=prune,
            engine=engine, address=address,
        )  # fmt: skip
    except HandlensError as error:
        fail(error)


@experiments.command()
def ls(folder: Folder, storage: Storage = None, as_json: Json = False) -> None:
    """List the studies of a folder, and how far each is."""
    try:
        from handlens.experiments.server.payloads import studies

        listed = []
        for study in studies(_records(folder, storage)).studies:
            cut_off = len(study.lost)
            counts = study.runs.model_dump() | {"running": study.runs.running - cut_off, "cut off": cut_off}
            if as_json:
                facts = study.model_dump(include={"name", "metric", "direction", "seed", "combinations"})
                listed.append(facts | {"runs": counts})
                continue
            said = ", ".join(f"{count:,} {status}" for status, count in counts.items() if count) or "no runs yet"
            made = f"{study.combinations:,} combination{'' if study.combinations == 1 else 's'}"
            typer.echo(f"{study.name}: {study.direction} {study.metric}; {made}; {said}")
        if as_json:
            print_json(listed)
    except HandlensError as error:
        fail(error)


@experiments.command()
def pivot(
    folder: Folder,
    rows: Annotated[list[str], typer.Option(help="A choice that makes the rows; can be repeated.")],
    columns: Annotated[list[str] | None, typer.Option(help="One that makes the columns; can be repeated.")] = None,
    values: Annotated[str, typer.Option(help="The number that is summarised.")] = "value",
    aggregate: Annotated[str, typer.Option(help="mean, median, best, sd or count.")] = "mean",
    baseline: Annotated[
        list[str] | None,
        typer.Option(help="The cell that the others are compared with, such as ps=0.5; repeated for each choice."),
    ] = None,
    study: Annotated[str | None, typer.Option(help="Which study, where the folder has several.")] = None,
    storage: Storage = None,
    as_json: Json = False,
) -> None:
    """Print a pivot table of a study."""
    try:
        from handlens.experiments.server.summaries import StudyFrame

        records = _records(folder, storage)
        cell = _cell(baseline) if baseline else None
        frame = StudyFrame.of(records, _study(records, study))
        found = frame.pivot(rows, columns or [], values, aggregate, baseline=cell)
        if as_json:
            shown = {name: getattr(found, name) for name in ("rows", "columns", "values", "aggregate", "direction")}
            print_json({**shown, "cells": found.cells.to_dict("records"), "notes": found.notes})
        else:
            typer.echo(repr(found))
    except HandlensError as error:
        fail(error)


def _place(folder: Path, storage: str | None) -> Place:
    from handlens.experiments.store import Place

    if storage is None and not folder.is_dir():
        raise ExperimentError(f"FOLDER must be a folder of studies; there is no folder {folder}.")
    return Place.of(folder, storage)


def _records(folder: Path, storage: str | None) -> Records:
    """What is on record in a folder; ExperimentError if no study is, and then nothing is made."""
    from handlens.experiments.server.records import Records

    records = Records(_place(folder, storage))
    records.opened()
    return records


def _study(records: Records, name: str | None) -> str:
    names = [row["name"] for row in records.opened().studies()]
    if name is None and len(names) != 1:
        raise ExperimentError(f"say which study with --study; {records.place.folder} has {', '.join(names) or 'none'}.")
    return name or names[0]


def _cell(baseline: list[str]) -> dict[str, Any]:
    cell = {}
    for part in baseline:
        name, equals, text = part.partition("=")
        if not equals:
            raise ExperimentError(f"--baseline must be a choice and its value, such as ps=0.5; “{part}” arrived.")
        try:
            cell[name] = json.loads(text)
        except ValueError:
            cell[name] = text
    return cell


def _script(script: Path) -> tuple[Any, Study]:
    """The function `train` of a script, and its study."""
    from handlens.experiments import Study

    if not script.is_file():
        raise ExperimentError(f"SCRIPT must be a Python file; there is no file {script}.")
    sys.path.insert(0, str(script.parent.resolve()))  # as Python does it for a script
    try:
        # By another name than __main__: what the script does when it is run itself is left out.
        found = runpy.run_path(str(script), run_name="handlens_script")
    except Exception as error:
        traceback.print_exc()
        raise ExperimentError(f"{script} ended with an error before anything was trained: {error!r}.") from error
    train, study = found.get("train"), found.get("study")
    if not callable(train):
        raise ExperimentError(f"{script} must define a function train(trial); it does not.")
    if study is None:
        study = Study("experiments", script.stem)
    if not isinstance(study, Study):
        raise ExperimentError(f"study in {script} must be a Study; it is {type(study).__name__}.")
    return train, study
