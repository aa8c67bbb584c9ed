"""The review queue of a collection, and its datasheet's answers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from handlens.audit import Datasheet
from handlens.errors import AuditError, CollectionError, TrainingError
from handlens.studio.collection import Collection
from handlens.studio.origins import Certificate, Origin


@pytest.fixture
def trained(collection: Collection) -> Collection:
    """A model of ten labelled photos: 0–3 and 24 circle, 20–23 and 4 square. The wrong ones make it unsure."""
    collection.label([*range(4), 24], "circle")
    collection.label([*range(20, 24), 4], "square")
    collection.train()
    return collection


def test_what_the_model_is_not_sure_of_waits_the_least_sure_first(trained: Collection) -> None:
    names, p = trained.parts.models.probabilities()
    assert trained.review.waiting(below=0.0) == []
    everything = trained.review.waiting(below=1.0)
    unlabelled = [i for i in range(40) if trained.parts.labels.codes[i] < 0]
    unsure = [i for i in unlabelled if p[i].max() < 1]
    assert sorted(trained.review.photo(case) for case in everything) == unsure
    confidence = [max(case.probabilities.values()) for case in everything]
    assert confidence == sorted(confidence)
    middle = float(np.median(confidence))
    fewer = trained.review.waiting(below=middle)
    assert [case.id for case in fewer] == [case.id for case in everything if max(case.probabilities.values()) < middle]
    first = fewer[0]
    assert first.predicted == names[int(p[trained.review.photo(first)].argmax())]
    # Asked again, nothing more is written.
    entries = len(trained.review.queue.log())
    trained.review.waiting(below=1.0)
    assert len(trained.review.queue.log()) == entries


def test_a_decision_becomes_a_label_that_can_be_undone_and_the_log_keeps_it(trained: Collection) -> None:
    first, second, *_ = trained.review.waiting(below=1.0)
    version = trained.parts.labels.version
    confirmed = trained.review.confirm(first.id, by="ann")
    other = "circle" if second.predicted == "square" else "square"
    trained.review.overrule(second.id, other, by="ann", reason="its edge is round")
    labels = trained.labels
    assert labels[trained.review.photo(first)] == confirmed.label == first.predicted
    assert labels[trained.review.photo(second)] == other
    assert trained.parts.labels.version > version
    left = trained.review.waiting(below=1.0)
    assert {first.id, second.id}.isdisjoint(case.id for case in left)
    assert trained.undo()
    assert pd.isna(trained.labels[trained.review.photo(second)])
    assert trained.review.queue.labels()["label"].tolist() == [first.predicted, other]
    with Collection.open(trained.folder) as again:  # what was undone is not put back
        assert len(again.review.queue.labels()) == 2
        assert pd.isna(again.labels[again.review.photo(second)])


def test_the_log_holds_what_the_person_saw(trained: Collection) -> None:
    case = trained.review.waiting(below=1.0)[0]
    near = trained.review.nearest(trained.review.photo(case))
    trained.review.confirm(case.id, by="ann")
    kept = trained.review.queue.case(case.id)
    assert [shown["reference"] for shown in kept.nearest] == near["reference"].tolist()
    assert list(near.columns) == ["reference", "label", "distance"]
    assert near["distance"].is_monotonic_increasing
    assert set(near["reference"]) <= {trained.paths[i] for i in np.flatnonzero(trained.parts.labels.codes >= 0)}
    assert len(near) == 6


def test_a_decision_is_taken_back_with_its_label(trained: Collection) -> None:
    review = trained.review
    case = review.waiting(below=1.0)[0]
    photo = review.photo(case)
    review.overrule(case.id, "something else", by="ann", reason="neither")
    assert trained.labels[photo] == "something else"
    assert review.take_back(case.id, by="ann").status == "waiting"
    assert pd.isna(trained.labels[photo])
    assert case.id in [waiting.id for waiting in review.waiting(below=1.0)]
    kinds = review.queue.log()["kind"].tolist()
    assert kinds.index("overruled") < kinds.index("undone")
    with pytest.raises(AuditError, match="nothing to undo"):
        review.take_back(case.id, by="ann")


def test_a_contested_photo_waits_however_sure_the_model_is_and_gets_its_label_back(trained: Collection) -> None:
    review = trained.review
    case = review.contest(0, by="bob", why="that is my ring")
    assert [waiting.id for waiting in review.waiting(below=0.0)] == [case.id]
    assert case.nearest
    with pytest.raises(AuditError, match="reason must say something"):
        review.confirm(case.id, by="ann")
    review.overrule(case.id, "ring", by="ann", reason="it is hollow")
    assert trained.labels[0] == "ring"
    review.take_back(case.id, by="ann")
    assert trained.labels[0] == "circle"
    review.overrule(case.id, "ring", by="ann", reason="it is hollow")
    review.contest(0, by="bob", why="it is not")  # again, although it was decided
    assert trained.labels[0] == "ring"
    assert [waiting.id for waiting in review.waiting(below=0.0)] == [case.id]


def test_overruling_takes_no_reason_unless_the_case_is_contested(trained: Collection) -> None:
    review = trained.review
    case = review.waiting(below=1.0)[0]
    assert review.overrule(case.id, "ring", by="ann").reason == ""
    assert trained.labels[review.photo(case)] == "ring"
    contested = review.contest(0, by="bob", why="that is my ring")
    with pytest.raises(AuditError, match="reason must say something"):
        review.overrule(contested.id, "ring", by="ann")
    assert trained.labels[0] == "circle"


def test_taking_back_leaves_a_label_that_was_changed_since(trained: Collection) -> None:
    case = trained.review.waiting(below=1.0)[0]
    photo = trained.review.photo(case)
    trained.review.confirm(case.id, by="ann")
    trained.label([photo], "by hand")
    trained.review.take_back(case.id, by="ann")
    assert trained.labels[photo] == "by hand"


def origin_of(collection: Collection, photo: int) -> Origin:
    changes, by_change = collection.parts.labels.state.origins
    return by_change[int(changes[photo])].origin


def test_decisions_are_the_origins_of_their_labels(trained: Collection) -> None:
    first, second, *_ = trained.review.waiting(below=1.0)
    trained.review.confirm(first.id, by="ann")
    trained.review.overrule(second.id, "neither", by="ann", reason="its edge is round")
    assert origin_of(trained, trained.review.photo(first)) == Origin("review", "suggested")
    assert origin_of(trained, trained.review.photo(second)) == Origin("review", "by hand")


def test_a_label_that_comes_back_has_the_origin_that_it_had(trained: Collection) -> None:
    finish = Origin("finish", "certified", Certificate(error=0.05, confidence=0.95, checked=30))
    trained.parts.labels.assign([7], "circle", origin=finish)
    case = trained.review.contest(7, by="bob", why="that is my ring")
    trained.review.overrule(case.id, "ring", by="ann", reason="it is hollow")
    trained.review.take_back(case.id, by="ann")
    assert trained.labels[7] == "circle"
    assert origin_of(trained, 7) == finish


def test_a_decision_whose_label_was_lost_gets_it_when_the_queue_is_opened(trained: Collection) -> None:
    case = trained.review.waiting(below=1.0)[0]
    trained.review.queue.confirm(case.id, by="ann")  # killed before the label
    assert pd.isna(trained.labels[trained.review.photo(case)])
    with Collection.open(trained.folder) as again:
        photo = again.review.photo(case)
        assert again.labels[photo] == case.predicted


def test_predictions_that_wait_are_those_of_the_newest_model(trained: Collection) -> None:
    before = {case.id: case.probabilities for case in trained.review.waiting(below=1.0)}
    trained.label([5, 25], "circle")
    trained.rename("square", "box")
    trained.train()
    for case in trained.review.waiting(below=1.0):
        assert set(case.probabilities) == {"circle", "box"}
        assert case.probabilities != before[case.id]
        assert trained.parts.labels.codes[trained.review.photo(case)] < 0


def test_what_the_queue_cannot_do_gets_a_sentence(collection: Collection) -> None:
    with pytest.raises(TrainingError, match="no model yet"):
        collection.review.waiting()
    with pytest.raises(TrainingError, match="no model yet"):
        collection.review.contest(0, by="bob", why="no")
    collection.label([*range(4), 24], "circle")
    collection.label([*range(20, 24), 4], "square")
    collection.train()
    for below in (-0.1, 1.5, True, "much"):
        with pytest.raises(CollectionError, match="below must be a probability"):
            collection.review.waiting(below=below)  # type: ignore[arg-type]
    with pytest.raises(CollectionError, match="between 0 and 39"):
        collection.review.contest(40, by="bob", why="no")
    with pytest.raises(AuditError, match="why must say something"):
        collection.review.contest(1, by="bob", why=" ")
    case = collection.review.waiting(below=1.0)[0]
    with pytest.raises(AuditError, match="case's number"):
        collection.review.confirm(10_000, by="ann")
    with pytest.raises(AuditError, match="by must say something"):
        collection.review.confirm(case.id, by="")
    with pytest.raises(CollectionError, match="a label must have"):
        collection.review.overrule(case.id, " ", by="ann", reason="x")
    with pytest.raises(AuditError, match="confirm it instead"):
        collection.review.overrule(case.id, str(case.predicted), by="ann", reason="x")
    assert collection.review.queue.labels().empty
    assert (collection.parts.labels.codes >= 0).sum() == 10


def test_the_log_is_taken_away(trained: Collection, tmp_path: Path) -> None:
    case = trained.review.waiting(below=1.0)[0]
    trained.review.confirm(case.id, by="ann", reason="plain")
    trained.export_review(tmp_path / "log.csv")
    trained.export_review(tmp_path / "log.jsonl")
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(rows) == len(lines)
    assert rows[-1]["kind"] == lines[-1]["kind"] == "confirmed"
    assert lines[-1]["body"] == {"by": "ann", "label": case.predicted, "reason": "plain"}


# --- the datasheet ---------------------------------------------------------------------------------


def test_the_datasheet_counts_the_photos_and_keeps_answers(collection: Collection, tmp_path: Path) -> None:
    collection.label(range(4), "circle")
    collection.answer("motivation.purpose", "To tell circles from squares.\n")
    collection.answer("notes", "Drawn.")
    with Collection.open(collection.folder) as again:
        sheet = again.datasheet()
    assert sheet.name == "shapes"
    assert sheet.facts["pictures"] == 40
    assert sheet.facts["classes"] == {"circle": 4}
    assert sheet.answers == {"motivation.purpose": "To tell circles from squares.", "notes": "Drawn."}
    assert len(sheet.unanswered) == len(sheet.questions) - 1
    collection.export_datasheet(tmp_path / "DATASHEET.md")
    assert Datasheet.load(tmp_path / "DATASHEET.md").answers == sheet.answers
    collection.answer("motivation.purpose", "  ")
    assert collection.parts.checks.answers == {"notes": "Drawn."}


def test_an_answer_to_no_question_is_refused(collection: Collection) -> None:
    with pytest.raises(AuditError, match="key must be one of"):
        collection.answer("motivation.beauty", "much")
    with pytest.raises(AuditError, match="half a character"):
        collection.answer("motivation.purpose", "\ud800")
    assert collection.parts.checks.answers == {}
