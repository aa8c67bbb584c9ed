"""Photos found by a sentence."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from handlens.errors import CollectionError, DownloadError, WeightsError
from handlens.studio.collection import Collection
from handlens.studio.features import text_model as module
from handlens.studio.features.text_model import TextModel
from handlens.studio.filters import origin
from handlens.studio.origins import Origin
from handlens.studio.predictor import load_predictor
from tests.studio.made_text_models import write_text_model

COLOURS = {"black": (0, 0, 255), "green": (0, 255, 0), "red": (255, 0, 0), "yellow": (255, 255, 0)}
RED, GREEN = np.array([1, 0, 0], np.float32), np.array([0.6, 0.8, 0], np.float32)


@pytest.fixture
def coloured(tmp_path: Path) -> Path:
    """Photos of one colour each: 0 is blue, 1 green, 2 red, 3 yellow, and 4 cannot be read."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (32, 32), colour).save(folder / f"{name}.png")
    (folder / "zz.png").write_bytes(b"not a picture")
    return folder


@pytest.fixture
def by_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose vectors are known: a picture's is its colour, that of "red" is (1, 0, 0)."""

    def pictures(_: TextModel, batch: torch.Tensor) -> list[torch.Tensor]:
        return [torch.nn.functional.normalize(batch.float().mean((1, 2)), dim=1)]

    monkeypatch.setattr(TextModel, "__call__", pictures)
    monkeypatch.setattr(TextModel, "sentence", lambda _, text: {"red": RED, "mostly green": GREEN}[text])


@pytest.fixture
def collection(coloured: Path, text_model: Path, tmp_path: Path, by_colour: None) -> Iterator[Collection]:
    with Collection.create(tmp_path / "collection", images=coloured, backbone=str(text_model)) as made:
        made.prepare()
        yield made


def test_photos_are_ranked_by_the_cosine_with_the_sentence(collection):
    found = collection.search("red")
    assert found["path"].tolist() == ["red.png", "yellow.png", "black.png", "green.png"]
    assert found["id"].tolist() == [2, 3, 0, 1]  # ids decide where similarities are the same; 4 has none
    assert found["similarity"].tolist() == pytest.approx([1, 0.5**0.5, 0, 0], abs=2**-11)  # of half precision
    found = collection.search("  mostly green ", n=3)
    assert found["id"].tolist() == [3, 1, 2]
    assert found["similarity"].tolist() == pytest.approx([1.4 * 0.5**0.5, 0.8, 0.6], abs=2**-11)
    assert collection.search("red", n=1)["id"].tolist() == [2]


def test_the_embedding_is_one_layer_and_it_trains_a_model(collection, tmp_path):
    assert [layer.id for layer in collection.layers] == ["tiny-clip/embedding/what"]
    source = collection.sources[0]
    assert (source.name, source.title, source.state) == ("tiny-clip", "tiny-clip", "ready")
    assert source.reason == "A CLIP model, which finds photos by words. Licence: mit, says its model card."
    assert collection.networks == []  # it can't be fine-tuned
    collection.label([0, 1], "cold")
    collection.label([2, 3], "warm")
    collection.train()
    assert collection.heatmap(2).data.shape == (1, 1)  # the vector says nothing about where something is

    collection.export_model(tmp_path / "model")
    table = load_predictor(tmp_path / "model").predict(collection.images).set_index("path")
    assert table.loc[["black.png", "red.png"], "predicted"].tolist() == ["cold", "warm"]


def test_a_label_can_come_from_a_sentence(collection):
    ids = collection.search("red", n=2)["id"].to_numpy()
    collection.parts.labels.assign(ids, "red", origin=Origin("search", "by hand"))
    assert collection.where(origin("search")).tolist() == [2, 3]


def test_the_folder_of_the_model_is_not_needed_later(collection, text_model):
    collection.close()
    shutil.rmtree(text_model)
    with Collection.open(collection.folder) as opened:
        assert opened.search("red", n=2)["id"].tolist() == [2, 3]
        Image.new("RGB", (32, 32), (250, 0, 0)).save(opened.images / "new.png")
    with Collection.open(collection.folder) as opened:
        opened.prepare()
        assert opened.search("red", n=2)["path"].tolist() == ["red.png", "new.png"]  # in the order of their ids


def test_a_random_model_ranks_as_its_own_vectors_say_and_asks_no_network(coloured, text_model, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(module, "half_precision", lambda where: False)
    with Collection.create(tmp_path / "collection", images=coloured, backbone=[None, str(text_model)]) as collection:
        collection.prepare()
        assert [source.name for source in collection.sources] == ["patches", "tiny-clip"]
        model = module.load_text_model("x", text_model)
        batch = torch.tensor(np.array([np.full((32, 32, 3), colour, np.uint8) for colour in COLOURS.values()]))
        wanted = model(batch)[0].numpy() @ model.sentence("the red car")
        found = collection.search("the red car")
        assert found["id"].tolist() == np.argsort(-wanted, kind="stable").tolist()
        assert found["similarity"].to_numpy() == pytest.approx(np.sort(wanted)[::-1], abs=2**-10)  # of half precision


# --- refusing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sentence", "n"), [("", 3), ("  ", 3), (3, 3), ("a" * 1001, 3), ("red", 0), ("red", 1001)])
def test_what_cannot_be_searched_for(collection, sentence, n):
    with pytest.raises(CollectionError, match=r"must be (text of 1 to 1000 characters|a whole number from 1 to 1000);"):
        collection.search(sentence, n)


def test_without_such_a_source(drawn, text_model, tmp_path):
    with Collection.create(tmp_path / "collection", images=drawn, backbone=None) as collection:
        with pytest.raises(CollectionError, match="needs a CLIP or SigLIP model as a source"):
            collection.search("red")
        collection.add_features(str(text_model))
        with pytest.raises(CollectionError, match="tiny-clip has not described the photos yet"):
            collection.search("red")


def test_a_source_that_is_refused_is_not_added(drawn, text_model, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with Collection.create(tmp_path / "collection", images=drawn, backbone=None) as collection:
        with pytest.raises(DownloadError, match="some/clip are not on this machine"):
            collection.add_features("some/clip")
        with pytest.raises(CollectionError, match="those of a CLIP or SigLIP model are in its folder"):
            collection.add_features(str(text_model), weights=text_model / "model.safetensors")
        other = write_text_model(tmp_path / "other" / "tiny-clip")
        named = write_text_model(tmp_path / "patches")
        collection.add_features(str(text_model))
        with pytest.raises(CollectionError, match=r"tiny-clip is that of .*models/tiny-clip and of .*other/tiny-clip"):
            collection.add_features(str(other))
        with pytest.raises(CollectionError, match="“patches” means something else here"):
            collection.add_features(str(named))
        assert [source.name for source in collection.sources] == ["patches", "tiny-clip"]
    with pytest.raises(CollectionError, match="each source must have a name of its own"):
        Collection.create(tmp_path / "second", images=drawn, backbone=[str(text_model), str(other)])


def test_without_the_extra_a_search_says_what_to_install(collection, monkeypatch):
    monkeypatch.setattr("handlens.studio.features.text_files.find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="pip install"):
        collection.search("red")


def test_a_model_whose_folder_is_gone_fails_alone(quick, coloured, text_model, tmp_path):
    with Collection.create(tmp_path / "collection", images=coloured, backbone=[None, str(text_model)]) as collection:
        shutil.rmtree(text_model)
        collection.prepare()
        assert [source.state for source in collection.sources] == ["ready", "failed"]
        with pytest.raises(CollectionError, match=r"tiny-clip cannot be used: .*tiny-clip must be on this machine"):
            collection.search("red")
