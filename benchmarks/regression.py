"""What a newcomer gets: `tabular_learner(data)` and `fit_one_cycle(5)` alone, beside the models of scikit-learn.

    python benchmarks/regression.py [--data SHARED/data] [--only tables,scales,rates,speed] [--out benchmarks/results]

Each table is split at random, a fifth of its rows for the test, with the seeds 0 to 4; figures are means over them. The
columns are those that the table has, text and codes as categories, without any features of our own. The peers are
HistGradientBoosting as it is, with the same categories, and ridge (RidgeCV) or logistic regression on standardised
numbers and one-hot categories.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import report
from report import Bench
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, make_friedman1
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from handlens.tabular import (
    Categorify,
    FillMissing,
    Normalize,
    TabularDataBunch,
    TabularLearner,
    TabularList,
    tabular_learner,
)

SEEDS = range(5)
BELOW_LINEAR, BELOW_BOOSTING = 0.01, 0.03
"""How much less R² or AUC than a linear model and than HistGradientBoosting is allowed."""


@dataclass
class Table:
    """A table with its target; columns of text are categories, and those of `codes` too."""

    frame: pd.DataFrame
    target: str
    codes: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        return self.frame[self.target].dtype.kind == "f"

    @property
    def cats(self) -> list[str]:
        names = [name for name in map(str, self.frame) if name != self.target]
        return [name for name in names if name in self.codes or self.frame[name].dtype.kind not in "iuf"]

    @property
    def conts(self) -> list[str]:
        return [name for name in map(str, self.frame) if name != self.target and name not in self.cats]

    def rows(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Positions of the training rows and of the test rows."""
        order = np.random.default_rng(seed).permutation(len(self.frame))
        count = len(order) // 5
        return np.sort(order[count:]), np.sort(order[:count])

    def data(self, seed: int, path: Path) -> TabularDataBunch:
        items = TabularList.from_df(
            self.frame,
            path=path,
            cat_names=self.cats,
            cont_names=self.conts,
            procs=[FillMissing, Categorify, Normalize],
        )
        data: TabularDataBunch = items.split_by_idx(self.rows(seed)[1]).label_from_df(self.target).databunch()
        return data

    def score(self, predicted: np.ndarray, seed: int) -> float:
        """R² of numbers, or AUC of the second class's probability, on the test rows."""
        actual = self.frame[self.target].iloc[self.rows(seed)[1]]
        if self.numeric:
            return float(r2_score(actual, predicted))
        return float(roc_auc_score(actual == sorted(actual.unique())[1], predicted[:, 1]))

    def peer(self, model: Any, seed: int) -> float:
        train, test = self.rows(seed)
        model.fit(self.frame[self.cats + self.conts].iloc[train], self.frame[self.target].iloc[train])
        inputs = self.frame[self.cats + self.conts].iloc[test]
        return self.score(model.predict(inputs) if self.numeric else model.predict_proba(inputs), seed)

    def linear(self) -> Any:
        numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        inputs = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), self.cats), (numbers, self.conts))
        ridge = RidgeCV(np.logspace(-3, 3, 13))
        return make_pipeline(inputs, ridge if self.numeric else LogisticRegression(max_iter=1000))

    def boosting(self) -> Any:
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
        inputs = make_column_transformer((codes, self.cats), ("passthrough", self.conts))
        kind = HistGradientBoostingRegressor if self.numeric else HistGradientBoostingClassifier
        return make_pipeline(inputs, kind(categorical_features=list(range(len(self.cats))), random_state=0))


def housing(data: Path) -> Table:
    """California: 20,640 districts, 207 of them without the number of bedrooms."""
    return Table(pd.read_csv(data / "california" / "housing.csv.gz"), "median_house_value")


def diabetes(data: Path) -> Table:  # noqa: ARG001 — it comes with scikit-learn
    """442 people."""
    return Table(load_diabetes(as_frame=True, scaled=False).frame.astype(float), "target")


def bikes(data: Path) -> Table:
    """17,379 hours, without the two columns that add up to the target."""
    df = pd.read_csv(data / "bike_sharing" / "hour.csv")
    df = df.drop(columns=["instant", "dteday", "casual", "registered"]).astype({"cnt": float})
    return Table(df, "cnt", ("season", "yr", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit"))


def adult(data: Path) -> Table:
    """48,842 people and whether each earns more than 50,000."""
    files = [data / "adult" / f"adult.{part}.csv.gz" for part in ("data", "test")]
    parts = [pd.read_csv(file, skipinitialspace=True).rename(columns=str.strip) for file in files]
    df = pd.concat(parts, ignore_index=True)
    return Table(df.assign(Y=df["Y"].str.strip(" .")), "Y")


def friedman(data: Path) -> Table:  # noqa: ARG001 — it is drawn
    """2,000 rows, ten numbers, of which five count, in curves and a product."""
    x, y = make_friedman1(2000, noise=1.0, random_state=0)
    return Table(pd.DataFrame(x).add_prefix("x").assign(y=y), "y")


def noise(data: Path) -> Table:  # noqa: ARG001 — it is drawn
    """1,000 rows, twenty numbers that explain two hundredths of the target, in a line."""
    random = np.random.default_rng(0)
    x = random.normal(size=(1000, 20))
    y = (x * random.normal(size=20)).sum(1) + 30 * random.normal(size=1000)
    return Table(pd.DataFrame(x).add_prefix("x").assign(y=y), "y")


TABLES = {"housing": housing, "diabetes": diabetes, "bikes": bikes, "adult": adult}
MORE = {"friedman 1": friedman, "noise": noise}


class Newcomer(Bench):
    """The tables, and what the calls of a newcomer give."""

    def __init__(self, data: Path, scratch: Path) -> None:
        super().__init__(data)
        self.scratch = scratch

    def learner(self, table: Table, seed: int, **options: Any) -> TabularLearner:
        return tabular_learner(table.data(seed, self.scratch), seed=seed, **options)

    def trained(self, learn: TabularLearner, seed: int, *rate: float) -> TabularLearner:
        with contextlib.redirect_stdout(io.StringIO()):
            learn.fit_one_cycle(5, *rate, seed=seed)
        return learn

    def ours(self, table: Table, seed: int, **options: Any) -> float:
        return table.score(self.trained(self.learner(table, seed, **options), seed).get_preds()[0].numpy(), seed)


def tables(bench: Newcomer) -> None:
    """The default call beside a linear model and gradient boosting."""
    for name, make in (TABLES | MORE).items():
        table = make(bench.data)
        what = "R²" if table.numeric else "AUC"
        linear = [table.peer(table.linear(), seed) for seed in SEEDS]
        boosting = [table.peer(table.boosting(), seed) for seed in SEEDS]
        ours = [bench.ours(table, seed) for seed in SEEDS]
        least = statistics.mean(linear) - BELOW_LINEAR
        if name in TABLES and name != "diabetes":
            least = max(least, statistics.mean(boosting) - BELOW_BOOSTING)
        bench.add(f"{name}: {what}, five epochs", ours, at_least=round(least, 4), value=statistics.mean(ours))
        bench.add("… a linear model", linear, value=statistics.mean(linear))
        bench.add("… HistGradientBoosting", boosting, value=statistics.mean(boosting))
        if table.numeric:
            given = [bench.ours(table, seed, layers=[200, 100]) for seed in SEEDS]
            bench.add("… layers=[200, 100]", given, value=statistics.mean(given))


SCALES = ((0, 1), (0, 100), (10, 1), (100, 10), (2e5, 1e5), (1e-6, 1e-7))


def scales(bench: Newcomer) -> None:
    """A line, v = a + b · x, on every scale of the target, and with heavy tails: 2,000 rows."""
    random = np.random.default_rng(1)
    x = random.normal(size=2000)
    lines = {f"mean {mean:g}, deviation {sd:g}": (x, mean + sd * x) for mean, sd in SCALES}
    t = random.standard_t(2, size=2000)
    lines["x of Student's t with two degrees of freedom"] = (t, 5 + 3 * t)
    for name, (given, wanted) in lines.items():
        table = Table(pd.DataFrame({"x": given, "v": wanted}), "v")
        for label, options in (("", {}), (", layers=[200, 100]", {"layers": [200, 100]})):
            runs = [bench.ours(table, seed, **options) for seed in SEEDS]
            bench.add(f"{name}{label}: R²", runs, at_least=0.95)


def rates(bench: Newcomer) -> None:
    """The rate that lr_find suggests beside the default one."""
    for name in ("diabetes", "housing", "bikes", "friedman 1"):
        table = (TABLES | MORE)[name](bench.data)
        for label, options in (("", {}), (", layers=[200, 100]", {"layers": [200, 100]})):
            gained, suggested = [], []
            for seed in SEEDS:
                learn = bench.learner(table, seed, **options)
                with contextlib.redirect_stdout(io.StringIO()):
                    suggested.append(learn.lr_find(seed=seed))
                bench.trained(learn, seed, suggested[-1])
                found = table.score(learn.get_preds()[0].numpy(), seed)
                gained.append(found - bench.ours(table, seed, **options))
            bench.add(f"{name}{label}: suggested rate", suggested)
            bench.add("… R² over that of the default rate", gained, at_least=-0.01, value=statistics.mean(gained))


def speed(bench: Newcomer) -> None:
    """A step of the default network, and of a given one with and without its linear part, at 64 rows a batch."""
    for name in ("housing", "bikes"):
        table = TABLES[name](bench.data)
        highest = float(table.frame[table.target].max()) * 1.2
        kinds: dict[str, dict[str, Any]] = {
            "the lesson's": {"layers": [200, 100], "y_range": (0, highest)},
            "layers=[200, 100]": {"layers": [200, 100]},
            "the default": {},
        }
        runs: dict[str, list[float]] = {kind: [] for kind in kinds}
        for seed in SEEDS:
            for kind, options in kinds.items():
                learn = bench.learner(table, seed, **options)
                learn.callbacks = []
                took = seconds(lambda learn=learn, seed=seed: bench.trained(learn, seed))  # type: ignore[misc]
                runs[kind].append(1000 * took / learn.run.step)
        for kind, found in runs.items():
            bench.add(f"{name}: a step of {kind} network", found, unit="ms")
            over = [a / b for a, b in zip(found, runs["the lesson's"], strict=True)]
            if kind != "the lesson's":
                bench.add("… over the lesson's of the same size", over, at_most=2, unit="×")
        table_data = table.data(0, bench.scratch)
        made = [seconds(lambda data=table_data: tabular_learner(data, seed=0)) for _ in SEEDS]  # type: ignore[misc]
        bench.add(f"{name}: making the default learner", made, unit="s")


def seconds(call: Callable[[], Any]) -> float:
    """The processor time that a call takes, which other programs do not lengthen."""
    started = time.process_time()
    call()
    return time.process_time() - started


SECTIONS = {"tables": tables, "scales": scales, "rates": rates, "speed": speed}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""
    given = report.options(__doc__ or "", SECTIONS)
    if not (given.data / "california").is_dir():
        return report.fail(f"the benchmark needs the tables in {given.data / 'california'}; give --data")
    with tempfile.TemporaryDirectory(prefix="handlens-bench-") as scratch:
        return report.run("regression", Newcomer(given.data, Path(scratch)), SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
