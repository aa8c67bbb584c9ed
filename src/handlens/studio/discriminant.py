"""Shrinkage linear discriminant analysis: one closed form gives the separating axes and a classifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from handlens.core.products import product
from handlens.core.threads import one_blas_thread
from handlens.errors import TrainingError

Floats = NDArray[np.float32]
Codes = NDArray[np.integer]

CV_FOLDS = 5


@dataclass(frozen=True)
class Discriminant:
    """A fitted linear discriminant with equal priors.

    Attributes:
        weights: float32 [D, C]; `x @ weights + bias` are the log probabilities of the classes up to a constant.
        bias: float32 [C].
        means: the means of the classes, float32 [C, D].
        shrinkage: the weight of the spherical covariance, 0–1.

    Example:
        >>> x = np.array([[0, 1], [0, -1], [4, 1], [4, -1]], np.float32)
        >>> discriminant = fit_discriminant(x, np.array([0, 0, 1, 1]))
        >>> discriminant.logits(np.array([[1, 9], [3, 9]], np.float32)).argmax(1).tolist()
        [0, 1]
        >>> np.abs(discriminant.axes()).round(3).tolist()
        [[1.0], [0.0]]
    """

    weights: Floats
    bias: Floats
    means: Floats
    shrinkage: float

    @one_blas_thread()
    def logits(self, x: Floats) -> Floats:
        """Scores [N, C] of the classes for the rows of x [N, D]."""
        return np.asarray(product(x, self.weights) + self.bias, np.float32)

    @one_blas_thread()
    def axes(self) -> Floats:
        """Orthonormal directions [D, k] that separate the classes most, k = min(2, C − 1), the best one first.

        They are the leading eigenvectors of the between-class scatter in the metric of Σ⁻¹, which the weights span
        (Fisher 1936; Hastie, Tibshirani & Friedman, The Elements of Statistical Learning, §4.3.3).
        """
        centred = self.means - self.means.mean(0)
        # In the metric of Σ⁻¹ the between-class scatter is a C×C matrix, small for any D.
        between = product(centred, self.weights - self.weights.mean(1, keepdims=True))
        values, vectors = np.linalg.eigh((between + between.T) / 2)
        leading = np.argsort(values)[::-1][: min(2, len(self.means) - 1)]
        directions = product(self.weights, vectors[:, leading])
        axes, _ = np.linalg.qr(directions)
        # qr may flip signs; keep the side on which the direction itself points.
        return np.asarray(axes * np.sign((axes * directions).sum(0)), np.float32)


@one_blas_thread()
def fit_discriminant(x: Floats, codes: Codes) -> Discriminant:
    """Fit linear discriminant analysis with shrinkage and equal priors.

    The pooled within-class covariance is shrunk towards a sphere as far as Ledoit & Wolf (2004) recommend. It is
    computed and inverted as an n×n or a D×D matrix, whichever is smaller, so that a few labels in thousands of
    dimensions take milliseconds.

    Args:
        x: features [n, D].
        codes: classes [n], 0…C−1.

    Raises:
        TrainingError: there are fewer than two classes, or a class without a row.
    """
    codes = np.asarray(codes)
    n_classes = int(codes.max(initial=-1)) + 1
    counts = np.bincount(codes, minlength=n_classes)
    if n_classes < 2 or (counts == 0).any():
        raise TrainingError(
            f"two or more labels with photos each are needed; {int((counts > 0).sum())} arrived. "
            "Label some photos of another kind first."
        )
    onehot = np.eye(n_classes, dtype=np.float32)[codes]
    means = np.asarray(product(onehot.T, x) / counts[:, None], np.float32)
    residuals = x - means[codes]
    weights, shrinkage = _solve(residuals, means - means.mean(0))
    bias = -0.5 * np.einsum("cd,dc->c", means + means.mean(0), weights)
    return Discriminant(weights, bias.astype(np.float32), means, shrinkage)


def _solve(residuals: Floats, targets: Floats) -> tuple[Floats, float]:
    """Σ⁻¹ · targetsᵀ [D, C], where Σ is the Ledoit–Wolf covariance of the residuals [n, D]; and the shrinkage."""
    n, d = residuals.shape
    dual = n < d
    small = (product(residuals, residuals.T) if dual else product(residuals.T, residuals)).astype(np.float64)
    norms = np.einsum("nd,nd->n", residuals, residuals, dtype=np.float64)
    scale = norms.sum() / (n * d)  # μ, the mean variance
    if scale <= 0:  # each class is a single point: the covariance is zero
        return targets.T.astype(np.float32), 1.0
    frobenius = (small**2).sum() / n**2  # ‖S‖²
    distance = frobenius - d * scale**2  # ‖S − μI‖²
    noise = ((norms**2).sum() / n - frobenius) / n
    shrinkage = float(np.clip(noise / distance, 1e-3, 1.0)) if distance > 0 else 1.0
    ridge = shrinkage * scale
    if shrinkage == 1.0:
        return (targets.T / ridge).astype(np.float32), 1.0
    # (ridge·I + a RᵀR)⁻¹, a = (1 − λ)/n, directly or through the Woodbury identity.
    a = (1 - shrinkage) / n
    small *= a
    small[np.diag_indices_from(small)] += ridge
    factor = cho_factor(small, lower=True, overwrite_a=True, check_finite=False)
    if dual:
        inner = cho_solve(factor, product(residuals, targets.T).astype(np.float64), check_finite=False)
        solved = (targets.T - a * product(residuals.T, inner.astype(np.float32))) / ridge
    else:
        solved = cho_solve(factor, targets.T.astype(np.float64), check_finite=False)
    return solved.astype(np.float32), shrinkage


def folds(codes: Codes, *, seed: int = 0, n_folds: int = CV_FOLDS) -> NDArray[np.int64]:
    """A fold, 0…n_folds−1, for each row: random by `seed`, with the rows of each class spread evenly over the folds."""
    generator = np.random.default_rng(seed)
    fold = np.empty(len(codes), np.int64)
    start = 0
    for code in np.unique(codes):
        members = generator.permutation(np.flatnonzero(codes == code))
        fold[members] = (start + np.arange(len(members))) % n_folds
        start += len(members)
    return fold
