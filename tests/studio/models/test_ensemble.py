"""The ensemble of the quick and the fine-tuned model: its scores by hand, when there is one, and what is taken away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from starlette.testclient import TestClient

from handlens.core.artifact import load_artifact, save_artifact
from handlens.core.saved import PhotoModel, load_learner
from handlens.errors import ArtifactError, TrainingError
from handlens.serving.app import create_app
from handlens.studio.collection import Collection
from handlens.studio.models.ensemble import KIND, EnsembleModel, log_mean
from handlens.studio.models.held_out import HeldOut, held_out_of_both
from handlens.studio.models.record import ModelRecord, Training
from handlens.studio.onnx_graph import graph_of
from handlens.studio.predictor import predict_folder
from handlens.vision.heatmap import HeatMap

CIRCLES, SQUARES = np.arange(20), np.arange(20, 40)


def trained(kind: str, colours: list[int], heat: list[list[float]] | None = None, **training: Any) -> Any:
    """Stands for a model of labels with these keys, called a, b, c by their keys."""
    facts = Training(**{"counts": [5] * len(colours)} | training)
    return SimpleNamespace(
        kind=kind,
        version=f"{kind}-1",
        predicted=7 if kind == "quick" else 4,
        record=ModelRecord("", ["abcdef"[key] for key in colours], colours, facts),
        recipe={"model": f"a {kind} one"},
        heatmap=lambda _, code, label: HeatMap(
            torch.tensor(heat) * (code + 1), torch.zeros(3, 2, 2), code, label, f"{kind} heat"
        ),
    )


def ensemble(quick: list[int], tuned: list[int]) -> EnsembleModel | None:
    return EnsembleModel.of({"quick": trained("quick", quick), "fine-tuned": trained("fine-tuned", tuned)})


# --- the scores ------------------------------------------------------------------------------------


def test_its_scores_by_hand():
    quick = np.log(np.float32([[0.8, 0.2], [0.5, 0.5]])) + 3  # up to a constant
    tuned = np.log(np.float32([[0.3, 0.7], [0.1, 0.9]]))
    found = ensemble([0, 1], [0, 1]).scores(quick, tuned)
    assert found.dtype == np.float32
    assert np.exp(found) == pytest.approx(np.array([[0.55, 0.45], [0.3, 0.7]]))


def test_classes_that_both_exclude_and_photos_that_one_has_not_predicted():
    found = log_mean(np.float32([[1, 0]]), np.float32([[1, 0]]))
    assert np.exp(found) == pytest.approx(np.array([[1, 1e-12]]))
    assert np.isnan(log_mean(np.float32([[0.5, 0.5]]), np.float32([[np.nan, np.nan]]))).all()


def test_classes_are_matched_by_the_keys_of_their_labels():
    both = ensemble([0, 1, 2], [2, 0, 1])
    assert both.record.names == ["a", "b", "c"]
    assert both.in_tuned.tolist() == [1, 2, 0]
    said_by_tuned = np.log(np.float32([[0.7, 0.2, 0.1]]))  # c, a, b
    found = both.scores(np.zeros((1, 3), np.float32), said_by_tuned)
    assert np.exp(found) == pytest.approx((np.array([[0.2, 0.1, 0.7]]) + 1 / 3) / 2)


@pytest.mark.parametrize(("quick", "tuned"), [([0, 1], [0, 1, 2]), ([0, 1, 2], [0, 1]), ([0, 1], [0, 2])])
def test_models_of_different_labels_make_none(quick, tuned):
    assert ensemble(quick, tuned) is None


def test_one_model_makes_none():
    assert EnsembleModel.of({}) is None
    assert EnsembleModel.of({"quick": trained("quick", [0, 1])}) is None
    assert EnsembleModel.of({"fine-tuned": trained("fine-tuned", [0, 1])}) is None


def test_what_is_known_of_it():
    quick = trained("quick", [0, 1], counts=[12, 30], drawn=9, layers=["l"], labels_version=8, seconds=1.5, n_photos=90)
    tuned = trained("fine-tuned", [1, 0], counts=[31, 10], labels_version=6, seconds=60, n_photos=80, network="net")
    both = EnsembleModel(quick, tuned)
    assert (both.version, both.predicted) == ("both-quick-1-fine-tuned-1", 4)
    assert both.record.training == Training(
        counts=[12, 31], drawn=9, n_photos=90, layers=["l"], labels_version=8, seconds=61.5, network="net"
    )
    assert both.recipe == {
        "model": "ensemble of two models: the mean of their probabilities",
        "first model": "a quick one",
        "second model": "a fine-tuned one",
    }


def test_its_heat_map_is_the_mean_of_both():
    quick = trained("quick", [0, 1], heat=[[4.0, 0.0], [0.0, 2.0]])
    tuned = trained("fine-tuned", [1, 0], heat=[[0.1]])
    found = EnsembleModel(quick, tuned).heatmap(0, 0, "a")
    assert found.data.tolist() == [[1.0, 0.5], [0.5, 0.75]]
    assert (found.cat, found.label, found.method) == (0, "a", "mean of quick heat and fine-tuned heat")
    nothing = EnsembleModel(trained("quick", [0, 1], heat=[[0.0]]), tuned).heatmap(0, 0, "a")
    assert nothing.data.tolist() == [[0.5]]


def test_photos_that_neither_had_seen():
    def held_out(ids: list[int], truth: str, checked: list[int]) -> HeldOut:
        return HeldOut(np.array(ids), list(truth), list(truth), np.zeros((len(ids), 2)), np.isin(ids, checked))

    quick = held_out([1, 2, 3, 4, 9], "abaab", checked=[9])
    tuned = held_out([2, 3, 4, 5, 6], "bbaaa", checked=[6])
    scores = np.zeros((10, 2), np.float32)
    scores[[2, 9], 1] = 1
    scores[6] = np.nan  # not predicted yet
    found = held_out_of_both(quick, tuned, scores, ["a", "b"])
    # Both were tested on 2, 3 and 4; 3 had another label for each. Checked photos are of no model's training.
    assert found.ids.tolist() == [2, 4, 9]
    assert (found.truth, found.predicted) == (["b", "a", "b"], ["b", "a", "b"])
    assert found.checked.tolist() == [False, False, True]
    assert found.scores.tolist() == scores[[2, 4, 9]].tolist()


# --- in a collection -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_both(tmp_path_factory, drawn, random_network) -> Path:
    """A collection by a tiny network, with a quick and a fine-tuned model (not to be changed: see `folder`)."""
    folder = tmp_path_factory.mktemp("both")
    shutil.copytree(drawn, folder / "photos")
    name, weights = random_network
    with Collection.create(folder, images=folder / "photos", backbone=name, weights=weights) as collection:
        collection.prepare()
        for i in range(8):
            collection.label([CIRCLES[i]], "circle")
            collection.label([SQUARES[i]], "square")
        collection.train()
        collection.fine_tune(epochs=1)
    return folder


@pytest.fixture
def folder(with_both, tmp_path) -> Path:
    return Path(shutil.copytree(with_both, tmp_path / "collection"))


@pytest.fixture
def collection(folder) -> Iterator[Collection]:
    """A collection of 40 photos, 16 of them labelled, with both models, of one's own to change."""
    with Collection.open(folder) as opened:
        opened.use_model("both")
        yield opened


def said(collection: Collection) -> np.ndarray:
    return collection.predictions().filter(like="probability of").to_numpy()


def test_it_is_there_as_soon_as_there_are_two_models(collection):
    assert list(collection.models) == ["quick", "fine-tuned", "both"]
    each = []
    for kind in ("quick", "fine-tuned"):
        collection.use_model(kind)
        each.append(said(collection))
    collection.use_model("both")
    assert said(collection) == pytest.approx((each[0] + each[1]) / 2, abs=1e-5)
    report = collection.report
    assert (report.network, report.n_labelled, report.accuracy) == ("test_resnet", 16, None)
    assert report.layers == collection.models["quick"].layers
    quick, tuned = (collection.parts.models.held_out(collection.parts.models.get(k)) for k in ("quick", "fine-tuned"))
    assert collection.held_out.ids.tolist() == np.intersect1d(quick.ids, tuned.ids).tolist()
    assert int(report.confusion.to_numpy().sum()) == len(collection.held_out.ids) > 0


def test_it_follows_its_models(collection):
    version, before = collection.parts.models.version, said(collection)
    collection.train()
    collection.use_model("both")
    assert collection.parts.models.version != version
    collection.label([15, 16], "circle")
    collection.train()
    collection.use_model("both")
    assert np.abs(said(collection) - before).max() > 0
    version = collection.parts.models.version
    collection.fine_tune(epochs=1)
    assert collection.parts.models.get("both").version != version


def test_labels_that_are_renamed_merged_deleted_or_new(collection):
    before = said(collection)
    collection.rename("circle", "disc")
    assert collection.predictions().columns[-3:-1].tolist() == ["probability of disc", "probability of square"]
    assert said(collection).tolist() == before.tolist()
    collection.label(np.arange(30, 34), "box")
    collection.train()  # the quick model knows three labels and the fine-tuned one two
    assert set(collection.models) == {"quick", "fine-tuned"}
    assert collection.model == "quick"
    with pytest.raises(TrainingError, match=r"no ensemble of both models yet\. Train and fine-tune, both on"):
        collection.use_model("both")
    collection.merge(["box"], "square")
    collection.train()
    assert set(collection.models) == {"quick", "fine-tuned", "both"}
    collection.use_model("both")
    collection.delete("disc")  # its class stays in the models until they are trained again
    assert collection.model == "both"
    assert said(collection).shape == (40, 2)


def test_checked_photos_are_predicted_as_before_the_quick_model_learned_from_them(collection):
    drawn = collection.draw_spot_check(12)
    for photo in drawn:
        collection.answer_spot_check(int(photo), "circle" if photo < 20 else "square")
    collection.train()
    collection.use_model("both")
    models, check = collection.parts.models, collection.spot_check
    quick, tuned, both = (models.get(kind) for kind in ("quick", "fine-tuned", "both"))
    tested = models.held_out(quick)
    blind = tested.scores[[tested.ids.tolist().index(photo) for photo in drawn]]
    expected = both.scores(blind, models.scores(tuned)[drawn])
    assert models.checked(both, check).scores == pytest.approx(expected, abs=1e-6)
    assert collection.report.checked == 12
    assert set(drawn) <= set(collection.held_out.ids[collection.held_out.checked])
    assert [(c.n, "both" in (c.better, c.other)) for c in collection.comparisons] == [(12, True), (12, True)]


def test_what_is_taken_away_predicts_the_same(collection, tmp_path):
    for photo in collection.draw_spot_check(12):
        collection.answer_spot_check(int(photo), "circle" if photo < 20 else "square")
    assert collection.parts.models.temperature(collection.parts.models.in_use) != 1
    collection.rename("circle", "disc")
    table = collection.predictions()
    collection.export_model(tmp_path / "model")
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == [
        "README.md",
        "model.json",
        "tensors.safetensors",
    ]
    learner = load_learner(tmp_path / "model")
    assert isinstance(learner, PhotoModel)
    done = []
    files = [collection.images / path for path in collection.paths]
    again = learner.predict_files(files, progress=lambda *now: done.append(now))
    columns = ["probability of disc", "probability of square"]
    assert again[columns].to_numpy() == pytest.approx(table[columns].to_numpy(), abs=1e-4)
    assert again.columns.tolist() == [c for c in table.columns if c != "label"]
    assert done == [(40, 40)]
    in_folder = predict_folder(learner, collection.images)  # as on the command line
    assert in_folder[columns].to_numpy() == pytest.approx(again[columns].to_numpy(), abs=1e-5)
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    [row] = learner.predict_files([tmp_path / "bad.png"]).to_dict("records")
    assert row["reason"] != ""
    assert np.isnan(row["probability"])
    assert learner.describe().recipe["second model"] == "Sequential"
    assert "| first model | linear on the features of layers" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ({"members": []}, "is damaged or not an ensemble of photo classifiers"),
        ({"temperature": 0}, "temperature must be from 1e-06 to 1e\\+06; 0 arrived"),
        ({"classes": ["circle", "bird"]}, "do not know the same classes"),
    ],
)
def test_a_damaged_file_is_refused(collection, tmp_path, damage, says):
    collection.export_model(tmp_path / "model")
    config, tensors = load_artifact(tmp_path / "model", KIND)
    save_artifact(tmp_path / "damaged", KIND, config | damage, tensors)
    with pytest.raises(ArtifactError, match=says):
        load_learner(tmp_path / "damaged")


def test_one_of_its_models_is_gone_or_damaged(folder):
    with Collection.open(folder) as collection:
        collection.use_model("both")
    [tuned] = (folder / "fine-tuned").iterdir()
    [quick] = (folder / "quick").iterdir()
    (quick / "tensors.safetensors").write_bytes(b"")
    with Collection.open(folder) as collection:
        assert collection.model == "both"
        assert collection.report.reason.startswith("The model cannot be used:")
        with pytest.raises(ArtifactError):
            collection.predictions()
        collection.use_model("fine-tuned")
        assert collection.predictions()["predicted"].notna().all()
        collection.use_model("both")
        collection.train()  # a new quick model mends it
        collection.use_model("both")
        assert collection.predictions()["predicted"].notna().all()
    shutil.rmtree(tuned)
    with Collection.open(folder) as collection:
        assert list(collection.models) == ["quick"]
        assert collection.model == "quick"


def test_each_model_is_one_onnx_graph(collection, tmp_path, monkeypatch):
    monkeypatch.setattr("handlens.studio.features.backbones.half_precision", lambda where: False)
    classes = ["circle", "square"]
    files = [collection.images / collection.paths[i] for i in (0, 25, 39)]
    for kind, inputs in (("fine-tuned", ["pixels"]), ("both", ["pixels_1", "pixels_2"])):
        collection.use_model(kind)
        collection.export_onnx(tmp_path / f"{kind}.onnx")
        collection.export_model(tmp_path / kind)
        session = onnxruntime.InferenceSession(tmp_path / f"{kind}.onnx", providers=["CPUExecutionProvider"])
        assert [one.name for one in session.get_inputs()] == inputs
        model = load_learner(tmp_path / kind)
        pixels = [np.stack(one) for one in zip(*map(graph_of(model).read, files), strict=True)]
        found = session.run(None, dict(zip(inputs, pixels, strict=True)))[0]
        expected = model.predict_files(files)[[f"probability of {name}" for name in classes]].to_numpy()
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["quick", "fine-tuned", "both"])
def test_each_model_is_served(collection, tmp_path, kind):
    collection.use_model(kind)
    collection.export_model(tmp_path / "shapes")
    client = TestClient(create_app(tmp_path / "shapes", hosts=["127.0.0.1:8600"]), base_url="http://127.0.0.1:8600")
    about = client.get("/api/model").json()
    assert (about["name"], about["classes"]) == ("shapes", ["circle", "square"])
    file = collection.images / collection.paths[3]
    answer = client.post("/api/predict", content=file.read_bytes())
    assert answer.status_code == 200, answer.text
    expected = load_learner(tmp_path / "shapes").predict_files([file]).iloc[0]
    assert answer.json()["prediction"] == pytest.approx(expected.drop(["path", "reason"]).to_dict(), abs=1e-5)
    refused = client.post("/api/predict", content=b"no photo")
    assert refused.status_code == 400
    assert refused.json()["error"].startswith(
        "The body must be a photo that can be predicted, its file as it is; it cannot: "
    )
    assert client.get("/", follow_redirects=False).headers["location"] == "/api/docs"
