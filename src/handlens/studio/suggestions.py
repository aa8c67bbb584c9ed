"""What to label next: photos that stand for many others, where the model is unsure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handlens.core.products import product
from handlens.core.threads import one_blas_thread
from handlens.errors import ArtifactError, CollectionError
from handlens.studio.discriminant import Floats
from handlens.studio.models.registry import Models
from handlens.studio.spot_check import SpotCheck
from handlens.studio.training_data import TrainingData

Ids = NDArray[np.int64]

MOST = 200
"""Photos that may be suggested at once."""

POOL = 1500
"""Photos that are compared with each other at most: a random sample, half of it labelled at most."""

REACH = 2.0
"""How far a photo stands for others: the variance of the kernel, as a multiple of the usual squared distance between a
photo and the fifth nearest one."""


class Suggestions:
    """Chooses the photos that are most worth a label; see `Collection.next`."""

    def __init__(self, spot_check: SpotCheck, data: TrainingData, models: Models, *, seed: int) -> None:
        self._spot_check, self._data, self._models, self._seed = spot_check, data, models, seed

    def next(self, n: int) -> Ids:
        """Up to n photos without a label, the one most worth a label first."""
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 1 <= n <= MOST:
            raise CollectionError(f"n must be a whole number from 1 to {MOST}; {n!r} arrived.")
        check, prepared = self._spot_check.now(), self._data.prepared()
        labelled = check.labels.codes >= 0
        free, by_person = prepared & ~labelled, prepared & (check.labels.by_person >= 0)
        free[check.waiting] = False  # they are asked for by the check
        if not free.any():
            raise CollectionError(_nothing(~labelled, prepared, len(check.waiting)))
        known = np.random.default_rng(self._seed).permutation(np.flatnonzero(by_person))[: POOL // 2]
        ids = self._data.sample(free, POOL - len(known))
        near = kernel(self._data.features(np.concatenate([ids, known])), len(ids))
        return ids[herd(near, self._doubt(ids), int(n))]

    def _doubt(self, ids: Ids) -> NDArray[np.float32]:
        """How unsure the model is of each photo (0–1): 1 less the margin between its two likeliest labels."""
        if self._models.in_use is None:
            return np.ones(len(ids), np.float32)
        try:
            p = self._models.probabilities()[1][ids]
        except ArtifactError:  # a damaged model says nothing
            return np.ones(len(ids), np.float32)
        two = np.partition(p, -2, axis=1)[:, -2:]
        return np.nan_to_num(1 - (two[:, 1] - two[:, 0]), nan=1.0).astype(np.float32)


@one_blas_thread()
def kernel(features: dict[str, Floats], n: int) -> NDArray[np.float32]:
    """How much each of the first n rows stands for each of all m rows, 0–1: a Gaussian of the angle between them.

    Args:
        features: standardised features [m, D] of each layer.
        n: at least 1.

    Returns:
        float32 [n, m]; 1 for a row and itself.
    """
    squares = sum(np.einsum("ij,ij->i", x, x) for x in features.values())
    lengths = np.sqrt(np.maximum(squares, 1e-12))
    products = sum(product(x[:n], x.T) for x in features.values())
    distances = np.maximum(2 - 2 * products / (lengths[:n, None] * lengths), 0)
    fifth = min(5, distances.shape[1] - 1)
    usual = float(np.median(np.partition(distances, fifth, axis=1)[:, fifth]))
    return np.asarray(np.exp(-distances / (2 * REACH * max(usual, 1e-6))), np.float32)


def herd(near: NDArray[np.float32], doubt: NDArray[np.float32], n: int) -> Ids:
    """Choose rows one by one, each the one that adds most to how well all doubtful rows are stood for.

    That is the sum over rows of the doubt times the largest kernel with a row that is labelled or chosen (uncertainty
    herding: Bae et al. 2024, arXiv 2412.20644; without a model, when each doubt is 1, it is MaxHerding, arXiv
    2407.12212).

    Args:
        near: the kernel [k, k + l] of k rows that may be chosen with these and l labelled ones.
        doubt: of the k rows, 0–1.
        n: how many rows to choose at most.

    Returns:
        the chosen rows, in this order.

    Example:
        >>> near = np.array([[1, 0.9, 0, 0], [0.9, 1, 0, 0], [0, 0, 1, 0.8]], np.float32)  # the last is labelled
        >>> herd(near, np.array([1, 1, 1], np.float32), 2).tolist()
        [0, 2]
    """
    k = len(near)
    among, best = near[:, :k], near[:, k:].max(1, initial=0.0)
    chosen: list[int] = []
    open = np.ones(k, bool)
    for _ in range(min(n, k)):
        gain = np.where(open, product(np.maximum(among - best, 0), doubt), -1)
        row = int(gain.argmax())
        chosen.append(row)
        open[row] = False
        best = np.maximum(best, among[row])
    return np.array(chosen, np.int64)


def _nothing(unlabelled: NDArray[np.bool_], prepared: NDArray[np.bool_], waiting: int) -> str:
    """Why no photo can be suggested."""
    if not unlabelled.any():
        return "every photo has a label, so there is nothing to suggest."
    if (unlabelled & prepared).any():
        photos = "1 photo that is left waits" if waiting == 1 else f"the {waiting:,} photos that are left wait"
        return f"{photos} for an answer of the spot check. Finish the check first."
    return "no photo without a label is prepared yet. Prepare the photos first, or wait a moment."
