"""The best combination, by hand: its mean, and what picking gained."""

from __future__ import annotations

import math

import pytest

from handlens.errors import ExperimentError
from handlens.experiments.reading.best import best
from tests.experiments.run_frames import frame_of

# By combination and seed. The means are 2, 3 and 4; without seed 0 they are 2.5, 1.5 and 4.5, without seed 1
# 1.5, 4 and 3.5, and without seed 2 2, 3.5 and 4.
VALUES = {"a": [1, 3, 2], "b": [6, 1, 2], "c": [3, 5, 4]}
CHOICES = [{"kind": kind} for kind in VALUES]


def test_by_hand():
    found = best(frame_of(CHOICES, lambda one, seed: float(VALUES[one["kind"]][seed])), ["kind"])
    assert (found.combination, found.choices, found.value) == (0, {"kind": "a"}, 2)
    assert (found.runs, found.candidates, found.left_out) == (3, 3, 0)
    assert found.expected == (6 + 3 + 2) / 3  # b by the seeds 1 and 2, then a twice
    assert repr(found).startswith("Combination 0: kind = a. Its mean is 2, of 3 runs: the lowest of 3 combinations.")
    assert "a seed gives 3.667 on average" in repr(found)


def test_more_is_better():
    frame = frame_of(CHOICES, lambda one, seed: -float(VALUES[one["kind"]][seed]))
    found = best(frame, ["kind"], direction="maximize")
    assert (found.combination, found.value, found.expected) == (0, -2, -11 / 3)
    assert "the highest of 3" in repr(found)


@pytest.mark.parametrize("status", ["failed", "pruned", "running"])
def test_a_combination_with_missing_runs_is_not_the_best(status):
    frame = frame_of(CHOICES, lambda one, seed: float(VALUES[one["kind"]][seed]))
    frame.loc[2, "status"] = status  # the seed with which `a` was worst
    found = best(frame, ["kind"])
    assert (found.combination, found.candidates, found.left_out) == (1, 2, 1)
    assert "Not looked at because runs are missing: 1 combination." in repr(found)


def test_combinations_that_lack_different_seeds_are_not_compared():
    frame = frame_of(CHOICES, lambda one, seed: float(VALUES[one["kind"]][seed]))
    frame.loc[[2, 4, 7], "status"] = "failed"  # seed 1 of `a`, and seed 0 of `b` and of `c`
    found = best(frame, ["kind"])
    assert (found.combination, found.value, found.runs) == (1, 1.5, 2)
    assert (found.candidates, found.left_out) == (2, 1)


def test_while_more_seeds_are_trained_all_combinations_are_compared_by_the_seed_that_they_have():
    frame = frame_of(CHOICES, lambda one, seed: float(VALUES[one["kind"]][seed]))
    frame.loc[(frame["seed"] > 0) & (frame["combination"] > 0), "status"] = "waiting"
    frame.loc[frame["status"] == "waiting", "value"] = math.nan
    found = best(frame, ["kind"])
    assert (found.combination, found.value, found.runs) == (0, 1, 1)
    assert (found.candidates, found.left_out) == (3, 0)
    frame.loc[(frame["seed"] == 0) & (frame["combination"] == 1), "value"] = 0.5
    assert best(frame, ["kind"]).combination == 1  # although `a` alone has all seeds


def test_a_training_that_exploded_is_not_the_best():
    found = best(frame_of(CHOICES, lambda one, seed: 1.0 if one["kind"] == "b" else 1.7e308), ["kind"])
    assert (found.combination, found.value) == (1, 1)


def test_one_seed_does_not_tell_what_picking_gained():
    found = best(frame_of(CHOICES, lambda one, seed: float(VALUES[one["kind"]][seed]), seeds=[0]), ["kind"])
    assert math.isnan(found.expected)
    assert "study.confirm() trains it again" in repr(found)


def test_a_choice_that_was_not_asked_for_is_not_named():
    frame = frame_of([{"kind": "a", "size": None}, {"kind": "b", "size": (1, 2)}], lambda one, seed: float(seed))
    assert best(frame, ["kind", "size"]).choices == {"kind": "a"}


def test_no_run_has_ended():
    frame = frame_of(CHOICES, lambda one, seed: 1.0)
    with pytest.raises(ExperimentError, match="no run of the study has ended"):
        best(frame.assign(status="running"), ["kind"])
