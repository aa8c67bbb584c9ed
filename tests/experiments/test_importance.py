"""Importance of choices: what one choice explains, against Optuna itself, and where there is too little."""

from __future__ import annotations

import numpy as np
import optuna
import pandas as pd
import pytest

from handlens.errors import ExperimentError
from handlens.experiments.reading.importance import DEPTH, fanova, importance
from tests.experiments.made_studies import combinations_of
from tests.experiments.run_frames import frame_of

GRID = combinations_of({"kind": ["a", "b", "c"], "ps": [0.0, 0.1, 0.5], "n": [1, 2, 3]})


def test_one_choice_that_decides_alone():
    found = importance(frame_of(GRID, lambda one, seed: one["ps"] + 10.0 * seed), ["kind", "ps", "n"])
    first = found.loc[0]
    assert (first["choice"], first["combinations"], first["verdict"]) == ("ps", 27, "beyond chance")
    assert first["importance"] > 0.9
    assert first["low"] <= first["importance"] <= first["high"]
    assert (found["verdict"][1:] == "chance could explain it").all()


def test_it_is_that_of_optuna():
    random = np.random.default_rng(0)
    codes = random.integers(3, size=(30, 2))
    values = codes[:, 0] ** 2 + random.standard_normal(30)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler())
    spaces = {
        "0": optuna.distributions.FloatDistribution(-0.5, 2.5),
        "1": optuna.distributions.CategoricalDistribution([0, 1, 2]),
    }
    for (first, second), value in zip(codes, values, strict=True):
        params = {"0": float(first), "1": int(second)}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=spaces, value=value))
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=16, max_depth=DEPTH, seed=5)
    expected = optuna.importance.get_param_importances(study, evaluator=evaluator)
    found = fanova(codes, values, [True, False], 5, trees=16)
    assert found / found.sum() == pytest.approx([expected["0"], expected["1"]])


def test_a_choice_that_some_were_not_asked_for():
    def choices(i):
        return {"optimizer": "sgd" if i % 2 else "adam", "momentum": i / 40 if i % 2 else None}

    found = importance(
        frame_of([choices(i) for i in range(40)], lambda one, seed: one["momentum"] or 0.0), ["optimizer", "momentum"]
    ).set_index("choice")
    assert found["combinations"].to_dict() == {"optimizer": 40, "momentum": 20}
    assert found.loc["momentum", "verdict"] == "beyond chance"


def test_numbers_count_by_their_rank():
    random = np.random.default_rng(0)
    rates = [float(rate) for rate in random.permutation(24)]
    frame = frame_of([{"rate": rate} for rate in rates], lambda one, seed: (one["rate"] - 9.0) ** 2 + seed)
    assert importance(frame.assign(rate=10 ** frame["rate"]), ["rate"]).equals(importance(frame, ["rate"]))


def test_values_that_do_not_vary():
    found = importance(frame_of(GRID, lambda one, seed: 1.0), ["kind", "ps", "n"])
    assert found["importance"].tolist() == [0, 0, 0]
    assert set(found["verdict"]) == {"chance could explain it"}


@pytest.mark.parametrize("size", [2.0**-1000, 2.0**-40, 2.0**1021])
def test_the_unit_of_the_values_does_not_matter(size):
    frame = frame_of(GRID, lambda one, seed: one["ps"] + one["n"] / 8 + seed)  # at most 2.875
    expected = importance(frame, ["kind", "ps", "n"])
    pd.testing.assert_frame_equal(importance(frame.assign(value=size * frame["value"]), ["kind", "ps", "n"]), expected)
    assert expected["verdict"].tolist()[0] == "beyond chance"


def test_one_combination_of_many_that_differs():
    # Samples without it do not vary, and of the others some trees alone have drawn it.
    found = importance(frame_of(GRID, lambda one, seed: float(one == GRID[0])), ["kind", "ps", "n"])
    assert found["importance"].between(0, 1).all()


def test_of_many_combinations_some_are_drawn():
    random = np.random.default_rng(0)
    choices = [{"a": float(random.random()), "b": int(random.integers(5))} for _ in range(500)]
    frame = frame_of(choices, lambda one, seed: one["a"], seeds=[0])
    found = importance(frame, ["a", "b"])
    assert found["combinations"].tolist() == [200, 200]
    assert found["verdict"].tolist() == ["beyond chance", "chance could explain it"]
    pd.testing.assert_frame_equal(importance(frame, ["a", "b"]), found)
    assert importance(frame, ["a", "b"], seed=1).loc[0, "low"] != found.loc[0, "low"]


def test_too_few_combinations():
    with pytest.raises(ExperimentError, match=r"requires 10 combinations .* there are 9"):
        importance(frame_of(GRID[:9], lambda one, seed: 1.0), ["kind"])
    with pytest.raises(ExperimentError, match="requires a choice that has several values"):
        importance(frame_of([{"kind": "a"}] * 12, lambda one, seed: 1.0), ["kind"])
