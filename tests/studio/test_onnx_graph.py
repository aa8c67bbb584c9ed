"""A model of Studio as one ONNX graph predicts what the model predicts, in a runtime that is not ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from handlens.errors import ExportError, TrainingError
from handlens.studio.features import backbone_extractor
from handlens.studio.features.extractor import layers_of
from handlens.studio.onnx_graph import graph_of, write_onnx
from handlens.studio.pictures import read_squares
from handlens.studio.predictor import Predictor, load_predictor


def run(file: Path, **inputs: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, inputs)[0]
    return found


def about(file: Path) -> dict:
    found: dict = json.loads({item.key: item.value for item in onnx.load(file).metadata_props}["handlens"])
    return found


class Mean(torch.nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        mean = pixels.float().mean((1, 2)) / 255
        return torch.cat([mean, mean.repeat_interleave(9, 1)], 1)


class Colour:
    """An extractor whose features are the mean red, green and blue."""

    name, size, layers = "colour", 4, layers_of("colour", [("0", 3)])

    def __call__(self, batch):
        both = Mean()(batch)
        return [both[:, :3], both[:, 3:]]

    def network(self):
        return Mean()


def by_hand(extractor) -> Predictor:
    weights = {"colour/0/what": np.array([[2, 0], [0, 0], [0, 0]], np.float32)}
    return Predictor(["red", "other"], [extractor], weights, np.array([0, 1], np.float32), temperature=0.5)


def test_by_hand(tmp_path):
    Image.new("RGB", (9, 9), "red").save(tmp_path / "red.png")
    difference = write_onnx(by_hand(Colour()), tmp_path / "m.onnx", photos=[tmp_path / "red.png"], about={"model": "x"})
    assert difference < 1e-6
    black, red = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), (255, 0, 0), np.uint8)
    found = run(tmp_path / "m.onnx", pixels=np.stack([red, black]))
    # Scores 2 and 1, and 0 and 1, divided by the temperature: softmax of (4, 2) and of (0, 2).
    sure = 1 / (1 + np.exp(-2))
    np.testing.assert_allclose(found, [[sure, 1 - sure], [1 - sure, sure]], rtol=1e-6)
    said = about(tmp_path / "m.onnx")
    how = (
        "the whole photo, upright, squeezed to this size with the bilinear filter of Pillow's Image.resize, which "
        "averages over all pixels of the photo"
    )
    assert said["classes"] == ["red", "other"]
    assert said["inputs"] == {"pixels": {"height": 4, "width": 4, "how": how}}
    assert said["model"] == "x"


def test_photos_are_brought_to_their_size_as_the_file_says(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (8, 10, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    write_onnx(by_hand(Colour()), tmp_path / "m.onnx", photos=[tmp_path / "noise.png"], about={})
    size = about(tmp_path / "m.onnx")["inputs"]["pixels"]
    with Image.open(tmp_path / "noise.png") as photo:
        pixels = np.asarray(photo.resize((size["width"], size["height"]), Image.Resampling.BILINEAR))
    (ours,) = read_squares(tmp_path / "noise.png", {4})[1].values()
    np.testing.assert_array_equal(pixels, ours)
    said = by_hand(Colour()).predict_files([tmp_path / "noise.png"])[["probability of red", "probability of other"]]
    np.testing.assert_allclose(run(tmp_path / "m.onnx", pixels=pixels[None]), said.to_numpy(), atol=1e-6)


def test_features_are_rounded_in_the_graph_too(tmp_path):
    Image.new("RGB", (9, 9), (85, 0, 0)).save(tmp_path / "red.png")  # a third of 255
    model = by_hand(Colour())
    model.weights["colour/0/what"] *= 2048
    model.bias = np.array([-1365, 0], np.float32)
    model.halved = frozenset(["colour/0/what"])
    assert write_onnx(model, tmp_path / "m.onnx", photos=[tmp_path / "red.png"], about={}) < 1e-6
    found = run(tmp_path / "m.onnx", pixels=np.full((1, 4, 4, 3), (85, 0, 0), np.uint8))
    np.testing.assert_allclose(found, [[0.5, 0.5]], atol=1e-6)  # 4096/3 − 1365 = 0.33 without rounding


def test_what_predicts_something_else_is_not_kept(tmp_path):
    class Unlike(Colour):
        def network(self):
            return torch.nn.Sequential(Mean(), torch.nn.Identity(), torch.nn.Hardtanh(0, 0.5))

    Image.new("RGB", (9, 9), "red").save(tmp_path / "red.png")
    with pytest.raises(ExportError, match=r"not predict what the model does: probabilities differ by up to 0\.38"):
        write_onnx(by_hand(Unlike()), tmp_path / "m.onnx", photos=[tmp_path / "red.png"], about={})
    assert [file.name for file in tmp_path.iterdir()] == ["red.png"]


def test_without_a_photo_or_a_network_it_is_refused(tmp_path):
    class Closed:
        name, size, layers = Colour.name, Colour.size, Colour.layers

    (tmp_path / "x.png").write_text("no picture")
    with pytest.raises(ExportError, match="none could be read"):
        write_onnx(by_hand(Colour()), tmp_path / "m.onnx", photos=[tmp_path / "x.png"], about={})
    with pytest.raises(ExportError, match=r"features of colour cannot be written"):
        graph_of(by_hand(Closed()))


def test_a_collection_s_quick_model(collection, tmp_path):
    with pytest.raises(TrainingError):
        collection.export_onnx(tmp_path / "m.onnx")
    collection.label(range(5), "circle")
    collection.label(range(20, 25), "square")
    collection.train()
    collection.export_onnx(tmp_path / "m.onnx")
    collection.export_model(tmp_path / "model")
    said = about(tmp_path / "m.onnx")
    assert said["classes"] == ["circle", "square"]
    assert said["model"] == collection.parts.models.content_hash
    files = [collection.images / path for path in collection.paths]
    pixels = np.stack([read_squares(file, {96})[1][96] for file in files])
    found = run(tmp_path / "m.onnx", pixels=pixels)
    table = load_predictor(tmp_path / "model").predict_files(files)
    np.testing.assert_allclose(found, table.filter(like="probability of").to_numpy(), atol=1e-4)
    assert [said["classes"][code] for code in found.argmax(1)] == collection.predictions()["predicted"].tolist()


@pytest.mark.parametrize("name", ["test_resnet", "mobilenet_v2"], ids=["timm", "torchvision"])
def test_a_network_s_features_in_its_graph(tmp_path, name):
    torch.manual_seed(0)
    extractor = backbone_extractor(name, random=True)
    extractor._half = False  # so that both compute with float32
    random = np.random.default_rng(0)
    weights = {layer.id: random.normal(size=(layer.dim, 3)).astype(np.float32) for layer in extractor.layers[-2:]}
    model = Predictor(["a", "b", "c"], [extractor], weights, np.zeros(3, np.float32), temperature=2.0)
    Image.fromarray(random.integers(0, 256, (40, 60, 3), np.uint8)).save(tmp_path / "1.png")
    assert write_onnx(model, tmp_path / "m.onnx", photos=[tmp_path / "1.png"], about={}) < 1e-4
