"""What is killed: work in steps, each on disk when it returns, and work that goes on where it was interrupted."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from faults import made

Steps = tuple[Callable[[Path], Iterator[None]], Callable[[Path], Any]]
"""A walk that yields once when it is ready and then after each step, and the state that is found in its folder."""

# --- learn.save ------------------------------------------------------------------------------------------


def save_weights(folder: Path) -> Iterator[None]:
    import torch

    learn = made.learner(folder)
    yield
    for step in range(1, 13):
        with torch.no_grad():
            for value in learn.model.parameters():
                value.fill_(step)
        learn.save("kept")
        yield


def saved_weights(folder: Path) -> Any:
    from handlens.errors import HandlensError

    learn = made.learner(folder)
    try:
        learn.load("kept")
    except HandlensError as error:
        return "nothing" if "there is no such folder" in str(error) and "rename" not in str(error) else str(error)
    return sorted({float(number) for value in learn.model.parameters() for number in value.ravel()})


# --- decisions -------------------------------------------------------------------------------------------


def decide(folder: Path) -> Iterator[None]:
    from handlens.audit import ReviewQueue

    with ReviewQueue(folder / "review.sqlite") as queue:
        yield
        for i in range(30):
            case = queue.add(f"row {i}", {"cat": 0.55, "dog": 0.45})
            yield
            if i % 3 == 0:
                queue.confirm(case.id, by="Kim")
            else:
                queue.overrule(case.id, "dog", by="Kim", reason="It has floppy ears.")
            yield
            if i % 5 == 0:
                queue.undo(case.id, by="Kim")
                yield


def decided(folder: Path) -> Any:
    from handlens.audit import ReviewQueue

    with ReviewQueue(folder / "review.sqlite") as queue:
        return [[case.id, case.reference, case.status, case.label, case.by, case.reason] for case in queue.cases]


def review(folder: Path) -> Iterator[None]:
    """In Studio, where a decision becomes a label, and answers of a spot check do."""
    from handlens.studio import Collection

    with Collection.open(folder) as collection:
        yield
        for i in range(4):
            case = collection.review.contest(8 + i, by="Bob", why="Look again.")
            yield
            collection.review.overrule(case.id, f"kind {i}", by="Ann", reason="It is one.")
            yield
            if i % 2:
                collection.review.take_back(case.id, by="Ann")
                yield
            waiting = collection.draw_spot_check(2)
            yield
            collection.answer_spot_check(int(waiting[0]), "circle")
            yield


def reviewed(folder: Path) -> Any:
    from handlens.studio import Collection

    with Collection.open(folder) as collection:
        cases = [[case.id, case.reference, case.status, case.label, case.by] for case in collection.review.queue.cases]
        labels, check = collection.labels.fillna(""), collection.spot_check
        # An answer that was interrupted may have left its label; the photo is asked again all the same.
        labels[check.waiting] = ""
        return [cases, labels.tolist(), check.answers]


# --- files for people ------------------------------------------------------------------------------------


def take_away(folder: Path) -> Iterator[None]:
    from handlens.studio import Collection

    with Collection.open(folder) as collection:
        yield
        for i in range(4):
            collection.label([i], f"kind {i}")
            collection.export(folder / "out.csv", "csv")
            yield
            collection.export(folder / "out.zip", "folders")
            yield
            collection.train()
            collection.export_model(folder / "out-model")
            yield


def taken_away(folder: Path) -> Any:
    """What another program finds in the files."""
    import pandas as pd

    from handlens.core.saved import load_learner

    csv, archive, model = folder / "out.csv", folder / "out.zip", folder / "out-model"
    found: list[Any] = [None, None, None]
    if csv.exists():
        table = pd.read_csv(csv, keep_default_na=False)
        found[0] = table.iloc[:, :2].to_numpy().tolist()
    if archive.exists():
        with zipfile.ZipFile(archive) as opened:
            found[1] = [opened.testzip(), sorted(opened.namelist())]
    if model.exists():
        files = sorted((folder / "photos" / "circles").iterdir())[:4]
        found[2] = load_learner(model).predict_files(files).iloc[:, 1].astype(str).tolist()
    return found


# --- models in Studio ------------------------------------------------------------------------------------


def train(folder: Path) -> Iterator[None]:
    from handlens.studio import Collection

    with Collection.open(folder) as collection:
        yield
        for i in range(3):
            collection.label([8 + i, 20 + i], "circle" if i % 2 else "box")
            yield
            collection.train()
            yield
            collection.use_model("quick")
            yield
        collection.fine_tune(epochs=1)
        yield


def trained(folder: Path) -> Any:
    """The labels, and for the model in use what it says of itself and what it predicts."""
    from handlens.studio import Collection

    with Collection.open(folder) as collection:
        collection.prepare()
        report, table = collection.report, collection.predictions()
        assert report is not None
        return [
            collection.labels.fillna("").tolist(),
            sorted(collection.models),
            collection.model,
            [report.n_labelled, report.labels_version, report.layers],
            made.digest(table.drop(columns="label").to_numpy().tolist()),
        ]


STEPS: dict[str, Steps] = {
    "saving": (save_weights, saved_weights),
    "queue": (decide, decided),
    "reviewing": (review, reviewed),
    "exporting": (take_away, taken_away),
    "training": (train, trained),
}

# --- work that goes on -----------------------------------------------------------------------------------


def prepare(connection: Connection, folder: Path) -> None:
    """Make a collection unless it is there, prepare it to the end, and send all that it answers."""
    from handlens.errors import CollectionError
    from handlens.studio import Collection

    photos = folder.parent / "photos"
    if not photos.exists():
        made.draw_photos(photos)
    try:
        collection = Collection.create(folder, images=photos, backbone=None)
    except CollectionError:
        collection = Collection.open(folder)
    with collection:
        if not collection.label_names:
            collection.label([3], "kept")
        collection.prepare()
        connection.send(made.asked(collection))


def fit(connection: Connection, folder: Path) -> None:
    """Train with a checkpoint, and send the parameters at the end and those of the best epoch."""
    import hashlib

    from handlens.core.callbacks import SaveBest
    from handlens.core.checkpoint import Checkpoint

    def parameters() -> str:
        return hashlib.sha256(b"".join(v.numpy().tobytes() for v in learn.model.state_dict().values())).hexdigest()

    learn = made.learner(folder)
    learn.fit_one_cycle(8, 1e-2, seed=1, callbacks=[SaveBest(name="best"), Checkpoint("run")])
    at_end = parameters()
    learn.load("best")
    rows = [[row[name] for name in ("train_loss", "valid_loss")] for row in learn.recorder.rows]
    connection.send({"end": at_end, "best": parameters(), "rows": rows})


RESUMED: dict[str, Callable[[Connection, Path], None]] = {"preparing": prepare, "checkpoint": fit}
