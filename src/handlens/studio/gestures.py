"""Holding out whole gestures, once or in folds: photos that were labelled together resemble each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handlens.studio.discriminant import CV_FOLDS, Codes, folds

MOST_HELD_OUT = 1 / 3
"""Of a class, `hold_out` takes at most this share of the rows; where its gestures are larger, it takes single rows."""


def gesture_folds(
    codes: Codes,
    gestures: NDArray[np.integer],
    *,
    seed: int,
    kept: NDArray[np.bool_] | None = None,
    n_folds: int = CV_FOLDS,
) -> NDArray[np.int64]:
    """A fold for each row, the same for all rows of a gesture, such that each class keeps rows in the other folds.

    Args:
        codes: classes [n].
        gestures: which rows were labelled together [n].
        seed: of the order in which gestures of equal size are dealt out.
        kept: rows that are in no fold [n].
        n_folds: number of folds.

    Returns:
        folds [n], 0…n_folds−1; −1 for rows that must not be held out: those that are kept, and those of a class whose
        rows all come from one gesture.

    Example:
        >>> codes, gestures = np.array([0, 0, 0, 1, 1, 2]), np.array([7, 7, 8, 9, 9, 3])
        >>> fold = gesture_folds(codes, gestures, seed=0)
        >>> bool(fold[0] == fold[1] != fold[2]), fold[3:].tolist()
        (True, [-1, -1, -1])
    """
    kept = np.zeros(len(codes), bool) if kept is None else kept
    fold = np.full(len(codes), -1, np.int64)
    if not len(codes):
        return fold
    held = np.zeros((n_folds, int(codes.max()) + 1), np.int64)  # rows of each class in each fold
    names, which, sizes = np.unique(gestures, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    members = np.split(np.argsort(which, kind="stable"), np.cumsum(sizes)[:-1])
    for gesture in order[np.argsort(-sizes[order], kind="stable")]:
        rows = members[gesture][~kept[members[gesture]]]
        counts = np.bincount(codes[rows], minlength=held.shape[1])
        together = held[:, counts > 0].sum(1)
        least = np.lexsort((held.sum(1), together))[0]
        fold[rows] = least
        held[least] += counts
    for code in np.unique(codes):
        rows = codes == code
        if not (rows & kept).any() and len(np.unique(fold[rows])) < 2:
            fold[rows] = -1
    return fold


def hold_out(codes: Codes, gestures: NDArray[np.integer], *, seed: int) -> NDArray[np.bool_]:
    """About a fifth of the rows: of each class whole gestures where it has several small ones, otherwise single rows.

    Args:
        codes: classes [n].
        gestures: which rows were labelled together [n].
        seed: of the choice.

    Returns:
        bool [n]; each class keeps most of its rows.

    Example:
        >>> codes, gestures = np.repeat([0, 1], 10), np.array([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, *[6] * 10])
        >>> held = hold_out(codes, gestures, seed=0)
        >>> len(np.unique(gestures[:10][held[:10]])), held[:10].sum(), held[10:].sum()
        (1, np.int64(2), np.int64(2))
    """
    whole = gesture_folds(codes, gestures, seed=seed)
    held: NDArray[np.bool_] = folds(codes, seed=seed) == 0
    for code in np.unique(codes):
        rows = codes == code
        if rows.sum() == 1:
            held[rows] = False  # nothing would be left to learn it from
        sizes = np.bincount(whole[rows & (whole >= 0)], minlength=CV_FOLDS)
        fitting = np.flatnonzero((sizes > 0) & (sizes <= MOST_HELD_OUT * rows.sum()))
        if len(fitting):
            fold = fitting[np.abs(sizes[fitting] - rows.sum() / CV_FOLDS).argmin()]
            held[rows] = whole[rows] == fold
    return held


def apart(tested: NDArray[np.bool_], together: NDArray[np.integer]) -> NDArray[np.bool_]:
    """The rows that a model may learn from when others are tested: neither these, nor duplicates of them.

    Args:
        tested: rows that are held out [n].
        together: the same number for rows that are duplicates of each other [n].

    Returns:
        bool [n].

    Example:
        >>> apart(np.array([True, False, False, False]), np.array([7, 8, 7, 9])).tolist()
        [False, True, False, True]
    """
    return ~np.isin(together, together[tested])
