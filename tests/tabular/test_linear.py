"""LinearPart: by hand, beside scikit-learn, and what it does with long columns, constant ones and odd numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import OneHotEncoder

from handlens.core.labels import CategoryList, FloatList, MultiCategoryList
from handlens.core.products import product
from handlens.tabular import linear
from handlens.tabular.linear import LinearPart, _ridge, _shrunk_means, standardised

NO_CODES = torch.empty(100, 0, dtype=torch.int64)


def test_standardised_by_hand() -> None:
    scaled, means, spreads = standardised(torch.tensor([[1.0, 5], [3.0, 5]], dtype=torch.float64))
    assert scaled.tolist() == [[-1, 0], [1, 0]]
    assert means.tolist() == [2, 5]
    assert spreads.tolist() == [1, 1]


def test_the_ridge_weights_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(30, 4)), random.normal(size=(30, 2))
    x, y = x - x.mean(0), y - y.mean(0)
    monkeypatch.setattr(linear, "PENALTIES", np.array([3.0]))
    ours = _ridge(torch.from_numpy(x), torch.from_numpy(y))
    assert np.allclose(ours.numpy().T, Ridge(alpha=3.0, fit_intercept=False).fit(x, y).coef_)


def test_the_penalty_is_that_of_the_least_generalized_cross_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 20)), random.normal(size=(40, 1))
    penalties = [0.1, 10.0, 1000.0]

    def error(penalty: float) -> float:
        hat = product(product(x, np.linalg.inv(product(x.T, x) + penalty * np.eye(20))), x.T)
        return float(np.square(y - product(hat, y)).sum() / (1 - (np.trace(hat) + 1) / 40) ** 2)

    best = min(penalties, key=error)
    monkeypatch.setattr(linear, "PENALTIES", np.array(penalties))
    ours = _ridge(torch.from_numpy(x), torch.from_numpy(y))
    assert np.allclose(ours.numpy().T, Ridge(alpha=best, fit_intercept=False).fit(x, y).coef_)
    assert best == 1000


def test_shrunk_means_by_hand() -> None:
    # two levels of two rows each: means 2 and −2, the variance of all rows is 5,
    # within variance (1 + 1 + 1 + 1 + 30 · 5) / (4 − 2 + 30) = 4.8125,
    # between variance (4 · 2 + 4 · 2 − 2 · 4.8125) / 4 = 1.59375: sums ±4 over 2 + 4.8125 / 1.59375
    left = torch.tensor([[1.0], [3], [-1], [-3]], dtype=torch.float64)
    effects = _shrunk_means(torch.tensor([1, 1, 2, 2]), left, 4)
    assert effects[:, 0].tolist() == pytest.approx([0, 0.796875, -0.796875, 0])


def test_levels_of_one_row_each_add_nothing() -> None:
    left = torch.tensor([[1.0], [3], [-1], [-3]], dtype=torch.float64)
    assert _shrunk_means(torch.arange(1, 5), left, 5).abs().max() < 1e-8


def test_levels_and_numbers_add_up_and_an_unseen_level_is_an_average_one() -> None:
    codes = torch.tensor([[1], [2]] * 50)
    x = torch.linspace(-1, 1, 100)[:, None]
    y = 3 * x[:, 0] + torch.where(codes[:, 0] == 1, 10.0, 20.0)
    line = LinearPart([3], 1, 1)
    line.begin(codes, x, FloatList(y.numpy()))
    given = line(torch.tensor([[1], [2], [0]]), torch.tensor([[0.5], [0.5], [0.5]]))
    assert given[:, 0].tolist() == pytest.approx([11.5, 21.5, 16.5], abs=0.05)
    assert float(line.spreads) == pytest.approx(float(y.std(correction=0)))


def test_long_columns_are_fitted_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    codes = torch.from_numpy(random.integers(1, 51, (2000, 1)))
    effects = torch.from_numpy(random.normal(size=51)).float()
    y = effects[codes[:, 0]] + 0.1 * torch.from_numpy(random.normal(size=2000)).float()
    monkeypatch.setattr(linear, "MOST_LEVELS", 10)
    line = LinearPart([51], 0, 1)
    line.begin(codes, torch.empty(2000, 0), FloatList(y.numpy()))
    assert torch.allclose(line(codes, torch.empty(2000, 0))[:, 0], effects[codes[:, 0]], atol=0.15)


def test_classes_are_those_of_scikit_learns_logistic_regression() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(300, 2)).astype(np.float32)
    codes = random.integers(1, 4, (300, 1))
    score = x[:, 0] + (codes[:, 0] == 2) + random.normal(size=300)
    names = np.where(score < 0, "a", np.where(score < 1, "b", "c"))
    line = LinearPart([4], 2, 3)
    line.begin(torch.from_numpy(codes), torch.from_numpy(x), CategoryList(names))
    ours = line(torch.from_numpy(codes), torch.from_numpy(x)).softmax(1)
    inputs = np.concatenate([(x - x.mean(0)) / x.std(0), OneHotEncoder(sparse_output=False).fit_transform(codes)], 1)
    theirs = LogisticRegression(max_iter=1000, tol=1e-8).fit(inputs, names).predict_proba(inputs)
    assert np.allclose(ours.numpy(), theirs, atol=2e-3)


def test_several_classes_an_item() -> None:
    x = torch.linspace(-1, 1, 100)[:, None]
    line = LinearPart([], 1, 2)
    line.begin(NO_CODES, x, MultiCategoryList(torch.cat([x > 0, x > 0.5], 1).numpy()))
    right = (line(NO_CODES, x) > 0) == torch.cat([x > 0, x > 0.5], 1)
    assert float(right.float().mean()) > 0.95


def test_a_constant_column_and_a_constant_target() -> None:
    x = torch.cat([torch.linspace(-1, 1, 100)[:, None], torch.full((100, 1), 7.0)], 1)
    line = LinearPart([], 2, 2)
    line.begin(NO_CODES, x, FloatList(torch.stack([2 * x[:, 0], torch.full((100,), 4.0)], 1).numpy()))
    assert line.spreads.tolist() == pytest.approx([2 * float(x[:, 0].std(correction=0)), 1])
    given = line(NO_CODES[:1], torch.tensor([[0.5, 1e9]]))
    assert given[0].tolist() == pytest.approx([1, 4], abs=0.01)


def test_a_number_far_away_counts_as_ten_ranges() -> None:
    x = torch.linspace(-1, 1, 100)[:, None]
    line = LinearPart([], 1, 1)
    line.begin(NO_CODES, x, FloatList(x[:, 0].numpy()))
    far = line(NO_CODES[:3], torch.tensor([[10.0], [20.0], [1e6]]))
    assert far[:, 0].tolist() == pytest.approx([10, 20, 20], rel=1e-3)
