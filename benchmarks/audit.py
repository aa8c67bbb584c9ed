"""Every figure that the audit promises, measured in simulations and beside fairlearn; prints one table, writes JSON.

    python benchmarks/audit.py [--data SHARED/data] [--only speed,coverage,…] [--out benchmarks/results]

Needs fairlearn for `speed`. Coverage is the share of simulated groups whose interval holds the true value, averaged
over the grid of true values that the line names; each number of rows is a line of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import report
from numpy.typing import NDArray
from report import Bench
from scipy import stats

from handlens.audit import subgroups, weakest_slices
from handlens.audit.intervals import bootstrap, difference_interval, ratio_interval, wilson

SIZES = (20, 50, 200, 2000)
ROWS = 1_000_000
FEWER = 20_000
BOOTSTRAPS = 5
EIGHT = ["error", "accuracy", "tpr", "fpr", "fnr", "precision", "selection_rate", "auc"]

Floats = NDArray[np.float64]


def population(n: int, seed: int = 0) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Three attributes, and a model's classes and scores."""
    rng = np.random.default_rng(seed)
    groups = pd.DataFrame(
        {
            "sex": rng.choice(["F", "M"], n),
            "race": rng.choice(list("ABCDE"), n, p=[0.6, 0.2, 0.1, 0.07, 0.03]),
            "age": rng.choice(["17–27", "28–36", "37–47", "48–90"], n),
        }
    )
    y = (rng.random(n) < 0.3).astype(int)
    score = np.clip(0.3 + 0.3 * y + rng.normal(0, 0.2, n), 0, 1)
    return groups, {"y_true": y, "y_pred": (score > 0.5).astype(int), "score": score}


def speed(bench: Bench) -> None:
    """A million rows, three attributes with their intersections, eight metrics with intervals."""
    groups, given = population(ROWS)
    y, pred, score = given.values()
    runs = [seconds(lambda: subgroups(y, pred, groups, score=score, metrics=EIGHT)) for _ in range(3)]
    bench.add("subgroups: 1,000,000 rows, 3 attributes, 8 metrics, intervals of all", runs, at_most=3, unit="s")
    fewer = [
        seconds(lambda: subgroups(y[:FEWER], pred[:FEWER], groups[:FEWER], score=score[:FEWER], metrics=EIGHT))
        for _ in range(3)
    ]
    bench.add(f"the same with {FEWER:,} rows", fewer, unit="s")
    peer = [fairlearn(groups[:FEWER], y[:FEWER], pred[:FEWER], score[:FEWER]) for _ in range(1)]
    bench.add(f"fairlearn, {FEWER:,} rows, the triple intersection alone, {BOOTSTRAPS} bootstraps", peer, unit="s")
    hundred = [100 / BOOTSTRAPS * s for s in peer]
    ratios = [a / b for a in hundred for b in fewer]
    bench.add(
        f"fairlearn with 100 bootstraps (from {BOOTSTRAPS}) over ours, {FEWER:,} rows", ratios, at_least=10, unit="×"
    )


def fairlearn(groups: pd.DataFrame, y: NDArray[Any], pred: NDArray[Any], score: Floats) -> float:
    """Seconds of MetricFrame with its bootstrap, for the groups of all three attributes crossed."""
    from fairlearn import metrics as fair
    from sklearn.metrics import accuracy_score, precision_score, roc_auc_score, zero_one_loss

    rates = {
        "error": zero_one_loss,
        "accuracy": accuracy_score,
        "tpr": fair.true_positive_rate,
        "fpr": fair.false_positive_rate,
        "fnr": fair.false_negative_rate,
        "precision": lambda a, b: precision_score(a, b, zero_division=0),
        "selection_rate": fair.selection_rate,
    }
    options = {"sensitive_features": groups, "n_boot": BOOTSTRAPS, "ci_quantiles": [0.025, 0.975], "random_state": 0}

    def both() -> None:
        assert fair.MetricFrame(metrics=rates, y_true=y, y_pred=pred, **options).by_group_ci
        assert fair.MetricFrame(metrics={"auc": roc_auc_score}, y_true=y, y_pred=score, **options).by_group_ci

    return seconds(both)


def coverage(bench: Bench) -> None:
    """How often 95 % intervals hold the true value, by the rows of a group."""
    rng = np.random.default_rng(0)
    for n in SIZES:
        grid = np.linspace(0.05, 0.95, 19)
        band(bench, f"rates from 5 to 95 %, {n} rows", [exact(n, p) for p in grid])
        band(bench, f"rates of 0.1 to 2 % and 98 to 99.9 %, {n} rows", [exact(n, p) for p in (*RARE, *(1 - RARE))])
        reps = 200 if n == max(SIZES) else 2000
        for name, draw in SIMULATED.items():
            band(bench, f"{name}, {n} rows", [draw(rng, n, reps, k) for k in range(4)])
        band(bench, f"differences of rates, {n} rows", [pair(rng, n, a, b)[0] for a, b in PAIRS])
        band(bench, f"ratios of rates, {n} rows", [pair(rng, n, a, b)[1] for a, b in PAIRS])
    for n in (20, 200):
        band(bench, f"a function of one's own (the median), {n} rows", [median(rng, n, k) for k in range(2)])


RARE = np.array([0.001, 0.005, 0.01, 0.02])
PAIRS = [(0.1, 0.1), (0.3, 0.2), (0.5, 0.7), (0.9, 0.6), (0.15, 0.4)]


def band(bench: Bench, what: str, covered: list[float]) -> None:
    """A line that is reached where the average lies in the band."""
    average = 100 * float(np.mean(covered))
    runs = [100 * c for c in covered]
    if average > 97:
        bench.add(f"coverage: {what}", runs, at_most=97, unit="%", value=average)
    else:
        bench.add(f"coverage: {what}", runs, at_least=93, unit="%", value=average)


def exact(n: int, p: float) -> float:
    """The coverage of a rate's interval, added up over all counts."""
    hits = np.arange(n + 1)
    low, high = wilson(hits, np.full(n + 1, n))
    return float(stats.binom.pmf(hits, n, p) @ ((low <= p) & (p <= high)))


def share(frame: pd.DataFrame, metric: str, true: float) -> float:
    """The share of groups whose interval holds the true value, of those where it is defined."""
    rows = frame[(frame["metric"] == metric) & (frame["by"] == "group") & frame["value"].notna()]
    return float(((rows["low"] <= true) & (true <= rows["high"])).mean())


def of_groups(n: int, reps: int) -> NDArray[np.str_]:
    """As many groups of n rows."""
    return np.repeat(np.arange(reps), n).astype(str)


def many(n: int, reps: int, metric: str, true: float, make: Callable[[int], dict[str, Any]]) -> float:
    """Coverage over groups of n rows, in audits of at most a thousand groups."""
    found = []
    for start in range(0, reps, 500):
        size = min(500, reps - start)
        frame = subgroups(**make(size * n), groups=of_groups(n, size), metrics=[metric], small=1).frame
        found.append(share(frame, metric, true))
    return float(np.mean(found))


def area(rng: np.random.Generator, n: int, reps: int, k: int) -> float:
    """AUC of normal scores: 0.58 to 0.92, 20 to 50 % positive."""
    apart, positive = ((0.3, 0.3), (1.0, 0.5), (1.0, 0.2), (2.0, 0.5))[k]

    def make(size: int) -> dict[str, Any]:
        y = rng.random(size) < positive
        return {"y_true": y, "y_pred": y, "score": rng.normal(size=size) + apart * y}

    return many(n, reps, "auc", float(stats.norm.cdf(apart / np.sqrt(2))), make)


def calibration(rng: np.random.Generator, n: int, reps: int, k: int) -> float:
    """Calibrated scores of four distributions, with means of 5 to 75 %."""
    a, b = ((0.2, 4.0), (1.0, 3.0), (2.0, 2.0), (3.0, 1.0))[k]

    def make(size: int) -> dict[str, Any]:
        score = rng.beta(a, b, size)
        y = (rng.random(size) < score).astype(int)
        return {"y_true": y, "y_pred": y, "score": score, "positive": 1}

    return many(n, reps, "calibration", 0.0, make)


def errors(metric: str) -> Callable[[np.random.Generator, int, int, int], float]:
    """A metric of numbers, of errors that are normal, uniform, Laplace's, and Student's with 10 degrees of freedom."""

    def measured(rng: np.random.Generator, n: int, reps: int, k: int) -> float:
        law = (stats.norm, stats.uniform(-1, 2), stats.laplace, stats.t(10))[k]
        law = law() if k in (0, 2) else law
        true = {"mean_error": 0.0, "mae": law.expect(abs), "rmse": law.std()}[metric]

        def make(size: int) -> dict[str, Any]:
            return {"y_true": np.zeros(size), "y_pred": law.rvs(size, random_state=rng)}

        return many(n, reps, metric, float(true), make)

    return measured


SIMULATED = {
    "AUC": area,
    "calibration": calibration,
    "mean error": errors("mean_error"),
    "MAE": errors("mae"),
    "RMSE": errors("rmse"),
}


def pair(rng: np.random.Generator, n: int, a: float, b: float, reps: int = 20_000) -> tuple[float, float]:
    """The coverage of the difference and of the ratio of two rates, the second of twice the rows."""
    x, y = rng.binomial(n, a, reps), rng.binomial(2 * n, b, reps)
    one, two = x / n, y / (2 * n)
    of_one, of_two = wilson(x, np.full(reps, n)), wilson(y, np.full(reps, 2 * n))
    low, high = difference_interval(one, of_one, two, of_two)
    down, up = ratio_interval(one, of_one, two, of_two)
    known = two > 0
    held = ((down <= a / b) & (a / b <= up))[known]
    return float(((low <= a - b) & (a - b <= high)).mean()), float(held.mean())


def median(rng: np.random.Generator, n: int, k: int, reps: int = 400) -> float:
    """The coverage of the bootstrap of a median, of normal and of exponential values."""
    true = (0.0, np.log(2))[k]
    held = 0
    for _ in range(reps):
        x = rng.normal(size=n) if k == 0 else rng.exponential(size=n)
        low, high = bootstrap(lambda at, x=x: float(np.median(x[at])), n, draws=400, rng=rng)
        held += low <= true <= high
    return held / reps


def chance(bench: Bench) -> None:
    """How often a fair model is accused of anything, small groups included."""
    kinds = (("classes, 9 metrics", fair_classes, None), ("numbers, MAE and RMSE", fair_numbers, ["mae", "rmse"]))
    for name, make, metrics in kinds:
        alarms, by_one = [], []
        for seed in range(1000):
            given = make(np.random.default_rng(seed))
            found = subgroups(**given, metrics=metrics, draws=300, seed=seed).chance["p"].min()
            alarms.append(100.0 * (found < 0.05))
            if metrics is None:
                del given["score"]
                one = subgroups(**given, metrics=["error"], draws=100, seed=seed).chance["p"].min()
                by_one.append(100.0 * (one < 0.05))
        bench.add(
            f"false alarms, 1,000 fair models: {name}, any group",
            alarms,
            at_most=5,
            unit="%",
            value=float(np.mean(alarms)),
        )
        if by_one:
            what = "false alarms, the same: the error alone"
            bench.add(what, by_one, at_most=5, unit="%", value=float(np.mean(by_one)))


def fair_groups(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Two attributes, with groups from a few rows to most of them."""
    race = rng.choice(list("ABCDEFGH"), n, p=[0.6, 0.2, 0.1, 0.05, 0.02, 0.015, 0.01, 0.005])
    return pd.DataFrame({"sex": rng.choice(["F", "M"], n, p=[0.3, 0.7]), "race": race})


def fair_classes(rng: np.random.Generator) -> dict[str, Any]:
    """A calibrated model of 200 to 2,000 rows."""
    n = int(rng.integers(200, 2000))
    score = rng.beta(1, 2, n)
    y = (rng.random(n) < score).astype(int)
    pred = (score > 0.5).astype(int)
    return {"y_true": y, "y_pred": pred, "groups": fair_groups(rng, n), "score": score, "positive": 1}


def fair_numbers(rng: np.random.Generator) -> dict[str, Any]:
    """Predictions with errors in proportion to skewed values."""
    n = int(rng.integers(200, 1000))
    y = rng.gamma(2, 10, n)
    return {"y_true": y, "y_pred": y * rng.lognormal(0, 0.3, n), "groups": fair_groups(rng, n)}


def slices(bench: Bench) -> None:
    """How often a planted slice of 2 % of the rows is found first, by name, and how often chance is taken for one."""
    for n in (10_000, 20_000):
        first = [100.0 * (planted(seed, n, bad=True) == "a = b and b = z") for seed in range(100)]
        what = f"planted slice (error 30 %, else 10 %; 2 % of {n:,} rows) found first"
        bench.add(what, first, at_least=95, unit="of 100", value=float(np.mean(first)))
    told = [100.0 * (planted(seed, 10_000, bad=False) is not None) for seed in range(100)]
    bench.add(
        "any slice told where there is none, 10,000 rows", told, at_most=5, unit="of 100", value=float(np.mean(told))
    )


def planted(seed: int, n: int, *, bad: bool) -> str | None:
    """The first slice that is found."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "a": rng.choice(list("abcde"), n),
            "b": rng.choice(list("xyz"), n, p=[0.6, 0.3, 0.1]),
            "c": rng.choice(["u", "v"], n),
            "d": rng.choice([f"d{i}" for i in range(10)], n),
            "normal": rng.normal(size=n),
            "exponential": rng.exponential(size=n),
            "whole": rng.integers(0, 100, n),
            "name": np.arange(n).astype(str),
        }
    )
    inside = (table["a"] == "b") & (table["b"] == "z") & bad
    wrong = rng.random(n) < np.where(inside, 0.3, 0.1)
    frame = weakest_slices(table, wrong, seed=seed).frame
    return str(frame["slice"][0]) if len(frame) else None


def seconds(call: Callable[[], Any]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


SECTIONS = {"speed": speed, "coverage": coverage, "chance": chance, "slices": slices}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""
    given = report.options(__doc__ or "", SECTIONS)
    return report.run("audit", Bench(given.data), SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
