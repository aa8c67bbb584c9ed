"""A small study that is trained in processes of its own, and what it has on record."""

from __future__ import annotations

import os
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from faults.children import Child

from experiments.outcomes import Epochs, Outcome, Run
from experiments.trainings import TRAININGS, say


@dataclass(frozen=True)
class SmallStudy:
    """Twelve runs of one of the small trainings: six combinations, each with two seeds.

    Attributes:
        folder: an own one; its name is that of the study.
        kind: of the training.
        storage: URL of a database, if it is not the file in the folder.
    """

    folder: Path
    kind: str
    storage: str | None = None

    def run(self, **how: Any) -> None:
        """Train what is left of it; a run may lose its process as often as it happens."""
        from handlens.experiments import Study

        study = Study(self.folder, name=self.folder.name, metric="valid_loss", storage=self.storage, seed=0)
        study.run(TRAININGS[self.kind](self.folder), n=6, repeats=2, retries=1000, **how)

    def start(self) -> Child:
        """A process that trains what is left, and says "done" when nothing is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Child(_run, self)

    def run_apart(self) -> Outcome:
        """Train it in a process of its own, and say what is on record then."""
        with self.start() as child:
            child.answer()
        return self.outcome()

    def outcome(self) -> Outcome:
        """What is on record now."""
        from handlens.experiments.store import Place, Store

        store, found, names = Store(Place.of(self.folder, self.storage)), Outcome(), dict[int, Run]()
        epochs = store.epochs(self.folder.name)  # before the runs: each of these epochs has its run there
        for row in store.runs(self.folder.name):
            run = names[row["id"]] = (row["combination"], row["seed"], row["split"])
            found.rows.append((run, row["status"], row["error"]))
            found.results[run] = (row["choices"], row["value"])
        for row in epochs:
            found.epochs[names[row["run"]], row["epoch"]] = row["numbers"]
        store.engine.dispose()
        return found


def look(study: SmallStudy) -> Epochs:
    """The epochs that are on record now; which runs are finished goes into the log."""
    found = study.outcome()
    say(study.folder, "finished", runs=[run for run, status, _ in found.rows if status == "finished"])
    return found.epochs


def _run(connection: Connection, study: SmallStudy) -> None:
    try:
        study.run()
        connection.send("done")
    finally:
        say(study.folder, "over", victim=os.getpid())  # it trains nothing from here on
