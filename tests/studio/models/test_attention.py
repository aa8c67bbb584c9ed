"""The quick model's score taken apart place by place: sums by hand, and against pooled features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from handlens.studio.features import backbone_extractor, patches_extractor
from handlens.studio.features.extractor import CELLS
from handlens.studio.models.attention import Part, against_others, heat


def test_what_by_hand():
    # Two channels of 1×2: weights 2 and −1, means 1 and 0, averages over 2 places.
    planes = np.array([[[4, 0]], [[2, 6]]], np.float32)
    part = Part(planes, np.array([2, -1], np.float32), np.array([1, 0], np.float32), "what")
    assert part.places().tolist() == [[(2 * (4 - 1) - 2) / 2, (2 * (0 - 1) - 6) / 2]]


def test_where_by_hand():
    # One channel of 3×3, one cell each: a place counts by its own weight alone.
    planes = np.arange(9, dtype=np.float32).reshape(1, 3, 3)
    weights = np.array([1, 0, 0, 0, -2, 0, 0, 0, 3], np.float32)
    part = Part(planes, weights, np.full(9, 1, np.float32), "where")
    assert part.places().tolist() == [[-1, 0, 0], [0, -6, 0], [0, 0, 21]]


@pytest.mark.parametrize("pooling", ["what", "where"])
@pytest.mark.parametrize("size", [(7, 7), (4, 5), (2, 3), (12, 9)])
def test_places_sum_to_the_score(pooling, size):
    random = np.random.default_rng(3)
    cells = 1 if pooling == "what" else CELLS
    planes = random.normal(size=(5, *size)).astype(np.float32)
    weights, mean = random.normal(size=(2, 5 * cells * cells)).astype(np.float32)
    pooled = F.adaptive_avg_pool2d(torch.from_numpy(planes), cells).flatten().numpy()
    score = float(weights @ (pooled - mean))
    assert Part(planes, weights, mean, pooling).places().sum() == pytest.approx(score, abs=1e-4)


def test_a_class_against_the_others():
    weights = np.array([[1, 2, 6], [0, 3, 0]], np.float32)
    assert against_others(weights, 2).tolist() == [3, -1]


def test_heat_adds_layers_and_keeps_what_speaks_for_the_class():
    one, none = np.ones(1, np.float32), np.zeros(1, np.float32)
    fine = Part(np.array([[[2, -6], [0, 4]]], np.float32), one, none, "what")
    coarse = Part(np.array([[[8]]], np.float32), one, none, "what")
    # The coarse place covers four fine ones, and its 8 are shared among them; each of the fine ones counts a quarter.
    assert heat([fine, coarse]).tolist() == [[2.5, 0.5], [2, 3]]
    assert heat([fine]).tolist() == [[0.5, 0], [0, 1]]


def test_extractors_give_the_maps_that_they_pool(quick, random_network):
    pictures = np.random.default_rng(0).integers(256, size=(3, 96, 96, 3), dtype=np.uint8)
    name, weights = random_network
    for extractor in (patches_extractor(pictures, seed=0), backbone_extractor(name, weights=weights)):
        batch = torch.from_numpy(np.resize(pictures, (2, extractor.size, extractor.size, 3)))
        features, maps = extractor(batch), extractor.maps(batch)
        for i, layer in enumerate(extractor.layers):
            cells = 1 if layer.pooling == "what" else CELLS
            pooled = F.adaptive_avg_pool2d(maps[i // 2], cells).flatten(1)
            assert torch.allclose(pooled, features[i], rtol=1e-2, atol=1e-2 * float(features[i].abs().max()))
