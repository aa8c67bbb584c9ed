"""What a training asks of its trial: choices that mean the same in every run, and clear answers to what cannot be."""

from __future__ import annotations

import random
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handlens.errors import ExperimentError
from handlens.experiments import Study
from handlens.experiments.training.spaces import Options, json_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def error_of(tmp_path, train, n=1, **options):
    """The last line of the error of the last run of a study."""
    study = Study(tmp_path)
    study.run(train, n=n, **options)
    return study.frame()["error"].iloc[-1].splitlines()[-1]


@given(st.lists(JSON, min_size=1, max_size=4, unique_by=json_text))
def test_an_option_of_any_json_value_comes_back_as_the_object_that_was_given(options):
    space = Options.of("choice", options)
    for option, kept in zip(options, space.record["options"], strict=True):
        assert space.given(kept) is option


def test_options_that_python_takes_for_equal_are_different(tmp_path):
    study = Study(tmp_path)
    study.run(lambda trial: {"valid_loss": 0, "is_bool": isinstance(trial.categorical("c", [1, True, 1.0]), bool)}, n=3)
    assert len(study.frame()) == 3
    assert study.frame()["is_bool"].sum() == 1


def test_tuples_come_back_as_tuples(tmp_path):
    found = []
    Study(tmp_path).run(lambda trial: found.append(trial.categorical("size", [(1, 2), (3, 4)])) or 0, n=2)
    assert sorted(found) == [(1, 2), (3, 4)]


def test_a_choice_asked_for_twice_in_a_run_is_made_once(tmp_path):
    def train(trial):
        return trial.real("x", 0, 1) - trial.real("x", 0, 1)

    study = Study(tmp_path)
    study.run(train, n=2)
    assert study.frame()["value"].tolist() == [0, 0]


def test_a_name_used_twice_for_different_choices_is_refused(tmp_path):
    def train(trial):
        return trial.real("x", 0, 1) + trial.integer("x", 0, 1)

    assert error_of(tmp_path, train).endswith(
        "the choice 'x' was asked for twice in one run: as a real number from 0.0 to 1.0, and as an integer from 0 to "
        "1. Give one of them another name."
    )


@pytest.mark.parametrize(
    ("first", "then", "words"),
    [
        (lambda t: t.real("x", 0, 1), lambda t: t.integer("x", 0, 1), "as a real number from 0.0 to 1.0; it was asked"),
        (lambda t: t.real("x", 0, 1), lambda t: t.real("x", 0, 2), "it was asked for as a real number from 0.0 to 2.0"),
        (lambda t: t.real("x", 1, 2), lambda t: t.real("x", 1, 2, log=True), "from 1.0 to 2.0, log scale"),
        (
            lambda t: t.categorical("x", ["a", "b"]),
            lambda t: t.categorical("x", ["a", "c"]),
            "as one of ['a', 'b']; it was asked for as one of ['a', 'c']. Give it another name",
        ),
    ],
)
def test_a_choice_that_changes_between_runs_is_refused(tmp_path, first, then, words):
    def train(trial):
        (first if trial.number == 0 else then)(trial)
        return 0

    with pytest.raises(ExperimentError, match=re.escape(words)):
        Study(tmp_path).run(train, n=2)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda t: t.real("seed", 0, 1), "a choice cannot be called 'seed': study.frame()"),
        (lambda t: t.real("", 0, 1), "the name of a choice must be text of 1 to 200 characters; '' arrived."),
        (lambda t: t.real("x", 1, 0), "the range of 'x' must go from a number to one not below it; 1.0 to 0.0"),
        (lambda t: t.real("x", 0, 1, log=True), "to one not below it, above 0 for a log scale; 0.0 to 1.0"),
        (lambda t: t.real("x", 0, float("inf")), "the range of 'x' must be two finite numbers; inf arrived."),
        (lambda t: t.integer("x", 0, 1.5), "the range of 'x' must be a whole number"),
        (lambda t: t.categorical("x", []), "the options of 'x' must be one value or more; an empty list arrived."),
        (lambda t: t.categorical("x", "ab"), "the options of 'x' must be a list, such as [1, 2] or ['a', 'b']"),
        (lambda t: t.categorical("x", ["a", "a"]), "the options of 'x' must differ; \"a\" arrived twice."),
        (lambda t: t.categorical("x", [torch.optim.Adam]), "options of 'x' must be values that JSON has: text"),
        (lambda t: t.categorical("x", ["caf\udce9"]), "options of 'x' must be values that JSON has: text"),
        (lambda t: t.real("caf\udce9", 0, 1), "must be text of 1 to 200 characters; 'caf"),
        (
            lambda t: [t.record(epoch=epoch, valid_loss=1) for epoch in (1, 2, 1)],
            "epoch 1 arrived after epoch 2, and epochs are recorded in order. Leave out epoch=… to count on.",
        ),
        (lambda t: t.record(), "an epoch is recorded with its numbers, trial.record(valid_loss=…); none arrived."),
        (lambda t: t.record(valid_loss="low"), "valid_loss must be a number; 'low' arrived."),
        (lambda t: t.record(status=1), "a number cannot be called 'status': study.frame()"),
        (lambda t: t.record(epoch=0, valid_loss=1), "epoch must be a whole number, 1 or more; 0 arrived."),
        (lambda t: t.record(x=t.real("x", 0, 1)), "a number cannot be called 'x', because a choice is."),
    ],
)
def test_what_cannot_be_is_said(tmp_path, ask, words):
    assert words in error_of(tmp_path, lambda trial: [ask(trial), 0][1])


def test_conditional_choices_are_columns_that_some_runs_lack(tmp_path):
    def train(trial):
        if trial.categorical("kind", ["small", "large"]) == "large":
            return trial.integer("layers", 1, 3)
        return 0

    study = Study(tmp_path)
    study.run(train, grid={"kind": ["small", "large"], "layers": [1, 3]})
    frame = study.frame()
    assert frame["kind"].tolist() == ["small", "large", "large"]  # "small" has no layers: it is trained once
    assert frame["layers"].astype(object).where(frame["layers"].notna(), None).tolist() == [None, 1, 3]
    assert frame["combination"].tolist() == [0, 2, 3]


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({"x": [0.5, 2]}, "the grid has 2 for 'x', for which train asks for a real number from 0.0 to 1.0."),
        ({"c": ["a", "z"]}, "the grid has 'z' for 'c', which is not one of the options that train asks for, ['a']."),
    ],
)
def test_a_value_of_the_grid_outside_of_what_is_asked_for_is_said_before_anything_is_trained(tmp_path, grid, words):
    trained = []

    def train(trial):
        trained.append(trial.real("x", 0, 1) if "x" in grid else len(trial.categorical("c", ["a"])))
        return trained[-1]

    with pytest.raises(ExperimentError, match=f"{re.escape(words)}$"):
        Study(tmp_path).run(train, grid=grid)
    assert trained == []


def test_a_run_is_seeded(tmp_path):
    def train(trial):
        trial.real("x", 0, 1)
        return {
            "valid_loss": 0,
            "python": random.random(),
            "numpy": np.random.rand(),  # noqa: NPY002 — this is what is seeded
            "torch": float(torch.rand(1)),
        }

    study = Study(tmp_path)
    study.run(train, n=2, repeats=2)
    drawn = study.frame()[["python", "numpy", "torch"]].values.tolist()
    assert drawn[0] == drawn[2] != drawn[1] == drawn[3]
    assert drawn[0][0] == random.Random(0).random()


def test_splits_and_seeds_are_the_same_for_every_combination(tmp_path):
    study = Study(tmp_path, seed=5)
    study.run(lambda trial: trial.real("x", 0, 1) + trial.split, n=2, repeats=2, splits=2)
    assert study.frame()[["combination", "seed", "split"]].values.tolist() == [
        [number, seed, split] for number in range(2) for split in range(2) for seed in (5, 6)
    ]


def test_files_of_a_run_are_kept_in_its_folder(tmp_path):
    def train(trial):
        (trial.folder / "mine.txt").write_text(str(trial.seed))
        return 0

    Study(tmp_path).run(train, n=1)
    assert (tmp_path / "runs" / "1" / "mine.txt").read_text() == "0"


def test_epochs_may_be_recorded_by_number_and_in_parts(tmp_path):
    def train(trial):
        trial.record(epoch=2, train_loss=5, valid_loss=2)
        trial.record(epoch=2, valid_loss=3, accuracy=0.5)
        trial.record(valid_loss=4)

    study = Study(tmp_path)
    study.run(train, n=1)
    curves = study.curves()
    assert curves["epoch"].tolist() == [2, 3]
    assert curves[["train_loss", "valid_loss", "accuracy"]].values[0].tolist() == [5, 3, 0.5]
    assert study.frame()["value"].tolist() == [4]
    assert study.frame()["epochs"].tolist() == [3]
