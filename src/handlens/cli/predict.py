"""`handlens predict`: predictions of a saved model for photos, for shards, or for the rows of a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from handlens.cli.progress import photo_progress
from handlens.errors import DataError, HandlensError, TableError

if TYPE_CHECKING:
    import pandas as pd

    from handlens.core.saved import PhotoModel
    from handlens.tabular.learner import TabularLearner


@app.command()
@stopped_by_sigterm()
def predict(
    model: Annotated[Path, typer.Argument(help="The folder of a saved model, from Studio or learn.export().")],
    items: Annotated[
        list[str],
        typer.Argument(
            help="Photos: folders, files, patterns (in quotes), lists of paths (.txt), zip and tar archives, s3:// and "
            "gs:// addresses; or a folder of shards that `handlens embed` wrote; or, of a table, a file of rows, "
            ".csv, .csv.gz or .parquet."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="The CSV file to write; of shards the folder of Parquet files, SHARDS/predictions by default."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", help="A column of the rows to write beside the predictions; can be repeated."),
    ] = None,
    urls: Annotated[bool, typer.Option("--urls", help="Read the addresses that a list holds, too.")] = False,
    heatmaps: Annotated[
        bool,
        typer.Option("--heatmaps", help="Write a heat map of each photo too: what speaks for its class."),
    ] = False,
    engine: EngineOption = EngineName.local,
    address: AddressOption = None,
    processes: ProcessesOption = None,
    threads: ThreadsOption = 1,
) -> None:
    """Predict each photo, wherever it is, or each row of a table.

    Photos and rows become one CSV file, whole or not at all.

    Masks and heat maps are PNG files in a folder beside it, FILE-masks or FILE-heatmaps.

    Predictions of shards are Parquet files, and the options on where the work is done are for these.

    After Ctrl-C, the same command goes on with predictions of shards.
    """
    from handlens.scale.manifest import has_shards

    only = Path(items[0]) if len(items) == 1 else None
    named = ", ".join(items)
    try:
        if only is not None and has_shards(only):
            if keep:
                raise DataError(f"--keep names columns of a table; {only} holds shards of photos. Leave it out.")
            if heatmaps:
                raise DataError(f"--heatmaps is for photos themselves; {only} holds shards. Leave it out.")
            check_address(address, engine)
            _shards(model, only, out, engine, address, processes, threads)
            return
        if out is None:
            raise DataError("--out FILE.csv is required for photos and for a table.")
        if engine is not EngineName.local or address is not None or processes is not None or threads != 1:
            raise DataError(
                f"--engine, --address, --processes and --threads are for shards; {named:.200} does not hold any. "
                "`handlens embed` makes them."
            )
        _check_target(out, items)
        from handlens.core.saved import PhotoModel, load_learner

        learn = load_learner(model)
        if not isinstance(learn, PhotoModel):
            if only is None:
                raise DataError(f"a model of a table takes one file of rows; {len(items)} arrived: {named:.200}.")
            if heatmaps:
                raise DataError(f"--heatmaps is for photos; {model} is a model of a table. Leave it out.")
            _rows(learn, only, out, list(dict.fromkeys(keep or [])))  # each column once
        elif keep:
            raise DataError(f"--keep names columns of a table; {model} is a model for photos, which have no columns.")
        else:
            _photos(learn, items, out, urls=urls, heatmaps=heatmaps)
    except KeyboardInterrupt:
        typer.echo("Stopped; nothing is written.", err=True)
        raise typer.Exit(130) from None
    except HandlensError as error:
        fail(error)


def _check_target(out: Path, items: list[str]) -> None:
    """What is there is only replaced if it is a table that is not read here: never a photo, or a file of a model."""
    if out.is_dir():
        raise DataError(
            f"--out must name a file; {out} is a folder: name one in it, such as {out / 'predictions.csv'}."
        )
    if not out.exists():
        return
    if any(os.path.exists(item) and os.path.samefile(item, out) for item in items):
        raise DataError(f"--out must not name what is to be predicted; {out} would be replaced: name another file.")
    if not out.name.lower().endswith((".csv", ".csv.gz")):
        raise DataError(f"--out replaces only CSV files; {out} is there and is called otherwise: name another file.")


def _shards(
    model: Path,
    shards: Path,
    out: Path | None,
    engine: EngineName,
    address: str | None,
    processes: int | None,
    threads: int,
) -> None:
    """A Parquet file for each shard; see `handlens.predicting.predict`."""
    from handlens.predicting import predict as run

    try:
        with showing("predicting", left_out="without a prediction") as shown:
            found = run(
                model,
                shards,
                out,
                engine=engine.value,
                address=address,
                processes=processes,
                threads=threads,
                progress=shown.done,
                say=lambda text: typer.echo(text, err=True),
            )
    except KeyboardInterrupt:
        typer.echo("Stopped; what is predicted stays. Run the same command again to go on.", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"{found.predicted:,} of {len(found):,} photos are predicted: {found.folder}")
    for label, photos in found.counts()["photos"].items():
        typer.echo(f"{photos:>12,}  {label}")


def _photos(model: PhotoModel, photos: list[str], out: Path, *, urls: bool, heatmaps: bool) -> None:
    """A row for each file; see `predict_source`."""
    from handlens.studio.exports import write_csv
    from handlens.studio.photo_sources import PhotoSource
    from handlens.studio.source_predictions import predict_source

    source = PhotoSource(photos[0] if len(photos) == 1 else photos, urls=urls)
    kinds = ["masks"] * _of_masks(model) + ["heatmaps"] * heatmaps
    folders = {kind: out.with_name(f"{out.name.removesuffix('.csv')}-{kind}") for kind in kinds}
    with photo_progress() as progress:
        table = predict_source(model, source, **folders, progress=progress)
    write_csv(table, out)
    unread = table[table["reason"] != ""]
    beside = "".join(f", {kind} in {folder}" for kind, folder in folders.items())
    typer.echo(f"{len(table) - len(unread):,} photos predicted: {out}{beside}", err=True)
    for path, reason in zip(unread["path"], unread["reason"], strict=True):
        typer.echo(f"no prediction: {path}: {reason}", err=True)


def _of_masks(model: PhotoModel) -> bool:
    """Whether it predicts masks, which are files."""
    from handlens.core.learner import Learner

    return isinstance(model, Learner) and model.data.y.task == "segmentation"


def _rows(learn: TabularLearner, rows: Path, out: Path, keep: list[str]) -> None:
    """Each row's kept columns and its prediction, in the order of the rows; see `TabularLearner.predict_frame`."""
    import pandas as pd

    from handlens.io.files import atomic_write
    from handlens.io.tables import read_table
    from handlens.tabular.frames import check_columns

    # Columns that are only kept are read as text, so that a key such as 007 does not change.
    levels = {name: pd.Index([], dtype="str") for name in keep} | _levels(learn)
    given = read_table(rows, levels=levels)
    check_columns(given, keep, "--keep")
    table = learn.predict_frame(given)
    both = [name for name in keep if name in table.columns]
    if both:
        raise TableError(f"--keep must not name columns of the predictions; {both} are predicted: leave them out.")
    table = pd.concat([given[keep], table], axis=1)
    with atomic_write(out) as partial:
        table.to_csv(partial, index=False)
    typer.echo(f"{len(table):,} rows predicted: {out}", err=True)


def _levels(learn: TabularLearner) -> dict[str, pd.Index]:
    """The values of the model's columns: its levels, or numbers."""
    import pandas as pd

    encoder = learn.data.encoder
    levels: dict[str, pd.Index] = {name: pd.Index([], dtype="float64") for name in encoder.inputs}
    return levels | {name: held.index for name, held in encoder.levels.items() if name in levels}
