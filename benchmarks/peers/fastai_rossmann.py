"""fastai 2 on the lesson's Rossmann model: the seconds of its training as JSON. Run by benchmarks/tabular.py.

    python fastai_rossmann.py ROWS.parquet COLUMNS.json --bs 64 --share 0.1

ROWS holds the prepared rows, those for validation first; COLUMNS their roles and how many are for validation.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")  # of fastai's own making

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from fastai.tabular.all import (  # noqa: E402
    Callback,
    Categorify,
    FillMissing,
    Normalize,
    RegressionBlock,
    TabularPandas,
    tabular_config,
    tabular_learner,
)


class Clock(Callback):
    """Seconds of the training part of each epoch; validation does not count."""

    def before_train(self) -> None:
        self.started = time.perf_counter()

    def after_train(self) -> None:
        self.seconds = time.perf_counter() - self.started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("columns", type=Path)
    parser.add_argument("--bs", type=int, required=True)
    parser.add_argument("--share", type=float, default=1.0, help="of the training rows, for one epoch")
    given = parser.parse_args()
    about = json.loads(given.columns.read_text())
    df, held_out = pd.read_parquet(given.rows), about["valid"]
    df = df.iloc[: held_out + int((len(df) - held_out) * given.share)].reset_index(drop=True)
    df["Sales"] = np.log(df["Sales"].astype("float32"))
    table = TabularPandas(
        df,
        procs=[FillMissing, Categorify, Normalize],
        cat_names=about["cats"],
        cont_names=about["conts"],
        y_names="Sales",
        y_block=RegressionBlock(),
        splits=(list(range(held_out, len(df))), list(range(held_out))),
    )
    learn = tabular_learner(
        table.dataloaders(bs=given.bs, device="cpu"),
        layers=[1000, 500],
        y_range=[0, float(df["Sales"].max() + np.log(1.2))],
        config=tabular_config(ps=[0.001, 0.01], embed_p=0.04),
    )
    clock = Clock()
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(1, 1e-3, wd=0.2, cbs=clock)
    print(json.dumps({"seconds": clock.seconds, "rows": len(df) - held_out}))


if __name__ == "__main__":
    main()
