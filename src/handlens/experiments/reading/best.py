"""The best combination of a study, and what it is worth after having been picked for being the best.

Of many combinations the one with the best mean is also one that was lucky, so its mean is too good. What picking gains
is measured by leaving out one seed after the other: the best combination by the other seeds is looked up, and what it
reached with the seed left out, which had no part in picking it, is averaged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from handlens.errors import ExperimentError
from handlens.experiments.reading.missing import BAD
from handlens.experiments.reading.paired import Floats
from handlens.experiments.reading.pivot import numbers_of


@dataclass(frozen=True)
class Best:
    """The best combination of a study; it shows itself as sentences.

    Attributes:
        combination: its number.
        choices: the value of each of its choices; without those that it was not asked for.
        value: the mean of its runs, which is too good because it was picked for it.
        expected: what combinations picked so reach on a seed that had no part in picking them; nan with one seed.
        runs: how many runs the mean is of.
        candidates: the number of combinations that it was picked from.
        left_out: how many were not looked at because runs of them are missing.
        direction: "minimize" or "maximize".

    Example:
        >>> from handlens.experiments import Study
        >>> study = Study("experiments", metric="error")
        >>> study.run(lambda trial: trial.real("ps", 0, 1) + 0.25 * trial.seed, grid={"ps": [0, 0.5]}, repeats=3)
        6 of 6 runs; ...
        >>> study.best()
        Combination 0: ps = 0.0. Its mean is 0.25, of 3 runs: the lowest of 2 combinations.
        ...
    """

    combination: int
    choices: dict[str, Any]
    value: float
    expected: float
    runs: int
    candidates: int
    left_out: int
    direction: str

    def __repr__(self) -> str:
        chosen = ", ".join(f"{name} = {value}" for name, value in self.choices.items())
        rank = "lowest" if self.direction == "minimize" else "highest"
        n = "1 combination" if self.candidates == 1 else f"{self.candidates} combinations"
        runs = "1 run" if self.runs == 1 else f"{self.runs} runs"
        lines = [
            f"Combination {self.combination}: {chosen}. Its mean is {self.value:.4g}, of {runs}: the {rank} of {n}."
        ]
        if np.isfinite(self.expected):
            lines.append(
                f"Picked for that, it is partly luck. Left out of the picking, a seed gives {self.expected:.4g} on "
                "average. study.confirm() trains it again with new seeds."
            )
        else:
            lines.append("Picked for that, it is partly luck: study.confirm() trains it again with new seeds.")
        if self.left_out:
            left_out = "1 combination" if self.left_out == 1 else f"{self.left_out} combinations"
            lines.append(f"Not looked at because runs are missing: {left_out}.")
        return "\n".join(lines)


@np.errstate(over="ignore")  # a training that exploded is not the best, and gives no warning
def best(frame: pd.DataFrame, choices: Sequence[str], *, direction: str = "minimize") -> Best:
    """The combination with the best mean, of those that have all their runs.

    Args:
        frame: a row a run, as `Study.frame` gives it; runs of the phase "confirm" are left out.
        choices: the names of its columns that are choices.
        direction: whether less ("minimize") or more ("maximize") is better.

    Raises:
        ExperimentError: no run has ended with a number.
    """
    table, left_out = complete(frame)
    sign = 1 if direction == "minimize" else -1
    values = sign * table.to_numpy()
    number = table.index[values.mean(1).argmin()]
    return Best(
        combination=int(number),
        choices=choices_of(frame, choices, int(number)),
        value=float(table.loc[number].mean()),
        expected=sign * _on_a_seed_left_out(values, table.columns.get_level_values("seed").to_numpy()),
        runs=table.shape[1],
        candidates=len(table),
        left_out=left_out,
        direction=direction,
    )


def complete(frame: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The values of the combinations that have a number for each seed and split, and how many do not.

    While more seeds are trained, the seeds and splits are those that most combinations have so far.

    Returns:
        A row a combination and a column a pair (seed, split); and how many combinations are not in it.

    Raises:
        ExperimentError: no run has ended with a number.
    """
    frame = frame[frame["phase"] == "study"]
    values = numbers_of(frame, "value")
    table = frame.assign(value=values).pivot_table(
        "value", index="combination", columns=["seed", "split"], aggfunc="mean"
    )
    if not table.size:
        raise ExperimentError("no run of the study has ended with a number yet.")
    bad = frame.loc[frame["status"].isin(BAD) & ~np.isfinite(values), "combination"]
    whole = table[~table.index.isin(bad)]
    table = table if whole.empty else whole
    has = table.notna()
    count = Counter(tuple(row) for row in has.to_numpy())
    pairs = max(count.items(), key=lambda each: (each[1], sum(each[0])))[0]
    table = table.loc[has.loc[:, list(pairs)].all(axis=1), list(pairs)]
    return table, frame["combination"].nunique() - len(table)


def choices_of(frame: pd.DataFrame, choices: Sequence[str], combination: int) -> dict[str, Any]:
    """The value of each choice of a combination, without those that it was not asked for."""
    row = frame[frame["combination"] == combination].iloc[0]
    # A list is a tuple here, of which pandas would ask each item whether it is missing.
    return {name: row[name] for name in choices if isinstance(row[name], tuple) or not pd.isna(row[name])}


def _on_a_seed_left_out(values: Floats, seeds: Any) -> float:
    """The mean, over the seeds, of what the combination that is lowest by the other seeds has with this one."""
    if len(set(seeds)) < 2:
        return float("nan")
    found = [values[values[:, seeds != seed].mean(1).argmin(), seeds == seed].mean() for seed in sorted(set(seeds))]
    return float(np.mean(found))
