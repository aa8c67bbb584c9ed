"""Thresholds: the best on the inner items, found by hand and by trying all; checked on items that they did not see."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import fbeta_score

from handlens.core.metrics import fbeta
from handlens.core.thresholds import _best, choose_thresholds
from handlens.errors import DataError


def test_the_best_gap_by_hand() -> None:
    p = np.array([0.9, 0.6, 0.4, 0.1])
    # F1 when choosing down to 0.9: 2·1/(2+1) = .67; 0.6: 2·1/(2+2) = .5; 0.4: 2·2/(2+3) = .8; 0.1: 2·2/(2+4) = .67
    assert _best(p, np.array([True, False, True, False]), 1.0) == pytest.approx(0.25)
    # Those of one probability are chosen together: .5 for both, as one is right.
    assert _best(np.array([0.7, 0.7, 0.2]), np.array([True, False, False]), 1.0) == pytest.approx(0.45)
    assert _best(p, np.array([True] * 4), 1.0) == pytest.approx(0.05)
    assert _best(p, np.array([False] * 4), 1.0) == 0.5


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_no_other_threshold_is_better(beta: float) -> None:
    def score(chosen: Any) -> float:
        return float((1 + beta**2) * (chosen & right).sum() / (beta**2 * right.sum() + chosen.sum()))

    random = np.random.default_rng(1)
    for _ in range(20):
        right = random.random(30) < 0.3
        p = np.round((0.5 * right + random.random(30)) / 1.5, 1)  # with ties
        found = score(p >= _best(p, right, beta))
        assert found >= max(score(p >= t) for t in np.linspace(0, 1, 41)) - 1e-12


def test_scores_are_those_of_the_other_items() -> None:
    random = np.random.default_rng(0)
    y = (random.random((200, 3)) < [0.1, 0.3, 0.5]).astype(float)
    p = (0.3 * y + 0.5 * random.random((200, 3))) * [0.5, 1, 1]
    found = choose_thresholds(torch.from_numpy(p), torch.from_numpy(y), beta=2.0, inner_pct=0.4, seed=5)
    order = np.random.default_rng(5).permutation(200)
    assert (found.chosen_on, found.checked_on) == (80, 120)
    others = order[80:]
    for k in range(3):
        wanted = fbeta_score(y[others, k], p[others, k] >= found.values[k], beta=2.0)
        assert found.of_classes[k] == pytest.approx(wanted)
    assert found.score == pytest.approx(np.mean(found.of_classes))
    at_half = [fbeta_score(y[others, k], p[others, k] >= 0.5, beta=2.0, zero_division=0) for k in range(3)]
    assert found.score_before == pytest.approx(np.mean(at_half))
    assert found.score > found.score_before
    again = choose_thresholds(torch.from_numpy(p), torch.from_numpy(y), beta=2.0, inner_pct=0.4, seed=5)
    assert again == found
    assert "F2 on 120 others" in repr(found)


def test_what_chance_gives_is_not_reported_as_skill() -> None:
    random = np.random.default_rng(3)
    y = torch.from_numpy((random.random((60, 40)) < 0.2).astype(float))
    p = torch.from_numpy(random.random((60, 40)))
    found = choose_thresholds(p, y, beta=1.0, seed=0)
    assert found.score_chosen_on > found.score + 0.05


def test_a_class_that_does_not_occur_keeps_one_half() -> None:
    p, y = torch.full((10, 1), 0.2), torch.zeros(10, 1)
    found = choose_thresholds(p, y)
    assert found.values == [0.5]
    assert math.isnan(found.of_classes[0])
    assert math.isnan(found.score)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"preds": torch.zeros(4)}, r"\[N, classes\]"),
        ({"targets": torch.full((4, 2), float("nan"))}, "some of these items have none"),
        ({"beta": 0}, "beta must be a number above 0"),
        ({"inner_pct": 1.5}, "leaves items on both sides; 1.5 of 4"),
        ({"inner_pct": 0.05}, "leaves items on both sides"),
    ],
)
def test_what_cannot_be_used_is_refused(options: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"preds": torch.rand(4, 2), "targets": torch.ones(4, 2)} | options
    with pytest.raises(DataError, match=said):
        choose_thresholds(given.pop("preds"), given.pop("targets"), **given)


def test_fbeta_takes_a_threshold_for_each_class() -> None:
    p, y = torch.tensor([[0.3, 0.3]]), torch.tensor([[1.0, 0.0]])
    assert fbeta(p, y, thresh=[0.2, 0.4]) == 1.0
    assert fbeta(p, y, thresh=[0.4, 0.2]) == 0.0
