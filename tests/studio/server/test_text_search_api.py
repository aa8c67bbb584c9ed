"""Photos found by words over HTTP."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from handlens.studio.features.text_model import TextModel
from handlens.studio.server.encoding import packed_ids


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vector of a picture is its mean colour: circles are red, squares are blue."""

    def pictures(_: TextModel, batch: torch.Tensor) -> list[torch.Tensor]:
        return [torch.nn.functional.normalize(batch.float().mean((1, 2)), dim=1)]

    monkeypatch.setattr(TextModel, "__call__", pictures)
    monkeypatch.setattr(TextModel, "sentence", lambda *_: np.array([0, 0, 1], np.float32))


def test_photos_are_found_by_words(client, shapes, text_model, known, wait_until, unpacked, selection):
    assert client.get(shapes).json()["text_search"] is None
    answer = client.post(f"{shapes}/search", json={"sentence": "a blue square"})
    assert answer.status_code == 400
    assert "needs a CLIP or SigLIP model as a source" in answer.json()["error"]

    answer = client.post(f"{shapes}/sources", json={"backbone": str(text_model)})
    assert answer.status_code == 200
    added = answer.json()["sources"][-1]
    assert (added["name"], added["backbone"]) == ("tiny-clip", str(text_model))
    assert added["reason"] == "A CLIP model, which finds photos by words. Licence: mit, says its model card."
    wait_until(lambda: client.get(shapes).json()["preparation"]["phase"] == "done")
    assert client.get(shapes).json()["text_search"] == "tiny-clip"

    found = client.post(f"{shapes}/search", json={"sentence": "a blue square", "n": 20}).json()
    ids, similarities = unpacked(found["ids"], "<i4"), unpacked(found["similarities"], "<f4")
    assert set(ids.tolist()) == set(range(20, 40))  # the squares
    assert len(similarities) == 20
    assert (np.diff(similarities) <= 0).all()
    assert len(unpacked(client.post(f"{shapes}/search", json={"sentence": "a"}).json()["ids"], "<i4")) == 24

    wanted = {"selection": selection(ids.tolist()), "name": "a blue square", "gesture": "search"}
    assert client.post(f"{shapes}/labels/assign", json=wanted).status_code == 200
    by_words = {"filter": {"field": "origin", "names": ["search"]}}
    assert client.post(f"{shapes}/filter", json=by_words).json()["selection"] == packed_ids(np.arange(20, 40), 40)


@pytest.mark.parametrize("body", [{}, {"sentence": ""}, {"sentence": "a" * 1001}, {"sentence": "a", "n": 0}])
def test_a_search_that_is_not_one(client, shapes, body):
    assert client.post(f"{shapes}/search", json=body).status_code == 422


def test_a_model_that_cannot_be_downloaded(client, shapes, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    answer = client.post(f"{shapes}/sources", json={"backbone": "some/clip"})
    assert answer.status_code == 502
    assert "some/clip are not on this machine, and HF_HUB_OFFLINE forbids downloading" in answer.json()["error"]
    assert [source["name"] for source in client.get(shapes).json()["sources"]] == ["patches"]
