"""The quick model: its report, its predictions, its classes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from handlens.errors import TrainingError
from handlens.studio.collection import Collection
from handlens.studio.takeaway import model_card

CIRCLES, SQUARES = np.arange(20), np.arange(20, 40)


def test_training_and_predictions(collection, label_some):
    label_some(collection)
    report = collection.train()
    assert report.n_labelled == 12
    assert report.n_photos == 40
    assert report.accuracy == report.per_class["correct"].sum() / 12
    assert report.interval[0] <= report.accuracy <= report.interval[1]
    assert report.confusion.to_numpy().sum() == 12
    assert report.per_class["thin"].all()
    assert any("flatters" in warning for warning in report.warnings)
    assert any("circle, square" in warning for warning in report.warnings)
    assert 1 <= len(report.layers) <= 3
    table = collection.predictions()
    assert table.columns.tolist() == [
        *("path", "label", "predicted", "probability"),
        *("probability of circle", "probability of square", "reason"),
    ]
    assert table["path"].tolist() == collection.paths
    assert table[["probability of circle", "probability of square"]].sum(axis=1).to_numpy() == pytest.approx(
        1, abs=1e-5
    )
    assert (table["probability"] == table[["probability of circle", "probability of square"]].max(axis=1)).all()
    truth = ["circle"] * 20 + ["square"] * 20
    assert (table["predicted"] == truth).mean() > 0.9
    assert table["label"].notna().sum() == 12


def test_the_report_and_the_model_survive_a_restart(folder, label_some):
    with Collection.open(folder) as collection:
        label_some(collection)
        report, table = collection.train(), collection.predictions()
    with Collection.open(folder) as collection:
        again = collection.report
        pd.testing.assert_frame_equal(again.per_class, report.per_class)
        pd.testing.assert_frame_equal(again.confusion, report.confusion)
        assert again.interval == report.interval
        assert again.warnings == report.warnings
        pd.testing.assert_frame_equal(collection.predictions(), table)


def test_a_model_older_than_its_report_is_taken_for_what_it_is(folder, label_some):
    """As after a kill between keeping the new model and keeping its report."""
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.train()
        old = collection._log.kept("report")
        collection.label([10, 11, 12], "third")
        collection.train()
        collection._log.keep("report", old)
    with Collection.open(folder) as collection:
        assert collection.predictions().columns.tolist()[4:-1] == [
            f"probability of {name}" for name in ("circle", "square", "third")
        ]


def test_what_was_learned_follows_a_renamed_label(collection, tmp_path, label_some):
    label_some(collection)
    collection.train()
    collection.separate(["circle", "square"])
    collection.rename("circle", "round")
    assert collection.separating == ["round", "square"]
    assert collection.report.per_class.index.tolist() == ["round", "square"]
    assert collection.report.confusion.columns.tolist() == ["round", "square"]
    assert set(collection.predictions()["predicted"]) == {"round", "square"}
    collection.export_model(tmp_path / "model")
    described = json.loads((tmp_path / "model" / "model.json").read_text())
    assert described["config"]["classes"] == ["round", "square"]
    collection.undo()
    assert collection.separating == ["circle", "square"]
    assert set(collection.predictions()["predicted"]) == {"circle", "square"}


def test_the_model_has_a_card_that_keeps_its_answers(collection, tmp_path, label_some):
    label_some(collection)
    report = collection.train()
    collection.export_model(tmp_path / "model")
    file = tmp_path / "model" / "README.md"
    card = model_card("shapes", report)
    card.answer(card.unanswered[0], "For counting only.")
    card.save(file)
    collection.export_model(tmp_path / "model")
    text = file.read_text(encoding="utf-8")
    assert "For counting only." in text
    assert "photos labelled circle" in text
    assert "features" in text


def test_a_name_given_anew_is_no_second_class_of_that_name(collection, label_some):
    label_some(collection)
    collection.train()
    collection.delete("circle")
    collection.rename("square", "circle")
    assert collection.report.per_class.index.tolist() == ["circle", "square"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "no labelled photo"),
        ({"a": [0]}, "only “a”"),
        ({"a": list(range(40))}, "only “a”"),
        ({"a": [0, 1], "b": [2]}, "“b” has only one"),
    ],
)
def test_training_on_too_little(collection, given, message):
    for name, ids in given.items():
        collection.label(ids, name)
    with pytest.raises(TrainingError, match=message):
        collection.train()
    with pytest.raises(TrainingError, match="no model yet"):
        collection.predictions()
    with pytest.raises(TrainingError, match="no model yet"):
        collection.export_model(collection.folder.parent / "model")


def test_training_with_everything_labelled(collection, label_some):
    label_some(collection, 20)
    report = collection.train()
    assert report.n_labelled == 40
    assert any("nothing left" in warning for warning in report.warnings)


def test_labels_named_like_columns(collection):
    collection.label(CIRCLES[:4], "path")
    collection.label(SQUARES[:4], "class path")
    collection.label(SQUARES[4:8], "label")
    collection.train()
    table = collection.predictions()
    assert table.columns.tolist()[4:-1] == [f"probability of {name}" for name in ("path", "class path", "label")]
    assert not table.columns.duplicated().any()
