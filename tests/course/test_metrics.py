"""The course's metrics: hand-computed values, scikit-learn's, and that they are of the whole validation set."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics
import torch
from torch import nn
from torch.utils.data import TensorDataset

import handlens.basics
import handlens.metrics
import handlens.tabular
from handlens import course
from handlens.core.bunch import DataBunch
from handlens.core.labels import NO_CLASS
from handlens.core.learner import Learner
from handlens.core.metrics import (
    Metric,
    explained_variance,
    f_score,
    kappa,
    mae,
    matthews,
    mse,
    precision,
    r2,
    recall,
    rmse,
    top_k_accuracy,
)
from handlens.core.metrics.metric import more_is_better
from handlens.errors import DataError

# Of two classes, 8 items: 3 are found, 1 is missed, 2 are wrongly found, and 2 are rightly left.
TWO = torch.tensor([[0.1, 0.9]] * 3 + [[0.8, 0.2]] + [[0.3, 0.7]] * 2 + [[0.9, 0.1]] * 2)
RIGHT = torch.tensor([1, 1, 1, 1, 0, 0, 0, 0])


def test_other_names_of_metrics_of_numbers() -> None:
    for names in (handlens.metrics, handlens.tabular, handlens.basics):
        assert names.mean_squared_error is mse
        assert names.mean_absolute_error is mae
        assert names.root_mean_squared_error is rmse
        assert names.r2_score is r2


def test_values_by_hand() -> None:
    assert course.Precision()(TWO, RIGHT) == pytest.approx(3 / 5)
    assert course.Recall()(TWO, RIGHT) == pytest.approx(3 / 4)
    assert course.FBeta()(TWO, RIGHT) == pytest.approx(5 * 0.6 * 0.75 / (4 * 0.6 + 0.75))
    assert course.FBeta(beta=1)(TWO, RIGHT) == pytest.approx(2 * 0.6 * 0.75 / 1.35)
    assert course.KappaScore()(TWO, RIGHT) == pytest.approx((5 / 8 - 1 / 2) / (1 - 1 / 2))
    assert course.MatthewsCorreff()(TWO, RIGHT) == pytest.approx((3 * 2 - 2 * 1) / math.sqrt(5 * 4 * 4 * 3))
    # Of 16 pairs of the two classes those of three items are in order, and those of the fourth in 2 of 4 cases.
    assert course.AUROC()(TWO, RIGHT) == pytest.approx((3 * 4 + 2) / 16)
    # Errors 1, 0, 3 of variance 14/9, targets 1, 2, 6 of 14/3.
    p, y = torch.tensor([2.0, 2.0, 9.0]), torch.tensor([1.0, 2.0, 6.0])
    assert explained_variance(p, y) == pytest.approx(1 - (14 / 9) / (14 / 3))
    assert explained_variance(torch.stack([p, y], 1), torch.stack([y, y], 1)) == pytest.approx((2 / 3 + 1) / 2)


def test_the_right_class_among_the_most_probable() -> None:
    p = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.4, 0.3, 0.3]])
    y = torch.tensor([0, 2, 0, 2])  # places 1, 2, 3 and, because the earlier of two equal ones comes first, 3
    assert [top_k_accuracy(p, y, k=k) for k in (1, 2, 3)] == [0.25, 0.5, 1.0]
    with pytest.raises(DataError, match="k must be from 1 to the number of classes, 3; 5 arrived"):
        top_k_accuracy(p, y)
    with pytest.raises(DataError, match="k must be"):
        top_k_accuracy(p, y, k=0)


def test_undefined_values_are_nan() -> None:
    one, missing = torch.tensor([1, 1]), torch.tensor([0, NO_CLASS])
    p = torch.tensor([[0.1, 0.9], [0.2, 0.8]])
    for metric in (kappa, matthews):
        assert math.isnan(metric(p, one))
    for metric in (kappa, matthews, f_score, partial(top_k_accuracy, k=1)):
        assert math.isnan(metric(p, missing))
    numbers = torch.tensor([1.0, 2.0])
    for targets in (torch.tensor([3.0, 3.0]), torch.tensor([3.0, float("nan")])):
        assert math.isnan(explained_variance(numbers, targets))
    assert math.isnan(explained_variance(numbers[:0], numbers[:0]))


def test_choices_that_are_not_there() -> None:
    with pytest.raises(DataError, match="weights must be None, 'linear' or 'quadratic'; 'cubic' arrived"):
        course.KappaScore("cubic")(TWO, RIGHT)
    for make in (course.Precision, course.Recall, course.FBeta):
        with pytest.raises(DataError, match="average must be one of binary, macro, micro, weighted; 'all' arrived"):
            make("all")(TWO, RIGHT)


def test_as_scikit_learn_has_them() -> None:
    random = np.random.default_rng(0)
    for classes in (2, 3, 5):
        p, y = random.random((200, classes)), random.integers(0, classes, 200)
        p[np.arange(200), y] += 0.3
        preds, targets, chosen = torch.from_numpy(p), torch.from_numpy(y), p.argmax(1)
        for weights in (None, "linear", "quadratic"):
            expected = sklearn.metrics.cohen_kappa_score(y, chosen, weights=weights)
            assert course.KappaScore(weights)(preds, targets) == pytest.approx(expected)
        assert matthews(preds, targets) == pytest.approx(sklearn.metrics.matthews_corrcoef(y, chosen))
        expected = sklearn.metrics.top_k_accuracy_score(y, p if classes > 2 else p[:, 1] - p[:, 0], k=1)
        assert top_k_accuracy(preds, targets, k=1) == pytest.approx(expected)
        for average in ("binary", "macro", "micro", "weighted"):
            theirs = "macro" if average == "binary" and classes > 2 else average
            scores = sklearn.metrics.precision_recall_fscore_support(y, chosen, beta=0.5, average=theirs)[:3]
            ours = (precision(preds, targets, average), recall(preds, targets, average))
            assert (*ours, f_score(preds, targets, 0.5, average)) == pytest.approx(scores)
    a, b = random.random((50, 3)), random.random((50, 3))
    expected = sklearn.metrics.explained_variance_score(b, a)
    assert explained_variance(torch.from_numpy(a), torch.from_numpy(b)) == pytest.approx(expected)


def test_they_are_of_the_whole_validation_set_and_named_as_in_the_course(tmp_path: Path) -> None:
    # The model's scores are the inputs, so its predictions are those of TWO, in batches of 3, 3 and 2.
    data = DataBunch.create(
        TensorDataset(TWO.log(), RIGHT), TensorDataset(TWO.log(), RIGHT), bs=3, path=tmp_path, device="cpu"
    )
    metrics: list[Metric] = [
        course.Precision(),
        course.Recall(),
        course.FBeta(),
        course.AUROC(),
        course.KappaScore(),
        course.MatthewsCorreff(),
    ]
    assert all(more_is_better(metric) for metric in metrics)
    learn = Learner(data, nn.Identity(), metrics=metrics)
    names = ["precision", "recall", "f_beta", "auroc", "kappa_score", "matthews_correff"]
    assert learn.recorder.columns[2:] == names
    assert learn.validate()[1:] == pytest.approx([metric(TWO, RIGHT) for metric in metrics])
    assert learn.validate()[1] == pytest.approx(3 / 5)
