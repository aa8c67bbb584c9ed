"""The lesson's choices, tried on a tenth of the Rossmann rows: a study, and what it found trained again with new seeds.

docs/rossmann-experiments.md reads what comes out.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import lesson  # before torch

# isort: split

import numpy as np
import pandas as pd
import report
from faults.campaign import Campaign

from handlens.experiments import Study, Trial
from handlens.tabular import TabularDataBunch, TabularLearner, exp_rmspe, tabular_learner
from handlens.tabular.rossmann import prepare

SHARE = 1 / 10
"""Of the training rows."""

EPOCHS = 5

SEEDS = 3

PICKED, NEW_SEEDS = 2, 10
"""How many of the best combinations are trained again, with how many seeds."""

LESSON = {"layers": [1000, 500], "emb_drop": 0.04, "ps": [0.001, 0.01], "rate": 1e-3, "bn_cont": True}

GRID = {
    "layers": [[200, 100], [1000, 500]],
    "emb_drop": [0.0, 0.04],
    "ps": [[0.0, 0.01], [0.001, 0.01], [0.1, 0.01]],
    "rate": [1e-3, 5e-3],
    "bn_cont": [True, False],
}


@cache
def rows(tables: Path) -> pd.DataFrame:
    """The lesson's columns of all rows with sales, newest first."""
    return prepare(tables)[0][[*lesson.CATS, *lesson.CONTS, lesson.TARGET]]


def a_tenth(tables: Path, seed: int) -> TabularDataBunch:
    """The newest rows for validation, all of them, and a tenth of the older ones, drawn with this seed, to train on."""
    everything = rows(tables)
    older = np.arange(lesson.VALID, len(everything))
    drawn = np.random.default_rng(seed).choice(older, round(SHARE * len(older)), replace=False)
    some = everything.iloc[np.concatenate([np.arange(lesson.VALID), np.sort(drawn)])]
    return lesson.data(some.reset_index(drop=True), Path(), valid=range(lesson.VALID))


class Train:
    """Trains one run: its seed draws the rows, the initial weights, the batches and the dropout.

    Args:
        tables: the folder of the seven raw tables.
    """

    def __init__(self, tables: Path) -> None:
        self.tables = tables

    def __call__(self, trial: Trial) -> TabularLearner:
        chosen = {name: trial.categorical(name, options) for name, options in GRID.items()}
        rate = chosen.pop("rate")
        options: Any = chosen | {"y_range": (0, float(np.log(lesson.LARGEST * 1.2))), "metrics": exp_rmspe}
        learn = tabular_learner(a_tenth(self.tables, trial.seed), **options, seed=trial.seed)
        learn.fit_one_cycle(EPOCHS, rate, wd=0.2, seed=trial.seed, callbacks=trial.callbacks)
        return learn


RECORD = report.ROOT / "docs" / "data"
"""Where the tables are written that docs/rossmann-experiments.md reads."""

NUMBERS = ["train_loss", "valid_loss", "exp_rmspe"]


def study(campaign: Campaign) -> None:
    """Every combination of the choices, with each of three seeds; it goes on where it was left."""
    found, train = opened(campaign)
    for repeats in range(1, SEEDS + 1):  # seed by seed, so that a study that is stopped has tried all alike
        found.run(train, grid=GRID, repeats=repeats)
    write(found)
    campaign.total("Rossmann: combinations, with three seeds each", found.frame()["combination"].nunique())


def confirm(campaign: Campaign) -> None:
    """The two best combinations of the study, and the lesson's, with ten new seeds each."""
    found, train = opened(campaign)
    confirmed = found.confirm(k=PICKED, seeds=NEW_SEEDS, train=train, baseline=LESSON)
    write(found)
    print(confirmed)
    for row in confirmed.frame.to_dict("records"):
        if row["combination"] != confirmed.baseline:
            what = f"Rossmann: combination {row['combination']} minus the lesson's, {row['verdict']}"
            ends = [row["difference_low"], row["difference_high"]]
            campaign.add(what, ends, value=row["difference"], unit="exp_rmspe")


def opened(campaign: Campaign) -> tuple[Study, Train]:
    """The study, in the folder `rossmann-study` of the campaign, and what trains its runs."""
    assert campaign.real is not None
    return Study(campaign.data / "rossmann-study", "rossmann", metric="exp_rmspe"), Train(campaign.real / "rossmann")


def write(found: Study) -> None:
    """The runs and the epochs as two small tables."""
    RECORD.mkdir(exist_ok=True)
    facts = ["combination", "phase", "seed", "split", "status", "value", "bumpiness"]
    runs = found.frame().query("status not in ('waiting', 'running')")[[*facts, *GRID, *NUMBERS]]
    lists = runs[["layers", "ps"]].map(lambda value: json.dumps(list(value)))
    runs.assign(**lists).round(6).to_csv(RECORD / "rossmann-runs.csv")
    curves = found.curves()[["run", "epoch", *NUMBERS]].round(6)
    curves[curves["run"].isin(runs.index)].to_csv(RECORD / "rossmann-curves.csv", index=False)
