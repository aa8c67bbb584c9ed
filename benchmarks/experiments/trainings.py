"""Small trainings for studies that are disturbed: quick, the same in every process, and on record in a file of ours."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Train = Callable[[Any], Any]

LOG = "trained.jsonl"
"""In a study's folder: a line for each training that begins, each epoch that was recorded, and each that ends."""


def say(folder: Path, what: str, **facts: Any) -> None:
    """Append a line to the log of a study; lines of several processes do not mix."""
    line = json.dumps({"what": what, "pid": os.getpid(), **facts}) + "\n"
    file = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def said(folder: Path) -> list[dict[str, Any]]:
    """The lines of the log."""
    file = folder / LOG
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def run_of(trial: Any) -> list[int]:
    """What names a run in every process: combination, seed, split."""
    return [trial.number, trial.seed, trial.split]


def own_loop(folder: Path, pause: float = 0.02) -> Train:
    """A loop of the user's own, of five epochs, that has no checkpoint: an interrupted run begins again."""

    def train(trial: Any) -> None:
        run = run_of(trial)
        say(folder, "begin", run=run)
        end, bend = trial.real("end", 0.1, 1.0, log=True), trial.categorical("bend", ["soft", "hard"])
        random = np.random.default_rng([trial.seed, trial.number])
        for epoch in range(1, 6):
            time.sleep(pause)
            noise = 0.1 * random.standard_normal() / (2 if bend == "hard" else 1)
            loss = end + float(np.exp(-epoch)) + float(noise)
            trial.record(train_loss=0.9 * loss, valid_loss=loss)
            say(folder, "epoch", run=run, epoch=epoch, valid_loss=loss)
        say(folder, "end", run=run)

    return train


def learner(folder: Path, pause: float = 0.02) -> Train:
    """A small network of this library, of five epochs, which continues from its checkpoint."""

    def train(trial: Any) -> Any:
        from faults import made

        from handlens.core.callbacks import Callback
        from handlens.experiments.training import record

        record.SAVING_SHARE = 1.0  # so that trainings this short have checkpoints
        run = run_of(trial)
        say(folder, "begin", run=run)

        class Say(Callback):
            order = 100  # after the callbacks that record

            def after_epoch(self, learn: Any) -> None:
                epoch, row = learn.run.epoch + 1, learn.recorder.rows[-1]
                say(folder, "epoch", run=run, epoch=epoch, valid_loss=row["valid_loss"])
                time.sleep(pause)

        learn = made.learner(trial.folder, layers=trial.categorical("layers", [[8], [6, 4]]), seed=trial.seed)
        rate = trial.real("rate", 1e-3, 1e-1, log=True)
        learn.fit_one_cycle(5, rate, seed=trial.seed, callbacks=[*trial.callbacks, Say()])
        say(folder, "end", run=run)
        return learn

    return train


TRAININGS: dict[str, Callable[[Path], Train]] = {"own loop": own_loop, "learner": learner}
