"""From the features of a layer to a place on a plane: principal components and separating axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handlens.core.products import product
from handlens.core.threads import one_blas_thread
from handlens.studio.discriminant import Floats, fit_discriminant, folds
from handlens.studio.feature_rows import FeatureRows

PCA = {"pca-1-2": (0, 1), "pca-3-4": (2, 3), "pca-5-6": (4, 5)}
NEIGHBOURS = "neighbours"
LABELS = "labels"
SEPARATE = "separate"
TITLES = {
    "pca-1-2": "PCA 1–2",
    "pca-3-4": "PCA 3–4",
    "pca-5-6": "PCA 5–6",
    NEIGHBOURS: "Neighbours",
    LABELS: "All labels apart",
    SEPARATE: "Chosen labels apart",
}


@dataclass(frozen=True)
class Scaling:
    """Standardisation of columns: their means [D] and inverse standard deviations [D], 0 for constant columns.

    Example:
        >>> scaling = Scaling.of(np.array([[1, 5], [3, 5]], np.float32))
        >>> scaling.apply(np.array([[4, 6]], np.float32)).tolist()
        [[2.0, 0.0]]
    """

    mean: Floats
    inverse: Floats

    @classmethod
    def of(cls, x: Floats) -> Scaling:
        """The scaling after which the columns of x [n, D] have mean 0 and standard deviation 1."""
        mean = x.mean(0, dtype=np.float64)
        # In slices: a centred float64 copy of a large layer would be the largest thing in memory.
        slices = (x[start : start + 1024] - mean for start in range(0, len(x), 1024))
        deviation = np.sqrt(sum((part**2).sum(0) for part in slices) / len(x))
        least = 1e-6 * max(1e-12, float(deviation.max(initial=0)))
        inverse = np.where(deviation > least, 1 / np.maximum(deviation, 1e-30), 0)
        return cls(mean.astype(np.float32), inverse.astype(np.float32))

    def apply(self, x: Floats) -> Floats:
        """The standardised rows [n, D]."""
        return (x - self.mean) * self.inverse


@dataclass(frozen=True)
class Linear:
    """A projection of raw features x [n, D]: z = (x − mean) · weights, with mean [D] and weights [D, k].

    Example:
        >>> Linear(np.array([1, 1], np.float32), np.array([[2], [0]], np.float32))(np.eye(2, dtype=np.float32)).tolist()
        [[0.0], [-2.0]]
    """

    mean: Floats
    weights: Floats

    @one_blas_thread()
    def __call__(self, x: Floats) -> Floats:
        # One product with the features as they are stored, less a constant, instead of a centred copy of them.
        return np.asarray(product(x, self.weights) - product(self.mean, self.weights))

    def over(self, rows: FeatureRows) -> Floats:
        """The projection [n, k] of all rows, block by block."""
        return np.asarray(rows.times(self.weights) - product(self.mean, self.weights))


@one_blas_thread()
def principal_components(x: Floats, scaling: Scaling, *, k: int, seed: int) -> Linear:
    """The k leading principal components of standardised x [n, D], as a projection of raw features.

    The largest loading of each component is positive, so that the same photos give the same map. If x has too few
    rows or columns for k components, the rest are zeros.
    """
    z = scaling.apply(x)
    found = min(k, min(z.shape) - 1)
    loadings = np.zeros((z.shape[1], k), np.float32)
    if found > 0:
        components = leading_directions(z, found, seed=seed)
        largest = np.abs(components).argmax(1)
        loadings[:, :found] = (components * np.sign(components[np.arange(found), largest])[:, None]).T
    return Linear(scaling.mean, loadings * scaling.inverse[:, None])


@one_blas_thread()
def leading_directions(z: Floats, k: int, *, seed: int) -> Floats:
    """The k leading right singular vectors [k, D] of z [n, D], by randomised subspace iteration.

    Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1, oversampled by ten directions.
    """
    spare = min(k + 10, *z.shape)
    basis = np.random.default_rng(seed).standard_normal((z.shape[1], spare), np.float32)
    for _ in range(5):
        basis = np.linalg.qr(product(z.T, product(z, basis)))[0]
    _, _, turned = np.linalg.svd(product(z, basis), full_matrices=False)
    return np.asarray(product(turned, basis.T)[:k], np.float32)


@one_blas_thread()
def align(new: Linear, old: Linear, x: Floats) -> Linear:
    """`new` with the signs for which it agrees best with `old` on x: a map must not flip when it is refined."""
    same = (new(x) * old(x)).sum(0)
    return Linear(new.mean, new.weights * np.where(same < 0, -1, 1).astype(np.float32))


@one_blas_thread()
def separating_axes(x: Floats, codes: NDArray[np.integer], scaling: Scaling, everything: Floats) -> Linear:
    """The plane on which the labelled rows x [n, D] with classes `codes` [n] lie furthest apart, by shrinkage LDA.

    Two classes give one axis; the second one is the direction at a right angle to it in which the rows of
    `everything` [N, D] vary most.
    """
    axes = fit_discriminant(scaling.apply(x), codes).axes()
    if axes.shape[1] == 1:
        z = scaling.apply(everything)
        rest = z - product(product(z, axes), axes.T)
        axes = np.hstack([axes, leading_directions(np.asarray(rest, np.float32), 1, seed=0).T])
    return Linear(scaling.mean, axes * scaling.inverse[:, None])


@one_blas_thread()
def separated_map(
    x: FeatureRows,
    marked: NDArray[np.int64],
    codes: NDArray[np.integer],
    scaling: Scaling,
    sample: Floats,
    *,
    seed: int,
) -> Floats:
    """Places of all rows on the plane on which the labelled ones lie furthest apart.

    With few labels in many dimensions, such a plane separates the rows that it was fitted on much more than other
    rows of the same classes. So each labelled row is placed by a plane that was fitted without it (five folds), and
    rotated to agree with the plane of all rows on `sample` (orthogonal Procrustes; Schönemann 1966).

    Args:
        x: raw features.
        marked: the labelled rows [m].
        codes: their classes [m], 0…C−1.
        scaling: the standardisation of x.
        sample: some rows [k, D] of x.
        seed: makes the folds repeatable.

    Returns:
        places [n, 2], not yet scaled; see `frame`.
    """
    known = x.at(marked)
    plane = separating_axes(known, codes, scaling, sample)
    xy = plane.over(x)
    fold = folds(codes, seed=seed)
    for k in np.unique(fold):
        rest, out = fold != k, fold == k
        if len(np.unique(codes[rest])) < len(np.unique(codes)):
            continue  # a class has no other row: its only one keeps the place by the plane fitted with it
        other = separating_axes(known[rest], codes[rest], scaling, sample)
        there, here = other(sample), plane(sample)
        left, _, right = np.linalg.svd(product((there - there.mean(0)).T, here - here.mean(0)))
        xy[marked[out]] = product(other(known[out]) - there.mean(0), product(left, right)) + here.mean(0)
    return np.asarray(xy, np.float32)


def frame(xy: Floats, *, of: int | None = None) -> Floats:
    """Places [n, 2] moved, and scaled equally in both directions, so that 99 % lie within −1…1; NaN stays NaN.

    Args:
        xy: the places.
        of: only of the first so many places do 99 % have to; all unless given.
    """
    known = xy[:of][np.isfinite(xy[:of]).all(1)]
    if not len(known):
        return xy.astype(np.float32)
    centre = np.percentile(known, [0.5, 99.5], axis=0).mean(0)
    # The 99th percentile of the larger coordinate, not of each alone: 99 % lie within in both at once.
    half = max(float(np.percentile(np.abs(known - centre).max(1), 99, method="higher")), 1e-12)
    return np.asarray((xy - centre) / half, np.float32)


def neighbour_agreement(
    xy: Floats,
    codes: NDArray[np.integer],
    gestures: NDArray[np.integer],
    *,
    together: NDArray[np.integer] | None = None,
    k: int = 5,
) -> float | None:
    """How well a map separates classes: the share of photos whose class is the most frequent of the k nearest others.

    Photos that were labelled together lie together on any map, so that only photos of other gestures count as others.

    Args:
        xy: places on the map [n, 2].
        codes: classes [n], 0…C−1.
        gestures: which photos were labelled together [n].
        together: the same number for photos that are duplicates of each other [n]: these do not count as others either.
            All photos differ unless given.
        k: how many neighbours vote.

    Returns:
        the mean of that share (0–1) over the classes of more than one gesture; None if there is no such class.

    Example:
        >>> xy = np.array([[0, 0], [1, 0], [9, 0], [8, 0]], np.float32)
        >>> neighbour_agreement(xy, np.array([0, 0, 1, 1]), np.array([1, 2, 3, 4]), k=1)
        1.0
    """
    n, classes = len(xy), np.unique(codes)
    tested = [c for c in classes if len(np.unique(gestures[codes == c])) > 1]
    if not tested:
        return None
    distance = ((xy[:, None, :] - xy[None, :, :]) ** 2).sum(2)
    for group in (gestures, np.arange(n) if together is None else together):
        distance[group[:, None] == group[None, :]] = np.inf
    near = np.argsort(distance, axis=1, kind="stable")[:, :k]
    votes = np.zeros((n, int(codes.max()) + 1), np.int64)
    np.add.at(votes, (np.arange(n)[:, None], codes[near]), np.isfinite(np.take_along_axis(distance, near, 1)))
    right = votes.argmax(1) == codes
    return float(np.mean([right[codes == c].mean() for c in tested]))
