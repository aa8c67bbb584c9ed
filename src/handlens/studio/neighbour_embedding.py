"""Neighbour embedding: a place on the plane for each photo, similar ones near each other, by t-SNE."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from handlens.core.products import ignored_flags, product
from handlens.core.threads import embedding_threads, one_blas_thread
from handlens.errors import Cancelled
from handlens.studio.descent import Descent
from handlens.studio.discriminant import Floats
from handlens.studio.nearest import nearest
from handlens.studio.projections import frame

SAMPLE = 3000
"""Photos up to which all are arranged at once; of more, a random sample of so many comes first."""

_STEPS = 500  # for a sample
_REPORTED = 5  # after so many steps, so that cancelling takes a moment
_NEAR = 15  # neighbours that attract a photo
_APART = 0.05  # standard deviation, in places that are about 1 from each other
_SEARCHED = 500  # photos whose neighbours are found in the time of a step
_PLACED_BY = 5  # neighbours that give a photo its place among others

# For all photos: steps, exaggeration of the attraction, and momentum; after each line the places are shown.
_PLAN = ((50, 4.0, 0.5), *[(50, 1.0, 0.8)] * 5)


def neighbour_embedding(
    z: Floats,
    *,
    seed: int,
    start: Floats | None = None,
    report: Callable[[int, int], bool] | None = None,
    show: Callable[[Floats], object] | None = None,
) -> Floats:
    """Places of photos, similar ones near each other, by t-SNE (van der Maaten & Hinton 2008).

    Up to 3,000 photos are arranged at once. Of more, a random sample is arranged first, and the others are placed next
    to the nearest of it: a map to begin with (Kobak & Berens 2019). From there all are arranged together. The learning
    rate grows with their number (Belkina et al. 2019), a photo is attracted by 15 neighbours equally, and repulsion is
    interpolated on a grid (Linderman et al. 2019), so that time and memory grow with the number of photos.

    Args:
        z: principal components [n, d] of the features, the widest first.
        seed: makes the sample and the embedding repeatable.
        start: earlier places [n, 2], NaN for photos without one. If at least 3,000 are known, they are where all photos
            begin; fewer give the direction of the map.
        report: called as `report(done, total)` with the number of steps, from 0 on; if it returns True, the work is
            cancelled. Steps take about the same time.
        show: called with places of all photos [n, 2] that are better than those before.

    Returns:
        places [n, 2], not yet scaled; see `frame`.

    Raises:
        Cancelled: `report` returned True.
    """
    n = len(z)
    known = np.isfinite(start[:, 0]) if start is not None else np.zeros(n, bool)
    whole = n > SAMPLE
    first = 0 if whole and known.sum() >= SAMPLE else _STEPS
    cost = 1 + n // 5000
    steps = _Steps(report, first + whole * (n // _SEARCHED + cost * sum(line[0] for line in _PLAN)))
    if n < 8:
        return z[:, :2].copy() if z.shape[1] > 1 else np.zeros((n, 2), np.float32)
    if first:
        chosen = np.sort(np.random.default_rng(seed).permutation(n)[:SAMPLE]) if whole else np.arange(n)
        sample = _arranged(z[chosen], seed, steps)
        if start is not None and known[chosen].sum() > 2:
            sample = turned(sample, start[chosen])
        start = np.full((n, 2), np.nan, np.float32)
        start[chosen] = sample
    assert start is not None
    if not whole:
        return start
    # As far apart as so many photos will be: each takes about the same room on any map.
    steps.done = first
    places = placed_among(z, frame(start) * np.float32(np.sqrt(n)), seed=seed, step=steps.check)
    # Those that are exactly alike would never part.
    places += np.random.default_rng(seed).normal(0, _APART, places.shape).astype(np.float32)
    if show:
        show(places)
    return _refined(z, places, seed, steps, cost, show)


class _Steps:
    """Counts the steps, tells of them, and ends the work when it is cancelled."""

    def __init__(self, report: Callable[[int, int], bool] | None, total: int) -> None:
        self._report, self.total, self.done, self.stopped = report, total, 0, False
        self.check()

    def check(self) -> None:
        """Tell how far the work is; raises Cancelled if it is to stop."""
        if self.to(self.done):
            raise Cancelled("the neighbour embedding was cancelled.")

    def to(self, done: int) -> bool:
        """Tell that so many steps are done, and whether the work is to stop."""
        self.done = min(done, self.total)
        self.stopped = self.stopped or bool(self._report and self._report(self.done, self.total))
        return self.stopped


def _arranged(z: Floats, seed: int, steps: _Steps) -> Floats:
    """Places [n, 2] of a few photos, by the whole of t-SNE."""
    from openTSNE import TSNE

    steps.done += 1
    steps.check()
    latest, done = 0, 0

    def step(iteration: int, _error: float, _embedding: object) -> bool:
        nonlocal latest, done
        # openTSNE counts from 0 again after the early exaggeration.
        done += iteration - latest if iteration > latest else iteration
        latest = iteration
        return steps.to(done)

    model = TSNE(
        perplexity=min(30, (len(z) - 1) / 3),
        initialization=(z[:, :2] / max(float(z[:, 0].std()), 1e-12) * 1e-4).astype(np.float64),
        early_exaggeration_iter=_STEPS // 3,
        n_iter=_STEPS - _STEPS // 3,
        negative_gradient_method="fft" if len(z) > 1500 else "bh",
        neighbors="exact",
        random_state=seed,
        n_jobs=embedding_threads(len(z)),
        callbacks=step,
        callbacks_every_iters=_REPORTED,
    )
    with ignored_flags():
        placed = np.asarray(model.fit(z.astype(np.float64)), np.float32)
    if steps.stopped:
        raise Cancelled("the neighbour embedding was cancelled.")
    return placed


def placed_among(z: Floats, places: Floats, *, seed: int, step: Callable[[], None] | None = None) -> Floats:
    """Places [n, 2] of all photos: of those that have none, the median of the places of the five nearest that do.

    Args:
        z: principal components [n, d] of the features.
        places: [n, 2], NaN for photos without one.
        seed: see `nearest`.
        step: called several times a second; what it raises ends the work.
    """
    known = np.isfinite(places).all(1)
    old, new = np.flatnonzero(known), np.flatnonzero(~known)
    found = places.copy()
    if len(new):
        check = None if step is None else lambda _: step()
        near = nearest(z[new], min(_PLACED_BY, len(old)), seed=seed, among=z[old], step=check)
        found[new] = np.median(places[old][near], axis=1)
    return found


def _refined(
    z: Floats, places: Floats, seed: int, steps: _Steps, cost: int, show: Callable[[Floats], object] | None
) -> Floats:
    """All photos arranged together, beginning at `places` [n, 2]."""
    n, before = len(z), steps.done

    def searched(share: float) -> None:
        steps.done = before + int(share * (n // _SEARCHED))
        steps.check()

    affinities = _affinities(nearest(z, min(_NEAR, n - 1), seed=seed, step=searched))
    descent = Descent(affinities, places, threads=embedding_threads(n))
    for count, exaggeration, momentum in _PLAN:
        for _ in range(count):
            descent.step(exaggeration=exaggeration, momentum=momentum)
            steps.done += cost
            steps.check()
        if show and steps.done < steps.total:
            show(descent.places.copy())
    return descent.places


def _affinities(near: np.ndarray[Any, np.dtype[np.int32]]) -> Any:
    """The same weight for pairs of which one is a nearest neighbour of the other, twice if both are; the sum is 1."""
    from scipy.sparse import csr_matrix

    n, k = near.shape
    one_way = csr_matrix((np.full(n * k, 0.5 / (n * k)), near.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    return (one_way + one_way.T).tocsr()


@one_blas_thread()
def turned(xy: Floats, like: Floats) -> Floats:
    """Places [n, 2] rotated or mirrored to agree with `like` [n, 2], as far as that has no NaN (Schönemann 1966).

    Example:
        >>> square = np.array([[0, 0], [2, 0], [2, 1], [0, 1]], np.float32)
        >>> turned(square[:, ::-1], square).round(3).tolist()
        [[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]
    """
    known = np.isfinite(like).all(1) & np.isfinite(xy).all(1)
    here, there = xy[known], like[known]
    left, _, right = np.linalg.svd(product((here - here.mean(0)).T, there - there.mean(0)))
    return np.asarray(product(xy, product(left, right)), np.float32)
