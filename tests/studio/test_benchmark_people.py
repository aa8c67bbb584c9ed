"""The simulated people of benchmarks/person.py, on a small collection: they label as their habits say."""

from __future__ import annotations

import dataclasses
import importlib
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from handlens.studio import Collection

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def people(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    people = importlib.import_module("people")
    monkeypatch.setattr(people, "AT_ONCE", 4)
    yield people
    sys.modules.pop("people")


@pytest.fixture
def truth():
    return np.array(["circle"] * 20 + ["square"] * 20)


def two_rounds(habit):
    return dataclasses.replace(habit, rounds=habit.rounds[:2])


def test_purest_square_has_the_largest_share_of_the_wanted_photos(people):
    xy = np.array([[0, 0], [1, 0], [0, 1], [5, 5], [5, 6], [6, 5], [9, 9], [np.nan, 0]], np.float32)
    wanted = np.array([1, 1, 0, 1, 1, 1, 1, 1], bool)
    free = np.array([1, 1, 1, 1, 1, 1, 0, 1], bool)
    found = people.purest_square(xy, wanted, free, np.array([0, 3]), 3)
    assert found[0] == 3
    assert sorted(found) == [3, 4, 5]


def test_purest_square_without_a_centre_is_empty(people):
    xy, everything = np.zeros((4, 2), np.float32), np.ones(4, bool)
    assert people.purest_square(xy, everything, everything, np.empty(0, np.int64), 3).tolist() == []


def test_purest_square_holds_all_free_photos_where_there_are_fewer(people):
    xy, everything = np.arange(8, dtype=np.float32).reshape(4, 2), np.ones(4, bool)
    free = np.array([True, False, False, True])
    assert people.purest_square(xy, everything, free, np.array([0]), 3).tolist() == [0, 3]


def test_calibration_error_is_the_mean_gap_over_bins(people):
    sure = np.array([0.95, 0.95, 0.55, 0.55, 1.0])
    right = np.array([True, True, True, False, False])
    # three in the bin from 0.9, of mean 2.9 / 3, two of them right; two in the bin from 0.5, one of them right
    assert people.calibration_error(sure, right) == pytest.approx(0.6 * (2.9 / 3 - 2 / 3) + 0.4 * 0.05)


@pytest.mark.parametrize("habit", ["lasso", "careful lasso", "lasso again", "random", "clicks"])
def test_people_label_and_check_and_see_the_truth(people, collection, truth, habit):
    person = people.Person(collection, truth, seed=3)
    looks = people.live(person, two_rounds(people.HABITS[habit]), checks=2)
    assert [(seen["round"], seen["step"]) for seen in looks[:2]] == [(0, "trained"), (0, "checked")]
    assert looks[0]["checked"] == 0
    assert looks[0]["accuracy"] is None
    rest = collection.predictions().loc[person.unlabelled, "predicted"].to_numpy()
    assert looks[-1]["truth"] == (rest == truth[person.unlabelled]).mean()
    if habit not in ("lasso", "lasso again"):
        labels = collection.labels.dropna()
        assert (labels.to_numpy() == truth[labels.index]).all()


def test_a_lasso_is_one_gesture_for_each_class(people, collection, truth):
    person = people.Person(collection, truth, seed=0)
    people.HABITS["lasso"].label(person, people.lasso)
    assert len(collection.parts.labels.state.origins.by_change) == 2
    assert set(collection.origins["gesture"].dropna()) == {"lasso"}


def test_imbalanced_people_label_two_of_each_class_but_their_favourites(people, collection):
    three = np.array(["circle"] * 16 + ["square"] * 16 + ["other"] * 8)
    person = people.Person(collection, three, seed=0)
    people.HABITS["imbalanced"].label(person, people.imbalanced)
    assert [int((collection.labels == name).sum()) for name in person.names[2:]] == [2]
    assert min(int((collection.labels == name).sum()) for name in person.names[:2]) >= 8


def test_sloppy_people_give_some_wrong_names(people, collection, truth):
    person = people.Person(collection, truth, seed=1)
    for pick in people.HABITS["sloppy"].rounds:
        people.HABITS["sloppy"].label(person, pick)
    labels = collection.labels.dropna()
    wrong = (labels.to_numpy() != truth[labels.index]).sum()
    assert 0 < wrong < len(labels) / 2


def test_checks_of_arbitrary_boxes_are_none_of_the_labels(people, collection, truth):
    person = people.Person(collection, truth, seed=0)
    person.collection.label([0, 1], "a")
    person.collection.label([2, 3], "b")
    drawn = person.check(3)
    assert collection.spot_check.none_of_these == drawn.tolist()


def test_the_same_seed_gives_the_same_life(people, folder, truth, tmp_path):
    lives = []
    for copy in ("one", "two"):
        shutil.copytree(folder, tmp_path / copy)
        with Collection.open(tmp_path / copy) as collection:
            looks = people.live(people.Person(collection, truth, seed=5), two_rounds(people.HABITS["clicks"]), checks=2)
            lives.append([{**seen, "seconds": 0} for seen in looks])
    assert lives[0] == lives[1]
