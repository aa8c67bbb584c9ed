"""Work that says how far it is and can be stopped."""

from __future__ import annotations

import threading

import pytest

from handlens.studio import work as module
from handlens.studio.listeners import Listeners
from handlens.studio.work import Work


@pytest.fixture
def heard() -> list[dict]:
    return []


@pytest.fixture
def work(heard: list[dict]) -> Work:
    listeners = Listeners()
    listeners.subscribe(lambda kind, payload: heard.append({"kind": kind, **payload}))
    return Work(listeners)


def test_the_time_left_is_that_of_the_steps_left(work, heard, monkeypatch):
    clock = iter([100.0, 103.0])  # at the first step, and after a quarter
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    steps = []
    with work.begin("train", progress=lambda *step: steps.append(step)) as report:
        assert report(0, 8) is False
        assert report(2, 8) is False
    common = {"kind": "work", "task": "train", "layer": None, "projection": None, "total": 8}
    assert heard == [
        {**common, "done": 0, "seconds_left": None},
        {**common, "done": 2, "seconds_left": 9.0},
        {**common, "done": 8, "seconds_left": 0.0},  # it has ended
    ]
    assert steps == [(0, 8), (2, 8)]


def test_what_came_before_the_first_step_says_nothing_of_the_others(work, heard, monkeypatch):
    clock = iter([100.0, 101.0, 102.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    with work.begin("map") as report:  # the first report comes late
        for done in (1, 3, 5):
            report(done, 9)
    # 8, 6 and 4 steps are left; two take a second.
    assert [told["seconds_left"] for told in heard] == [None, 3.0, 2.0, 0.0]


def test_only_the_work_that_is_meant_is_stopped_and_all_of_it(work):
    with (
        work.begin("map", layer="a", projection="neighbours") as one,
        work.begin("map", layer="a", projection="neighbours") as same,
        work.begin("map", layer="b", projection="neighbours") as other,
        work.begin("train") as training,
    ):
        work.cancel("map", "a", "neighbours")
        assert [report(1, 2) for report in (one, same, other, training)] == [True, True, False, False]
    with work.begin("map", layer="a", projection="neighbours") as again:
        assert again(1, 2) is False
    work.cancel("map", "a", "neighbours")  # nothing is under way


def test_an_event_of_the_callers_own_stops_it_too(work):
    cancel = threading.Event()
    with work.begin("train", cancel=cancel) as report:
        assert report(1, 2) is False
        cancel.set()
        assert report(1, 2) is True


def test_work_that_fails_has_ended(work, heard):
    def fail() -> None:
        with work.begin("train") as report:
            report(1, 4)
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011
        fail()
    assert [(told["done"], told["total"]) for told in heard] == [(1, 4), (4, 4)]


def test_work_that_never_said_how_far_it_is_says_nothing(work, heard):
    with work.begin("map", layer="a", projection="pca-1-2"):
        pass
    assert heard == []
