"""Choices: of equal combinations drawn at one moment the later is drawn again, as if one had come after the other."""

from __future__ import annotations

import pytest

from handlens.experiments import Study
from handlens.experiments.training.choices import Choices, Repeated
from handlens.experiments.training.claims import Claim, RunPlan, claim
from handlens.experiments.training.owners import Owner, Watch
from handlens.experiments.training.spaces import Options

SIDE, SIZE = Options(["left", "right"]), Options([1, 2])


class Drawn:
    """Draws what it was given, in place of Optuna."""

    is_fixed = False
    grid_names = ()

    def __init__(self, **values):
        self.values = values

    def check(self, name, space):
        pass

    def is_over(self, trial):
        return False

    def ask(self):
        return 0

    def value(self, trial, name, space, *, combination, attempt):
        return self.values[name][attempt]

    def tell(self, trial, value, *, pruned=False):
        pass


@pytest.fixture
def two(tmp_path):
    """A store with two combinations that are being trained by one process."""
    study = Study(tmp_path)
    with Owner(study.store) as owner:
        plan = RunPlan(n=2)
        for number in (0, 1):
            found = claim(study.store, "study", plan, 0, owner.name, Watch())
            assert isinstance(found, Claim)
            assert found.combination == number
        yield study.store


def test_the_later_of_two_equal_combinations_is_drawn_again(two):
    first = Choices(two, "study", 0, Drawn(side=["left"]))
    second = Choices(two, "study", 1, Drawn(side=["left", "right"]))
    assert second.value("side", SIDE) == "left"
    assert first.value("side", SIDE) == "left"
    first.finish()
    with pytest.raises(Repeated):
        second.finish()
    again = second.draw_again()
    assert again.value("side", SIDE) == "right"
    again.finish()
    assert Choices(two, "study", 1, Drawn()).value("side", SIDE) == "right"  # from the record


def test_it_is_drawn_again_also_while_the_first_has_all_choices_and_has_not_begun(two):
    Choices(two, "study", 0, Drawn(side=["left"])).value("side", SIDE)
    second = Choices(two, "study", 1, Drawn(side=["left"]))
    second.value("side", SIDE)
    with pytest.raises(Repeated):
        second.finish()


def test_a_repetition_of_what_is_trained_is_noticed_where_its_last_choice_is_made(two):
    first = Choices(two, "study", 0, Drawn(side=["left"], size=[1]))
    first.value("side", SIDE), first.value("size", SIZE)
    first.finish()
    second = Choices(two, "study", 1, Drawn(side=["left"], size=[1]))
    assert second.value("side", SIDE) == "left"
    with pytest.raises(Repeated):
        second.value("size", SIZE)


def test_it_waits_while_the_first_may_come_to_the_same_choices(two, monkeypatch):
    first = Choices(two, "study", 0, Drawn(side=["left"], size=[2]))
    first.value("side", SIDE)
    second = Choices(two, "study", 1, Drawn(side=["left"], size=[1]))
    second.value("side", SIDE), second.value("size", SIZE)
    waits = []

    def wait(seconds):
        waits.append(seconds)
        first.value("size", SIZE)

    monkeypatch.setattr("handlens.experiments.training.choices.time.sleep", wait)
    second.finish()
    assert len(waits) == 1
    assert second.made == {"side": "left", "size": 1}


def test_it_does_not_wait_for_one_that_differs_or_that_nobody_trains(two, monkeypatch):
    monkeypatch.setattr("handlens.experiments.training.choices.time.sleep", lambda seconds: pytest.fail("it waits"))
    first = Choices(two, "study", 0, Drawn(side=["left"]))
    first.value("side", SIDE)
    second = Choices(two, "study", 1, Drawn(side=["right"]))
    second.value("side", SIDE)
    second.finish()


def test_the_runs_of_one_combination_agree_on_a_choice_that_two_of_them_make_at_once(two):
    one = Choices(two, "study", 0, Drawn(side=["left"]))
    other = Choices(two, "study", 0, Drawn(side=["right"]))
    assert one.value("side", SIDE) == "left"
    assert other.value("side", SIDE) == "left"
