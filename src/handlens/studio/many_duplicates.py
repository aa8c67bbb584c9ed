"""Pictures that are alike when small, among so many that not each can be compared with each.

At a million, comparing all with all takes half a day of a processor. Most of what tells grey pictures of 16×16 pixels
apart lies in a few directions, so they are laid along these, and put into cells, of which a few are looked through for
each picture (`handlens.studio.nearest`). What is found there is compared exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handlens.core.products import product
from handlens.core.threads import one_blas_thread
from handlens.studio.discriminant import Floats
from handlens.studio.near_duplicates import ALIKE, NEAREST, Pairs, Report, check, unit, views_of
from handlens.studio.nearest import Cells, nearest

FROM = 50_000
"""Pictures from which they are put into cells; comparing so many with each other takes two minutes of a processor."""

_DIRECTIONS = 64
_FITTED_ON = 5000
_BATCH = 512
_VIEWS = 6


@one_blas_thread()
def candidates_among_many(coarse: NDArray[np.floating], *, report: Report) -> Pairs:
    """The same as `near_duplicates.candidates`, but for a few pairs that cells do not find.

    Of pairs of 30,000 pictures with crops, compressed and changed copies, it finds what benchmarks/scale.py prints as
    their recall.

    Args:
        coarse: grey levels [n, 16, 16], also in half precision, 2 or more.
        report: as for `candidates`.
    """
    n = len(coarse)
    # Projecting is one step a picture, the search in cells one for each view, and the comparison two.
    total, before = n * (_VIEWS + 3), 0

    def tick(share: float = 0.0) -> None:
        check(report, min(n, (before + int(share * n)) * n // total), n)

    axes = _axes(coarse)

    def laid(view: int) -> Floats:
        out = np.empty((n, axes.shape[1]), np.float32)
        for start in range(0, n, _BATCH):
            tick()
            pictures = np.asarray(coarse[start : start + _BATCH], np.float32)
            out[start : start + _BATCH] = product(unit(pictures) if view == 0 else views_of(pictures)[view], axes)
        return out

    places = laid(0)
    cells = Cells(places, seed=0, step=tick)
    before = n
    k = min(NEAREST + 1, n)  # each finds itself too
    near = np.empty((n, _VIEWS, k), np.int32)
    for view in range(_VIEWS):
        near[:, view] = nearest(places if view == 0 else laid(view), k, seed=0, among=places, cells=cells, step=tick)
        before += n
    del places, cells
    found = []
    for start in range(0, n, _BATCH):
        tick(2 * start / n)
        rows = np.arange(start, min(start + _BATCH, n))
        found.append(_alike(coarse, rows, near[rows].reshape(len(rows), -1)))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _axes(coarse: NDArray[np.floating]) -> Floats:
    """The directions [256, 64] along which small pictures differ most, by a few of them."""
    some = unit(np.asarray(coarse[:: max(1, len(coarse) // _FITTED_ON)], np.float32))
    return np.asarray(np.linalg.eigh(product(some.T, some))[1][:, ::-1][:, :_DIRECTIONS], np.float32)


def _alike(coarse: NDArray[np.floating], rows: NDArray[np.int64], near: NDArray[np.int32]) -> Pairs:
    """Pairs of each row with the nearest of those that were found for it [k, m], as far as they are alike."""
    views = np.stack(views_of(np.asarray(coarse[rows], np.float32)), 1)
    others = np.sort(near, axis=1)
    twice = np.zeros(others.shape, bool)
    twice[:, 1:] = others[:, 1:] == others[:, :-1]
    compared = unit(np.asarray(coarse[others.ravel()], np.float32)).reshape(*others.shape, -1)
    alike = product(compared, views.swapaxes(1, 2)).max(2)
    alike[twice | (others == rows[:, None])] = -1
    kept = np.argpartition(-alike, min(NEAREST, alike.shape[1]) - 1, axis=1)[:, :NEAREST]
    best, others = np.take_along_axis(alike, kept, 1), np.take_along_axis(others, kept, 1)
    close = best >= ALIKE
    return np.stack([np.broadcast_to(rows[:, None], others.shape)[close], others[close]], 1)
