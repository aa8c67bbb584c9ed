"""Saved models: the folder alone predicts what the collection predicted, and damaged ones are refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from handlens.audit import ModelCard
from handlens.core.artifact import load_artifact, save_artifact
from handlens.core.predictions import class_predictions_frame
from handlens.core.saved import load_learner
from handlens.errors import ArtifactError, CollectionError, FolderGoneError
from handlens.studio.collection import Collection
from handlens.studio.features import rebuild
from handlens.studio.features.extractor import layers_of
from handlens.studio.predictor import KIND, Predictor, load_predictor, predict_folder

ROUNDED = 2e-4
"""What probabilities may differ by: in half precision, numbers that differ in the last bit may round to others."""


class MeanColour:
    """An extractor whose features are the mean red, green and blue."""

    name, size, layers = "colour", 4, layers_of("colour", [("0", 3)])

    def __call__(self, batch):
        mean = batch.float().mean((1, 2)) / 255
        return [mean, mean.repeat_interleave(9, 1)]


@pytest.fixture(scope="module")
def model(prepared_folder, tmp_path_factory):
    """An exported model, its collection's predictions and photos."""
    folder = tmp_path_factory.mktemp("model") / "collection"
    shutil.copytree(prepared_folder, folder)
    with Collection.open(folder) as collection:
        collection.label(range(6), "circle")
        collection.label(range(20, 26), "square")
        collection.train()
        collection.export_model(folder.parent / "model")
        return folder.parent / "model", collection.predictions(), collection.images


def test_the_folder_predicts_what_the_collection_predicts(model):
    folder, expected, images = model
    predictor = load_predictor(folder)
    seen = []
    found = predictor.predict(images, progress=lambda done, total: seen.append((done, total)))
    assert found.columns.tolist() == [
        *("path", "predicted", "probability"),
        *("probability of circle", "probability of square", "reason"),
    ]
    assert found["path"].tolist() == expected["path"].tolist()
    assert found["predicted"].tolist() == expected["predicted"].tolist()
    for column in ("probability", "probability of circle", "probability of square"):
        assert found[column].to_numpy() == pytest.approx(expected[column].to_numpy(), abs=ROUNDED)
    assert predictor.left_out == []
    assert seen == [(32, 40), (40, 40)]


def test_predicting_a_folder_with_broken_files(model, tmp_path):
    folder, expected, images = model
    photos = tmp_path / "photos"
    (photos / "left").mkdir(parents=True)
    shutil.copy(images / "circles" / "3.png", photos / "left" / "左.png")
    whole = (images / "circles" / "4.png").read_bytes()
    (photos / "half.png").write_bytes(whole[:-400])
    (photos / "notes.txt").write_text("no picture")
    predictor = load_predictor(folder)
    found = predictor.predict(photos)
    shutil.copy(photos / "left" / "左.png", photos / "the same.png")
    found = predictor.predict(photos)
    # A row for each file: also for copies, and for what cannot be read.
    assert found["path"].tolist() == ["half.png", "left/左.png", "notes.txt", "the same.png"]
    column = "probability of circle"
    assert found[column][1] == found[column][3] == pytest.approx(expected[column][3], abs=ROUNDED)
    assert found["predicted"].isna().tolist() == [True, False, True, False]
    assert found["reason"].tolist() == ["truncated: the end of the file is missing", "", "not a picture", ""]
    assert {out.path for out in predictor.left_out} == {"half.png", "notes.txt"}
    (tmp_path / "empty").mkdir()
    assert len(predictor.predict(tmp_path / "empty")) == 0
    assert predictor.left_out == []
    assert predictor.predict(tmp_path / "empty").columns.tolist() == found.columns.tolist()
    with pytest.raises(CollectionError, match="no such folder"):
        predictor.predict(tmp_path / "none")


def test_scores_by_hand(monkeypatch, tmp_path):
    from PIL import Image

    Image.new("RGB", (9, 9), (255, 0, 0)).save(tmp_path / "red.png")
    weights = {"colour/0/what": np.array([[2, 0], [0, 0], [0, 0]], np.float32)}
    predictor = Predictor(["red", "other"], [MeanColour()], weights, np.array([0, 1], np.float32), 0.5)
    found = predictor.predict(tmp_path)
    # Scores 2 and 1, divided by the temperature 4 and 2: a difference of 2.
    assert found["probability of red"][0] == pytest.approx(1 / (1 + np.exp(-2)))
    assert found["predicted"][0] == "red"


@pytest.mark.parametrize("halved", [True, False])
def test_features_are_rounded_as_the_collection_keeps_them(halved, tmp_path):
    Image.new("RGB", (9, 9), (85, 0, 0)).save(tmp_path / "red.png")  # a third of 255
    weights = {"colour/0/what": np.array([[4096, 0], [0, 0], [0, 0]], np.float32)}
    layers = frozenset(weights) if halved else frozenset()
    predictor = Predictor(["x", "y"], [MeanColour()], weights, np.array([-1365, 0], np.float32), 1.0, halved=layers)
    # 1/3 is 0.333251953125 in half precision: the score is 0.333… without rounding, and exactly 0 with it.
    score = 0 if halved else 4096 / 3 - 1365
    found = predictor.predict(tmp_path)["probability of x"][0]
    assert found == pytest.approx(1 / (1 + np.exp(-score)), abs=1e-4)


def test_layers_that_are_kept_in_float32_are_not_rounded(prepared_folder, tmp_path):
    shutil.copytree(prepared_folder, tmp_path / "c")
    with Collection.open(tmp_path / "c") as collection:
        rows_of = collection.sources[0].rows
        collection.label(range(6), "circle")
        collection.label(range(20, 26), "square")
        collection.train()
        files = dict(zip(collection.layers, rows_of, strict=True))
        halved = {layer.id for layer, rows in files.items() if rows.rows.path.suffix == ".f2"}
        collection.export_model(tmp_path / "before")
        first = next(layer for layer in files if layer.id in halved)
        files[first].replace(0, np.full(first.dim, 1e6, np.float32))
        collection.export_model(tmp_path / "after")
    assert load_predictor(tmp_path / "before").halved == halved
    assert load_predictor(tmp_path / "after").halved == halved - {first.id}


def test_networks_whose_names_begin_alike(monkeypatch, tmp_path):
    class Net:
        size = 4

        def __init__(self, name):
            self.name, self.layers = name, layers_of(name, [("0", 1)])

        def config(self):
            return {"name": self.name}

        def tensors(self):
            return {"w": torch.full((2,), float(len(self.name)))}

    rebuilt = {}

    def fake(config, tensors):
        rebuilt[config["name"]] = {name: t.tolist() for name, t in tensors.items()}
        return Net(config["name"])

    monkeypatch.setattr("handlens.studio.predictor.rebuild", fake)
    nets = [Net("net"), Net("net.a"), Net("net.a.b")]
    Predictor(["x", "y"], nets, {"net/0/what": np.zeros((1, 2), np.float32)}, np.zeros(2, np.float32), 1.0).save(
        tmp_path / "m"
    )
    load_predictor(tmp_path / "m")
    assert rebuilt == {"net": {"w": [3, 3]}, "net.a": {"w": [5, 5]}, "net.a.b": {"w": [7, 7]}}


def test_what_is_saved_is_no_code(model):
    folder, _, _ = model
    assert sorted(p.name for p in folder.iterdir()) == ["README.md", "model.json", "tensors.safetensors"]
    json.loads((folder / "model.json").read_text())


@pytest.mark.parametrize(
    "change",
    [
        {"classes": ["only one"]},
        {"classes": None},
        {"temperature": 0},
        {"temperature": -1},
        {"temperature": "x"},
        {"layers": ["nope"]},
        {"layers": None},
        {"sources": []},
        {"sources": [3]},
        {"sources": [{"name": "patches", "config": {"kind": "unheard of"}}]},
    ],
)
def test_damaged_models_are_refused(model, tmp_path, change):
    config, tensors = load_artifact(model[0], KIND)
    save_artifact(tmp_path / "m", KIND, {**config, **change}, tensors)
    with pytest.raises(ArtifactError):
        load_predictor(tmp_path / "m")


def test_what_is_no_model(tmp_path, model):
    with pytest.raises(ArtifactError, match="not a saved model"):
        load_predictor(tmp_path)
    config, tensors = load_artifact(model[0], KIND)
    save_artifact(tmp_path / "m", "something else", config, tensors)
    with pytest.raises(ArtifactError, match="something else"):
        load_predictor(tmp_path / "m")


def test_an_extractor_comes_back_bit_for_bit(model):
    config, tensors = load_artifact(model[0], KIND)
    own = {k.removeprefix("source.0."): t for k, t in tensors.items() if k.startswith("source.0.")}
    pictures = torch.randint(0, 256, (2, 96, 96, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    one, two = (rebuild(config["sources"][0]["config"], own)(pictures) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_it_describes_itself():
    weights = {"colour/0/what": np.zeros((3, 2), np.float32), "colour/0/where": np.zeros((27, 2), np.float32)}
    described = Predictor(["red", "other"], [MeanColour()], weights, np.zeros(2, np.float32), 0.5).describe()
    assert described.task == "image-classification"
    assert described.data == {"classes": "red, other"}
    assert described.recipe == {
        "model": "linear, on the features of layers",
        "sources of features": "colour (4×4 pixels)",
        "layers": "colour/0/what (3 features), colour/0/where (27 features)",
        "parameters of the linear model": 62,  # (3 + 27) × 2 + 2
        "temperature": "0.5",
    }
    assert (described.held_out, list(described.metrics)) == (0, [])


def test_an_exported_model_gets_a_model_card(model):
    folder, _, _ = model
    card = ModelCard.from_learner(load_learner(folder), name="shapes")
    assert card.front_matter["pipeline_tag"] == "image-classification"
    assert "| classes | circle, square |" in card.computed
    assert "| sources of features | patches (" in card.computed
    assert "| layers | patches/" in card.computed
    assert "_Not measured: " in card.computed


class Reader:
    """A model that takes no look at photos; `seen` is called before each batch of files."""

    def __init__(self, seen=lambda: None):
        self.seen = seen

    def predict_files(self, files, *, progress=None):
        self.seen()
        reasons = ["" if file.is_file() else "there is no such file" for file in files]
        p = np.array([[np.nan if reason else 1.0] for reason in reasons], np.float32)
        return class_predictions_frame([str(file) for file in files], ["x"], p, reasons=reasons)


def test_p5_a_row_for_each_file_though_three_of_nine_are_copies(model, tmp_path):
    folder, _, images = model
    for i in range(9):
        shutil.copy(images / "circles" / f"{i % 6}.png", tmp_path / f"{i}.png")
    for predictor in (load_predictor(folder), Reader()):
        found = predict_folder(predictor, tmp_path)
        assert found["path"].tolist() == [f"{i}.png" for i in range(9)]
        assert found["predicted"].tolist()[6:] == found["predicted"].tolist()[:3]
        assert found["reason"].tolist() == [""] * 9


def test_s2_predicting_stops_if_the_disk_is_unplugged(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(photos / f"{i}.png")
    with pytest.raises(FolderGoneError, match="is gone, or its photos are, so not all of them were predicted"):
        predict_folder(Reader(lambda: photos.rename(tmp_path / "away")), photos)
    (tmp_path / "away").rename(photos)
    found = predict_folder(Reader((photos / "1.png").unlink), photos)  # one that is deleted has a reason
    assert found["reason"].tolist() == ["", "there is no such file", ""]
