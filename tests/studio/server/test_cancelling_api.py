"""Work that was asked for, and is cancelled by another request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from starlette.testclient import TestClient

from handlens.errors import Cancelled

Unpack = Callable[..., np.ndarray]


def until_cancelled(begun: threading.Event, report: Callable[[int, int], bool]) -> None:
    """Work that ends only when it is cancelled."""
    while not report(1, 100):
        begun.set()
        time.sleep(0.001)
    raise Cancelled("it was cancelled.")


def test_neighbours_are_cancelled(client: TestClient, shapes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = client.get(shapes).json()["layers"][0]["id"]
    begun = threading.Event()
    monkeypatch.setattr(
        "handlens.studio.layer_maps.neighbour_embedding", lambda *_, report, **__: until_cancelled(begun, report)
    )
    wanted = {"layer": layer, "projection": "neighbours"}
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.get, f"{shapes}/map", params=wanted)
        assert begun.wait(300)
        assert client.delete(f"{shapes}/map", params={**wanted, "projection": "pca-1-2"}).status_code == 204
        assert not asked.done()
        assert client.delete(f"{shapes}/map", params=wanted).status_code == 204
        answer = asked.result(300)
    assert (answer.status_code, answer.json()) == (409, {"error": "It was cancelled."})
    assert client.delete(f"{shapes}/map", params=wanted).status_code == 204  # nothing to cancel any more


def test_training_is_cancelled(client: TestClient, shapes: str, monkeypatch: pytest.MonkeyPatch, selection) -> None:
    for name, ids in (("circle", [0, 1, 2]), ("square", [20, 21, 22])):
        client.post(f"{shapes}/labels/assign", json={"selection": selection(ids), "name": name})
    begun = threading.Event()
    monkeypatch.setattr(
        "handlens.studio.classifier.train_classifier", lambda *_, report, **__: until_cancelled(begun, report)
    )
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, f"{shapes}/train")
        assert begun.wait(300)
        assert client.delete(f"{shapes}/train").status_code == 204
        assert asked.result(300).status_code == 409
    assert client.get(shapes).json()["model"] is None


def test_predicting_and_separating_are_cancelled(
    client: TestClient, shapes: str, monkeypatch: pytest.MonkeyPatch, selection
) -> None:
    for name, ids in (("circle", [0, 1, 2]), ("square", [20, 21, 22])):
        client.post(f"{shapes}/labels/assign", json={"selection": selection(ids), "name": name})
    assert client.post(f"{shapes}/train").status_code == 200
    predicting, separating = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool, monkeypatch.context() as slow:
        slow.setattr(
            "handlens.studio.models.registry.Models.best", lambda _, report: until_cancelled(predicting, report)
        )
        slow.setattr(
            "handlens.studio.training_data.TrainingData.labelled",
            lambda *_, report, **__: until_cancelled(separating, report),
        )
        asked = pool.submit(client.get, f"{shapes}/predictions")
        searched = pool.submit(client.post, f"{shapes}/separate", json={"names": ["circle", "square"]})
        assert predicting.wait(300)
        assert separating.wait(300)
        assert client.delete(f"{shapes}/predictions").status_code == 204
        assert asked.result(300).status_code == 409
        assert not searched.done()
        assert client.delete(f"{shapes}/separate").status_code == 204
        assert searched.result(300).status_code == 409
    assert client.get(shapes).json()["separating"] is None
    assert len(client.get(f"{shapes}/predictions").json()["names"]) == 2
