"""How accurate models are said to be: by hand, and what is said where nothing is known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from handlens.errors import CollectionError, TrainingError
from handlens.studio.estimates import Estimate, estimate_accuracy, estimate_difference
from handlens.studio.evaluation import NONE, PairedComparison
from handlens.studio.models.checked import confidence
from handlens.studio.models.held_out import Confidences
from handlens.studio.models.registry import UNKNOWN
from handlens.studio.origins import Certificate, Origin
from handlens.studio.report import confusion_table, per_class_table

BY_MODEL = Origin("finish", "certified", Certificate(0.05, 0.95, checked=30))
NOTHING = "Nothing is checked yet. Check 30 random photos to know how often the model is right."


@pytest.fixture
def shop(open_desk):
    """Fifty photos: ids 0 to 4 are labelled cat and 5 to 9 dog; of the others, even ones are cats and odd ones dogs."""
    desk = open_desk(50)
    desk.labels.assign(range(5), "cat")
    desk.labels.assign(range(5, 10), "dog")
    return desk


def truth(photo: int) -> str:
    return "dog" if photo % 2 else "cat"


def wrong_of(photos: list[int]) -> list[str]:
    """Predictions of fifty photos, which are wrong for some."""
    return [truth(photo + 1) if photo in photos else truth(photo) for photo in range(50)]


def empty(report) -> bool:
    return (report.accuracy, report.interval, report.calibration_error) == (None, None, None)


# --- the accuracy ----------------------------------------------------------------------------------


def test_the_accuracy_by_hand(shop):
    drawn = shop.draw(10)
    shop.train(wrong_of(drawn[:2]), ["cat", "dog"])
    for photo in drawn:
        shop.answer(photo, truth(photo))
    report = shop.report()
    # Eight of ten are right. 30 photos are left: Wilson's interval of 10 · 40 / 30 photos is that of all 40, and the
    # eight that are known to be right are taken out of it.
    n, z = 10 * 40 / 30, 1.959964
    middle = (0.8 + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(0.8 * 0.2 / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert report.accuracy == pytest.approx(0.8)
    assert report.interval == pytest.approx([(40 * end - 8) / 30 for end in (middle - half, middle + half)], abs=1e-5)
    assert (report.reason, report.guess, report.checked, report.unlabelled) == ("", None, 10, 30)


def test_nine_checked_photos_are_too_few(shop):
    drawn = shop.draw(10)
    shop.train(wrong_of([]), ["cat", "dog"])
    for photo in drawn[:9]:
        shop.answer(photo, truth(photo))
    assert empty(shop.report())
    assert shop.report().reason == "The check is not finished: 1 photo waits for an answer."
    shop.answer(drawn[9], "?")
    report = shop.report()
    assert empty(report)
    assert report.checked == 9
    assert report.reason == (
        "Only 9 photos are checked, and you were unsure of 1 more; at least 10 are needed. Check 30 random photos."
    )
    shop.answer(drawn[9], truth(drawn[9]))
    assert shop.report().accuracy == 1.0


def test_what_is_unsure_does_not_count_and_none_of_these_is_wrong(shop):
    drawn = shop.draw(14)
    shop.train(wrong_of([]), ["cat", "dog"])
    for photo, said in zip(drawn, [None, None, "?", "?", *map(truth, drawn[4:])], strict=True):
        shop.answer(photo, said)
    report = shop.report()
    assert (report.checked, report.unlabelled) == (12, 26)
    assert report.accuracy == pytest.approx(10 / 12)
    # Were the two wrong of which the person was unsure, or right: 10 and 12 of 14.
    assert report.unsure == 2
    assert report.accuracy_of_all == pytest.approx((10 / 14, 12 / 14))
    assert report.per_class["said"].sum() == 12
    assert report.per_class["right"].sum() == 10


def test_a_label_that_the_model_does_not_know_is_wrong(shop):
    drawn = shop.draw(10)
    shop.train(wrong_of([]), ["cat", "dog"])
    for photo, said in zip(drawn, ["bird", *map(truth, drawn[1:])], strict=True):
        shop.answer(photo, said)
    report = shop.report()
    assert report.accuracy == pytest.approx(0.9)
    assert report.confusion.to_numpy().sum() == 9  # a bird has no row


def test_photos_count_as_they_were_predicted_before_the_model_saw_their_labels(shop):
    drawn = shop.answer_all(truth, 10)
    # The model was trained on them and knows them all; without them, it had three wrong.
    blind = {photo: (truth(photo), truth(photo + (i < 3))) for i, photo in enumerate(drawn)}
    shop.train(wrong_of([]), ["cat", "dog"], tested=blind, checked=tuple(drawn))
    assert shop.report().accuracy == pytest.approx(0.7)
    more = shop.answer_all(truth, 2)  # not seen, so predicted as they are now
    assert shop.report().accuracy == pytest.approx(9 / 12)
    assert shop.report().confusion.to_numpy().trace() == 9
    assert len(more) == 2


def test_cross_fitted_confidences_are_compared_with_those_of_the_same_models(shop):
    drawn = shop.answer_all(truth, 24)
    blind = {photo: (truth(photo), truth(photo + (i < 6))) for i, photo in enumerate(drawn)}
    odds = np.repeat([1.5, 3], [6, 18])  # of two classes
    given = {"tested": blind, "checked": tuple(drawn), "tested_sure": np.log(odds), "drawn": 24}
    right, sure = np.arange(24) >= 6, odds**1.6 / (1 + odds**1.6)  # at a temperature of 1 / 1.6
    taught = 24 / 34  # of 10 + 24 labels
    shop.train(wrong_of([]), ["cat", "dog"], **given, unlabelled=Confidences(0.8, 0.02, 10))
    # Of the 16 photos that are left 10 were looked at.
    expected = estimate_accuracy(right, sure, 0.8, 16, sampled=0.02 * (1 / 10 - 1 / 16), taught=taught)
    report = shop.report()
    assert (report.accuracy, *report.interval) == pytest.approx((expected.value, expected.low, expected.high), abs=1e-4)
    assert report.accuracy < 0.75
    # Not known, as of models that earlier versions trained: then confidences are not used.
    shop.train(wrong_of([]), ["cat", "dog"], **given)
    expected = estimate_accuracy(right, np.full(24, 0.5), 0.5, 16, taught=taught)
    report = shop.report()
    assert (report.accuracy, *report.interval) == pytest.approx((expected.value, expected.low, expected.high), abs=1e-4)
    assert report.accuracy == 0.75


def test_photos_that_the_model_labelled_are_among_those_that_it_is_about(shop):
    shop.train(wrong_of([]), ["cat", "dog"])
    shop.labels.assign(range(10, 30), "cat", origin=BY_MODEL)
    shop.answer_all(truth, 12)
    report = shop.report()
    assert (report.accuracy, report.unlabelled) == (1.0, 28)


def test_without_a_check(shop):
    shop.train(wrong_of([]), ["cat", "dog"], whole_gestures=(37, 100), single_photos=(89, 100))
    report = shop.report()
    assert empty(report)
    assert report.guess == pytest.approx((0.28, 1.0), abs=0.005)
    assert report.reason == NOTHING
    assert (report.checked, report.unlabelled) == (0, 40)


def test_the_guess_is_lower_if_the_model_is_unsure_of_the_other_photos(shop):
    tested = {"whole_gestures": (95, 100), "single_photos": (97, 100)}
    shop.train(wrong_of([]), ["cat", "dog"], sure=1.3 * np.log(1.5), **tested)  # doubted, odds of 3 to 2
    assert shop.report().guess == pytest.approx((0.6, 1.0), abs=0.005)


@pytest.mark.parametrize(("one", "shown"), [([1], "“dog”"), ([0, 1], "“cat”, “dog”")])
def test_with_one_gesture_a_label_there_is_not_even_a_guess(shop, one, shown):
    shop.train(wrong_of([]), ["cat", "dog"], whole_gestures=(37, 100), single_photos=(89, 100), one_gesture=one)
    assert shop.report().guess is None
    assert shop.report().reason == (
        f"{NOTHING} There is not even a guess, because all photos of a label were selected together: {shown}."
    )


def test_a_model_that_was_not_tested_has_no_guess(shop):
    shop.train(wrong_of([]), ["cat", "dog"])
    assert shop.report().guess is None


def test_a_check_of_which_nothing_is_known(shop):
    shop.train(wrong_of([]), ["cat", "dog"])
    for photo in shop.draw(12):
        shop.answer(photo, "?")
    assert empty(shop.report())
    assert (shop.report().checked, shop.report().unsure, shop.report().accuracy_of_all) == (0, 12, None)
    assert shop.report().reason == (
        "You were unsure of each checked photo, so nothing is known yet. Decide what such photos are, for example a "
        "label of their own, and check more."
    )


def test_a_check_that_is_half_done(shop):
    shop.train(wrong_of([]), ["cat", "dog"])
    drawn = shop.draw(30)
    assert shop.report().reason == NOTHING
    for photo in drawn[1:]:
        shop.answer(photo, truth(photo))
    report = shop.report()
    assert empty(report)  # the first one waits
    assert report.reason == "The check is not finished: 1 photo waits for an answer."
    assert report.checked == 0
    shop.answer(drawn[0], truth(drawn[0]))
    assert shop.report().accuracy == 1.0
    assert shop.report().checked == 30


def test_the_accuracy_of_a_large_check_moves_with_each_complete_block(open_desk):
    desk = open_desk(300)
    desk.labels.assign([0, 2], "cat")
    desk.labels.assign([1, 3], "dog")
    drawn = desk.draw(200)
    wrong = {*drawn[:6], *drawn[30:42], *drawn[190:]}  # six and twelve of thirty, and the last ten
    said = [truth(photo + (photo in wrong)) for photo in range(300)]
    desk.train(said, ["cat", "dog"], whole_gestures=(8, 10), single_photos=(9, 10))
    after = {}
    for n, photo in enumerate(drawn, start=1):
        desk.answer(photo, truth(photo))
        if n in (1, 29, 30, 45, 59, 60, 199, 200):
            after[n] = desk.report()
    assert empty(after[29])
    assert after[29].guess is not None
    assert after[29].reason == (
        "The check is not finished: 171 photos wait for an answer. Answers count 30 at a time, in the order of drawing."
    )
    assert [report.checked for report in after.values()] == [0, 0, 30, 30, 30, 60, 180, 200]
    assert [after[n].accuracy for n in (30, 45, 60, 199, 200)] == pytest.approx(
        [24 / 30, 24 / 30, 42 / 60, 162 / 180, 172 / 200]
    )
    assert after[45].interval == after[30].interval
    assert after[30].guess is None


def test_answers_that_hold_no_longer_withhold_the_accuracy(shop):
    shop.train(wrong_of([]), ["cat", "dog"])
    shop.answer_all(truth, 20)
    assert shop.report().accuracy == 1.0
    shop.labels.undo()
    assert empty(shop.report())
    assert shop.report().reason == (
        "1 checked photo has no answer any more: it was undone, or its label deleted. Answer again first."
    )
    shop.labels.redo()
    assert shop.report().accuracy == 1.0
    shop.labels.delete("dog")
    dogs = sum(photo % 2 for photo in np.flatnonzero(shop.check.now().drawn))
    assert empty(shop.report())
    assert shop.report().reason.startswith(f"{dogs} checked photos have no answer any more")
    shop.labels.undo()
    assert shop.report().accuracy == 1.0


def test_the_accuracy_follows_renamed_and_merged_labels(shop):
    shop.labels.assign([0], "kitten")
    shop.train(["kitten" if p == "cat" and i % 4 else p for i, p in enumerate(wrong_of([]))], ["cat", "dog", "kitten"])
    shop.answer_all(truth, 20)
    before = shop.report()
    kittens = before.confusion.loc["cat", "kitten"]
    assert kittens > 0
    assert before.accuracy < 1
    shop.labels.rename("dog", "hound")
    assert shop.report().per_class.index.tolist() == ["cat", "hound", "kitten"]
    assert shop.report().accuracy == before.accuracy
    shop.labels.merge(["kitten"], "cat")  # what was said to be a kitten is right now
    report = shop.report()
    assert report.accuracy == 1.0
    assert report.confusion.index.tolist() == report.per_class.index.tolist() == ["cat", "hound"]
    assert report.confusion.to_numpy().tolist() == [
        [before.confusion.loc["cat", "cat"] + kittens, 0],
        [0, before.confusion.loc["dog", "dog"]],
    ]
    assert report.per_class["said"].tolist() == [before.confusion.loc["cat"].sum(), before.per_class["said"]["dog"]]
    shop.labels.merge(["cat", "hound"], "animal")  # a label that the model does not know
    assert shop.report().accuracy == 1.0
    assert shop.report().per_class[["count", "said", "right"]].to_dict("index") == {
        "animal": {"count": 10, "said": 20, "right": 20}
    }
    assert shop.report().confusion.to_numpy().tolist() == [[20]]


def test_labels_that_were_merged_have_one_row(shop):
    shop.labels.assign([0, 1], "kitten")
    tested = {0: ("kitten", "cat"), 2: ("cat", "kitten"), 3: ("cat", "dog"), 5: ("dog", "dog"), 6: ("dog", "kitten")}
    model = shop.train(wrong_of([]), ["cat", "dog", "kitten"], tested=tested, one_gesture=[0, 2])

    def tables() -> tuple[dict, list]:
        report = shop.report()
        assert report.confusion.columns.tolist() == report.confusion.index.tolist() == report.per_class.index.tolist()
        for label, row in report.confusion.iterrows():
            for predicted, count in row.items():
                assert len(shop.evaluation.confused(label, predicted)) == count
        return report.per_class["count"].to_dict(), report.confusion.to_numpy().tolist()

    def refused(label: str) -> None:
        with pytest.raises(CollectionError, match=f"“{label}” arrived"):
            shop.evaluation.confused(label, "dog")

    assert tables() == ({"cat": 3, "dog": 5, "kitten": 2}, [[0, 1, 1], [0, 1, 1], [1, 0, 0]])
    shop.labels.merge(["cat"], "kitten")
    assert tables() == ({"kitten": 5, "dog": 5}, [[2, 1], [1, 1]])
    assert set(shop.evaluation.confused("kitten", "kitten")) == {0, 2}
    assert shop.report().reason.endswith("selected together: “kitten”.")
    refused("cat")
    assert shop.evaluation.blind_predictions(model)[:2] == (
        ["kitten", "kitten", "kitten", "dog", "dog"],
        ["kitten", "kitten", "dog", "dog", "kitten"],
    )
    shop.labels.rename("kitten", "feline")
    assert tables() == ({"feline": 5, "dog": 5}, [[2, 1], [1, 1]])
    refused("kitten")
    shop.labels.merge(["feline"], "pet")
    assert tables() == ({"pet": 5, "dog": 5}, [[2, 1], [1, 1]])
    shop.labels.delete("pet")  # its classes are two again, called as they were
    assert tables() == ({"cat": 3, "dog": 5, "kitten": 2}, [[0, 1, 1], [0, 1, 1], [1, 0, 0]])
    for _ in range(4):
        shop.labels.undo()
    assert tables() == ({"cat": 3, "dog": 5, "kitten": 2}, [[0, 1, 1], [0, 1, 1], [1, 0, 0]])


def test_a_label_that_was_deleted_is_told_from_one_that_has_its_name_now(shop):
    drawn = shop.draw(30)
    model = shop.train(wrong_of([]), ["cat", "dog"])
    shop.labels.rename("cat", "lynx")
    shop.labels.delete("dog")
    assert shop.report().per_class.index.tolist() == ["lynx", "dog"]
    for photo in drawn:
        shop.answer(photo, "dog")  # a new label, which the model does not know
    report = shop.report()
    assert report.per_class.index.tolist() == report.confusion.index.tolist() == ["lynx", "dog (deleted)"]
    assert report.per_class["right"].tolist() == [0, 0]
    truths, predicted, _ = shop.evaluation.blind_predictions(model)
    assert set(truths) == {"dog"}
    assert set(predicted) == {"lynx", "dog (deleted)"}
    shop.labels.rename("lynx", "dog (deleted)")
    assert shop.report().per_class.index.tolist() == ["dog (deleted)", "dog (deleted) (deleted)"]


def test_a_draw_that_no_longer_tells_about_the_rest(shop):
    shop.train(wrong_of([]), ["cat", "dog"])
    drawn = shop.answer_all(truth, 12)
    rest = [i for i in range(10, 50) if i not in drawn]
    shop.labels.assign(rest[:4], "cat")  # a tenth of the forty photos that it was drawn from
    assert shop.report().accuracy == 1.0
    shop.labels.assign(rest[4:5], "cat")
    report = shop.report()
    assert empty(report)
    assert (report.checked, report.unlabelled) == (0, 23)
    assert report.per_class["said"].tolist() == [0, 0]
    assert report.confusion.to_numpy().sum() == 12  # which photos were confused is still true
    assert report.reason == (
        "Many photos were labelled or added since the check, so it does not tell about the rest. Check 30 more."
    )
    shop.answer_all(truth, 10)
    assert shop.report().accuracy == 1.0
    assert shop.report().checked == 10


@pytest.mark.parametrize("n", [1, 4, 9])
def test_of_fewer_than_ten_photos_nothing_is_said(open_desk, n):
    desk = open_desk(n + 4)
    desk.labels.assign([0, 1], "cat")
    desk.labels.assign([2, 3], "dog")
    desk.train(["cat"] * (n + 4), ["cat", "dog"])
    for left in range(n - 1, -1, -1):
        desk.answer_all(lambda _: "cat", 1)
        assert empty(desk.report())
        assert desk.report().unlabelled == left
    assert desk.report().reason == "A person has labelled or checked every photo, so nothing is left to predict."


def test_eleven_photos_of_which_ten_are_checked(open_desk):
    desk = open_desk(15)
    desk.labels.assign([0, 1], "cat")
    desk.labels.assign([2, 3], "dog")
    desk.train(["cat"] * 15, ["cat", "dog"])
    desk.answer_all(lambda _: "cat", 10)
    assert desk.report().accuracy == 1.0
    low, high = desk.report().interval
    assert 0 <= low < 0.8 < high == 1


def test_the_last_photos_wait_for_an_answer(open_desk):
    desk = open_desk(12)
    desk.labels.assign([0, 1], "cat")
    desk.labels.assign([2, 3], "dog")
    desk.train(["cat"] * 12, ["cat", "dog"])
    drawn = desk.draw(30)
    assert len(drawn) == 8
    assert desk.report().reason == "The check is not finished: 8 photos wait for an answer."
    for photo in drawn[:-1]:
        desk.answer(photo, "cat")
    assert desk.report().reason == "The check is not finished: 1 photo waits for an answer."
    with pytest.raises(TrainingError, match="the only photos that are left wait for an answer in the spot check"):
        desk.finishing.plan(error=0.05, confidence=0.95)
    desk.answer(drawn[-1], "cat")
    assert desk.report().reason == "A person has labelled or checked every photo, so nothing is left to predict."


def test_everything_labelled(shop):
    shop.train(wrong_of([]), ["cat", "dog"])
    shop.labels.assign(range(50), "cat")
    report = shop.report()
    assert empty(report)
    assert (report.unlabelled, report.n_labelled) == (0, 10)
    assert report.reason == "A person has labelled or checked every photo, so nothing is left to predict."


def test_everything_labelled_leaves_nothing_to_guess(shop):
    tested = {"whole_gestures": (8, 10), "single_photos": (9, 10)}
    shop.train(wrong_of([]), ["cat", "dog"], **tested)
    assert shop.report().guess is not None
    shop.labels.assign(range(50), "cat")
    assert shop.report().guess is None


def test_an_unsure_draw_counts_beside_one_that_is_sure(shop):
    shop.answer_all(lambda _: "?", 10)
    shop.train(wrong_of([]), ["cat", "dog"])
    shop.answer_all(truth, 10)
    report = shop.report()
    assert (report.accuracy, report.checked, report.unsure) == (1.0, 10, 10)
    assert report.accuracy_of_all == (0.5, 1.0)


def test_without_what_the_model_said_of_checked_photos_before_it_learned_from_them(shop):
    drawn = shop.answer_all(truth, 20)
    tested = {photo: (truth(photo), truth(photo + (photo in drawn[:5]))) for photo in drawn}
    shop.train(wrong_of([]), ["cat", "dog"], tested=tested, checked=tuple(drawn), drawn=20)
    assert shop.report().accuracy == pytest.approx(0.75)
    shop.settings._db.execute("UPDATE keep SET value = 'x' WHERE name = 'held out quick'")
    other = next(photo for photo in range(10, 50) if photo not in drawn)
    shop.labels.assign([other], truth(other))  # otherwise the report is still known
    report = shop.report()
    assert empty(report)
    assert report.reason.startswith("The model has learned from checked photos, and what it said of them before")
    with pytest.raises(TrainingError, match=r"before it learned from them cannot be read\. Train again"):
        shop.finishing.plan(error=0.2, confidence=0.95)


def test_photos_that_are_not_predicted_yet(shop):
    shop.answer_all(truth, 20)
    shop.train([""] * 50, ["cat", "dog"])
    assert empty(shop.report())
    assert shop.report().reason == "The checked photos are not predicted yet. Prepare the photos, or wait a moment."
    shop.train(["" if i % 3 == 0 else truth(i) for i in range(50)], ["cat", "dog"])
    known = [photo for photo, _ in shop.counted if photo % 3]
    assert shop.report().checked == len(known) >= 10
    assert shop.report().accuracy == 1.0


def test_a_damaged_model_has_a_report_that_says_so(shop):
    shop.answer_all(truth, 20)
    shop.train(None, ["cat", "dog"])
    report = shop.report()
    assert empty(report)
    assert report.reason == "The model cannot be used: model.json is damaged: it ends too early. Train again."
    assert (report.checked, report.n_labelled) == (0, shop.labels.series.notna().sum())
    assert shop.models.predictions_version == shop.models.version
    assert shop.evaluation.comparisons() == []
    assert [point.accuracy for point in shop.history.points] == [None]


# --- per label, and the confusion table ------------------------------------------------------------


def test_how_often_it_is_right_when_it_says_a_label(shop):
    drawn = shop.draw(12)
    cats = [photo for photo in drawn if truth(photo) == "cat"]
    shop.train(wrong_of(cats[:2]), ["cat", "dog"])
    for photo in drawn:
        shop.answer(photo, truth(photo))
    table = shop.report().per_class
    dogs = len(drawn) - len(cats)
    assert table["count"].tolist() == [5, 5]
    assert table["thin"].tolist() == [True, True]
    assert table["said"].tolist() == [len(cats) - 2, dogs + 2]
    assert table["right"].tolist() == [len(cats) - 2, dogs]
    assert table["precision"].tolist() == pytest.approx([1, dogs / (dogs + 2)])
    assert (table["low"] < table["precision"]).all()
    assert (table["precision"] <= table["high"]).all()


def test_the_photos_of_each_cell_of_the_confusion_table(shop):
    drawn = shop.draw(12)
    # Photos 0, 1 and 5 were held out of training; photo 0 was then said to be a dog.
    tested = {0: ("cat", "dog"), 1: ("cat", "cat"), 5: ("dog", "dog")}
    shop.train(wrong_of(drawn[:3]), ["cat", "dog"], tested=tested)
    for photo in drawn:
        shop.answer(photo, truth(photo))
    table = shop.report().confusion
    assert table.to_numpy().sum() == 15
    cells = {(a, b): shop.evaluation.confused(a, b) for a in ("cat", "dog") for b in ("cat", "dog")}
    assert {cell: len(ids) for cell, ids in cells.items()} == {cell: table.loc[cell] for cell in cells}
    assert set(np.concatenate(list(cells.values()))) == {*drawn, 0, 1, 5}
    assert set(cells["cat", "dog"]) == {0, *(photo for photo in drawn[:3] if truth(photo) == "cat")}
    with pytest.raises(CollectionError, match="the model knows the labels cat, dog; “bird” arrived"):
        shop.evaluation.confused("bird", "cat")
    with pytest.raises(CollectionError, match="“bird” arrived"):
        shop.evaluation.confused("cat", "bird")


def test_without_a_model_there_is_no_confusion(shop):
    with pytest.raises(TrainingError, match="there is no model yet"):
        shop.evaluation.confused("cat", "dog")
    assert shop.evaluation.reports == {}
    assert shop.evaluation.comparisons() == []


def test_tables_without_photos():
    none = np.empty(0, np.int64)
    table = per_class_table(["cat"], [0], none, none > 0)
    assert table[["count", "said", "right"]].to_numpy().tolist() == [[0, 0, 0]]
    assert table[["precision", "low", "high"]].isna().all(axis=None)
    assert confusion_table(["cat"], none, none).to_numpy().tolist() == [[0]]


def test_a_report_that_somebody_changed_changes_no_other(shop):
    shop.train(wrong_of([]), ["cat", "dog"])
    shop.answer_all(truth, 12)
    report = shop.report()
    expected = report.per_class.copy(), report.confusion.copy()
    report.per_class["said"] = 0
    report.confusion.iloc[0, 0] = 99
    pd.testing.assert_frame_equal(shop.report().per_class, expected[0])
    pd.testing.assert_frame_equal(shop.report().confusion, expected[1])


# --- blind predictions, for reports by subgroups ---------------------------------------------------


def test_reports_by_subgroups_are_about_checked_photos_once_there_are_thirty(shop):
    tested = {0: ("cat", "dog"), 5: ("dog", "dog")}
    model = shop.train(wrong_of([]), ["cat", "dog"], tested=tested)
    drawn = shop.answer_all(truth, 29)
    said = shop.evaluation.blind_predictions(model)
    assert said is not None
    assert (said[0], said[1], said[2].tolist()) == (["cat", "dog"], ["dog", "dog"], [0, 5])
    last = shop.draw(1)
    shop.answer(last[0], None)
    truths, predicted, ids = shop.evaluation.blind_predictions(model)
    assert ids.tolist() == drawn + last
    assert truths == [*map(truth, drawn), NONE]
    assert predicted == list(map(truth, drawn + last))


# --- calibration -----------------------------------------------------------------------------------


def test_confidence_by_hand():
    found = confidence(np.float32([[np.log(3), 0], [0, 0], [-1e4, 5]]), 1.0)
    assert found == pytest.approx([0.75, 0.5, 1])
    assert confidence(np.float32([[np.log(9), 0]]), 2.0) == pytest.approx([0.75])
    assert confidence(np.empty((0, 2), np.float32), 1.0).shape == (0,)


def test_a_model_that_is_too_sure_is_less_sure_after_the_check(shop):
    drawn = shop.draw(30)
    shop.train(wrong_of([photo for i, photo in enumerate(drawn) if i % 3 == 0]), ["cat", "dog"], sure=6.0)
    names, before = shop.models.probabilities()
    assert before.max(1) == pytest.approx(np.full(50, 1 / (1 + np.exp(-6))), abs=1e-6)
    versions = {shop.models.predictions_version}
    for photo in drawn:
        shop.answer(photo, truth(photo))
        versions.add(shop.models.predictions_version)
    assert len(versions) == 2  # so that pages ask for them again, once
    same, after = shop.models.probabilities()
    assert names == same
    assert (after.argmax(1) == before.argmax(1)).all()
    # Two thirds are right; what was believed before the check still counts a little.
    assert after.max(1).max() < 0.95
    assert after.max(1).min() > 0.6
    report = shop.report()
    assert report.accuracy == pytest.approx(2 / 3)
    assert 0 <= report.calibration_error < 0.3


def test_without_counting_answers_nothing_is_calibrated(shop):
    model = shop.train(wrong_of([]), ["cat", "dog"])
    assert shop.models.temperature(model) == 1.0
    drawn = shop.draw(12)
    for photo in drawn[1:]:
        shop.answer(photo, truth(photo))
    assert shop.models.temperature(model) == 1.0
    for photo in drawn:
        shop.answer(photo, "?")
    assert shop.models.temperature(model) == 1.0


# --- several models --------------------------------------------------------------------------------


def test_two_models_on_the_same_checked_photos(shop):
    drawn = shop.draw(20)
    shop.train(wrong_of(drawn[:7]), ["cat", "dog"])
    assert shop.evaluation.comparisons() == []
    shop.train(wrong_of(drawn[5:7]), ["cat", "dog"], kind="fine-tuned", sure=5.0)
    for photo in drawn[:9]:
        shop.answer(photo, truth(photo))
    assert shop.evaluation.comparisons() == []  # too few
    for photo in drawn[9:]:
        shop.answer(photo, truth(photo))
    tuned, both = shop.evaluation.comparisons()
    # Thirteen and eighteen of twenty are right; five only for the second, none only for the first. Twenty are left.
    assert (tuned.better, tuned.other, tuned.n) == ("fine-tuned", "quick", 20)
    right = np.arange(20) >= 0
    expected = estimate_difference(right & ~np.isin(np.arange(20), [5, 6]), np.arange(20) >= 7, population=40)
    assert tuned.difference == expected
    assert tuned.difference.value == pytest.approx(0.25)
    said = (
        "On the same 20 checked photos {} right more often than the quick model, by 25 points of 100 (between "
        f"{100 * expected.low:.0f} and {100 * expected.high:.0f})."
    )
    assert tuned.sentence == said.format("the fine-tuned model is")
    # Where the two differ, the fine-tuned one is surer.
    assert (both.better, both.other, both.difference) == ("both", "quick", expected)
    assert both.sentence == said.format("both together are")
    shop.models.use("both")
    assert [(found.better, found.other) for found in shop.evaluation.comparisons()] == [
        ("both", "quick"),
        ("both", "fine-tuned"),  # equally often
    ]


def test_two_models_that_are_equally_good(shop):
    drawn = shop.draw(12)
    shop.train(wrong_of(drawn[:1]), ["cat", "dog"])
    shop.train(wrong_of(drawn[1:2]), ["cat", "dog"], kind="fine-tuned")
    for photo in drawn:
        shop.answer(photo, truth(photo))
    found = shop.evaluation.comparisons()[0]
    assert found.difference.value == 0
    assert found.sentence == (
        "On the same 12 checked photos the quick model and the fine-tuned model are right equally often."
    )


def test_models_are_compared_on_draws_that_tell_about_the_rest_only(shop):
    shop.train(wrong_of([]), ["cat", "dog"])
    shop.train(wrong_of([]), ["cat", "dog"], kind="fine-tuned")
    drawn = shop.answer_all(truth, 12)
    assert [found.n for found in shop.evaluation.comparisons()] == [12, 12]
    shop.labels.assign([i for i in range(50) if i not in drawn][:20], "cat")
    assert shop.evaluation.comparisons() == []


@pytest.mark.parametrize(
    ("difference", "says"),
    [
        (Estimate(0.052, 0.011, 0.09), "by 5 points of 100 (between 1 and 9)."),
        (Estimate(0.01, 0.002, 0.02), "by 1 point of 100 (between 0 and 2)."),
        (Estimate(0.003, -0.01, 0.02), "by less than 1 point of 100; chance could explain that (between −1 and 2)."),
    ],
)
def test_comparisons_in_words(difference, says):
    said = PairedComparison("quick", "fine-tuned", difference, n=300).sentence
    assert said == (
        f"On the same 300 checked photos the quick model is right more often than the fine-tuned model, {says}"
    )


@pytest.mark.parametrize(
    ("wrong", "in_use", "outcome"),
    [
        (0, "fine-tuned", "Fine-tuning helps"),
        (3, "quick", "Fine-tuning may help, but chance could explain that"),
        (4, "quick", "Fine-tuning does not help"),
        (5, "quick", "Fine-tuning does not help"),
    ],
)
def test_a_model_is_put_in_use_if_it_is_clearly_better_on_checked_photos(shop, wrong, in_use, outcome):
    drawn = shop.answer_all(truth, 20)
    shop.train(wrong_of(drawn[:4]), ["cat", "dog"])
    assert shop.report().outcome == ""
    # On the labelled photos that it held out itself it is always right.
    held_out = {i: (truth(i), truth(i)) for i in range(4)}
    shop.train(wrong_of(drawn[20 - wrong :]), ["cat", "dog"], kind="fine-tuned", tested=held_out, sure=5.0)
    assert shop.models.in_use.kind == in_use
    assert set(shop.models.all) == {"quick", "fine-tuned", "both"}
    # Both are wrong where the fine-tuned model is wrong, as it is surer.
    right = 20 - wrong
    assert shop.report().outcome == (
        f"{outcome}: of the same 20 checked photos the fine-tuned model gets {right} right, both together {right}, and "
        "the quick model 16."
    )


def test_without_a_check_models_are_compared_on_labelled_photos_that_both_held_out(shop):
    def tested(wrong: int, photos: int = 10) -> dict[int, tuple[str, str]]:
        """The labelled photos: the model is wrong about the last ones."""
        labels = ["cat"] * 5 + ["dog"] * 5
        return {i: (labels[i], "bird" if i >= photos - wrong else labels[i]) for i in range(photos)}

    shop.labels.assign([10], "bird")
    classes = ["cat", "dog", "bird"]
    shop.train(wrong_of([]), classes, tested=tested(wrong=1))
    shop.train(wrong_of([]), classes, kind="fine-tuned", tested=tested(wrong=4, photos=9))
    assert shop.models.in_use.kind == "quick"
    assert shop.report().outcome == UNKNOWN  # nine photos are too few
    shop.train(wrong_of([]), classes, kind="fine-tuned", tested=tested(wrong=4))
    assert shop.models.in_use.kind == "quick"
    assert shop.report().outcome == (
        "Fine-tuning does not help: of the same 10 labelled photos, which none had seen, the fine-tuned model gets 6 "
        "right, both together 9, and the quick model 9. Photos that were drawn at random tell more: check 30."
    )
    shop.train(wrong_of([]), classes, tested=tested(wrong=7))
    assert shop.models.in_use.kind == "quick"  # it is worse by three photos, which chance could explain
    shop.train(wrong_of([]), classes, tested=tested(wrong=8))
    assert shop.models.in_use.kind == "fine-tuned"
    assert shop.report().outcome.startswith("Fine-tuning helps: of the same 10 labelled photos")


def test_where_nothing_tells_the_model_in_use_stays(shop):
    shop.train(wrong_of([]), ["cat", "dog"])
    shop.train(wrong_of([]), ["cat", "dog"], kind="fine-tuned")
    assert shop.models.in_use.kind == "quick"
    assert shop.report().outcome == UNKNOWN
    shop.models.use("both")
    shop.train(wrong_of([]), ["cat", "dog"])
    assert shop.models.in_use.kind == "both"
    shop.labels.assign([10], "bird")
    shop.train(wrong_of([]), ["cat", "dog", "bird"])  # a label that both together do not know
    assert shop.models.in_use.kind == "quick"


def test_a_damaged_model_is_not_better(shop):
    shop.answer_all(truth, 20)
    shop.train(None, ["cat", "dog"])
    shop.train(wrong_of([]), ["cat", "dog"], kind="fine-tuned")
    assert shop.models.in_use.kind == "fine-tuned"
    assert shop.report().outcome == ""


def test_the_better_of_three_is_used_also_when_the_quick_model_is_trained_again(shop):
    drawn = shop.answer_all(truth, 20)
    # Each is right where it is sure: 5 photos are wrong for the one, 4 others for the other, and none for both.
    sure = [2.0 if photo in drawn[:9] else 3.0 for photo in range(50)]
    first = [1.0 if photo in drawn[:5] else by for photo, by in enumerate(sure)]
    second = [1.0 if photo in drawn[5:9] else by for photo, by in enumerate(sure)]
    shop.train(wrong_of(drawn[:5]), ["cat", "dog"], sure=first)
    shop.train(wrong_of(drawn[5:9]), ["cat", "dog"], kind="fine-tuned", sure=second)
    assert shop.models.in_use.kind == "both"
    assert shop.report().accuracy == 1.0
    assert shop.report().outcome == (
        "Fine-tuning helps: of the same 20 checked photos the fine-tuned model gets 16 right, both together 20, and "
        "the quick model 15."
    )
    shop.train(wrong_of(drawn[:15]), ["cat", "dog"], sure=4.0)  # wrong, also where the other one is unsure
    assert shop.models.in_use.kind == "fine-tuned"
    assert shop.report().outcome == (
        "Fine-tuning helps: of the same 20 checked photos the quick model gets 5 right, both together 5, and the "
        "fine-tuned model 16."
    )


# --- retrained midway ------------------------------------------------------------------------------


def test_a_model_that_is_trained_again_in_the_middle_of_a_check(shop):
    drawn = shop.draw(35)
    shop.train(wrong_of(drawn[:5]), ["cat", "dog"])
    for photo in drawn[:33]:
        shop.answer(photo, truth(photo))
    assert shop.report().accuracy == pytest.approx(25 / 30)
    # It learns from all 33, and was tested without each of them: two of them wrong, and two that do not count yet.
    blind = {photo: (truth(photo), truth(photo + (i < 2 or i > 30))) for i, photo in enumerate(drawn[:33])}
    shop.train(wrong_of([]), ["cat", "dog"], tested=blind, checked=tuple(drawn[:33]))
    assert shop.report().accuracy == pytest.approx(28 / 30)
    for photo in drawn[33:]:
        shop.answer(photo, truth(photo))
    assert shop.report().accuracy == pytest.approx(31 / 35)
    assert shop.report().checked == 35


def test_the_same_report_until_something_changes(shop):
    """It is asked for with each event, and takes a while to compute with many photos."""
    shop.train(wrong_of([]), ["cat", "dog"])
    shop.answer_all(truth, 12)
    shop.report()
    computed = []
    compute = shop.evaluation._report
    shop.evaluation._report = lambda *args: computed.append(args) or compute(*args)
    for _ in range(3):
        shop.report()
    assert computed == []
    [photo] = shop.draw(1)
    shop.report()
    shop.report()
    assert len(computed) == 1
    shop.answer(photo, truth(photo))
    shop.photos.file(photo).unlink()
    shop.report()
    assert len(computed) == 2
    shop.labels.rename("cat", "tiger")
    assert shop.report().per_class.index.tolist() == ["tiger", "dog"]
    shop.train(wrong_of([1]), ["tiger", "dog"])
    shop.report()
    assert len(computed) == 4
