"""The best recipe for the Rossmann tables, step by step; see docs/recipe.md. Run by benchmarks/tabular.py.

    python recipe.py TABLES FOLDER --seed 0 --threads 1

TABLES holds the seven raw tables. Trains a net of each kind of columns and writes to FOLDER/KIND/models what they are
at the ends of their cycles. Interrupted, it goes on after the last epoch when called again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import lesson
import pandas as pd
import torch

from handlens.tabular import (
    Categorify,
    Checkpoint,
    FillMissing,
    FloatList,
    Normalize,
    TabularDataBunch,
    TabularLearner,
    TabularList,
)
from handlens.tabular.rossmann import add_history, prepare

BATCH = 128
CYCLES = ((5, 1.5e-3), (4, 5e-4))
"""Epochs and rate of each fit."""
KINDS = ("history", "lesson")
"""The columns of a net: the lesson's and the shops' history, or the lesson's alone."""


class Recipe:
    """The data of the recipe by the kind of their columns, and its nets by their seeds."""

    def __init__(self, tables: Path, folder: Path) -> None:
        rows, _ = prepare(tables)
        history = add_history(rows)
        self.data = {kind: data(rows, folder / kind, history if kind == "history" else []) for kind in KINDS}

    def train(self, kind: str, seed: int) -> None:
        """The cycles of one net; one that is there already is left."""
        learn = lesson.learner(self.data[kind], seed=seed)
        for cycle, (epochs, rate) in enumerate(CYCLES, 1):
            name = f"net-{seed}-cycle-{cycle}"
            if learn.model_path(name).exists():
                learn.load(name)
                continue
            learn.fit_one_cycle(epochs, rate, wd=0.2, seed=10 * seed + cycle, callbacks=[Checkpoint(f"{name}-so-far")])
            learn.save(name)

    def nets(self, kind: str, seeds: Sequence[int], cycles: Sequence[int] = (len(CYCLES),)) -> TabularLearner:
        """Nets with the same columns together."""
        learn = lesson.learner(self.data[kind], seed=0)
        found: TabularLearner = learn.ensemble([f"net-{seed}-cycle-{cycle}" for seed in seeds for cycle in cycles])
        return found


def data(rows: pd.DataFrame, folder: Path, history: list[str]) -> TabularDataBunch:
    """The lesson's data block with further continuous columns, in larger batches."""
    found: TabularDataBunch = (
        TabularList.from_df(
            rows,
            path=folder,
            cat_names=lesson.CATS,
            cont_names=[*lesson.CONTS, *history],
            procs=[FillMissing, Categorify, Normalize],
        )
        .split_by_idx(range(lesson.VALID))
        .label_from_df(cols=lesson.TARGET, label_cls=FloatList, log=True)
        .databunch(bs=BATCH)
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(given.tables, given.folder)
    for kind in KINDS:
        recipe.train(kind, given.seed)


if __name__ == "__main__":
    main()
