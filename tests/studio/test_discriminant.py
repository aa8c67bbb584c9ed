"""Shrinkage LDA by hand, against scikit-learn, and on both of its sides."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eigh
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from handlens.errors import TrainingError
from handlens.studio.discriminant import (
    Discriminant,
    _solve,
    fit_discriminant,
    folds,
)


def classes(n, d, c, *, seed=0, apart=1.0):
    random = np.random.default_rng(seed)
    codes = np.arange(n) % c
    x = random.normal(size=(n, d)) @ random.normal(size=(d, d)) / np.sqrt(d)
    return (x + apart * random.normal(size=(c, d))[codes]).astype(np.float32), codes


def residuals_of(x, codes):
    means = np.stack([x[codes == c].mean(0) for c in np.unique(codes)])
    return x - means[codes]


def test_four_points_by_hand():
    # Class 0 at (0, ±1), class 1 at (4, ±1): residuals (0, ±1) four times, so S = diag(0, 1), μ = 1/2.
    # ‖S‖² = 1, ‖S − μI‖² = 1/2, noise = (mean ‖r‖⁴ − ‖S‖²) / n = (1 − 1) / 4 = 0: least shrinkage, 0.001.
    x = np.array([[0, 1], [0, -1], [4, 1], [4, -1]], np.float32)
    found = fit_discriminant(x, np.array([0, 0, 1, 1]))
    assert found.shrinkage == pytest.approx(1e-3)
    assert found.means.tolist() == [[0, 0], [4, 0]]
    # Σ = 0.999·diag(0, 1) + 0.001·½·I; Σ⁻¹ (μ_c − mean) = (∓2, 0) / 0.0005
    assert found.weights == pytest.approx(np.array([[-4000, 4000], [0, 0]]), rel=1e-4)
    logits = found.logits(np.array([[2, 9], [3, 0], [0, 0]], np.float32))
    assert logits[0, 0] == pytest.approx(logits[0, 1], abs=1e-2)  # half way
    assert logits.argmax(1).tolist()[1:] == [1, 0]
    assert np.abs(found.axes()) == pytest.approx(np.array([[1], [0]]), abs=1e-6)


def test_full_shrinkage_is_the_nearest_mean():
    # Residuals (±1, 0) and (0, ±1): S = I/2 = μI, nothing to gain from S, so only the sphere is left.
    x = np.array([[1, 0], [-1, 0], [3, 1], [3, -1]], np.float32)
    found = fit_discriminant(x, np.array([0, 0, 1, 1]))
    assert found.shrinkage == 1.0
    # Σ = ½I: weights are 2·(μ_c − mean) = (∓3, 0); bias −½(μ_c + mean)·w: −½·1.5·(−3) and −½·4.5·3
    assert found.weights == pytest.approx(np.array([[-3, 3], [0, 0]]))
    assert found.bias == pytest.approx([2.25, -6.75])


@pytest.mark.parametrize(("n", "d", "c"), [(60, 8, 3), (200, 20, 2), (40, 39, 4), (12, 30, 3), (30, 200, 5)])
def test_shrinkage_is_that_of_ledoit_and_wolf(n, d, c):
    x, codes = classes(n, d, c)
    expected = ledoit_wolf_shrinkage(residuals_of(x.astype(np.float64), codes), assume_centered=True)
    assert fit_discriminant(x, codes).shrinkage == pytest.approx(max(expected, 1e-3), rel=1e-3)


@pytest.mark.parametrize("solver", ["eigen", "lsqr"])
@pytest.mark.parametrize(("n", "d", "c"), [(60, 8, 3), (200, 20, 2), (12, 30, 3), (30, 100, 5)])
def test_scores_are_those_of_scikit_learn(n, d, c, solver):
    x, codes = classes(n, d, c)
    found = fit_discriminant(x, codes)
    # Classes of equal size here, so its covariance, the mean of those of the classes, is ours.
    assert len(set(np.bincount(codes))) == 1
    oracle = LinearDiscriminantAnalysis(solver=solver, shrinkage=found.shrinkage, priors=np.full(c, 1 / c))
    # It shrinks standardised residuals and scales back: equal columns make that the same.
    scale = residuals_of(x, codes).std(0)
    x = x / scale
    found = fit_discriminant(x, codes)
    oracle.shrinkage = found.shrinkage
    oracle.fit(x.astype(np.float64), codes)
    fresh = np.random.default_rng(1).normal(size=(50, d)).astype(np.float32)
    ours = found.logits(fresh).astype(np.float64)
    theirs = oracle.decision_function(fresh)
    theirs = np.stack([-theirs / 2, theirs / 2], 1) if c == 2 else theirs
    centred = [a - a.mean(1, keepdims=True) for a in (ours, theirs)]
    assert centred[0] == pytest.approx(centred[1], rel=2e-3, abs=2e-3 * np.abs(centred[1]).max())


@pytest.mark.parametrize(("n", "d", "c"), [(60, 8, 3), (200, 20, 2), (30, 100, 5)])
def test_axes_solve_the_generalised_eigenproblem(n, d, c):
    x, codes = classes(n, d, c)
    found = fit_discriminant(x, codes)
    residuals = residuals_of(x.astype(np.float64), codes)
    within = residuals.T @ residuals / n
    within = (1 - found.shrinkage) * within + found.shrinkage * np.trace(within) / d * np.eye(d)
    centred = (found.means - found.means.mean(0)).astype(np.float64)
    _, vectors = eigh(centred.T @ centred, within)
    k = min(2, c - 1)
    expected, _ = np.linalg.qr(vectors[:, ::-1][:, :k])
    assert np.linalg.svd(expected.T @ found.axes(), compute_uv=False) == pytest.approx(np.ones(k), abs=1e-3)
    assert np.abs(expected[:, 0] @ found.axes()[:, 0]) == pytest.approx(1, abs=1e-3)


def test_both_sides_of_the_solution_agree():
    random = np.random.default_rng(0)
    residuals = random.normal(size=(20, 21)).astype(np.float32)
    targets = random.normal(size=(3, 21)).astype(np.float32)
    dual, shrinkage = _solve(residuals, targets)
    # The same problem with a column of nothing less is solved on the same side; the formula is the judge of both.
    for r, t, solved in ((residuals, targets, dual), (residuals[:, :19], targets[:, :19], None)):
        n, d = r.shape
        got, amount = (solved, shrinkage) if solved is not None else _solve(r, t)
        s = r.astype(np.float64).T @ r / n
        sigma = (1 - amount) * s + amount * np.trace(s) / d * np.eye(d)
        assert (n < d) is (solved is not None)
        assert got == pytest.approx(np.linalg.solve(sigma, t.T.astype(np.float64)), rel=1e-3, abs=1e-3)


def test_a_class_drawn_ten_times_as_often_has_no_higher_prior():
    x = np.array([[-1.0]] * 2 + [[1.0]] * 20, np.float32) + np.tile([[0.1], [-0.1]], (11, 1)).astype(np.float32)
    found = fit_discriminant(x, np.repeat([0, 1], [2, 20]))
    logits = found.logits(np.zeros((1, 1), np.float32))
    assert logits[0, 0] == pytest.approx(logits[0, 1], abs=1e-3)


def test_classes_of_a_single_point_each():
    x = np.array([[0, 0], [0, 2]], np.float32)
    found = fit_discriminant(x, np.array([0, 1]))
    assert found.shrinkage == 1.0
    assert found.logits(np.array([[5, 0.5], [5, 1.5]], np.float32)).argmax(1).tolist() == [0, 1]


def test_features_that_say_nothing():
    found = fit_discriminant(np.zeros((6, 4), np.float32), np.arange(6) % 2)
    assert np.isfinite(found.logits(np.zeros((1, 4), np.float32))).all()
    assert np.isfinite(found.axes()).all()


@pytest.mark.parametrize("codes", [[0, 0, 0], [1, 1, 1], []])
def test_one_class_or_none_is_refused(codes):
    with pytest.raises(TrainingError, match="two or more labels"):
        fit_discriminant(np.zeros((len(codes), 2), np.float32), np.array(codes, np.int64))


def test_axes_are_orthonormal_and_the_first_separates_most():
    means = np.array([[0, 0, 0], [10, 0, 0], [5, 2, 0]], np.float32)
    centred = means - means.mean(0)
    axes = Discriminant(centred.T.copy(), np.zeros(3, np.float32), means, 1.0).axes()
    assert axes.T @ axes == pytest.approx(np.eye(2), abs=1e-6)
    assert np.abs(axes) == pytest.approx(np.array([[1, 0], [0, 1], [0, 0]]), abs=1e-6)


def test_folds_deal_each_class_out_evenly():
    codes = np.repeat([0, 1, 2], [10, 7, 2])
    fold = folds(codes, seed=0)
    for code in range(3):
        counts = np.bincount(fold[codes == code], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert np.bincount(fold).tolist() == [4, 4, 4, 4, 3]
    assert (folds(codes, seed=0) == fold).all()
    assert (folds(codes, seed=1) != fold).any()
