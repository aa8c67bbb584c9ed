"""Searches of all photos of shards, compared with searches of one array."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from handlens.errors import Cancelled, ShardError
from handlens.scale.manifest import SHARDS
from handlens.scale.passes import nearest_photos, scored_photos
from handlens.scale.shard_set import ShardSet
from tests.scale.made_shards import LAYERS, features_of, write_made_shards

WIDE = LAYERS[1].id


@pytest.fixture
def shards(tmp_path: Path) -> ShardSet:
    write_made_shards(tmp_path, photos=37, a_shard=10)
    return ShardSet.open(tmp_path)


def everything(dim: int) -> np.ndarray:
    return features_of(np.arange(37), dim).astype(np.float64)


def test_the_nearest_of_all_are_found_in_standardised_features(shards: ShardSet) -> None:
    x = everything(27)
    mean, inverse = x.mean(0).astype(np.float32), (1 / x.std(0)).astype(np.float32)
    z = (x - mean) * inverse
    queries = z[[3, 30]].astype(np.float32)
    found = nearest_photos(shards, WIDE, queries, 5, mean=mean, inverse=inverse)
    for query, one in zip(queries, found, strict=True):
        away = np.sqrt(((z - query) ** 2).sum(1))
        assert one.rows.tolist() == np.argsort(away)[:5].tolist()
        np.testing.assert_allclose(one.values, np.sort(away)[:5], atol=2e-2)
        np.testing.assert_allclose(one.values[1:], np.sort(away)[1:5], rtol=1e-3)


def test_fewer_photos_than_are_asked_for(shards: ShardSet) -> None:
    one, zero = np.ones(27, np.float32), np.zeros(27, np.float32)
    (found,) = nearest_photos(shards, WIDE, np.zeros((1, 27), np.float32), 100, mean=zero, inverse=one)
    assert sorted(found.rows.tolist()) == list(range(37))


def test_a_linear_model_scores_all_photos(shards: ShardSet) -> None:
    random = np.random.default_rng(0)
    weights = {layer.id: random.normal(size=(layer.dim, 3)).astype(np.float32) / 9 for layer in LAYERS}
    bias = np.array([0.1, 0, -0.1], np.float32)
    scores = sum(everything(layer.dim) @ weights[layer.id] for layer in LAYERS) + bias
    p = softmax(scores / 2, axis=1)
    likeliest = p.argmax(1)
    found = scored_photos(shards, weights, bias, wanted=1, k=4, at_least=0.4, temperature=2)
    sure = p.max(1) >= 0.4
    assert found.counts.tolist() == np.bincount(likeliest[sure], minlength=3).tolist()
    mine = [row for row in np.argsort(-p[:, 1]).tolist() if likeliest[row] == 1 and sure[row]][:4]
    assert found.best.rows.tolist() == mine
    np.testing.assert_allclose(found.best.values, p[mine, 1], atol=1e-5)


def test_progress_is_told_and_a_search_can_be_cancelled(shards: ShardSet) -> None:
    told: list[tuple[int, int]] = []
    stop = threading.Event()

    def report(done: int, total: int) -> bool:
        told.append((done, total))
        return stop.is_set()

    one, zero, query = np.ones(27, np.float32), np.zeros(27, np.float32), np.zeros((1, 27), np.float32)
    nearest_photos(shards, WIDE, query, 3, mean=zero, inverse=one, report=report)
    assert told[0] == (0, 37)
    assert told[-1] == (37, 37)
    stop.set()
    with pytest.raises(Cancelled, match="the search was cancelled"):
        nearest_photos(shards, WIDE, query, 3, mean=zero, inverse=one, report=report)


def test_a_missing_shard_and_an_unknown_layer_are_said(shards: ShardSet) -> None:
    one, zero, query = np.ones(27, np.float32), np.zeros(27, np.float32), np.zeros((1, 27), np.float32)
    with pytest.raises(ShardError, match="a layer must be one of made/0/what, made/0/where"):
        nearest_photos(shards, "made/1/what", query, 3, mean=zero, inverse=one)
    (shards.out / SHARDS / shards.manifest.shards[2].name).unlink()
    with pytest.raises(ShardError, match=r"000002-0000000\.safetensors is missing"):
        nearest_photos(shards, WIDE, query, 3, mean=zero, inverse=one)
