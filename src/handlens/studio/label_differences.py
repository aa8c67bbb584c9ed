"""What changed in the labels since a version: only that is sent to who knows the labels of that version."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_CHANGES = 256
"""Changes that are remembered, at most."""

MOST_IDS = 1_000_000
"""Photos of all changes that are remembered, at most; int32, so 4 MB."""


class AlteredLabel(NamedTuple):
    """A label that a change made, named or gave to other photos.

    Attributes:
        place: its position among all labels now.
        key: the number that it keeps.
        name: of the label.
        photos: how many have it.
        gestures: how many changes gave it; None for all labels where groups of duplicates must be known for that.
    """

    place: int
    key: int
    name: str
    photos: int
    gestures: int | None


class LabelDifference(NamedTuple):
    """How the labels of one version become those of a later one, also by way of any version between the two.

    Attributes:
        since: the earlier version.
        version: the later one.
        last_by_person: as in `LabelState`.
        ids: the photos that a change was about, ascending; int64 [n].
        keys: the keys of their labels now, −1 without a label; int32 [n].
        labels: those that changed, by ascending place; all others keep their order.
        gone: the keys of labels that a change was about, and that do not exist now.
        undo: the change that `undo` would take back, in words.
        redo: the change that `redo` would make again, in words.
    """

    since: int
    version: int
    last_by_person: int
    ids: NDArray[np.int64]
    keys: NDArray[np.int32]
    labels: list[AlteredLabel]
    gone: list[int]
    undo: str | None
    redo: str | None


class _Touched(NamedTuple):
    version: int
    ids: NDArray[np.int32]
    keys: frozenset[int]


class RecentChanges:
    """Which photos and which labels the latest changes were about.

    Args:
        version: of the labels before the first change that is added.

    Example:
        >>> recent = RecentChanges(4)
        >>> recent.add(5, np.array([7, 2]), {0})
        >>> recent.add(6, np.array([2]), {0, 1})
        >>> ids, keys = recent.since(4)
        >>> ids.tolist(), sorted(keys)
        ([2, 7], [0, 1])
        >>> recent.since(3) is None
        True
    """

    def __init__(self, version: int) -> None:
        self._before = version
        self._changes: deque[_Touched] = deque()
        self._ids = 0

    def add(self, version: int, ids: NDArray[np.integer], keys: Iterable[int]) -> None:
        """Remember what change number `version` was about, and forget the earliest ones that are too many."""
        self._changes.append(_Touched(version, ids.astype(np.int32), frozenset(keys)))
        self._ids += len(ids)
        while len(self._changes) > MOST_CHANGES or self._ids > MOST_IDS:
            first = self._changes.popleft()
            self._before = first.version
            self._ids -= len(first.ids)

    def since(self, version: int) -> tuple[NDArray[np.int64], set[int]] | None:
        """The photos, ascending, and the keys of the labels that changes after `version` were about.

        Returns:
            None where these changes are no longer, or not yet, known.
        """
        latest = self._changes[-1].version if self._changes else self._before
        if not self._before <= version <= latest:
            return None
        later = [change for change in self._changes if change.version > version]
        ids = [change.ids for change in later]
        return (
            np.unique(np.concatenate(ids)).astype(np.int64) if ids else np.empty(0, np.int64),
            set().union(*(change.keys for change in later)),
        )
