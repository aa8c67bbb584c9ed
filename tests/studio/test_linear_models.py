"""Linear models from inner products: by hand, against the same fits from the features, and their invariances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from handlens.core.products import product
from handlens.studio import linear_models
from handlens.studio.discriminant import fit_discriminant
from handlens.studio.linear_models import (
    DualModel,
    fit_dual_discriminant,
    fit_least_squares,
    fit_mixture,
    inner_products,
)


def rows(n=40, d=60, classes=3, *, apart=1.0, seed=0):
    random = np.random.default_rng(seed)
    codes = np.arange(n) % classes
    places = apart * random.normal(size=(classes, d))
    return (random.normal(size=(n, d)) + places[codes]).astype(np.float32), codes


def products_of(x):
    return inner_products({"x": x})


def test_inner_products_of_layers_add_up():
    a, b = rows(d=5)[0], rows(d=7, seed=1)[0]
    assert inner_products({"a": a, "b": b}) == pytest.approx(np.hstack([a, b]) @ np.hstack([a, b]).T, rel=1e-5)


def test_scores_by_hand():
    model = DualModel(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([10.0, 20.0]))
    assert model.scores(np.array([[3.0, 5.0]])).tolist() == [[13.0, 30.0]]


def test_a_discriminant_by_hand():
    # Means 0 and 4 on the first axis, deviations of 1 along the second: their covariance is diag(0, 1), whose sphere
    # is 1/2. With a weight of 1/2, Σ = diag(1/4, 3/4), so the first weights are ∓2 / (1/4), and the middle scores 0.
    x = np.array([[0, 1], [0, -1], [4, 1], [4, -1]], np.float32)
    model = fit_dual_discriminant(products_of(x), np.array([0, 0, 1, 1]), dims=2, shrinkage=0.5)
    assert x.T @ model.coefficients == pytest.approx(np.array([[-8, 8], [0, 0]]), abs=1e-9)
    assert np.diff(model.bias)[0] == pytest.approx(-32)


@pytest.mark.parametrize(("n", "d"), [(40, 60), (60, 10)])
def test_it_is_the_discriminant_of_the_features(n, d):
    x, codes = rows(n, d)
    expected = fit_discriminant(x, codes)
    model = fit_dual_discriminant(products_of(x), codes, dims=d, shrinkage=expected.shrinkage)
    new = rows(7, d, seed=5)[0]
    assert model.scores(new @ x.T) == pytest.approx(expected.logits(new), rel=1e-3, abs=1e-3)


def test_classes_that_are_single_points_have_a_discriminant():
    x = np.array([[0, 0], [0, 0], [4, 0], [4, 0]], np.float32)
    model = fit_dual_discriminant(products_of(x), np.array([0, 0, 1, 1]), dims=2)
    assert model.scores(np.array([[1, 0], [3, 0]]) @ x.T).argmax(1).tolist() == [0, 1]


@pytest.mark.parametrize("classes", [[0, 0, 1, 1], [0, 0, 0, 0, 0, 1]])
@pytest.mark.parametrize("seed", range(5))
def test_rows_that_are_equal_but_for_rounding(classes, seed):
    """Sums in float32 differ by the order of their terms, which another processor chooses otherwise."""
    codes = np.array([*classes, -1, -1])
    x = np.array([[30, 0], [0, 30]], float)[np.array([*classes, 0, 1])]
    noise = np.random.default_rng(seed).normal(scale=1e-7, size=(len(x), len(x)))
    for rows in (x, np.ones_like(x)):
        exact = product(rows, rows.T)
        products = exact + exact.max() * (noise + noise.T)
        model = fit_mixture(products, codes, dims=2)
        assert np.isfinite(model.scores(products)).all()
        if rows is x:
            assert model.scores(exact).argmax(1).tolist() == [*classes, 0, 1]


def test_least_squares_by_hand():
    # Rows −1 and 1, targets ∓1/2: the mean squared length is 1, and so is the penalty on the slope, w = 1 / (2 + 1).
    x = np.array([[-1], [1]], np.float32)
    model = fit_least_squares(products_of(x), np.array([0, 1]))
    assert x.T @ model.coefficients == pytest.approx(np.array([[-1 / 3, 1 / 3]]))
    assert model.bias == pytest.approx([0, 0], abs=1e-12)


def test_least_squares_is_ridge_regression_with_classes_of_equal_weight():
    x, codes = rows(50, 20)
    codes = np.where(np.arange(50) < 30, 0, codes)  # the first class is larger
    model = fit_least_squares(products_of(x), codes, ridge=0.5)
    weights = 1 / np.bincount(codes)[codes] * 50 / 3
    centred = x - (weights @ x) / 50
    penalty = 0.5 * (centred**2).sum() / 50
    expected = Ridge(alpha=penalty).fit(x.astype(np.float64), np.eye(3)[codes] - 1 / 3, sample_weight=weights)
    new = rows(7, 20, seed=5)[0].astype(np.float64)
    assert model.scores(new @ x.T) == pytest.approx(expected.predict(new), abs=1e-5)


def test_equal_rows_have_equal_scores():
    x = np.ones((4, 3), np.float32)
    model = fit_least_squares(products_of(x), np.array([0, 0, 1, 1]))
    assert model.scores(x @ x.T) == pytest.approx(np.zeros((4, 2)), abs=1e-12)
    assert np.isfinite(fit_mixture(products_of(x), np.array([0, 0, 1, -1]), dims=3).scores(x @ x.T)).all()


@pytest.mark.parametrize("fit", [lambda p, c: fit_dual_discriminant(p, c, dims=60), fit_least_squares])
def test_rows_without_a_label_have_no_part(fit):
    x, codes = rows()
    some = np.where(np.arange(40) < 25, codes, -1)
    model = fit(products_of(x), some)
    alone = fit(products_of(x[:25]), codes[:25])
    assert model.coefficients[:25] == pytest.approx(alone.coefficients)
    assert not model.coefficients[25:].any()
    assert model.bias == pytest.approx(alone.bias)


def test_the_mixture_is_the_mean_of_models_of_equal_spread():
    x, codes = rows()
    p = products_of(x)
    parts = [fit_least_squares(p, codes).scores(p), *[fit_dual_discriminant(p, codes, dims=60).scores(p)] * 3]
    expected = sum(s / np.abs(s - s.mean(1, keepdims=True)).mean() for s in parts) / 4
    assert fit_mixture(p, codes, dims=60).scores(p) == pytest.approx(expected)


def test_unlabelled_rows_help_where_classes_form_groups():
    right = {}
    for labelled in (6, 300):
        x, codes = rows(300, 60, apart=0.6, seed=4)
        x[6:labelled], known = x[6:labelled], np.where(np.arange(300) < 6, codes, -1)
        used = np.arange(300) < labelled
        model = fit_mixture(products_of(x[used]), known[used], dims=60)
        new, truth = rows(300, 60, apart=0.6, seed=4)
        right[labelled] = (model.scores(new @ x[used].T).argmax(1) == truth).mean()
    assert right[300] > right[6]


def test_the_surest_rows_are_learned_from(monkeypatch):
    learned = []
    fit = linear_models.fit_dual_discriminant
    monkeypatch.setattr(
        linear_models, "fit_dual_discriminant", lambda p, c, dims: learned.append(c) or fit(p, c, dims=dims)
    )
    x = np.array([[0], [1], [9], [10], [0.5], [9.5], [5.1], [4], [6]], np.float32)
    fit_mixture(products_of(x), np.array([0, 0, 1, 1, -1, -1, -1, -1, -1]), dims=1)
    # Of five, first the two surest, then four: all but the one in the middle.
    assert [c[4:].tolist() for c in learned] == [[-1] * 5, [0, 1, -1, -1, -1], [0, 1, -1, 0, 1]]
    assert all(c[:4].tolist() == [0, 0, 1, 1] for c in learned)


@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_scores_do_not_depend_on_turns_and_scale(seed, scale):
    x, codes = rows(24, 10, seed=seed)
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(10, 10)))[0]
    some = np.where(np.arange(24) < 15, codes, -1)
    plain = x.astype(np.float64) @ x.T
    turned = (scale * x @ turn) @ (scale * x @ turn).T
    expected = fit_mixture(plain, some, dims=10).scores(plain)
    assert fit_mixture(turned, some, dims=10).scores(turned) == pytest.approx(expected, abs=1e-6)
