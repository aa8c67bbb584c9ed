"""The nearest neighbours of many points: exact among few, and within nearby cells among many."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from handlens.core.products import product
from handlens.core.threads import one_blas_thread
from handlens.studio.discriminant import Floats

EXACT_TO = 10_000
"""Points up to which all are compared with all."""

_CELL = 250  # points in a cell on average
_PROBED = 24  # cells next to that of a point in which its neighbours are looked for
_GROUPS = 32  # columns of distances of which only the least is looked at first
_BLOCK = 2**23  # distances that are computed at once, 32 MB


@one_blas_thread()
def nearest(
    z: Floats,
    k: int,
    *,
    seed: int,
    among: Floats | None = None,
    cells: Cells | None = None,
    step: Callable[[float], None] | None = None,
) -> NDArray[np.int32]:
    """The k nearest others of each row of z [n, d], or its k nearest rows of `among` [m, d]; in no order.

    Of more than 10,000 rows, the neighbours of a row are looked for in the cells nearest to its own, where cells are
    those of k-means (an inverted file; Jégou, Douze & Schmid 2011, without compressing). In features of photographs
    that finds more than 97 of 100.

    Args:
        z: the points.
        k: how many, less than the number of rows to be found.
        seed: makes the cells repeatable.
        among: the rows to be found; those of z itself unless given.
        cells: those of the rows to be found, if they are known already.
        step: called with the share that is done, 0–1, several times a second; what it raises ends the search.

    Returns:
        rows of z or of `among` [n, k].
    """
    others = z if among is None else among
    out = np.empty((len(z), k), np.int32)
    done = 0
    for rows, found in _searches(z, others, k, cells or Cells(others, seed=seed, step=step)):
        for start in range(0, len(rows), size := max(1, _BLOCK // max(1, len(found)))):
            part = rows[start : start + size]
            own = np.searchsorted(found, part) if among is None else None
            out[part] = found[_nearest(z[part], others[found], k, own)]
            done += len(part)
            if step:
                step(done / len(z))
    return out


class Cells:
    """Rows in the cells of k-means; one cell for up to 10,000 rows.

    Args:
        rows: [m, d].
        seed: makes the cells repeatable.
        step: called with 0 several times a second; what it raises ends the work.
    """

    def __init__(self, rows: Floats, *, seed: int, step: Callable[[float], None] | None = None) -> None:
        self._step = step
        many = len(rows) > EXACT_TO
        self.centres = _centres(rows, max(2, len(rows) // _CELL), seed=seed, step=step) if many else rows[:1]
        self.of_rows = self.of(rows)
        self.members = _members(self.of_rows, len(self.centres))

    def of(self, z: Floats) -> NDArray[np.int64]:
        """The cell that each row of z is in."""
        return np.zeros(len(z), np.int64) if len(self.centres) < 2 else _cells(z, self.centres, self._step)


def _searches(z: Floats, others: Floats, k: int, cells: Cells) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows of z, and the rows of `others` (ascending) among which their neighbours are looked for."""
    cell = cells.of_rows if others is z else cells.of(z)
    for rows in _members(cell, len(cells.centres)):
        if not len(rows):
            continue
        centre = cells.centres[cell[rows[0]]]
        near = np.argsort(((cells.centres - centre) ** 2).sum(1), kind="stable")
        sizes = np.cumsum([len(cells.members[i]) for i in near])
        enough = max(_PROBED, int(np.searchsorted(sizes, k + 1)) + 1)
        yield rows, np.sort(np.concatenate([cells.members[i] for i in near[:enough]]))


def _members(cell: NDArray[np.int64], cells: int) -> list[NDArray[np.int64]]:
    """The rows of each cell."""
    return np.split(np.argsort(cell, kind="stable"), np.cumsum(np.bincount(cell, minlength=cells))[:-1])


def _centres(x: Floats, n: int, *, seed: int, step: Callable[[float], None] | None) -> Floats:
    """The centres [n, d] of k-means on a sample of x, by a few steps of Lloyd's."""
    random = np.random.default_rng(seed)
    sample = x[np.sort(random.permutation(len(x))[: 40 * n])]
    centres = sample[random.permutation(len(sample))[:n]].copy()
    for _ in range(5):
        cell = _cells(sample, centres, step)
        counts = np.bincount(cell, minlength=n)
        for column in range(x.shape[1]):
            sums = np.bincount(cell, sample[:, column], minlength=n)
            centres[:, column] = np.where(counts > 0, sums / np.maximum(counts, 1), centres[:, column])
    return centres


def _cells(x: Floats, centres: Floats, step: Callable[[float], None] | None) -> NDArray[np.int64]:
    norms = (centres**2).sum(1)
    rows = max(1, _BLOCK // len(centres))
    found = np.empty(len(x), np.int64)
    for start in range(0, len(x), rows):
        if step:
            step(0.0)
        found[start : start + rows] = (norms - 2 * product(x[start : start + rows], centres.T)).argmin(1)
    return found


def _nearest(x: Floats, among: Floats, k: int, own: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """The k nearest rows of `among` of each row of x; `own` are those that are the row itself, and do not count."""
    n = len(among)
    width = -(-n // _GROUPS)
    distance = np.full((len(x), width * _GROUPS), np.inf, np.float32)
    distance[:, :n] = (among**2).sum(1) - 2 * product(x, among.T)
    if own is not None:
        distance[np.arange(len(x)), own] = np.inf
    if width > 4 * k:
        # The k nearest lie in the k groups with the least distances: only these are sorted out.
        least = distance.reshape(len(x), _GROUPS, width).min(1)
        groups = np.argpartition(least, k - 1, axis=1)[:, :k]
        looked_at = (groups[:, :, None] + width * np.arange(_GROUPS)).reshape(len(x), -1)
        distance = np.take_along_axis(distance, looked_at, 1)
        return np.take_along_axis(looked_at, np.argpartition(distance, k - 1, axis=1)[:, :k], 1)
    return np.argpartition(distance, k - 1, axis=1)[:, :k]
