"""The estimators of `handlens.estimators` beside HistGradientBoosting, by the same calls of scikit-learn.

    python benchmarks/estimators.py [--data SHARED/data] [--only quality] [--out benchmarks/results]

Both get the same frame, its text as categories, and no argument but a seed. Each table is split at random, a fifth of
its rows for the test, with the seeds 0 to 4; figures are means over them.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import report
from regression import SEEDS, adult, diabetes
from report import Bench
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from handlens.estimators import TabularClassifier, TabularRegressor

BELOW_BOOSTING = 0.03
"""How much less R² or accuracy than HistGradientBoosting is allowed."""


def quality(bench: Bench) -> None:
    """`score`, R² or accuracy, on the test rows, and the processor time of `fit` and `score`."""
    for name, make in {"diabetes": diabetes, "adult": adult}.items():
        table = make(bench.data)
        X = table.frame.drop(columns=table.target).astype(dict.fromkeys(table.cats, "category"))
        y = table.frame[table.target]
        ours, theirs = (
            (TabularRegressor, HistGradientBoostingRegressor)
            if table.numeric
            else (TabularClassifier, HistGradientBoostingClassifier)
        )
        found: dict[Any, tuple[list[float], list[float]]] = {ours: ([], []), theirs: ([], [])}
        for seed in SEEDS:
            train, test = table.rows(seed)
            for kind, (scores, seconds) in found.items():
                started = time.process_time()
                model = kind(random_state=seed).fit(X.iloc[train], y.iloc[train])
                scores.append(model.score(X.iloc[test], y.iloc[test]))
                seconds.append(time.process_time() - started)
        what = "R²" if table.numeric else "accuracy"
        least = round(statistics.mean(found[theirs][0]) - BELOW_BOOSTING, 4)
        for kind, (scores, seconds) in found.items():
            bar = least if kind is ours else None
            bench.add(
                f"{name}, {len(X):,} rows: {what}, {kind.__name__}", scores, at_least=bar, value=statistics.mean(scores)
            )
            bench.add("… processor time", seconds, unit="s")


SECTIONS = {"quality": quality}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""
    given = report.options(__doc__ or "", SECTIONS)
    if not (given.data / "adult").is_dir():
        return report.fail(f"the benchmark needs the tables in {given.data / 'adult'}; give --data")
    return report.run("estimators", Bench(given.data), SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
