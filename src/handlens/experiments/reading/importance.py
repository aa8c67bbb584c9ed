"""How much of the differences between combinations each choice explains by itself, and how sure that is.

The importance is Optuna's: functional analysis of variance (fANOVA) of a forest of regression trees that predicts the
mean value of a combination from its choices (Hutter, Hoos & Leyton-Brown 2014). It is the share of the variance of the
prediction that one choice alone accounts for; what is missing to 1 are interactions.

Trees find something in noise, too, and few combinations tell little. So the forest is grown again for samples of the
combinations, drawn with replacement, each time together with a choice that means nothing: random numbers. The interval
of a choice has the middle 95 % of its importances, and a choice below what random numbers reach may mean nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import ExperimentError
from handlens.experiments.reading.axes import Axis, axis_of
from handlens.experiments.reading.paired import Codes, Floats
from handlens.experiments.reading.pivot import numbers_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

FEWEST = 10
"""Combinations; with fewer the trees have almost nothing to split."""

MOST = 200
"""Combinations that are looked at; of more, so many are drawn at random: all of thousands would take minutes."""

SAMPLES = 30
TREES = 8
"""In the forest of a sample; the one that the importance is taken from has eight times as many."""

DEPTH = 6

CHANCE = "chance could explain it"
BEYOND = "beyond chance"


def importance(frame: pd.DataFrame, choices: Sequence[str], values: str = "value", *, seed: int = 0) -> pd.DataFrame:
    """How important each choice is, by the combinations that were asked for it.

    Numbers count by their rank among the values that were tried, so that it does not matter whether they were drawn on
    a log scale. A choice that some combinations were not asked for is looked at among those that were.

    Args:
        frame: a row a run, as `Study.frame` gives it; runs of the phase "confirm" are left out.
        choices: the names of its columns that are choices.
        values: the column of numbers that is explained.
        seed: of the forests and samples.

    Returns:
        A row a choice, the most important first: `choice`, `importance` from 0 to 1, its 95 % interval `low` and
        `high`, `chance`, what random numbers reach in 95 % of samples, `combinations`, how many it is from, 200
        at most, which are drawn at random, and `verdict`: "beyond chance" or "chance could explain it".

    Raises:
        ExperimentError: fewer than 10 combinations ended with a number, or none of the choices varies.
    """
    frame = frame[frame["phase"] == "study"]
    numbers = numbers_of(frame, values)
    most = np.nanmax(np.abs(numbers), initial=np.finfo(float).tiny)  # sums of larger numbers may not be floats
    frame = frame.assign(ended=numbers / most).dropna(subset="ended")
    means = frame.groupby("combination")["ended"].mean()
    if len(means) < FEWEST:
        raise ExperimentError(
            f"the importance of choices requires {FEWEST} combinations that ended with a number, or more; there are "
            f"{len(means)}."
        )
    table = frame.drop_duplicates("combination").set_index("combination").loc[means.index]
    asked = {name: table[name].notna().to_numpy() for name in choices}
    rows: list[dict[str, Any]] = []
    for there in {tuple(there): there for there in asked.values()}.values():
        # Choices that the same combinations were asked for are looked at together, with those asked for everywhere.
        group = [name for name in choices if (asked[name] == there).all()]
        others = [name for name in choices if (asked[name] | ~there).all()]
        if there.sum() >= FEWEST:
            axes = [axis for axis in (axis_of(table[there], name, cut=False) for name in others) if _varies(axis)]
            found = _explained(axes, means.to_numpy()[there], seed)
            rows += [row for row in found if row["choice"] in group]
    if not rows:
        raise ExperimentError("the importance of choices requires a choice that has several values.")
    return pd.DataFrame(rows).sort_values("importance", ascending=False, ignore_index=True)


def _varies(axis: Axis) -> bool:
    return len(axis.labels) > 1


def _explained(axes: Sequence[Axis], values: Floats, seed: int) -> list[dict[str, Any]]:
    """A row for each axis: its importance, the interval, what chance reaches, and the verdict."""
    if not axes:
        return []
    random = np.random.default_rng(seed)
    n = len(values)
    drawn = random.permutation(n)[:MOST]
    codes = np.stack([axis.codes[drawn] for axis in axes], 1)
    values = _standard(values[drawn])
    kinds = [*map(_is_ordered, axes)]
    whole = fanova(codes, values, kinds, seed, trees=8 * TREES)
    samples = []
    for sample in range(SAMPLES):
        rows = random.integers(len(values), size=len(values))
        nothing = random.permutation(len(values))
        samples.append(fanova(np.c_[codes, nothing][rows], values[rows], [*kinds, True], seed + sample, trees=TREES))
    low, high = np.quantile(samples, [0.025, 0.975], axis=0)
    chance = float(np.quantile([each[-1] for each in samples], 0.95))
    return [
        {
            "choice": axis.name,
            "importance": whole[i],
            "low": min(low[i], whole[i]),
            "high": max(high[i], whole[i]),
            "chance": chance,
            "combinations": len(values),
            "verdict": BEYOND if low[i] > chance else CHANCE,
        }
        for i, axis in enumerate(axes)
    ]


def _standard(values: Floats) -> Floats:
    """The values with mean 0 and spread 1, as trees take numbers below 1e-8 for equal; 0 if they are all the same."""
    values = values - values.mean()
    spread = values.std()
    return values / spread if spread > 1e-12 else np.zeros(len(values))


def _is_ordered(axis: Axis) -> bool:
    return all(isinstance(label, (int, float)) and not isinstance(label, bool) for label in axis.labels)


def fanova(codes: Codes, values: Floats, ordered: Sequence[bool], seed: int, *, trees: int) -> NDArray[np.float64]:
    """The importance of each column of codes by Optuna's fANOVA; 0 for all if the values do not vary.

    Args:
        codes: the rank of the value of each choice, [combinations, choices].
        values: what each combination reached, [combinations].
        ordered: whether each choice is a number, rather than one of several options.
        seed: of the forest.
        trees: in it.
    """
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

    if np.ptp(values) == 0:
        return np.zeros(codes.shape[1])
    names = [str(i) for i in range(codes.shape[1])]
    tops = codes.max(0)
    spaces: dict[str, BaseDistribution] = {
        name: FloatDistribution(-0.5, float(top) + 0.5) if order else CategoricalDistribution(range(int(top) + 1))
        for name, top, order in zip(names, tops, ordered, strict=True)
    }
    trials = [
        optuna.trial.create_trial(
            params={
                name: float(code) if order else int(code) for name, code, order in zip(names, row, ordered, strict=True)
            },
            distributions=spaces,
            value=float(value),
        )
        for row, value in zip(codes, values, strict=True)
    ]
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=trees, max_depth=DEPTH, seed=seed)
    try:
        found = evaluator.evaluate(cast("optuna.Study", _Trials(trials)), names, target=_value)
    except RuntimeError:  # none of the trees has drawn two values
        return np.zeros(codes.shape[1])
    return np.array([found[name] for name in names], np.float64)


class _Trials:
    """What Optuna's evaluator asks of a study; a study of its own would copy each trial."""

    def __init__(self, trials: list[FrozenTrial]) -> None:
        self._trials = trials

    def get_trials(self, **_: Any) -> list[FrozenTrial]:
        """All of them; they are complete."""
        return self._trials


def _value(trial: FrozenTrial) -> float:
    return cast(float, trial.value)
