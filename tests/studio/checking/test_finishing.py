"""Finishing: what the model labels by itself, what takes that back, and what is said where it cannot."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from handlens.errors import CollectionError, TrainingError
from handlens.studio import finishing
from handlens.studio.finishing import Finished
from handlens.studio.origins import Certificate
from handlens.studio.pac_labels import fewest_checks, pac_labels

N = 220


@pytest.fixture
def shop(open_desk):
    """220 photos: ids 0 to 9 are labelled cat and 10 to 19 dog; of the others, even ones are cats and odd ones dogs."""
    desk = open_desk(N)
    desk.labels.assign(range(10), "cat")
    desk.labels.assign(range(10, 20), "dog")
    return desk


def truth(photo: int) -> str:
    return "dog" if photo % 2 else "cat"


def predicted(wrong=()) -> list[str]:
    return [truth(photo + 1) if photo in wrong else truth(photo) for photo in range(N)]


def finish(desk, error: float = 0.05, confidence: float = 0.95) -> Finished:
    return desk.finishing.finish(error=error, confidence=confidence)


def by_kind(desk) -> dict[str, set[int]]:
    """The labelled photos by the kind of their origins."""
    origins = desk.labels.state.origins
    kinds: dict[str, set[int]] = {}
    for photo, change in enumerate(origins.changes.tolist()):
        if change:
            kinds.setdefault(origins.by_change[change].origin.kind, set()).add(photo)
    return kinds


def certificate(desk) -> Certificate | None:
    """What is certain of the labels that the model gave."""
    found = {change.origin.certificate for change in desk.labels.state.origins.by_change.values()} - {None}
    assert len(found) <= 1
    return found.pop() if found else None


@pytest.fixture
def checked(shop):
    """Sixty photos are checked, and the model is right everywhere."""
    shop.train(predicted(), ["cat", "dog"])
    shop.answer_all(truth, 60)
    return shop


# --- what it does ----------------------------------------------------------------------------------


def test_the_rest_is_labelled_with_a_certificate(checked):
    plan = checked.finishing.plan(error=0.05, confidence=0.95)
    assert checked.finishing.count == 0
    assert certificate(checked) is None
    done = finish(checked)
    assert (done.ids.tolist(), done.names, done.sentence) == (plan.ids.tolist(), plan.names, plan.sentence)
    assert done.names == [truth(photo) for photo in done.ids]
    assert (len(done.ids), done.left, done.checked) == (140, 0, 60)
    assert 0 <= done.bound <= 0.05
    assert done.sentence == (
        "140 photos get the label that the model predicts, and no photo is left: with 95 % confidence at most 5 % of "
        "all labels are wrong."
    )
    kinds = by_kind(checked)
    assert {kind: len(photos) for kind, photos in kinds.items()} == {"by hand": 20, "checked": 60, "certified": 140}
    assert kinds["certified"] == set(done.ids.tolist())
    assert [checked.labels.series[photo] for photo in done.ids] == done.names
    assert checked.finishing.count == 140
    assert certificate(checked) == Certificate(0.05, 0.95, checked=60)


def test_the_answers_do_not_change_the_order_of_the_photos(shop, monkeypatch):
    given = []

    def spied(right, confidence, candidates, **how):
        given.append((confidence, candidates))
        return pac_labels(right, confidence, candidates, **how)

    monkeypatch.setattr(finishing, "pac_labels", spied)
    shop.train(predicted(), ["cat", "dog"], sure=math.log(4))  # a probability of 0.8 for each photo
    drawn = shop.answer_all(truth, 60)
    plan = shop.finishing.plan(error=0.05, confidence=0.95)
    assert plan.sure_from > 0.95  # calibrated on the answers, each of which says that the model is right
    for photo in drawn[:20]:
        shop.answer(photo, "?")
    shop.finishing.plan(error=0.05, confidence=0.95)
    shop.finishing.plan(error=0.5, confidence=0.95)
    for confidence, candidates in given:
        np.testing.assert_allclose(confidence, np.full(60, 0.8), atol=1e-6)
        np.testing.assert_allclose(candidates, np.full(140, 0.8), atol=1e-6)
    assert len(given) >= 2


def test_one_undo_takes_it_back_and_redo_makes_it_again(checked):
    before = checked.labels.series
    finish(checked)
    after = checked.labels.series
    assert checked.labels.undo_text == "finish: label 140 photos as predicted"
    checked.labels.undo()
    assert checked.labels.series.equals(before)
    assert certificate(checked) is None
    checked.labels.redo()
    assert checked.labels.series.equals(after)
    assert certificate(checked) == Certificate(0.05, 0.95, checked=60)


def test_finishing_and_its_undo_are_nothing_that_a_model_learns_from(checked):
    before, version = checked.labels.state.last_by_person, checked.labels.version
    assert before == version
    finish(checked)
    assert (checked.labels.state.last_by_person, checked.labels.version) == (before, version + 1)
    checked.labels.undo()
    assert (checked.labels.state.last_by_person, checked.labels.version) == (before, version + 2)
    checked.labels.assign([0], "dog")
    assert checked.labels.state.last_by_person == version + 3
    checked.labels.undo()
    assert checked.labels.state.last_by_person == before
    checked.labels.redo()
    assert checked.labels.state.last_by_person == version + 3
    checked.labels.delete("dog")
    assert checked.labels.state.last_by_person == checked.labels.version
    while checked.labels.undo():
        pass
    assert checked.labels.state.last_by_person == 0


def test_finishing_a_second_time_changes_nothing(checked):
    first = finish(checked)
    version = checked.labels.version
    second = finish(checked)
    assert second.ids.tolist() == first.ids.tolist()
    assert checked.labels.version == version


def test_a_stricter_error_takes_labels_off_again_in_one_undo(shop):
    drawn = shop.draw(100)
    # It gets some of those wrong of which it is less sure.
    place = [photo * 37 % N for photo in range(N)]
    wrong = [photo for photo in range(N) if place[photo] < 90 and photo % 4 == 1]
    shop.train(predicted(wrong), ["cat", "dog"], sure=[1 + 3 * at / N for at in place])
    for photo in drawn:
        shop.answer(photo, truth(photo))
    loose = finish(shop, error=0.2)
    assert by_kind(shop)["certified"] == set(loose.ids.tolist())
    strict = finish(shop, error=0.05)
    assert 0 < len(strict.ids) < len(loose.ids)
    assert set(strict.ids) < set(loose.ids)
    assert by_kind(shop)["certified"] == set(strict.ids.tolist())
    assert certificate(shop) == Certificate(0.05, 0.95, checked=100)
    assert strict.sure_from >= loose.sure_from
    shop.labels.undo()
    assert by_kind(shop)["certified"] == set(loose.ids.tolist())
    assert certificate(shop) == Certificate(0.2, 0.95, checked=100)


def test_photos_that_were_drawn_are_never_labelled_by_the_model(checked):
    drawn = checked.draw(10)
    for photo in drawn[:5]:
        checked.answer(photo, None if photo % 2 else "?")
    done = finish(checked, error=0.3)
    assert not set(done.ids) & set(drawn)
    assert done.left == 10  # five wait, and five are unsure or none of these


def test_a_wrong_label_that_is_checked_later_is_replaced(checked):
    finish(checked)
    drawn = checked.draw(3)
    assert set(drawn) <= by_kind(checked)["certified"]
    checked.answer(drawn[0], truth(drawn[0]))
    checked.answer(drawn[1], truth(drawn[1] + 1))
    checked.answer(drawn[2], None)
    kinds = by_kind(checked)
    assert set(drawn[:2]) <= kinds["checked"]
    assert not set(drawn) & kinds["certified"]
    assert [said for photo, said in checked.counted if photo in drawn] == [
        *(truth(drawn[0]), truth(drawn[1] + 1), None)
    ]
    again = finish(checked, error=0.1)
    assert not set(again.ids) & set(drawn)


# --- labels that change ----------------------------------------------------------------------------


def test_a_class_that_was_deleted_is_never_given_and_its_predictions_are_not_wrong_labels(shop):
    shop.labels.assign([0, 1], "bird")
    birds = set(range(150, N, 3))
    said = ["bird" if photo in birds else truth(photo) for photo in range(N)]
    shop.train(said, ["cat", "dog", "bird"], sure=[6.0 if photo in birds else 3.0 for photo in range(N)])
    shop.labels.delete("bird")
    drawn = shop.answer_all(truth, 80)
    assert set(drawn) & birds  # wrong, and the model is surest of these
    done = finish(shop)
    assert set(done.names) == {"cat", "dog"}
    assert not set(done.ids) & birds
    assert len(done.ids) + len(birds - set(drawn)) == N - 20 - 80 + 2
    assert done.left == len(birds - set(drawn))


def test_labels_are_given_as_they_are_called_now(shop):
    shop.labels.assign([0], "kitten")
    said = ["kitten" if photo > 200 and photo % 2 == 0 else truth(photo) for photo in range(N)]
    shop.train(said, ["cat", "dog", "kitten"])
    shop.answer_all(truth, 60)
    shop.labels.merge(["kitten"], "cat")
    shop.labels.rename("dog", "hound")
    done = finish(shop)
    assert set(done.names) == {"cat", "hound"}
    assert len(done.ids) == 140
    assert shop.labels.names == ["cat", "hound"]


def test_a_label_that_comes_while_the_plan_is_made_stays(checked, open_desk, monkeypatch):
    """As from another tab: the plan is made again."""
    other = open_desk(N)
    photo = int(checked.finishing.plan(error=0.05, confidence=0.95).ids[0])
    plans = []
    finishing = checked.finishing
    make = finishing._plan

    def planned(*args):
        made = make(*args)
        if not plans:
            other.labels.assign([photo], "bird")
        plans.append(made)
        return made

    monkeypatch.setattr(finishing, "_plan", planned)
    done = finishing.finish(error=0.05, confidence=0.95)
    assert len(plans) == 2
    assert photo not in done.ids
    assert checked.labels.series[photo] == "bird"
    assert by_kind(checked)["certified"] == set(done.ids.tolist())


def test_a_plan_is_refused_as_a_whole_if_the_disk_refuses(checked):
    with closing(sqlite3.connect(checked.path)) as db:
        db.execute("CREATE TRIGGER refuse BEFORE INSERT ON changes BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        db.commit()
    with pytest.raises(Exception, match="disk full"):
        finish(checked)
    assert checked.finishing.count == 0


# --- where it cannot -------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [0, 1, -0.1, True, "0.05", float("nan"), None])
def test_errors_that_cannot_be(checked, error):
    with pytest.raises(CollectionError, match="error must be between 0 and 1"):
        checked.finishing.plan(error=error, confidence=0.95)


@pytest.mark.parametrize("confidence", [0, 0.5, 1, True, "0.9", float("nan"), None])
def test_confidences_that_cannot_be(checked, confidence):
    with pytest.raises(CollectionError, match=r"confidence must be between 0\.5 and 1"):
        finish(checked, confidence=confidence)


def test_shares_of_numpy_are_numbers(checked):
    plan = checked.finishing.plan(error=np.float32(0.25), confidence=np.float64(0.95))
    assert (plan.error, plan.confidence) == (0.25, 0.95)


def test_without_a_model(shop):
    with pytest.raises(TrainingError, match="there is no model yet"):
        shop.finishing.plan(error=0.05, confidence=0.95)


def test_without_enough_checks(shop):
    shop.train(predicted(), ["cat", "dog"])
    needed = fewest_checks(200, 20, error=0.05, sure=0.95)
    for checked in (0, needed - 1):
        shop.answer_all(truth, checked) if checked else None
        plan = shop.finishing.plan(error=0.05, confidence=0.95)
        assert (len(plan.ids), plan.bound, plan.checked, plan.fewest) == (0, None, checked, needed)
        says = (
            f"At least {needed} random photos must be checked before labels can be certified with at most 5 % wrong; "
            f"so far {checked}. Check {needed - checked} more."
        )
        assert plan.sentence == says
        with pytest.raises(TrainingError) as refused:
            finish(shop)
        assert str(refused.value) == says
    shop.answer_all(truth, 1)
    assert len(finish(shop).ids) > 0


def test_answers_of_a_block_that_is_not_complete_do_not_count(shop):
    shop.train(predicted(), ["cat", "dog"])
    drawn = shop.draw(59)
    for photo in drawn[:58]:
        shop.answer(photo, truth(photo))
    plan = shop.finishing.plan(error=0.05, confidence=0.95)
    assert (plan.checked, plan.waiting) == (30, 1)
    assert plan.sentence.endswith("so far 30. Finish the check first: 1 photo waits.")
    shop.answer(drawn[58], truth(drawn[58]))
    plan = shop.finishing.plan(error=0.05, confidence=0.95)
    assert (plan.checked, plan.waiting) == (59, 0)
    assert len(plan.ids) == 141


def test_an_error_that_cannot_be_met(shop):
    drawn = shop.draw(60)
    shop.train(predicted([photo for photo in range(N) if photo % 5 < 2]), ["cat", "dog"])
    for photo in drawn:
        shop.answer(photo, truth(photo))
    version = shop.labels.version
    done = finish(shop)
    assert (len(done.ids), done.names, done.bound, done.sure_from, done.left) == (0, [], None, None, 140)
    assert done.sentence == (
        "No label can be certified with at most 5 % of all labels wrong. The model is wrong too often: label more "
        "photos, and train again."
    )
    assert shop.labels.version == version


def test_answers_that_hold_no_longer(checked):
    checked.labels.undo()
    for what in (checked.finishing.plan, checked.finishing.finish):
        with pytest.raises(TrainingError, match=r"1 checked photo has no answer any more.*Answer again first\."):
            what(error=0.05, confidence=0.95)
    checked.labels.redo()
    assert len(finish(checked).ids) == 140


def test_a_check_in_which_each_answer_is_unsure(shop):
    shop.train(predicted(), ["cat", "dog"])
    for photo in shop.draw(80):
        shop.answer(photo, "?")
    with pytest.raises(TrainingError, match="so far 0"):
        finish(shop)


def test_a_check_that_no_longer_tells_about_the_rest(checked):
    rest = np.flatnonzero(checked.check.now().open)
    checked.labels.assign(rest[:21], "cat")
    with pytest.raises(TrainingError, match="so far 0"):
        finish(checked)


def test_when_everything_is_labelled(checked):
    checked.labels.assign(np.flatnonzero(checked.check.now().open), "cat")
    with pytest.raises(TrainingError, match="labelled or checked every photo, so nothing is left to label"):
        finish(checked)


def test_photos_that_are_not_predicted_yet(checked):
    checked.train([""] * N, ["cat", "dog"])
    with pytest.raises(TrainingError, match="no photo that is left has a prediction that could become its label"):
        finish(checked)


def test_photos_that_could_not_be_drawn_are_left(open_desk):
    desk = open_desk(N, prepared=200)
    desk.labels.assign(range(10), "cat")
    desk.labels.assign(range(10, 20), "dog")
    desk.train(predicted(), ["cat", "dog"])
    desk.answer_all(truth, 60)
    desk.photos.prepared = 210  # ten were added
    done = finish(desk)
    assert done.ids.max() < 200
    assert done.left == 10
    desk.photos.prepared = N  # so many that the check no longer tells about the rest
    with pytest.raises(TrainingError, match="so far 0"):
        finish(desk)
    drawn = desk.answer_all(truth, 60)
    assert {photo for photo in drawn if photo >= 200}
    assert finish(desk).left == 0


def test_draws_from_photos_of_which_some_were_added_and_others_labelled(open_desk):
    """The photos that were drawn, and those that can be labelled, are all among those that were drawn from."""
    desk = open_desk(N, prepared=120)
    desk.labels.assign(range(10), "cat")
    desk.labels.assign(range(10, 20), "dog")
    desk.train(predicted(), ["cat", "dog"])
    first = desk.answer_all(truth, 60)
    rest = [photo for photo in range(20, 120) if photo not in first]
    desk.labels.assign(rest[:10], "cat")
    desk.photos.prepared = 123
    desk.answer_all(truth, 2)
    assert [r.current for r in desk.check.now().rounds] == [True, True]
    assert finish(desk, error=0.2).left == int((desk.photos.usable & (desk.labels.codes < 0)).sum())


@pytest.mark.parametrize(
    ("n", "left", "more", "says"),
    [
        (
            1,
            1,
            1,
            "1 photo gets the label that the model predicts, and 1 photo is left for you: with 95 % confidence at ",
        ),
        (2, 1000, 30, "2 photos get the label that the model predicts, and 1,000 photos are left for you: "),
        (2, 0, 30, "2 photos get the label that the model predicts, and no photo is left: "),
    ],
)
def test_plans_in_words(n, left, more, says):
    plan = Finished(np.arange(n), ["cat"] * n, left, 0.04, 0.9, 60, 50, more, 0, np.arange(0), 0.05, 0.95)
    assert plan.sentence.startswith(says)
    ends = {
        (1, 1): " 1 more check is expected to label more.",
        (1000, 30): " 30 more checks are expected to label more.",
    }
    assert plan.sentence.endswith(ends.get((left, more), "5 % of all labels are wrong."))


@pytest.mark.parametrize(("lost", "says"), [(1, "1 label that"), (1200, "1,200 labels that")])
def test_a_plan_says_which_labels_it_takes_back(lost, says):
    plan = Finished(np.arange(0), [], 9, None, None, 60, 50, None, 0, np.arange(lost), 0.01, 0.95)
    assert plan.sentence == (
        f"No label can be certified with at most 1 % of all labels wrong. It takes back {says} an earlier finish gave. "
        "The model is wrong too often: label more photos, and train again."
    )


def test_where_the_person_was_unsure_the_model_may_be_wrong(shop):
    shop.train(predicted(), ["cat", "dog"])
    drawn = shop.draw(100)
    for photo in drawn[:90]:
        shop.answer(photo, truth(photo))
    before = shop.finishing.plan(error=0.05, confidence=0.95)
    for photo in drawn[90:]:
        shop.answer(photo, "?")
    after = shop.finishing.plan(error=0.05, confidence=0.95)
    assert (before.checked, after.checked) == (90, 100)
    assert len(before.ids) == 100
    assert len(after.ids) == 0  # a tenth of the predictions may be wrong
