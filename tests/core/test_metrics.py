"""Each metric by hand, and against scikit-learn where it has the same."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as theirs

from handlens.core import metrics as ours
from handlens.core.metrics import exp_rmspe, rmspe_scale
from handlens.core.metrics.metric import HIGHER_IS_BETTER, metric_name, more_is_better
from handlens.errors import DataError


def test_exp_rmspe_by_hand() -> None:
    # actual 100, 200; predicted 110, 150: errors of −10 % and 25 %
    targets, preds = torch.tensor([100.0, 200]).log(), torch.tensor([110.0, 150]).log()
    assert ours.exp_rmspe(preds, targets) == pytest.approx(math.sqrt((0.1**2 + 0.25**2) / 2), rel=1e-5)


def test_exp_rmspe_is_not_the_average_over_batches() -> None:
    targets = torch.zeros(4)
    preds = torch.tensor([1.0, 1, 1.5, 1.5]).log()
    halves = [ours.exp_rmspe(preds[i : i + 2], targets[i : i + 2]) for i in (0, 2)]
    assert sum(halves) / 2 == pytest.approx(0.25)
    assert ours.exp_rmspe(preds, targets) == pytest.approx(math.sqrt(0.125))


def test_numbers_by_hand() -> None:
    preds, targets = torch.tensor([[1.0], [2], [6]]), torch.tensor([1.0, 4, 5])  # errors 0, −2, 1
    assert ours.mse(preds, targets) == pytest.approx(5 / 3)
    assert ours.rmse(preds, targets) == pytest.approx(math.sqrt(5 / 3))
    assert ours.mae(preds, targets) == pytest.approx(1)
    # around the mean 10/3 the squares add up to 78/9
    assert ours.r2(preds, targets) == pytest.approx(1 - 5 / (78 / 9))
    assert math.isnan(ours.r2(preds[:1], targets[:1]))


def test_classes_by_hand() -> None:
    preds = torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])  # predicted 0 1 1 0
    targets = torch.tensor([0, 1, 0, 1])
    assert ours.accuracy(preds, targets) == 0.5
    assert ours.error_rate(preds, targets) == 0.5
    assert (ours.precision(preds, targets), ours.recall(preds, targets), ours.f1(preds, targets)) == (0.5, 0.5, 0.5)
    # pairs (1, 0) in the right order: .6 > .1, .3 > .1, but not .6 > .8, .3 > .8
    assert ours.roc_auc(preds, targets) == 0.5


def test_several_classes_an_item_by_hand() -> None:
    preds, targets = torch.tensor([[0.9, 0.2], [0.4, 0.5]]), torch.tensor([[1.0, 1], [0, 1]])
    assert ours.accuracy_multi(preds, targets) == 0.75


def test_what_is_undefined_is_nan() -> None:
    preds = torch.tensor([[0.9, 0.1], [0.8, 0.2]])
    assert math.isnan(ours.roc_auc(preds, torch.tensor([0, 0])))
    assert math.isnan(ours.precision(preds, torch.tensor([0, 1])))


@given(st.integers(2, 4), st.integers(0, 10_000))
def test_classes_as_scikit_learn_has_them(c: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.dirichlet(np.ones(c), 40).astype(np.float32)
    y = np.concatenate([np.arange(c), random.integers(0, c, 40 - c)])
    preds, targets = torch.from_numpy(scores), torch.from_numpy(y)
    average = "binary" if c == 2 else "macro"
    assert ours.accuracy(preds, targets) == pytest.approx(theirs.accuracy_score(y, scores.argmax(1)))
    assert ours.f1(preds, targets) == pytest.approx(
        theirs.f1_score(y, scores.argmax(1), average=average, zero_division=np.nan), nan_ok=True
    )
    for name in ("precision", "recall"):
        expected = getattr(theirs, f"{name}_score")(y, scores.argmax(1), average=average, zero_division=np.nan)
        assert getattr(ours, name)(preds, targets) == pytest.approx(expected, nan_ok=True)
    by_pairs = [
        np.mean([(a > b) + (a == b) / 2 for a in scores[y == k, k] for b in scores[y != k, k]])
        for k in (range(1, 2) if c == 2 else range(c))
    ]
    assert ours.roc_auc(preds, targets) == pytest.approx(np.mean(by_pairs), abs=1e-6)


@given(st.integers(2, 50), st.integers(1, 3), st.integers(0, 10_000))
def test_numbers_as_scikit_learn_has_them(n: int, k: int, seed: int) -> None:
    p, y = np.random.default_rng(seed).normal(size=(2, n, k)).astype(np.float32)
    preds, targets = torch.from_numpy(p), torch.from_numpy(y)
    assert ours.mse(preds, targets) == pytest.approx(theirs.mean_squared_error(y, p))
    assert ours.mae(preds, targets) == pytest.approx(theirs.mean_absolute_error(y, p))
    assert ours.r2(preds, targets) == pytest.approx(theirs.r2_score(y.astype(float), p.astype(float)))


def test_metrics_of_the_wrong_kind_say_what_to_use() -> None:
    with pytest.raises(DataError, match="metric of classes"):
        ours.rmse(torch.rand(4, 3), torch.tensor([0, 1, 2, 0]))
    with pytest.raises(DataError, match="metric of numbers"):
        ours.accuracy(torch.rand(4), torch.rand(4))


NO_CLASSES, NO_NUMBERS = torch.full((2,), -100), torch.full((2,), float("nan"))


@pytest.mark.parametrize("name", ["accuracy", "error_rate", "f1", "precision", "recall", "roc_auc"])
def test_without_classes_they_are_nan(name: str) -> None:
    preds = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
    assert math.isnan(getattr(ours, name)(preds, NO_CLASSES))
    assert getattr(ours, name)(preds, torch.tensor([0, 1])) == (0 if name == "error_rate" else 1)


@pytest.mark.parametrize("name", ["exp_rmspe", "mse", "rmse", "mae", "r2", "accuracy_multi"])
def test_without_numbers_they_are_nan(name: str) -> None:
    preds = torch.tensor([0.0, 1])
    assert math.isnan(getattr(ours, name)(preds, NO_NUMBERS))
    assert getattr(ours, name)(preds, preds) == (name in ("r2", "accuracy_multi"))


def test_one_class_alone_ranks_nothing() -> None:
    assert math.isnan(ours.roc_auc(torch.ones(3, 1), torch.zeros(3, dtype=torch.int64)))


def test_percentages_of_what_is_no_logarithm() -> None:
    with pytest.raises(DataError, match=r"numbers such as 800 arrived: train on logarithms"):
        ours.exp_rmspe(torch.tensor([1.0]), torch.tensor([800.0]))
    assert ours.exp_rmspe(torch.tensor([1000.0]), torch.tensor([2.0])) == math.inf


def test_what_a_partial_metric_is_of() -> None:
    assert more_is_better(partial(ours.accuracy))
    assert not more_is_better(partial(ours.rmse))
    assert (metric_name(partial(ours.rmse)), metric_name(ours.rmse)) == ("rmse", "rmse")


def test_precision_and_recall_by_hand() -> None:
    # predicted 1 1 1 0 0, of which the first is right; of the two that are 1 the last is missed
    preds = torch.tensor([[0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.6, 0.4], [0.9, 0.1]])
    targets = torch.tensor([1, 0, 0, 0, 1])
    assert ours.precision(preds, targets) == pytest.approx(1 / 3)
    assert ours.recall(preds, targets) == pytest.approx(1 / 2)
    assert ours.f1(preds, targets) == pytest.approx(2 / 5)


def test_which_way_is_better_is_marked() -> None:
    assert getattr(ours.accuracy, HIGHER_IS_BETTER)
    assert not hasattr(ours.error_rate, HIGHER_IS_BETTER)


def test_the_best_factor_for_predictions_by_hand() -> None:
    # Shares 2 and 1/2 of the right value, whose geometric mean is 1: (2 + 1/2) / (4 + 1/4).
    preds, targets = torch.tensor([2.0, 0.5]).log(), torch.zeros(2)
    assert rmspe_scale(preds, targets) == pytest.approx(10 / 17)
    # Predictions that are all too high by the same factor do not change it.
    assert rmspe_scale(preds + 3, targets) == pytest.approx(10 / 17)
    assert rmspe_scale(targets + 1, targets) == pytest.approx(1)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20))
def test_no_other_factor_is_better(errors: list[float]) -> None:
    preds = torch.tensor(errors, dtype=torch.float64)
    preds -= preds.mean()
    targets = torch.zeros_like(preds)
    best = math.log(rmspe_scale(preds, targets))
    least = exp_rmspe(preds + best, targets)
    assert all(least <= exp_rmspe(preds + best + away, targets) + 1e-12 for away in (-0.1, -0.001, 0.001, 0.1))


def test_a_factor_needs_rows_and_logarithms() -> None:
    with pytest.raises(DataError, match="needs rows to be worked out on; none arrived"):
        rmspe_scale(torch.empty(0), torch.empty(0))
    with pytest.raises(DataError, match="takes the logarithms of targets"):
        rmspe_scale(torch.tensor([5000.0]), torch.tensor([5000.0]))


@pytest.mark.parametrize("metric", [ours.accuracy, ours.error_rate, ours.f1, ours.precision, ours.recall])
def test_t10_numbers_that_stand_for_classes_lead_to_category_list(metric: ours.Metric) -> None:
    with pytest.raises(DataError, match=r"targets are numbers, such as 1: .* label_cls=CategoryList"):
        metric(torch.tensor([0.9, 0.1]), torch.tensor([1.0, 0.0]))
