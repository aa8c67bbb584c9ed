"""Fine-tuning a network on a collection's labels: what follows, and what stays when it does not come to its end."""

from __future__ import annotations

import base64
import io
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from handlens.core.saved import load_learner
from handlens.errors import ArtifactError, Cancelled, CollectionError, TrainingError
from handlens.serving.app import create_app
from handlens.studio.calibration import CAUTION
from handlens.studio.collection import Collection
from handlens.studio.models import fine_tune, fine_tuner, linear_probe
from handlens.studio.models.linear_probe import fit_probe
from handlens.studio.models.registry import UNKNOWN
from handlens.studio.models.self_training import given_by_model
from handlens.studio.origins import Certificate, Origin
from handlens.vision.heatmap import heatmap
from handlens.vision.learner import VisionLearner

CIRCLES, SQUARES = np.arange(20), np.arange(20, 40)


@pytest.fixture(scope="module")
def with_network(tmp_path_factory, drawn, random_network) -> Path:
    """A prepared collection by a tiny network (not to be changed: see `tuned_folder`)."""
    folder = tmp_path_factory.mktemp("network")
    shutil.copytree(drawn, folder / "photos")
    name, weights = random_network
    with Collection.create(folder, images=folder / "photos", backbone=name, weights=weights) as collection:
        collection.prepare()
        collection.label(CIRCLES[:6], "circle")
        collection.label(SQUARES[:6], "square")
    return folder


@pytest.fixture
def folder(with_network, tmp_path) -> Path:
    return Path(shutil.copytree(with_network, tmp_path / "collection"))


@pytest.fixture
def collection(folder) -> Iterator[Collection]:
    """A collection of 40 photos by a tiny network, twelve of them labelled, of one's own to change."""
    with Collection.open(folder) as opened:
        yield opened


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in [*(folder / "fine-tuned").glob("*"), *(folder / "cache").glob("fine-tuned-*")])


def test_what_follows_from_fine_tuning(folder, tmp_path):
    told = []
    with Collection.open(folder) as collection:
        assert collection.model is None
        assert collection.models == {}
        assert collection.parts.models.version == ""
        assert collection.networks == ["test_resnet"]
        report = collection.fine_tune(epochs=1, progress=told.append)
        assert next(f.phase for f in told if f.running) == "loading"
        assert {"head", "last", "whole", "predicting"} <= {f.phase for f in told}
        assert told[-1] == collection.fine_tuning
        assert not told[-1].running
        assert told[-1].phase == "done"
        assert told[-1].epochs == 2
        assert all(0 <= f.share <= 1 for f in told)
        assert told[-1].accuracy is not None
        assert told[-1].loss is not None

        # It learned from four fifths. The others are counted in the confusion table, but give no accuracy.
        assert report.network == "test_resnet"
        assert report.n_labelled == report.per_class["count"].sum() == 9
        assert report.layers == []
        assert int(report.confusion.to_numpy().sum()) == 3
        assert (report.accuracy, report.guess, report.checked) == (None, None, 0)
        assert report.reason == "Nothing is checked yet. Check 30 random photos to know how often the model is right."
        assert report.warnings == ["Fewer than 10 photos: circle, square. Label more of these."]
        assert collection.model == "fine-tuned"
        table = collection.predictions()
        assert len(table) == 40
        assert table[["probability of circle", "probability of square"]].sum(axis=1).to_numpy() == pytest.approx(
            np.ones(40), abs=1e-5
        )
        version = collection.parts.models.version

    with Collection.open(folder) as collection:  # and is still there
        assert collection.parts.models.version == version
        assert collection.report is not None
        pd.testing.assert_frame_equal(collection.report.confusion, report.confusion)
        held = collection.held_out  # what the confusion table counts, photo by photo
        assert held is not None
        assert held.truth == collection.labels[held.ids].tolist()
        right = np.array(held.truth) == held.predicted
        assert right.sum() == np.trace(report.confusion.to_numpy())
        assert len(held.ids) == 3
        pd.testing.assert_frame_equal(collection.predictions(), table)
        collection.rename("circle", "disc")
        assert collection.predictions().columns[-3:-1].tolist() == ["probability of disc", "probability of square"]
        assert collection.report.per_class.index.tolist() == ["disc", "square"]

        # What is taken away is the same model.
        collection.export_model(tmp_path / "model")
        learner = load_learner(tmp_path / "model")
        assert learner.data.classes == ["disc", "square"]
        said = learner.predict_files([collection.images / path for path in collection.paths])
        assert said["probability of disc"].to_numpy() == pytest.approx(
            table["probability of circle"].to_numpy(), abs=1e-4
        )

        # The quick model stands beside it.
        with pytest.raises(TrainingError, match="no quick model"):
            collection.use_model("quick")
        quick = collection.train()
        assert (quick.network, quick.outcome) == (None, UNKNOWN)  # no photo was held out from both
        assert collection.model == "fine-tuned"
        assert set(collection.models) == {"quick", "fine-tuned", "both"}
        collection.use_model("quick")
        collection.use_model("fine-tuned")
        assert collection.parts.models.version == version
        assert collection.predictions()["probability of disc"].to_numpy() == pytest.approx(
            table["probability of circle"].to_numpy()
        )
        with pytest.raises(CollectionError, match="a model is one of"):
            collection.use_model("other")
        with pytest.raises(CollectionError, match="a model is one of"):
            collection.use_model(["quick"])

        # Fine-tuned again, there is one model and not two.
        collection.fine_tune(epochs=1, backbone="test_resnet")
        assert collection.parts.models.version not in ("", version)
        id = collection.parts.models.version.removeprefix("fine-tuned-")
        assert leftovers(folder) == [id, f"fine-tuned-{id}.f4", f"fine-tuned-{id}.f4.crc32"]


def test_predictions_are_made_again_with_the_cache(folder, draw_photo):
    with Collection.open(folder) as collection:
        collection.fine_tune(epochs=1)
        before = collection.predictions()
    next((folder / "cache").glob("fine-tuned-*.f4")).unlink()
    draw_photo(folder / "photos" / "squares" / "new.png", kind="square", seed=77)
    (folder / "photos" / "circles" / "bad.png").write_bytes(b"not a picture")
    phases = []
    with Collection.open(folder) as collection:
        assert collection.predictions()["predicted"].isna().all()
        assert collection.predictions()["reason"].unique().tolist() == ["not prepared yet"]
        collection.prepare(progress=lambda now: phases.append(now.phase))
        after = collection.predictions()
    assert "predicting" in phases
    assert phases[-1] == "done"
    assert len(after) == 41  # what never was a photo of the collection has no row
    assert "circles/bad.png" not in after["path"].to_list()
    same = after.set_index("path").loc[before["path"]]
    column = "probability of circle"
    assert same[column].to_numpy() == pytest.approx(before[column].to_numpy(), abs=1e-5)


@pytest.mark.parametrize("phase", ["loading", "head", "last", "whole", "predicting"])
def test_cancelling_leaves_the_model_from_before(collection, phase):
    quick = collection.train()
    cancel = threading.Event()

    def watch(now):
        if now.phase == phase:
            cancel.set()

    with pytest.raises(Cancelled):
        collection.fine_tune(epochs=1, progress=watch, cancel=cancel)
    assert collection.fine_tuning.phase == "cancelled"
    assert not collection.fine_tuning.running
    assert collection.model == "quick"
    assert (collection.report.seconds, collection.report.layers) == (quick.seconds, quick.layers)
    assert len(collection.predictions()) == 40
    assert leftovers(collection.folder) == []
    assert collection.labels.notna().sum() == 12


def test_one_at_a_time(collection):
    refused = []

    def watch(now):
        if now.running and not refused:
            collection.label([19], "circle")  # labelling goes on
            with pytest.raises(TrainingError, match="already") as caught:
                collection.start_fine_tuning()
            with Collection.open(collection.folder) as other, pytest.raises(TrainingError, match="already"):
                other.fine_tune(epochs=1)  # as another process would
            refused.append(caught)

    report = collection.fine_tune(epochs=1, progress=watch)
    assert refused
    assert report.n_labelled == 9  # of twelve; three are held out
    assert report.labels_version < collection.parts.labels.version
    collection.fine_tune(epochs=1)  # and afterwards the next


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), TrainingError("the loss became nan")])
def test_a_failure_leaves_the_model_from_before(collection, monkeypatch, error):
    quick = collection.train()

    def fails(*_args, **_options):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(VisionLearner, "fit_one_cycle", fails)
        with pytest.raises(type(error)):
            collection.fine_tune(epochs=1)
    assert collection.fine_tuning.phase == "failed"
    assert str(error) in collection.fine_tuning.error
    assert collection.model == "quick"
    assert (collection.report.seconds, collection.report.layers) == (quick.seconds, quick.layers)
    assert leftovers(collection.folder) == []
    collection.fine_tune(epochs=1)
    assert set(collection.models) == {"quick", "fine-tuned", "both"}


def test_in_the_background(collection):
    done = threading.Event()
    collection.parts.listeners.subscribe(lambda kind, _: done.set() if kind == "predictions" else None)
    collection.start_fine_tuning(epochs=1)
    assert done.wait(300)
    assert collection.model == "fine-tuned"


def test_closing_ends_it(folder):
    collection = Collection.open(folder)
    collection.start_fine_tuning(minutes=10)
    collection.close()
    assert collection.fine_tuning.phase == "cancelled"
    with Collection.open(folder) as again:
        assert again.model is None
        assert again.labels.notna().sum() == 12


def test_what_it_needs(collection, prepared_folder, tmp_path):
    for minutes in (0, -1, float("nan"), True, "5"):
        with pytest.raises(TrainingError, match="minutes must be above 0"):
            collection.fine_tune(minutes=minutes)
    for epochs in (0, 1.5, True):
        with pytest.raises(TrainingError, match="epochs must be a whole number"):
            collection.fine_tune(epochs=epochs)
    with pytest.raises(TrainingError, match="backbone must be one of test_resnet"):
        collection.fine_tune(backbone="resnet18")
    collection.delete("square")
    with pytest.raises(TrainingError, match="only “circle”"):
        collection.fine_tune()
    with Collection.open(shutil.copytree(prepared_folder, tmp_path / "patches")) as other:
        assert other.networks == []
        with pytest.raises(TrainingError, match=r"needs a pretrained network.*Sources"):
            other.fine_tune()


def test_a_model_gone_or_damaged(folder):
    with Collection.open(folder) as collection:
        collection.train()
        collection.fine_tune(epochs=1)
        collection.use_model("fine-tuned")
    [model] = (folder / "fine-tuned").iterdir()
    (model / "tensors.safetensors").write_bytes(b"")
    next((folder / "cache").glob("fine-tuned-*.f4")).unlink()
    (folder / "cache" / "tiles.pack").unlink()  # so that there is something to prepare
    with Collection.open(folder) as collection:
        collection.prepare()
        assert any("fine-tuned model cannot be used" in text for text in collection.notices)
        with pytest.raises(ArtifactError):
            collection.heatmap(0, "circle")
        collection.use_model("quick")
        assert len(collection.predictions()) == 40
    shutil.rmtree(model)
    with Collection.open(folder) as collection:
        assert collection.model == "quick"
        assert list(collection.models) == ["quick"]


def test_heat_maps(collection):
    with pytest.raises(TrainingError, match="no model yet"):
        collection.heatmap(0)
    collection.train()
    quick = collection.heatmap(0)
    assert quick.label == collection.predictions()["predicted"][0]
    assert quick.data.min() >= 0
    assert torch.isfinite(quick.data).all()
    assert tuple(quick.picture.shape) == (3, 48, 64)
    assert collection.heatmap(0, quick.label) is quick  # remembered
    other = collection.heatmap(0, "square" if quick.label == "circle" else "circle")
    assert not torch.equal(other.data, quick.data)
    # Of two classes each is against the other: what speaks for one does not speak for the other.
    assert float((quick.data * other.data).sum()) == 0
    with pytest.raises(CollectionError, match="label must be one that the model knows: circle, square"):
        collection.heatmap(0, "triangle")
    with pytest.raises(CollectionError, match="between 0 and 39"):
        collection.heatmap(40)
    collection.fine_tune(epochs=1)
    collection.use_model("fine-tuned")
    tuned = collection.heatmap(0, "circle")
    assert tuned.label == "circle"
    assert tuned.method == "gradcam"
    assert tuple(tuned.picture.shape) == (3, 48, 64)
    assert tuned.drawn().shape == tuned.picture.shape
    (collection.images / collection.paths[1]).unlink()
    with pytest.raises(Exception, match=r"circles/1\.png|1\.png"):
        collection.heatmap(1, "circle")


def test_the_exported_model_is_served_with_heat_maps(collection, tmp_path):
    collection.fine_tune(epochs=1)
    collection.export_model(tmp_path / "model")
    model = load_learner(tmp_path / "model")
    assert isinstance(model, VisionLearner)
    client = TestClient(create_app(tmp_path / "model", hosts=["localhost:8600"]), base_url="http://localhost:8600")
    about = client.get("/api/model").json()
    assert (about["predicts"], about["classes"], about["heatmap"]) == ("one class", ["circle", "square"], True)
    for photo in (0, 25):
        file = collection.images / collection.paths[photo]
        answer = client.post("/api/predict?heatmap=true", content=file.read_bytes()).json()
        said = collection.predictions().iloc[photo]
        for name in ("probability of circle", "probability of square"):
            assert answer["prediction"][name] == pytest.approx(said[name], abs=1e-4)
        assert answer["prediction"]["predicted"] == said["predicted"]
        drawn = heatmap(model, file)
        assert drawn.label == said["predicted"]
        found = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["heatmap"]))))
        wanted = drawn.drawn().permute(1, 2, 0).numpy() * 255
        assert found.shape == wanted.shape
        # The served model has its batch norms folded, so that a map, and its 256 levels, may differ in the last digits.
        assert np.abs(found - wanted).max() <= 1.5


def test_photos_that_were_drawn_never_train_it(collection):
    drawn = collection.draw_spot_check(8).tolist()
    for photo in drawn:
        collection.answer_spot_check(photo, "circle" if photo < 20 else "square")
    job = collection.parts.fine_tuner.job(None, 1.0, 1)
    assert job.ids[job.drawn].tolist() == sorted(drawn)
    assert job.held_out[job.drawn].all()
    assert not job.held_out[~job.drawn].all()
    report = collection.fine_tune(epochs=1)
    assert report.n_labelled == 9  # of the twelve that were labelled otherwise; three of these are held out as well
    found = collection.held_out
    assert found.ids[found.checked].tolist() == sorted(drawn)


# --- the plan ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "last", "whole", "steps", "wanted", "epochs"),
    [
        (100, 10, 20, 20, None, (5, 2)),  # half of the time for the last layers; (100 − 50) · 0.95 / 20
        (1000, 1, 2, 20, None, (8, 20)),  # as often as is of use
        (1000, 1, 2, 5, None, (30, 60)),  # epochs of few steps: more of them
        (10, 30, 90, 200, None, (1, 1)),  # the deadline will end it
        (100, 2, 5, 20, 12, (6, 12)),
        (100, 2, 5, 20, 1, (1, 1)),
    ],
)
def test_rounds_by_the_time_there_is(seconds, last, whole, steps, wanted, epochs):
    assert fine_tune._planned(seconds, last, whole, steps, wanted) == epochs


def test_the_time_limit_holds(collection):
    report = collection.fine_tune(minutes=0.0001)  # over before the first step
    assert report.network == "test_resnet"
    assert collection.model == "fine-tuned"


@pytest.fixture
def learner(collection) -> VisionLearner:
    """A fine-tuned network with the photos that it learned from."""
    job = collection.parts.fine_tuner.job(None, 1.0, 1)
    return fine_tune.fine_tune(job, changed=lambda _: None, cancel=threading.Event())


def test_a_model_is_made_no_surer_than_it_is_right(learner, monkeypatch):
    before = learner.model[1][-1].weight.clone()
    # Nearly sure, and right every second time.
    sure, truth = torch.tensor([[0.999, 0.001]] * 20), torch.tensor([0, 1] * 10)
    monkeypatch.setattr(learner, "get_preds", lambda: (sure, truth))
    temperature = fine_tune.calibrate(learner, np.arange(20))
    assert temperature > 2
    torch.testing.assert_close(learner.model[1][-1].weight, before / temperature)
    # Sure and right.
    monkeypatch.setattr(learner, "get_preds", lambda: (sure, truth * 0))
    assert fine_tune.calibrate(learner, np.arange(20)) < 1.0


def test_a_model_whose_epoch_was_chosen_by_few_photos_is_cautious(learner, monkeypatch):
    before = learner.model[1][-1].weight.clone()
    # Its six photos were labelled together, so that they count as one: almost nothing is known.
    probabilities, truth = torch.tensor([[0.9, 0.1]] * 6), torch.zeros(6, dtype=torch.int64)
    monkeypatch.setattr(learner, "get_preds", lambda: (probabilities, truth))
    temperature = fine_tune.calibrate(learner, np.zeros(6, np.int64), cautious=True)
    assert temperature == pytest.approx(CAUTION, rel=0.05)
    torch.testing.assert_close(learner.model[1][-1].weight, before / temperature)
    # Two thousand photos that are right each time: it could be surer, and stays as it is.
    many = torch.tensor([[0.9, 0.1]] * 2000), torch.zeros(2000, dtype=torch.int64)
    monkeypatch.setattr(learner, "get_preds", lambda: many)
    assert fine_tune.calibrate(learner, np.arange(2000), cautious=True) == 1.0


def test_the_probe_is_linear_and_leaves_the_body_alone(learner):
    body = {name: value.clone() for name, value in learner.model[0].state_dict().items()}
    fit_probe(learner, step=lambda: None)
    for name, value in learner.model[0].state_dict().items():
        torch.testing.assert_close(value, body[name])
    features, codes = linear_probe._features(learner, lambda: None)
    assert len(codes) == 9 * linear_probe.VIEWS
    scores = learner.model[1][2:](torch.from_numpy(features))
    assert (scores.argmax(1).numpy() == codes).mean() > 0.9


def test_no_epoch_is_kept_that_is_worse_than_the_probe(collection, monkeypatch):
    # Rates at which training breaks the network: what is left is the probe.
    monkeypatch.setattr(fine_tune, "RATES", (10.0, 10.0, 10.0))
    norms = []

    def changed(now):
        norms.append(now.phase)

    job = collection.parts.fine_tuner.job(None, 1.0, 1)
    probed = fine_tune.fine_tune(replace(job, seconds=1e-6), changed=changed, cancel=threading.Event())
    assert "last" not in norms
    trained = fine_tune.fine_tune(job, changed=changed, cancel=threading.Event())
    assert {"last", "whole"} <= set(norms)
    for learner in (probed, trained):
        assert learner.validate()[0] < 5
    for one, other in zip(probed.model[0].buffers(), trained.model[0].buffers(), strict=True):
        torch.testing.assert_close(one, other)  # batch norms keep their statistics


def test_whole_gestures_are_held_out(folder):
    with Collection.open(folder) as collection:
        for i in range(6, 14):
            collection.label([i], "circle")
        job = collection.parts.fine_tuner.job(None, 1.0, 1)
        assert job.held_out.sum() == 2 + 1
        held = set(job.gestures[job.held_out].tolist()) - set(job.gestures[~job.held_out].tolist())
        assert len(held) >= 2  # clicks on circles; squares come from one gesture, so that single ones are held out


def test_duplicates_of_held_out_photos_are_not_learned_from(collection, monkeypatch):
    pairs = np.arange(len(collection.paths)) // 2
    monkeypatch.setattr(collection.parts.duplicates, "together", lambda: pairs)
    job = collection.parts.fine_tuner.job(None, 1.0, 1)
    held = set((job.ids[job.held_out] // 2).tolist())
    assert held
    assert job.ids[job.learned].tolist() == [i for i in job.ids.tolist() if i // 2 not in held]
    assert set(job.codes[job.learned].tolist()) == {0, 1}


def test_the_epoch_is_not_chosen_by_photos_whose_class_has_only_duplicates_of_them(collection, monkeypatch):
    circles = np.arange(len(collection.paths))
    circles[:20] = 0
    monkeypatch.setattr(collection.parts.duplicates, "together", lambda: circles)
    job = collection.parts.fine_tuner.job(None, 1.0, 1)
    assert (job.ids[job.choosing] >= 20).all()
    assert job.choosing.any()
    assert job.learned[job.ids < 20].all()


def test_the_outcome_is_told(collection):
    report = collection.fine_tune(epochs=1)
    assert collection.fine_tuning.outcome == report.outcome == ""  # there was no other model
    collection.train()
    collection.use_model("quick")
    collection.fine_tune(epochs=1)
    assert collection.fine_tuning.outcome == UNKNOWN  # each label comes from one gesture
    assert collection.model == "quick"
    for photo in collection.draw_spot_check(12):
        collection.answer_spot_check(int(photo), "circle" if photo < 20 else "square")
    report = collection.fine_tune(epochs=1)
    assert "of the same 12 checked photos the fine-tuned model gets" in report.outcome
    assert collection.fine_tuning.outcome == report.outcome == collection.report.outcome
    helps = report.outcome.startswith("It helps")
    assert (collection.model in ("fine-tuned", "both")) == helps


# --- certified labels --------------------------------------------------------------------------


def certify(collection: Collection, ids: list[int], name: str) -> None:
    origin = Origin("finish", "certified", Certificate(0.05, 0.95, checked=30))
    collection.parts.labels.assign(ids, name, origin=origin)


def test_certified_labels_teach_and_test_nothing(collection, tmp_path):
    before = collection.parts.fine_tuner.job(None, 1.0, 1)
    collection.train()
    certify(collection, [10, 11, 12], "circle")
    certify(collection, [30, 31], "square")
    job = collection.parts.fine_tuner.job(None, 1.0, 1)
    assert sorted(job.ids[job.by_model].tolist()) == [10, 11, 12, 30, 31]
    assert [job.classes[code] for code in job.codes[job.by_model]] == [
        "circle" if i < 20 else "square" for i in job.ids[job.by_model]
    ]
    assert job.ids[~job.by_model].tolist() == before.ids.tolist()
    assert job.ids[job.held_out].tolist() == before.ids[before.held_out].tolist()
    assert not (job.by_model & (job.held_out | job.drawn)).any()
    report = collection.fine_tune(epochs=1)
    assert (report.n_labelled, report.n_by_model) == (9, 5)
    assert report.per_class["count"].sum() == 9
    tested = collection.parts.models.held_out(collection.parts.models.get("fine-tuned"))
    assert not np.isin(tested.ids, [10, 11, 12, 30, 31]).any()
    assert (collection.models["both"].n_labelled, collection.models["both"].n_by_model) == (12, 5)
    collection.use_model("both")
    collection.export_model(tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    assert "| photos learned from with certified labels | 5 |" in card


def test_certified_labels_are_a_sample_of_three_for_each_label_by_a_person(collection, monkeypatch):
    monkeypatch.setattr(fine_tuner, "MOST_BY_MODEL", 1)
    collection.train()
    certify(collection, list(range(6, 20)), "circle")
    job = collection.parts.fine_tuner.job(None, 1.0, 1)
    assert job.by_model.sum() == 12  # as many as people labelled, of fourteen
    assert len(set(job.ids.tolist())) == len(job.ids) == 24
    again = collection.parts.fine_tuner.job(None, 1.0, 1)
    assert again.ids.tolist() == job.ids.tolist()


def test_labels_of_a_class_that_no_person_labelled_do_not_teach(collection):
    collection.train()
    certify(collection, [15], "oval")
    job = collection.parts.fine_tuner.job(None, 1.0, 1)
    assert job.classes == ["circle", "square"]
    assert not job.by_model.any()


def test_checked_photos_take_part_as_the_model_predicted_them(collection):
    drawn = collection.draw_spot_check(12).tolist()
    for photo in drawn:
        collection.answer_spot_check(photo, "circle")  # also where it is a square
    collection.train()
    models, check = collection.parts.models, collection.spot_check
    found = models.checked(models.get("quick"), check)
    open_, sure = np.flatnonzero(check.open), models.probabilities()[1].max(1)
    least, most = (int(open_[place]) for place in (sure[open_].argmin(), sure[open_].argmax()))
    for photo in (most, least):  # the checked photos of which the model is at least as sure
        certify(collection, [photo], "circle")
        more, codes = given_by_model(models, collection.spot_check)
        alike = found.confidence >= sure[photo]
        assert more.tolist() == [photo, *found.ids[alike]]
        assert codes.tolist() == [0, *found.predicted[alike]]
        job = collection.parts.fine_tuner.job(None, 1.0, 1)
        assert (job.drawn.sum(), job.by_model.sum()) == (12, 1 + alike.sum())
        collection.undo()


def test_without_a_model_that_can_be_asked_certified_labels_do_not_teach(collection):
    certify(collection, [10, 11], "circle")
    assert given_by_model(collection.parts.models, collection.spot_check)[0].tolist() == []
    assert not collection.parts.fine_tuner.job(None, 1.0, 1).by_model.any()
