"""The history of the models: what was known of each, and why the accuracy moved."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from handlens.errors import StorageError
from handlens.studio.history import Point, why_it_moved


@pytest.fixture
def shop(open_desk):
    """Fifty photos: ids 0 to 4 are labelled cat and 5 to 9 dog; of the others, even ones are cats and odd ones dogs."""
    desk = open_desk(50)
    desk.labels.assign(range(5), "cat")
    desk.labels.assign(range(5, 10), "dog")
    return desk


def truth(photo: int) -> str:
    return "dog" if photo % 2 else "cat"


def predicted(wrong=()) -> list[str]:
    return [truth(photo + 1) if photo in wrong else truth(photo) for photo in range(50)]


def test_without_models_there_is_no_history(shop):
    assert shop.history.points == []


def test_each_model_has_a_point(shop):
    shop.train(predicted(), ["cat", "dog"], whole_gestures=(37, 100), single_photos=(89, 100))
    [first] = shop.history.points
    assert (first.kind, first.n_labelled, first.drawn, first.checked) == ("quick", 10, 0, 0)
    assert (first.accuracy, first.interval) == (None, None)
    assert first.guess == pytest.approx((0.28, 1.0), abs=0.005)
    assert datetime.fromisoformat(first.at).tzinfo is not None
    drawn = shop.answer_all(truth, 10)
    [first] = shop.history.points
    assert (first.accuracy, first.guess, first.checked) == (1.0, None, 10)
    blind = {photo: (truth(photo), truth(photo + (i < 2))) for i, photo in enumerate(drawn)}
    shop.train(predicted(), ["cat", "dog"], tested=blind, checked=tuple(drawn), drawn=10)
    shop.train(predicted(), ["cat", "dog"], kind="fine-tuned", use=False)
    points = shop.history.points
    assert [(p.kind, p.n_labelled, p.drawn, p.checked) for p in points] == [
        ("quick", 10, 0, 10),
        ("quick", 20, 10, 10),
        ("fine-tuned", 20, 0, 10),
    ]
    assert [p.accuracy for p in points] == pytest.approx([1.0, 0.8, 1.0])
    low, high = points[1].interval
    assert low < 0.8 < high


def test_both_together_have_a_point_while_they_are_in_use(shop):
    shop.train(predicted(), ["cat", "dog"])
    shop.train(predicted(), ["cat", "dog"], kind="fine-tuned")
    assert [point.kind for point in shop.history.points] == ["quick", "fine-tuned"]
    shop.models.use("both")
    assert [point.kind for point in shop.history.points] == ["quick", "fine-tuned", "both"]
    shop.train(predicted(), ["cat", "dog"], use=False)
    shop.models.use("quick")
    assert [point.kind for point in shop.history.points] == ["quick", "fine-tuned", "both", "quick"]


def test_what_was_known_stays_when_the_check_no_longer_tells(shop):
    shop.train(predicted(), ["cat", "dog"])
    shop.answer_all(truth, 12)
    [before] = shop.history.points
    shop.labels.assign([i for i in range(50) if shop.labels.codes[i] < 0][:10], "cat")
    assert shop.report().accuracy is None
    assert shop.history.points == [before]
    assert (before.accuracy, before.checked) == (1.0, 12)
    shop.answer_all(truth, 11)
    [now] = shop.history.points
    assert (now.accuracy, now.checked) == (1.0, 11)


def test_a_point_says_of_how_many_the_person_was_unsure(shop):
    shop.train(predicted(), ["cat", "dog"])
    shop.answer_all(lambda photo: "?" if photo % 5 == 0 else truth(photo), 20)
    [point] = shop.history.points
    unsure = sum(photo % 5 == 0 for photo in np.flatnonzero(shop.check.now().drawn))
    assert 0 < unsure < 10
    assert (point.checked, point.unsure) == (20 - unsure, unsure)


def test_a_file_of_a_version_that_did_not_count_unsure_photos(shop, open_desk):
    shop.train(predicted(), ["cat", "dog"])
    shop.answer_all(truth, 12)
    points = shop.history.points
    shop.close()
    with closing(sqlite3.connect(shop.path)) as db:
        db.execute("ALTER TABLE history DROP COLUMN unsure")
        db.commit()
    assert open_desk(50).history.points == points


def test_it_is_there_after_a_restart_and_in_another_process(shop, open_desk):
    shop.train(predicted(), ["cat", "dog"])
    shop.answer_all(truth, 12)
    points = shop.history.points
    assert open_desk(50).history.points == points
    shop.close()
    assert open_desk(50).history.points == points


def test_looking_writes_nothing(shop):
    shop.train(predicted(), ["cat", "dog"])
    points = shop.history.points
    with closing(sqlite3.connect(shop.path)) as db:
        for event in ("INSERT", "UPDATE"):
            db.execute(f"CREATE TRIGGER no_{event} BEFORE {event} ON history BEGIN SELECT RAISE(ABORT, 'written'); END")
        db.commit()
    assert shop.history.points == points
    shop.answer_all(truth, 12)
    with pytest.raises(StorageError, match="written"):
        _ = shop.history.points


@pytest.mark.parametrize("column", ["kind", "n_labelled", "drawn", "accuracy", "low", "guess_high", "checked", "at"])
def test_damaged_points_are_left_out_and_the_log_says_so(shop, caplog, column):
    shop.train(predicted(), ["cat", "dog"])
    shop.answer_all(truth, 12)
    _ = shop.history.points
    shop.train(predicted(), ["cat", "dog"])
    assert len(shop.history.points) == 2
    with closing(sqlite3.connect(shop.path)) as db:
        db.execute(f"UPDATE history SET {column} = ? WHERE seq = 1", (b"x",))
        db.commit()
    assert len(shop.history.points) == 1
    assert caplog.messages == ["1 models in the history are damaged, so they are left out."]


# --- why it moved ----------------------------------------------------------------------------------

POINT = Point("2026-01-01T10:00:00Z", "quick", 100, 0, 0.5, (0.4, 0.6), None, 60)


def then(**changes) -> str:
    return why_it_moved([POINT, replace(POINT, **changes)])[1]


def test_the_first_point_has_no_reason():
    assert why_it_moved([]) == []
    assert why_it_moved([POINT]) == [""]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"n_labelled": 160, "drawn": 30, "accuracy": 0.7, "interval": (0.62, 0.78)},
            "From 50 % to 70 % with 60 more labels, 30 of them of photos drawn at random.",
        ),
        (
            {"n_labelled": 101, "accuracy": 0.55, "interval": (0.45, 0.65)},
            "From 50 % to 55 % with 1 more label. Chance could explain the change.",
        ),
        ({"n_labelled": 2000}, "50 % as before with 1,900 more labels."),
        ({"n_labelled": 60, "accuracy": 0.3, "interval": (0.2, 0.39)}, "From 50 % to 30 % with 40 fewer labels."),
        ({"n_labelled": 99}, "50 % as before with 1 fewer label."),
        ({"accuracy": 0.9, "interval": (0.8, 0.95)}, "From 50 % to 90 %; labels were changed."),
        ({}, "50 % as before; labels were changed."),
        (
            {"kind": "fine-tuned", "accuracy": 0.9, "interval": (0.8, 0.95)},
            "From 50 % to 90 % with another kind of model.",
        ),
        (
            {"kind": "fine-tuned", "n_labelled": 110, "drawn": 30, "accuracy": 0.9, "interval": (0.8, 0.95)},
            "From 50 % to 90 % with another kind of model and 10 more labels, all of photos drawn at random.",
        ),
        ({"n_labelled": 101, "drawn": 1}, "50 % as before with 1 more label, of a photo drawn at random."),
        ({"n_labelled": 109, "drawn": 1}, "50 % as before with 9 more labels, 1 of them of a photo drawn at random."),
        ({"accuracy": None, "interval": None}, ""),
    ],
)
def test_why_the_accuracy_moved(changes, says):
    assert then(**changes) == says


def test_models_that_were_not_checked_are_skipped():
    unknown = replace(POINT, n_labelled=120, accuracy=None, interval=None)
    better = replace(POINT, n_labelled=150, accuracy=0.8, interval=(0.7, 0.9))
    assert why_it_moved([unknown, POINT, unknown, better]) == ["", "", "", "From 50 % to 80 % with 50 more labels."]


def test_a_model_is_compared_with_the_one_before_of_its_kind():
    tuned = replace(POINT, kind="fine-tuned", accuracy=0.9, interval=(0.8, 0.95))
    better = replace(POINT, n_labelled=150, accuracy=0.8, interval=(0.7, 0.9))
    assert why_it_moved([POINT, tuned, better])[1:] == [
        "From 50 % to 90 % with another kind of model.",
        "From 50 % to 80 % with 50 more labels.",
    ]
