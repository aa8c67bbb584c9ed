"""The quick model: its report, its predictions, its classes."""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from handlens.errors import Cancelled, StorageError, TrainingError
from handlens.studio import classifier as learning
from handlens.studio.collection import Collection
from handlens.studio.exports import model_card
from handlens.studio.models import registry
from handlens.studio.models.quick import QuickModel
from handlens.studio.settings import Settings

CIRCLES, SQUARES = np.arange(20), np.arange(20, 40)


def test_training_and_predictions(collection, label_some):
    label_some(collection)
    report = collection.train()
    assert report.n_labelled == 12
    assert report.n_photos == 40
    assert (report.accuracy, report.interval, report.calibration_error, report.checked) == (None, None, None, 0)
    assert report.unlabelled == 28
    assert report.confusion.to_numpy().sum() == 0  # nothing could be tested, see below
    assert report.per_class["count"].tolist() == [6, 6]
    assert report.per_class["thin"].all()
    assert report.per_class[["said", "right"]].to_numpy().tolist() == [[0, 0], [0, 0]]
    assert report.per_class[["precision", "low", "high"]].isna().all(axis=None)
    assert report.warnings == ["Fewer than 10 photos: circle, square. Label more of these."]
    # Each label is one gesture, so that there is not even a guess.
    assert report.guess is None
    assert report.reason == (
        "Nothing is checked yet. Check 30 random photos to know how often the model is right. There is not even a "
        "guess, because all photos of a label were selected together: “circle”, “square”."
    )
    assert report.layers == [layer.id for layer in collection.layers]
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
        assert (again.guess, again.reason, again.warnings) == (report.guess, report.reason, report.warnings)
        assert (again.n_labelled, again.seconds, again.layers) == (report.n_labelled, report.seconds, report.layers)
        pd.testing.assert_frame_equal(collection.predictions(), table)


def test_checked_photos_take_part_in_self_training_as_often_as_others(collection, label_some, monkeypatch):
    shares = []
    train = learning.train_classifier

    def spy(*arguments, share, **more):
        shares.append(share)
        return train(*arguments, share=share, **more)

    monkeypatch.setattr(learning, "train_classifier", spy)
    label_some(collection)  # 12 of 40
    collection.train()
    monkeypatch.setattr(learning, "TAKING_PART", 22)
    collection.train()
    for photo in collection.draw_spot_check(4):
        collection.answer_spot_check(photo)  # none of the labels: still without one
    collection.train()
    monkeypatch.setattr(learning, "TAKING_PART", 0)
    collection.train()
    assert shares == [1.0, 10 / 28, 10 / 28, 0.0]


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize(("step", "classes"), [("settings", 2), ("clean-up", 3)])
def test_a_model_and_its_report_are_replaced_in_one_step(folder, label_some, monkeypatch, step, classes):
    """Whenever the process is killed, the model in use, its report and its held-out photos belong together."""
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.label([6, 7], "circle")
        collection.label([26, 27], "square")
        collection.train()
        collection.label([10, 11, 12], "third")
        collection.label([13, 14], "third")

        def killed(*_args, **_options):
            raise Killed

        if step == "settings":
            monkeypatch.setattr(Settings, "replace_model", killed)
        else:
            monkeypatch.setattr(QuickModel, "remove_others", killed)
        with pytest.raises(Killed):
            collection.train()
        monkeypatch.undo()
    with Collection.open(folder) as collection:
        names = ["circle", "square", "third"][:classes]
        assert collection.report.per_class.index.tolist() == names
        assert collection.parts.models.probabilities()[0] == names
        assert set(collection.held_out.truth) == set(names)
        collection.train()
        assert len(list((folder / "quick").iterdir())) == 1  # nothing of the interrupted run is left


def test_training_at_once_in_two_open_collections(folder, label_some):
    """As from two processes: each time there is a model, and it is complete."""
    with Collection.open(folder) as one, Collection.open(folder) as other, ThreadPoolExecutor(4) as pool:
        label_some(one)
        one.train()
        busy = [pool.submit(c.train) for _ in range(4) for c in (one, other)]
        while not all(run.done() for run in busy):
            for collection in (one, other):
                assert collection.model == "quick"
                assert len(collection.predictions()) == 40
        for run in busy:
            run.result()
        assert one.parts.models.version == other.parts.models.version
        assert one.held_out is not None
        assert len(list((folder / "quick").iterdir())) == 1


def test_training_that_fails_leaves_nothing(folder, label_some, monkeypatch):
    with Collection.open(folder) as collection:
        label_some(collection)
        before = collection.train()

        def refuse(*_args, **_options):
            raise StorageError("disk full.")

        monkeypatch.setattr(Settings, "replace_model", refuse)
        with pytest.raises(StorageError, match="disk full"):
            collection.train()
        assert collection.report.seconds == before.seconds
        assert len(list((folder / "quick").iterdir())) == 1


def test_an_error_after_a_model_was_replaced_keeps_it(folder, label_some):
    with Collection.open(folder) as collection:
        label_some(collection)

        def broken(kind, _payload):
            if kind == "predictions":
                raise RuntimeError

        collection.parts.listeners.subscribe(broken)
        with pytest.raises(RuntimeError):
            collection.train()
        assert len(collection.predictions()) == 40


DAMAGE = [
    *({name: None} for name in ("names", "colours", "counts", "drawn", "n_photos", "whole_gestures", "seconds")),
    *({"names": ["circle"]}, {"colours": [0]}, {"counts": [6]}, {"counts": "x"}, {"one_gesture": 1}),
    *({"whole_gestures": [3]}, {"single_photos": [9, 8]}, {"single_photos": [-1, 8]}, {"one_gesture": [2]}),
    *({"id": "../cache"}, {"layers": 3}, {"warnings": None}, {"labels_version": "x"}),
]


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_a_model_whose_record_is_damaged_counts_as_missing(folder, label_some, caplog, damage):
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.train()
        settings = collection.parts.settings
        record = settings.model_record("quick") | damage
        settings.replace_model("quick", record, settings.held_out("quick"), use="quick")
        assert collection.model is None
        assert collection.models == {}
        with pytest.raises(TrainingError, match="no model yet"):
            collection.predictions()
        assert len(caplog.messages) == 1  # it is said once
        assert "The quick model cannot be used: the record of the model is damaged" in caplog.text
        collection.train()
        assert len(collection.predictions()) == 40


HELD_OUT_DAMAGE = [
    {"ids": None},
    {"ids": [99] * 12},
    {"truth": [0]},
    {"predicted": [7] * 12},
    {"unlabelled": [2, 0, 5]},
]


@pytest.mark.parametrize("damage", HELD_OUT_DAMAGE, ids=str)
def test_damaged_held_out_predictions_count_as_missing(collection, label_some, damage):
    label_some(collection)
    collection.train()
    settings = collection.parts.settings
    settings.replace_model("quick", settings.model_record("quick"), settings.held_out("quick") | damage, use="quick")
    assert collection.held_out is None
    assert collection.report is not None


def test_a_field_of_a_later_version_is_ignored(collection, label_some):
    label_some(collection)
    report = collection.train()
    settings = collection.parts.settings
    record = settings.model_record("quick") | {"later": 1}
    settings.replace_model("quick", record, settings.held_out("quick"), use="quick")
    assert collection.report.seconds == report.seconds


@pytest.mark.parametrize("opened", [False, True])
def test_without_the_cache_no_photo_is_predicted_until_it_is_prepared_again(folder, label_some, quick, opened):
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.train()
        before = collection.predictions()
        if opened:
            shutil.rmtree(folder / "cache")
            assert set(collection.predictions()["reason"]) == {"not prepared yet"}
            collection.prepare()
            pd.testing.assert_frame_equal(collection.predictions(), before)
            collection.train()
    if not opened:
        shutil.rmtree(folder / "cache")
        with Collection.open(folder) as collection:
            assert set(collection.predictions()["reason"]) == {"not prepared yet"}
            collection.prepare()
            pd.testing.assert_frame_equal(collection.predictions(), before)


def test_a_model_from_before_models_had_ids_is_replaced(folder, label_some):
    """It is in the folder model/, and its record has no id."""
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.train()
        before = collection.predictions()
        settings = collection.parts.settings
        record = settings.model_record("quick")
        [model] = (folder / "quick").iterdir()
        model.rename(folder / "model")
        settings.replace_model("quick", record | {"id": None}, settings.held_out("quick"), use="quick")
    with Collection.open(folder) as collection:
        assert collection.parts.models.version == f"quick-{record['labels_version']}-{record['seconds']}"
        pd.testing.assert_frame_equal(collection.predictions(), before)
        assert collection.held_out is not None
        collection.train()
        assert not (folder / "model").exists()
        assert len(collection.predictions()) == 40


def test_what_was_learned_follows_a_renamed_label(collection, tmp_path, label_some):
    label_some(collection)
    collection.train()
    collection.separate(["circle", "square"])
    collection.rename("circle", "round")
    assert collection.parts.maps.separating == ["round", "square"]
    assert collection.report.per_class.index.tolist() == ["round", "square"]
    assert collection.report.confusion.columns.tolist() == ["round", "square"]
    assert set(collection.predictions()["predicted"]) == {"round", "square"}
    collection.export_model(tmp_path / "model")
    described = json.loads((tmp_path / "model" / "model.json").read_text())
    assert described["config"]["classes"] == ["round", "square"]
    collection.undo()
    assert collection.parts.maps.separating == ["circle", "square"]
    assert set(collection.predictions()["predicted"]) == {"circle", "square"}


def test_the_model_has_a_card_that_keeps_its_answers(collection, tmp_path, label_some):
    label_some(collection)
    report = collection.train()
    collection.export_model(tmp_path / "model")
    file = tmp_path / "model" / "README.md"
    card = model_card("shapes", report, {}, certificate=None)
    card.answer(card.unanswered[0], "For counting only.")
    card.save(file)
    collection.export_model(tmp_path / "model")
    text = file.read_text(encoding="utf-8")
    assert "For counting only." in text
    assert "photos labelled circle" in text
    assert "features" in text


def test_the_card_says_of_how_many_checked_photos_the_person_was_unsure(collection, tmp_path, label_some):
    label_some(collection)
    collection.train()
    for i, photo in enumerate(collection.draw_spot_check(14).tolist()):
        collection.answer_spot_check(photo, "circle" if i < 12 else None, unsure=i >= 12)
    collection.export_model(tmp_path / "model")
    text = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "labelled without seeing the prediction, without 2 of which the person was unsure" in text


def test_a_name_given_anew_is_no_second_class_of_that_name(collection, label_some):
    label_some(collection)
    collection.train()
    collection.delete("circle")
    collection.rename("square", "circle")
    assert collection.report.per_class.index.tolist() == ["circle (deleted)", "circle"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "no labelled photo"),
        ({"a": [0]}, "only “a”"),
        ({"a": list(range(40))}, "only “a”"),
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
    assert report.unlabelled == 0
    assert report.reason == "A person has labelled or checked every photo, so nothing is left to predict."


def test_labels_named_like_columns(collection):
    collection.label(CIRCLES[:4], "path")
    collection.label(SQUARES[:4], "class path")
    collection.label(SQUARES[4:8], "label")
    collection.train()
    table = collection.predictions()
    assert table.columns.tolist()[4:-1] == [f"probability of {name}" for name in ("path", "class path", "label")]
    assert not table.columns.duplicated().any()


def test_training_can_be_cancelled_and_keeps_the_model_in_use(collection, label_some):
    label_some(collection)
    first = collection.train()
    steps, stop = [], threading.Event()
    collection.label([6], "circle")

    def progress(done: int, total: int) -> None:
        steps.append((done, total))
        stop.set()

    with pytest.raises(Cancelled, match=r"the model in use is the one from before"):
        collection.train(progress=progress, cancel=stop)
    assert len(steps) == 1
    assert collection.report.labels_version == first.labels_version
    again = []
    assert collection.train(progress=lambda *step: again.append(step)).n_labelled == 13
    total = again[0][1]
    assert again == [(done, total) for done in range(1, total + 1)]


def test_the_best_guess_is_that_of_the_predictions(collection, monkeypatch):
    collection.label(range(4), "circle")
    collection.label(range(20, 24), "square")
    collection.train()
    monkeypatch.setattr(registry, "_AT_ONCE", 7)
    table, best = collection.predictions(), collection.parts.models.best()
    assert [best.names[code] for code in best.codes] == table["predicted"].tolist()
    assert best.probability == pytest.approx(table["probability"].to_numpy())


def test_predicting_all_photos_stops_when_it_is_to(collection):
    collection.label(range(4), "circle")
    collection.label(range(20, 24), "square")
    collection.train()
    models, stop, told = collection.parts.models, threading.Event(), []
    models._scores.clear()

    def report(done, total):
        told.append((done, total))
        stop.set()
        return stop.is_set()

    with pytest.raises(Cancelled, match=r"^predicting was cancelled\.$"):
        models.best(report=report)
    assert len(told) == 1
    assert models.best(report=lambda _done, _total: False).codes.tolist() == models.best().codes.tolist()
