"""From the first label to a certified rest: the spot check and finishing on photos, with the models that there are."""

from __future__ import annotations

import hashlib
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from handlens.core.saved import load_learner
from handlens.errors import CollectionError, FolderGoneError, TrainingError
from handlens.studio import classifier
from handlens.studio.collection import Collection


def truth(photo: int) -> str:
    return "circle" if photo < 20 else "square"


def check(collection: Collection, n: int, wrong: int = 0) -> list[int]:
    """Draw n photos and answer each as it is, but for the first ones."""
    drawn = collection.draw_spot_check(n).tolist()
    for i, photo in enumerate(drawn):
        collection.answer_spot_check(photo, truth(photo if i >= wrong else (photo + 20) % 40))
    return drawn


@pytest.fixture
def trained(collection, label_some):
    """Six circles and six squares are labelled, and a model is trained on them."""
    label_some(collection)
    collection.train()
    return collection


# --- the accuracy ----------------------------------------------------------------------------------


def test_the_accuracy_is_that_of_the_checked_photos(trained):
    said = trained.predictions()["predicted"]
    drawn = check(trained, 12)
    right = [said[photo] == truth(photo) for photo in drawn]
    report = trained.report
    assert report.accuracy == pytest.approx(np.mean(right))
    assert report.interval[0] <= report.accuracy <= report.interval[1]
    assert (report.checked, report.unlabelled, report.reason, report.guess) == (12, 16, "", None)
    assert report.per_class["said"].sum() == 12
    assert list(trained.models) == ["quick"]
    assert trained.models["quick"].accuracy == report.accuracy
    assert set(trained.confused("circle", "circle")) >= {p for p in drawn if p < 20 and said[p] == "circle"}


def test_checked_photos_are_cross_fitted_once_they_teach(trained):
    drawn = check(trained, 12, wrong=3)  # three labels that no model would guess
    report = trained.train()
    assert (report.n_labelled, report.checked) == (24, 12)
    held_out = trained.held_out
    assert set(held_out.ids[held_out.checked]) == set(drawn)
    place = {int(photo): i for i, photo in enumerate(held_out.ids)}
    right = [held_out.predicted[place[photo]] == held_out.truth[place[photo]] for photo in drawn]
    assert report.accuracy == pytest.approx(np.mean(right))
    assert right[:3] == [False] * 3  # though the model has learned these labels


def test_the_report_after_a_restart(folder, label_some):
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.train()
        check(collection, 12)
        report = collection.report
        waiting = collection.draw_spot_check(3).tolist()
    with Collection.open(folder) as collection:
        assert collection.spot_check.waiting == waiting
        again = collection.report
        assert (again.accuracy, again.interval, again.calibration_error) == (
            report.accuracy,
            pytest.approx(report.interval, abs=0.2),  # three photos fewer are left
            report.calibration_error,
        )


def test_the_history_keeps_what_a_complete_block_said(collection):
    collection.label([0, 1], "circle")
    collection.label([20, 21], "square")
    collection.train()
    told = []
    collection.parts.listeners.subscribe(lambda kind, _: told.append(kind))
    drawn = collection.draw_spot_check(33).tolist()
    for photo in drawn[:30]:
        assert "predictions" not in told
        collection.answer_spot_check(photo, truth(photo))
    assert told.count("predictions") == 1
    said = collection.report.accuracy
    collection.undo()
    assert collection.report.accuracy is None  # one of the answers is gone
    [point] = collection.history
    assert (point.accuracy, point.checked) == (said, 30)
    assert said is not None


def test_two_open_collections_answer_one_check(folder, label_some):
    with Collection.open(folder) as one, Collection.open(folder) as other:
        label_some(one)
        one.train()
        drawn = one.draw_spot_check(12).tolist()
        assert other.draw_spot_check(12).tolist() == drawn
        for i, photo in enumerate(drawn):
            (one, other)[i % 2].answer_spot_check(photo, truth(photo))
        assert one.report.accuracy == other.report.accuracy is not None
        assert one.report.checked == other.report.checked == 12


def test_reports_while_others_answer_label_and_train(folder, label_some):
    with Collection.open(folder) as one, Collection.open(folder) as other, ThreadPoolExecutor(3) as pool:
        label_some(one)
        one.train()
        done = threading.Event()

        def change() -> None:
            try:
                for i, photo in enumerate(other.draw_spot_check(20).tolist()):
                    other.answer_spot_check(photo, None if i % 3 == 1 else truth(photo))
                    if i % 5 == 4:
                        other.label([i], "circle")
                        other.train()
            finally:
                done.set()

        def look() -> None:
            while not done.is_set():
                for collection in (one, other):
                    report = collection.report
                    assert (report.accuracy is None) == (report.interval is None) == bool(report.reason)
                    assert len(collection.predictions()) == 40
                    _ = collection.history

        busy = [pool.submit(change), pool.submit(look)]
        for run in busy:
            run.result(timeout=300)
        assert one.report.checked == other.report.checked == 20


# --- calibration -----------------------------------------------------------------------------------


def test_after_a_check_probabilities_change_and_their_order_does_not(trained, tmp_path):
    names, before = trained.parts.models.probabilities()
    told = []
    trained.parts.listeners.subscribe(lambda kind, payload: told.append((kind, payload.get("version"))))
    version = trained.parts.models.predictions_version
    check(trained, 14, wrong=6)
    _, after = trained.parts.models.probabilities()
    assert (before.argsort(1) == after.argsort(1)).all()
    assert after.max(1).mean() < before.max(1).mean()
    assert trained.parts.models.predictions_version != version
    assert told[-1] == ("predictions", trained.parts.models.predictions_version)
    assert [kind for kind, _ in told].count("predictions") == 1  # at the end of the check, not after each answer

    # What is taken away says the same.
    trained.export_model(tmp_path / "model")
    table = load_learner(tmp_path / "model").predict_files([trained.images / path for path in trained.paths])
    found = table[[f"probability of {name}" for name in names]].to_numpy()
    np.testing.assert_allclose(found, after, atol=1e-4)
    text = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert f"{trained.report.accuracy:.3g}"[:4] in text
    assert "photos drawn at random and labelled without seeing the prediction" in text


def test_an_exported_model_without_a_check_has_no_accuracy(trained, tmp_path):
    trained.export_model(tmp_path / "model")
    text = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "Nothing is checked yet." in text


# --- finishing -------------------------------------------------------------------------------------


@pytest.fixture
def finished(trained):
    check(trained, 20)
    done = trained.finish(error=0.2)
    assert len(done.ids) > 0
    return trained


def test_certified_labels_are_not_learned_from(finished, monkeypatch):
    certified = np.flatnonzero(finished.origins["kind"] == "certified")
    seen = []
    learn = classifier.train_classifier

    def spy(features, codes, **options):
        seen.append(int((codes >= 0).sum()))
        return learn(features, codes, **options)

    monkeypatch.setattr(classifier, "train_classifier", spy)
    report = finished.train()
    assert seen == [32]
    assert report.n_labelled == 32
    assert not set(finished.held_out.ids) & set(certified)
    assert len(certified) == finished.parts.finishing.count


def test_after_the_undo_of_a_finish_the_report_is_of_the_labels_of_now(finished):
    report = finished.train()
    assert report.labels_version == finished.parts.labels.state.last_by_person < finished.parts.labels.version
    finished.undo()
    assert finished.report.labels_version == finished.parts.labels.state.last_by_person


def test_certified_labels_carry_their_certificate(finished, tmp_path):
    finished.export(tmp_path / "labels.csv", "csv")
    table = pd.read_csv(tmp_path / "labels.csv")
    certified = table[table["origin"] == "certified"]
    assert len(certified) == finished.parts.finishing.count
    assert (certified["error_at_most"] == 0.2).all()
    assert (certified["confidence"] == 0.95).all()
    assert table[table["origin"] != "certified"][["error_at_most", "by"]].isna().all(axis=None)
    assert table["origin"].value_counts().to_dict() == {
        "by hand": 12,
        "checked": 20,
        "certified": len(certified),
    }
    finished.export_model(tmp_path / "model")
    tensors = (tmp_path / "model" / "tensors.safetensors").read_bytes()
    assert set(certified["by"]) == {hashlib.sha256(tensors).hexdigest()}
    said = f"at most 20 % of the {len(table)} labels that there were then were wrong"
    assert said in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert finished.undo()
    finished.export_model(tmp_path / "model")
    assert "at most 20 %" not in (tmp_path / "model" / "README.md").read_text(encoding="utf-8")


def test_finishing_again_after_training_again(finished):
    before = finished.labels
    finished.train()
    finished.finish(error=0.2)
    by_person = finished.origins["kind"].isin(["by hand", "checked"])
    assert finished.labels[by_person].equals(before[by_person])
    while finished.undo():
        pass
    assert finished.labels.isna().all()
    assert finished.label_names == []


# --- bad input -------------------------------------------------------------------------------------


def test_before_anything_is_labelled(collection):
    assert collection.report is None
    assert collection.history == []
    assert collection.comparisons == []
    for what in (collection.plan_finish, collection.finish, lambda: collection.confused("a", "b")):
        with pytest.raises(TrainingError, match="there is no model yet"):
            what()
    # A check can come first: its labels are as good as others.
    check(collection, 10)
    assert collection.train().n_labelled == 10


def test_labels_from_checks_alone(collection):
    check(collection, 24)
    report = collection.train()
    assert report.n_labelled == report.checked == 24
    assert report.accuracy is not None
    assert collection.finish(error=0.3).checked == 24


def test_one_label_only(collection):
    for photo in collection.draw_spot_check(10).tolist():
        collection.answer_spot_check(photo, "circle")
    with pytest.raises(TrainingError, match="only “circle”"):
        collection.train()


def test_a_label_of_one_photo_only(collection, label_some):
    label_some(collection)
    [photo] = collection.draw_spot_check(1).tolist()
    collection.answer_spot_check(photo, "triangle")
    report = collection.train()
    assert report.per_class["count"].to_dict() == {"circle": 6, "square": 6, "triangle": 1}
    assert "triangle" in report.warnings[0]


def test_an_unprepared_collection(drawn, tmp_path):
    with Collection.create(tmp_path / "c", images=drawn) as collection:
        with pytest.raises(CollectionError, match="no photo is prepared yet that could be checked"):
            collection.draw_spot_check()
        assert collection.spot_check.waiting == []


def test_everything_is_a_duplicate_of_something(quick, draw_photo, tmp_path):
    """Files that are the same are one photo; pictures that look the same are several, and as hard as one."""
    for i in range(30):
        draw_photo(tmp_path / "images" / f"{i}.png", kind="circle" if i % 2 else "square", seed=i % 2)
        with (tmp_path / "images" / f"{i}.png").open("ab") as file:
            file.write(bytes([i]))  # after the end of the picture
    shutil.copy(tmp_path / "images" / "0.png", tmp_path / "images" / "copy.png")
    with Collection.create(tmp_path / "c", images=tmp_path / "images") as collection:
        collection.prepare()
        assert len(collection.paths) == 30
        kinds = ["circle" if int(path.removesuffix(".png")) % 2 else "square" for path in collection.paths]
        for name in ("circle", "square"):
            collection.label([i for i, kind in enumerate(kinds) if kind == name][:3], name)
        collection.train()
        for photo in collection.draw_spot_check(12).tolist():
            collection.answer_spot_check(photo, kinds[photo])
        assert collection.report.accuracy == 1.0
        assert collection.report.interval[1] == 1.0
        assert collection.finish(error=0.3).left == 0


def test_a_damaged_model_can_be_replaced_and_its_report_says_that_it_is_damaged(folder, label_some):
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.train()
        check(collection, 12)
    [model] = (folder / "quick").iterdir()
    (model / "tensors.safetensors").write_bytes(b"")
    with Collection.open(folder) as collection:
        report = collection.report
        assert report.accuracy is None
        assert report.reason.startswith("The model cannot be used: ")
        assert report.reason.endswith(". Train again.")
        collection.answer_spot_check(collection.draw_spot_check(1)[0], "circle")  # answers are kept all the same
        assert collection.train().accuracy is not None


def test_photos_that_are_added_after_a_check(quick, folder, label_some, draw_photo):
    with Collection.open(folder) as collection:
        label_some(collection)
        collection.train()
        check(collection, 12)
        assert collection.report.accuracy is not None
    for i in range(3):
        draw_photo(folder / "photos" / "new" / f"{i}.png", kind="circle", seed=100 + i)
    with Collection.open(folder) as collection:
        collection.prepare()
        report = collection.report
        assert report.unlabelled == 19
        assert report.accuracy is None  # three of nineteen: the check says nothing about them
        assert report.reason.startswith("Many photos were labelled or added since the check")
        assert len(collection.draw_spot_check(19)) == 19


def test_with_one_photo_left_there_is_no_accuracy(collection):
    collection.label(range(20), "circle")
    collection.label(range(20, 39), "square")
    report = collection.train()
    assert (report.accuracy, report.unlabelled) == (None, 1)
    [photo] = collection.draw_spot_check(30).tolist()
    assert photo == 39
    collection.answer_spot_check(photo, "square")
    assert collection.report.accuracy is None
    assert collection.report.reason == "A person has labelled or checked every photo, so nothing is left to predict."


def test_a_check_waits_while_the_folder_of_the_photos_is_gone(trained, tmp_path):
    drawn = trained.draw_spot_check(20).tolist()
    for photo in drawn[:12]:
        trained.answer_spot_check(photo, truth(photo))
    assert trained.report.accuracy is None  # answers count once all are given
    trained.images.rename(tmp_path / "elsewhere")
    assert (trained.spot_check.waiting, trained.spot_check.gone) == (drawn[12:], 0)
    assert trained.report.accuracy is None
    with pytest.raises(FolderGoneError, match="is gone, or its photos are"):
        trained.answer_spot_check(drawn[12], truth(drawn[12]))
    assert pd.isna(trained.labels[drawn[12]])
    trained.relocate(tmp_path / "elsewhere")
    for photo in drawn[12:]:
        trained.answer_spot_check(photo, truth(photo))
    assert (trained.spot_check.answered, trained.report.checked) == (20, 20)
