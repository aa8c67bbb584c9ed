"""A training that runs as it is in one process, in several, and on several machines.

    python train_together.py
    torchrun --nproc-per-node 2 train_together.py

Every process reads the same rows and takes its share of each batch; the first one prints and writes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from handlens.tabular import Categorify, Normalize, TabularList, rmse, tabular_learner


def train() -> None:
    """Learn a made table and save the model."""
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"shop": rng.integers(0, 50, 20_000).astype(str), "price": rng.normal(size=20_000)})
    df["sales"] = df["shop"].astype(int) / 10 + df["price"] * 2
    items = TabularList.from_df(df, cat_names=["shop"], cont_names=["price"], procs=[Categorify, Normalize])
    data = items.split_by_idx(range(2_000)).label_from_df("sales").databunch(bs=1024)
    learn = tabular_learner(data, metrics=[rmse], seed=0)
    learn.fit_one_cycle(2, seed=0)
    learn.save("together")


if __name__ == "__main__":
    train()
