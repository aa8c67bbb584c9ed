"""`handlens predict`: what a saved model says of photos or of the rows of a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handlens.cli.app import app, fail
from handlens.errors import ArtifactError, HandlensError


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A model's folder: taken away from Studio, or of learn.export().")],
    items: Annotated[
        Path, typer.Argument(help="A folder of photos; for a table's model a file of rows, .csv, .csv.gz or .parquet.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The CSV file to write.")],
) -> None:
    """Predict each photo of a folder, or each row of a table, and write the predictions as CSV."""
    try:
        from handlens.core.artifact import artifact_kind

        kind = artifact_kind(model)
        if kind == "photo-classifier":
            _photos(model, items, out)
        elif kind == "tabular-learner":
            _rows(model, items, out)
        else:
            raise ArtifactError(f"{model} holds a saved {kind}, which predicts nothing by itself; give a model")
    except HandlensError as error:
        fail(error)


def _photos(model: Path, photos: Path, out: Path) -> None:
    """Each photo's path, predicted class, probability, and a column of probabilities a class."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    from handlens.studio.predictor import load_predictor
    from handlens.studio.takeaway import write_csv

    console = Console(stderr=True)
    predictor = load_predictor(model)
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("photos", total=None)
        table = predictor.predict(photos, progress=lambda done, total: bar.update(task, completed=done, total=total))
    write_csv(table, out)
    console.print(f"{len(table):,} photos classified: {out}", markup=False, highlight=False)
    for left in predictor.left_out:
        console.print(f"left out: {left.path}: {left.reason}", markup=False, highlight=False)


def _rows(model: Path, rows: Path, out: Path) -> None:
    """Each row's prediction, in the order of the rows; the columns are those of `TabularLearner.predict_frame`."""
    from handlens.core.files import whole_file
    from handlens.tabular.files import read_table
    from handlens.tabular.learner import load_learner

    table = load_learner(model).predict_frame(read_table(rows))
    with whole_file(out) as partial:
        table.to_csv(partial, index=False)
    typer.echo(f"{len(table):,} rows predicted: {out}", err=True)
