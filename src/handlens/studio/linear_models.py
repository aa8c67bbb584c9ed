"""Linear classifiers of a few rows with many features, fitted from the inner products of the rows.

The weights of such a classifier are sums of rows, so that a fit takes the n×n matrix of inner products and no features
(Schölkopf & Smola, Learning with Kernels, §4.2). That matrix is computed once; after that, a fit on some of the rows,
as for cross-validation, takes milliseconds however many features there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from handlens.core.products import product
from handlens.core.threads import one_blas_thread
from handlens.studio.discriminant import Codes, Floats

Doubles = NDArray[np.float64]

SHRINKAGE = 0.8
"""The weight of the sphere in the covariance of the discriminant, 0–1.

Ledoit & Wolf's estimate is smaller: it is best for the covariance, and this for predicting other photos.
"""

RIDGE = 1.0
"""The penalty of least squares, as a multiple of the mean squared length of the centred rows."""

ROUNDING = 1e-6
"""Of the sum of the rows' squared lengths, the share up to which differences between rows are those of float32 sums."""

_EPSILON = 2 * float(np.finfo(np.float32).eps)  # how exact inner products are, which are sums of float32

SHARES = (0.4, 0.8)
"""Self-training: the share (0–1) of the unlabelled rows that each round learns from."""


@dataclass(frozen=True)
class DualModel:
    """A linear classifier whose weights are sums of rows.

    Attributes:
        coefficients: float64 [n, C]; with the features X [n, D] of the rows, its weights [D, C] are Xᵀ · coefficients.
        bias: float64 [C].
    """

    coefficients: Doubles
    bias: Doubles

    def scores(self, products: Doubles) -> Doubles:
        """Scores [m, C] of rows whose inner products with the n rows are `products` [m, n]."""
        return product(products, self.coefficients) + self.bias


@one_blas_thread()
def inner_products(features: dict[str, Floats]) -> Doubles:
    """The inner products [n, n] of the rows, with the features [n, D] of all layers side by side.

    Example:
        >>> inner_products({"a": np.array([[1], [2]], np.float32), "b": np.array([[0], [3]], np.float32)}).tolist()
        [[1.0, 2.0], [2.0, 13.0]]
    """
    n = len(next(iter(features.values())))
    total = np.zeros((n, n))
    for x in features.values():
        total += product(x, x.T)
    return total


@one_blas_thread()
def fit_mixture(products: Doubles, codes: Codes, *, dims: int) -> DualModel:
    """The mean of three models: least squares, a discriminant, and twice a self-trained discriminant.

    Least squares is the best of the three where classes are hard to tell apart, and self-training where they form
    groups. Each model's scores are divided by their mean distance from each row's mean, so that they can be added.

    Args:
        products: inner products [n, n] of the rows.
        codes: classes [n], 0…C−1, each with at least one row, or −1 for rows without a label.
        dims: number of features.

    Example:
        >>> x = np.array([[0], [1], [9], [10], [2], [8]], np.float32)
        >>> model = fit_mixture(inner_products({"x": x}), np.array([0, 0, 1, 1, -1, -1]), dims=1)
        >>> model.scores(inner_products({"x": x})).argmax(1).tolist()
        [0, 0, 1, 1, 0, 1]
    """
    plain = fit_dual_discriminant(products, codes, dims=dims)
    models = (fit_least_squares(products, codes), plain, _self_trained(plain, products, codes, dims=dims))
    coefficients, bias = np.zeros_like(plain.coefficients), np.zeros_like(plain.bias)
    for model, share in zip(models, (0.25, 0.25, 0.5), strict=True):
        scores = model.scores(products)
        spread = max(float(np.abs(scores - scores.mean(1, keepdims=True)).mean()), 1e-12)
        coefficients += share / spread * model.coefficients
        bias += share / spread * model.bias
    return DualModel(coefficients, bias)


@one_blas_thread()
def fit_dual_discriminant(products: Doubles, codes: Codes, *, dims: int, shrinkage: float = SHRINKAGE) -> DualModel:
    """The linear discriminant of the labelled rows with equal priors, as `fit_discriminant` with a given shrinkage.

    Args:
        products, codes, dims: as in `fit_mixture`.
        shrinkage: the weight of the spherical covariance, above 0 and at most 1.
    """
    rows, y, onehot = _labelled(codes)
    mean = onehot / onehot.sum(0)  # [n, C]: the means of the classes are sums of rows with these weights
    k = products[np.ix_(rows, rows)]
    towards = mean - mean.mean(1, keepdims=True)
    of_means = product(mean.T, k)
    right = product(k, towards) - product(of_means, towards)[y]
    within = k - of_means[y]
    within -= product(within, mean)[:, y]  # inner products of the rows less their class means
    ridge, a = shrinkage * float(np.trace(within)) / (len(rows) * dims), (1 - shrinkage) / len(rows)
    # Below this, the covariance is that of rounding: each class is a single point.
    if ridge <= max(a, 1 / len(rows)) * _EPSILON * k.diagonal().max():
        solved = towards
    else:
        within *= a
        within[np.diag_indices_from(within)] += ridge
        inner = _solve(within, right)
        # The inverse of ridge · I + a · RᵀR, with R the rows less their class means (Woodbury).
        solved = (towards - a * (inner - product(mean.T, inner)[y])) / ridge
    bias = -0.5 * ((mean + mean.mean(1, keepdims=True)) * product(k, solved)).sum(0)
    return _spread_out(solved, bias, rows, len(codes))


@one_blas_thread()
def fit_least_squares(products: Doubles, codes: Codes, *, ridge: float = RIDGE) -> DualModel:
    """Ridge regression of the labelled rows on their classes, each class with the same weight in all.

    The target of a class is 1 − 1/C for its own rows and −1/C for others.

    Args:
        products, codes: as in `fit_mixture`.
        ridge: the penalty, as a multiple of the mean squared length of the centred rows.
    """
    rows, _, onehot = _labelled(codes)
    n, n_classes = onehot.shape
    share = (onehot / onehot.sum(0)).sum(1) / n_classes  # each row's share in the loss
    k = products[np.ix_(rows, rows)]
    centre = product(share, k)
    centred = k - centre
    centred -= product(centred, share)[:, None]
    spread = float(np.trace(centred))
    penalty = ridge * spread / n if spread > ROUNDING * np.trace(k) else float(np.trace(k)) or 1.0
    centred[np.diag_indices_from(centred)] += penalty / (n * share)
    solved = _solve(centred, onehot - 1 / n_classes)
    solved -= share[:, None] * solved.sum(0)
    return _spread_out(solved, -product(centre, solved), rows, len(codes))


def _self_trained(model: DualModel, products: Doubles, codes: Codes, *, dims: int) -> DualModel:
    """The discriminant after self-training (Scudder 1965): it also learns from rows without a label.

    In each round, the rows with the largest margins get the class that was predicted of them. It is a share of all
    rows, not of each class: a rare class would be given other rows.
    """
    unlabelled = np.flatnonzero(codes < 0)
    if not len(unlabelled):
        return model
    for share in SHARES:
        scores = model.scores(products[unlabelled])
        two = np.partition(scores, -2, axis=1)[:, -2:]
        surest = np.argsort(two[:, 0] - two[:, 1], kind="stable")[: round(share * len(unlabelled))]
        target = np.array(codes, np.int64)
        target[unlabelled[surest]] = scores[surest].argmax(1)
        model = fit_dual_discriminant(products, target, dims=dims)
    return model


def _labelled(codes: Codes) -> tuple[NDArray[np.int64], Codes, Doubles]:
    """The labelled rows [m], their classes [m], and these as float64 [m, C] of 0 and 1."""
    rows = np.flatnonzero(codes >= 0)
    return rows, codes[rows], np.eye(int(codes.max()) + 1)[codes[rows]]


def _solve(positive: Doubles, right: Doubles) -> Doubles:
    """The solution of a positive definite system, whose matrix is overwritten."""
    factor = cho_factor(positive, lower=True, overwrite_a=True, check_finite=False)
    return np.asarray(cho_solve(factor, right, check_finite=False))


def _spread_out(solved: Doubles, bias: Doubles, rows: NDArray[np.int64], n: int) -> DualModel:
    """The model whose coefficients are `solved` for the labelled rows, and 0 for the others."""
    coefficients = np.zeros((n, solved.shape[1]))
    coefficients[rows] = solved
    return DualModel(coefficients, bias)
