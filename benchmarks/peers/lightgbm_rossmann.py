"""LightGBM on the lesson's columns, tuned for some minutes; prints its exp_rmspe as JSON. Run by benchmarks/tabular.py.

    python lightgbm_rossmann.py ROWS.parquet COLUMNS.json --minutes 10

ROWS holds the prepared rows, newest first; COLUMNS their roles and how many are for validation. A random search picks
the settings, and the number of trees by early stopping, on an inner holdout: as many of the training rows as there are
validation rows, the newest. What was best there is trained again on all training rows.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

SHARE_OF_SEARCH = 0.75  # of the minutes; the rest is for training again on more rows
MOST_TREES = 4000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("columns", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    given = parser.parse_args()
    about = json.loads(given.columns.read_text())
    df = pd.read_parquet(given.rows)
    for name in about["cats"]:
        df[name] = df[name].astype("str").astype("category")
    x, y = df[[*about["cats"], *about["conts"]]], np.log(df["Sales"].to_numpy(np.float64))
    n = about["valid"]
    started = time.perf_counter()
    best = search(x, y, n, until=started + 60 * given.minutes * SHARE_OF_SEARCH)
    model = lightgbm.train(best["settings"], lightgbm.Dataset(x[n:], y[n:]), best["trees"])
    share = np.exp(model.predict(x[:n]) - y[:n])
    print(
        json.dumps(
            {
                "exp_rmspe": float(np.sqrt(np.mean((share - 1) ** 2))),
                "minutes": (time.perf_counter() - started) / 60,
                **best,
            }
        )
    )


def search(x: pd.DataFrame, y: np.ndarray, n: int, *, until: float) -> dict[str, Any]:
    """The settings and number of trees with the lowest error on rows n to 2n, trained on the older ones."""
    rng = np.random.default_rng(0)
    best: dict[str, Any] = {"inner": np.inf}
    tried = 0
    while time.perf_counter() < until:
        settings = {
            "objective": "l2",
            "learning_rate": float(10 ** rng.uniform(-1.5, -0.7)),
            "num_leaves": int(2 ** rng.uniform(6, 10)),
            "min_data_in_leaf": int(10 ** rng.uniform(1, 2.5)),
            "feature_fraction": float(rng.uniform(0.4, 1)),
            "bagging_fraction": float(rng.uniform(0.6, 1)),
            "bagging_freq": 1,
            "lambda_l2": float(10 ** rng.uniform(-2, 2)),
            "cat_smooth": float(10 ** rng.uniform(0, 2.5)),
            "verbose": -1,
            "seed": tried,
        }
        train = lightgbm.Dataset(x[2 * n :], y[2 * n :])
        stop = [lightgbm.early_stopping(50, verbose=False), _out_of_time(until)]
        model = lightgbm.train(
            settings, train, MOST_TREES, valid_sets=[train.create_valid(x[n : 2 * n], y[n : 2 * n])], callbacks=stop
        )
        trees = model.best_iteration or model.current_iteration()
        share = np.exp(model.predict(x[n : 2 * n], num_iteration=trees) - y[n : 2 * n])
        error = float(np.sqrt(np.mean((share - 1) ** 2)))
        tried += 1
        if error < best["inner"]:
            best = {"inner": error, "settings": settings, "trees": trees}
    return best | {"tried": tried}


def _out_of_time(until: float) -> Any:
    def stop(env: Any) -> None:
        if time.perf_counter() > until:
            raise lightgbm.callback.EarlyStopException(env.iteration, env.evaluation_result_list)

    return stop


if __name__ == "__main__":
    main()
