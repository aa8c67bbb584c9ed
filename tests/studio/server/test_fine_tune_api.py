"""Fine-tuning and heat maps over HTTP."""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handlens.studio.collection import Collection
from handlens.studio.models.registry import UNKNOWN

NETWORK = "network-0123456789"


@pytest.fixture(scope="module")
def with_network(tmp_path_factory, drawn, random_network) -> Path:
    """A prepared collection by a tiny network (not to be changed: see `address`)."""
    folder = tmp_path_factory.mktemp("network")
    shutil.copytree(drawn, folder / "photos")
    name, weights = random_network
    with Collection.create(folder, images=folder / "photos", backbone=name, weights=weights) as collection:
        collection.prepare()
        collection.label(np.arange(6), "circle")
        collection.label(np.arange(20, 26), "square")
    return folder


@pytest.fixture
def address(home, with_network) -> str:
    shutil.copytree(with_network, home / "collections" / NETWORK)
    return f"/api/collections/{NETWORK}"


def test_fine_tune_look_and_go_back(client, address, wait_until):
    state = client.get(address).json()
    assert state["networks"] == ["test_resnet"]
    assert state["model"] is None
    assert not state["fine_tuning"]["running"]
    assert "no model yet" in client.get(f"{address}/photos/0/heatmap").json()["error"]

    began = client.post(f"{address}/fine-tune", json={"minutes": 5, "epochs": 1})
    assert began.status_code == 202
    wait_until(lambda: not client.get(address).json()["fine_tuning"]["running"])
    state = client.get(address).json()
    assert state["fine_tuning"]["phase"] == "done", state["fine_tuning"]["error"]
    assert state["model"] == "fine-tuned"
    assert state["report"]["network"] == "test_resnet"
    assert (state["report"]["kind"], state["report"]["n_labelled"]) == ("fine-tuned", 9)
    assert (state["report"]["accuracy"], state["report"]["guess"]) == (None, None)
    said = client.get(f"{address}/predictions").json()
    assert said["names"] == ["circle", "square"]

    look = client.get(f"{address}/photos/0/heatmap", params={"label": "circle", "version": said["version"]})
    assert look.status_code == 200
    assert "max-age" in look.headers["cache-control"]
    found = look.json()
    assert (found["label"], found["method"]) == ("circle", "gradcam")
    if found["png"] is not None:  # a network drawn at random may find nothing that speaks for it
        picture = Image.open(io.BytesIO(base64.b64decode(found["png"])))
        assert (picture.format, picture.size) == ("PNG", (64, 48))
    assert client.get(f"{address}/photos/40/heatmap").status_code == 404
    assert "the model knows" in client.get(f"{address}/photos/0/heatmap", params={"label": "?"}).json()["error"]

    trained = client.post(f"{address}/train").json()
    assert (trained["network"], trained["outcome"]) == (None, UNKNOWN)
    state = client.put(f"{address}/model", json={"kind": "quick"}).json()
    assert [model["kind"] for model in state["models"]] == ["quick", "fine-tuned", "both"]
    assert (state["report"]["outcome"], state["comparisons"]) == (UNKNOWN, [])
    back = client.get(f"{address}/predictions").json()
    assert back["version"] != said["version"]
    quick = client.get(f"{address}/photos/0/heatmap").json()
    assert quick["method"] == "score by place"
    assert quick["png"] is not None
    state = client.put(f"{address}/model", json={"kind": "fine-tuned"}).json()
    assert state["model"] == "fine-tuned"
    assert [model["kind"] for model in state["models"]] == ["quick", "fine-tuned", "both"]
    assert client.get(f"{address}/predictions").json() == said
    assert client.get(f"{address}/export/model.zip").status_code == 200


def test_cancel(client, address, wait_until):
    client.post(f"{address}/fine-tune", json={"minutes": 10})
    second = client.post(f"{address}/fine-tune", json={"minutes": 10})
    assert second.status_code == 409
    assert "already" in second.json()["error"]
    client.delete(f"{address}/fine-tune")
    wait_until(lambda: not client.get(address).json()["fine_tuning"]["running"])
    state = client.get(address).json()
    assert state["fine_tuning"]["phase"] == "cancelled"
    assert state["model"] is None


@pytest.mark.parametrize("body", [{"minutes": 0}, {"minutes": 1e9}, {"epochs": 0}, {"weights": "x"}])
def test_bodies_that_do_not_fit(client, address, body):
    assert client.post(f"{address}/fine-tune", json=body).status_code == 422


def test_without_a_network(client, shapes, selection):
    for name, ids in (("circle", [0, 1]), ("square", [20, 21])):
        client.post(f"{shapes}/labels/assign", json={"selection": selection(ids), "name": name})
    answer = client.post(f"{shapes}/fine-tune", json={})
    assert answer.status_code == 409
    assert "needs a pretrained network" in answer.json()["error"]
    assert "no fine-tuned model yet" in client.put(f"{shapes}/model", json={"kind": "fine-tuned"}).json()["error"]
