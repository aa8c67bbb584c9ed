"""The HTTP API of a collection on shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.studio.drawn_shards import SAMPLE


@pytest.fixture
def address(client: TestClient, shards: Path, wait_until: Callable[..., None]) -> str:
    """The address of the collection that opening the folder of shards makes."""
    made = client.post("/api/collections", json={"source": {"kind": "path", "path": str(shards)}})
    assert made.status_code in (200, 201), made.text
    found = f"/api/collections/{made.json()['id']}"
    wait_until(lambda: client.get(found).json()["preparation"]["phase"] == "done")
    return found


def test_a_folder_of_shards_opens_as_a_sample(client: TestClient, address: str) -> None:
    state = client.get(address).json()
    assert state["shards"] == {"total": 40, "sampled": SAMPLE, "complete": True}
    assert state["count"] == SAMPLE
    assert client.get(f"{address}/photos/3/view").headers["content-type"] == "image/jpeg"


def test_similar_photos_of_all_are_added(
    client: TestClient,
    address: str,
    selection: Callable[..., str],
    unpacked: Callable[[str, str], np.ndarray],
) -> None:
    layer = client.get(address).json()["layers"][0]["id"]
    wanted = {"selection": selection([0], SAMPLE), "layer": layer, "n": 9}
    found = client.post(f"{address}/everywhere/similar", json=wanted).json()
    ids, distances = unpacked(found["ids"], "<i4"), unpacked(found["values"], "<f4")
    assert len(ids) == len(distances) == 9
    assert (np.diff(distances) >= 0).all()
    state, paths = client.get(address).json(), client.get(f"{address}/photos/paths").text.split("\0")
    assert state["count"] == found["count"] == SAMPLE + found["added"]
    assert [paths[i] for i in ids] == found["paths"]
    assert state["shards"]["sampled"] == SAMPLE
    more = wanted | {"selection": selection([0], found["count"])}
    assert client.post(f"{address}/everywhere/near", json=more).status_code == 200


def test_predicted_photos_of_all_are_counted_and_added(
    client: TestClient,
    address: str,
    selection: Callable[..., str],
    unpacked: Callable[[str, str], np.ndarray],
) -> None:
    wanted = {"name": "circle", "at_least": 0, "n": 40}
    refused = client.post(f"{address}/everywhere/predicted", json=wanted)
    assert (refused.status_code, refused.json()["error"]) == (409, "There is no model yet. Train first.")
    paths = client.get(f"{address}/photos/paths").text.split("\0")[:-1]
    for name in ("circle", "square"):
        ids = [i for i, path in enumerate(paths) if f"{name}s" in path][:5]
        client.post(
            f"{address}/labels/assign", json={"selection": selection(ids, SAMPLE), "name": name, "gesture": "lasso"}
        )
    assert client.post(f"{address}/train").status_code == 200
    found = client.post(f"{address}/everywhere/predicted", json=wanted).json()
    assert sum(found["counts"].values()) == 40
    assert len(unpacked(found["ids"], "<i4")) == found["counts"]["circle"]


def test_wrong_requests_are_said(client: TestClient, address: str, selection: Callable[..., str]) -> None:
    wanted = {"selection": selection([], SAMPLE), "layer": client.get(address).json()["layers"][0]["id"]}
    assert client.post(f"{address}/everywhere/near", json=wanted).status_code == 400
    assert client.post(f"{address}/everywhere/near", json=wanted | {"n": 6000}).status_code == 422
    assert client.delete(f"{address}/everywhere").status_code == 204
