"""Labels that are kept aside, and predictions measured against them."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from handlens.audit.intervals import wilson
from handlens.errors import ImportProblem, TrainingError
from handlens.studio.collection import Collection
from handlens.studio.formats.truth import Truth


@pytest.fixture
def write(tmp_path):
    def write(rows):
        file = tmp_path / "truth.csv"
        file.write_text("\n".join(["path,label", *(f"{path},{label}" for path, label in rows)]), encoding="utf-8")
        return file

    return write


def truth_of(labels, *, scores, by_person, held_out=None, together=None):
    """A truth on ten photos, with a model that knows the labels cat and dog."""
    found = None if held_out is None else SimpleNamespace(ids=np.array(held_out))
    models = SimpleNamespace(
        with_model=lambda use: use(None),
        classes=lambda _model: ["cat", "dog"],
        scores=lambda _model: np.array(scores, np.float32),
        held_out=lambda _model: found,
    )
    duplicates = SimpleNamespace(together=lambda: np.arange(10) if together is None else np.array(together))
    return Truth(
        "truth.csv",
        datetime(2026, 1, 1, tzinfo=UTC),
        pd.DataFrame({"id": list(labels), "path": [f"{i}.png" for i in labels], "label": list(labels.values())}),
        models=models,
        duplicates=duplicates,
        state=SimpleNamespace(by_person=np.array(by_person)),
    )


CAT, DOG, NONE = [0.0, -1.0], [-1.0, 0.0], [np.nan, np.nan]
UNLABELLED = [-1] * 10


def test_accuracy_by_hand():
    labels = {0: "cat", 1: "cat", 2: "dog", 3: "dog", 4: "cow", 5: "cat", 6: "cat"}
    scores = [CAT, DOG, DOG, DOG, CAT, NONE, CAT, CAT, CAT, CAT]
    by_person = [-1, -1, -1, -1, -1, -1, 0, -1, -1, -1]
    report = truth_of(labels, scores=scores, by_person=by_person).report()
    # Of photos 0 to 4, three are right; 5 is not predicted, 6 has a label that the model may have learned from.
    assert (report.tested, report.right, report.accuracy) == (5, 3, 0.6)
    assert report.interval == pytest.approx(tuple(map(float, wilson(3, 5))))
    assert (report.learned, report.unpredicted, report.unknown) == (1, 1, 1)
    assert report.confusion.to_numpy().tolist() == [[1, 1], [0, 2]]
    assert str(report) == (
        "3 of 5 photos are predicted as labelled: 60.0 %, between 23.1 and 88.2 % if they are a random sample. Left "
        "out: 1 that the model may have learned from and 1 without a prediction."
    )


def test_duplicates_of_what_was_learned_are_left_out():
    together = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0]  # photos 0 and 9 are the same
    labels = {0: "cat", 1: "cat", 2: "cat"}
    by_person = [*UNLABELLED[:9], 0]
    report = truth_of(labels, scores=[CAT] * 10, by_person=by_person, held_out=[2], together=together).report()
    assert (report.tested, report.learned) == (1, 2)


def test_without_a_photo_to_test_there_is_no_accuracy():
    report = truth_of({0: "cat"}, scores=[NONE] * 10, by_person=UNLABELLED).report()
    assert (report.accuracy, report.interval, report.tested) == (None, None, 0)
    assert (
        str(report) == "No photo can be compared with the labels that are kept aside. Left out: 1 without a prediction."
    )


def test_truth_gives_no_photo_a_label_and_outlives_the_session(collection, write, folder):
    rows = [("circles/0.png", "circle"), ("squares/0.png", "square"), ("gone.png", "x")]
    done = collection.import_labels(write(rows), as_truth=True)
    assert done.imported == 2
    assert collection.label_names == []
    assert collection.undo() is False
    with pytest.raises(TrainingError):
        collection.truth.report()
    collection.close()
    with Collection.open(folder) as again:
        assert again.truth.name == "truth.csv"
        assert again.truth.labels.values.tolist() == [[0, "circles/0.png", "circle"], [20, "squares/0.png", "square"]]
        assert repr(again.truth) == "Truth('truth.csv': 2 labels)"
        again.remove_truth()
        assert again.truth is None


def test_a_model_is_measured_on_what_it_has_not_learned(collection, write):
    truth = [(path, path.partition("s/")[0]) for path in collection.paths]
    collection.import_labels(write(truth), as_truth=True)
    collection.label(range(6), "circle")
    collection.label(range(20, 26), "square")
    collection.train()
    report = collection.truth.report()
    predicted = collection.predictions()["predicted"]
    others = [*range(6, 20), *range(26, 40)]
    right = sum(predicted[i] == truth[i][1] for i in others)
    assert (report.tested, report.right, report.learned) == (28, right, 12)


def test_a_label_that_is_renamed_or_merged_is_renamed_in_the_truth(bare, write):
    bare.label([0], "circle")
    bare.label([20], "box")
    bare.import_labels(
        write([("circles/1.png", "circle"), ("squares/1.png", "box"), ("squares/2.png", "new")]), as_truth=True
    )
    bare.rename("circle", "disc")
    bare.merge(["box"], "square")
    assert bare.truth.labels["label"].tolist() == ["disc", "square", "new"]
    bare.delete("disc")
    assert bare.truth.labels["label"].tolist() == ["circle", "square", "new"]


def test_a_later_truth_replaces_the_earlier_one(bare, write):
    bare.import_labels(write([("circles/0.png", "circle")]), as_truth=True)
    bare.import_labels(write([("circles/1.png", "disc")]), as_truth=True)
    assert bare.truth.labels.values.tolist() == [[1, "circles/1.png", "disc"]]
    with pytest.raises(ImportProblem, match="must give a label to at least one photo"):
        bare.import_labels(write([("circles/0.png", "")]), as_truth=True)
    assert len(bare.truth) == 1


@pytest.mark.parametrize("change", ["body = x'00'", "name = 'other.csv'", "at = 'never'"])
def test_a_damaged_truth_is_said_and_not_used(bare, write, change):
    bare.import_labels(write([("circles/0.png", "circle")]), as_truth=True)
    with sqlite3.connect(bare.folder / "collection.sqlite") as db:
        db.execute(f"UPDATE truth SET {change}")
    db.close()
    assert bare.truth is None
    assert "The labels that are kept aside are damaged. Import them again." in bare.notices
    bare.remove_truth()
    assert bare.notices == []
