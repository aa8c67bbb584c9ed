"""The best recipe for the Rossmann tables, step by step; see docs/recipe.md. Run by benchmarks/tabular.py.

    python recipe.py TABLES FOLDER --kind history --seeds 0 1 --threads 1

TABLES holds the seven raw tables. Trains a net for each seed and writes to FOLDER/KIND/models what it is at the ends of
its cycles. Interrupted, it goes on after the last epoch when called again.
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
    """The data of one kind of nets, and these nets by their seeds."""

    def __init__(self, tables: Path, folder: Path, kind: str) -> None:
        rows, _ = prepare(tables)
        self.data = data(rows, folder / kind, add_history(rows) if kind == "history" else [])

    def train(self, seed: int) -> None:
        """The cycles of one net; one that is there already is left."""
        learn = self.learner(seed)
        for cycle, (epochs, rate) in enumerate(CYCLES, 1):
            name = net(seed, cycle)
            if learn.model_path(name).exists():
                learn.load(name)
                continue
            learn.fit_one_cycle(epochs, rate, wd=0.2, seed=10 * seed + cycle, callbacks=[Checkpoint(f"{name}-so-far")])
            learn.save(name)

    def nets(self, seeds: Sequence[int]) -> TabularLearner:
        """The nets of these seeds together, as they are after their last cycle."""
        found: TabularLearner = self.learner(0).ensemble([net(seed, len(CYCLES)) for seed in seeds])
        return found

    def learner(self, seed: int) -> TabularLearner:
        """The lesson's learner; unlike there, the largest sale is that of the training rows."""
        return lesson.learner(self.data, seed=seed, largest=float(self.data.train_ds.y.data.max().exp()))


def net(seed: int, cycle: int) -> str:
    """The name of a net at the end of a cycle."""
    return f"net-{seed}-cycle-{cycle}"


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
    parser.add_argument("--kind", choices=KINDS, default=KINDS[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    recipe = Recipe(given.tables, given.folder, given.kind)
    for seed in given.seeds:
        recipe.train(seed)


if __name__ == "__main__":
    main()
