"""Find similar: photos by their distance from selected ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import CollectionError
from handlens.studio.discriminant import Floats
from handlens.studio.features.extractor import Layer
from handlens.studio.labels import Labels
from handlens.studio.layers import Layers
from handlens.studio.maps import Maps
from handlens.studio.neighbours import distances_on_map
from handlens.studio.photos import Photos

Ids = Sequence[int] | NDArray[np.integer]

_PART = 256
"""How many times k rows are looked at for a distance that the k nearest cannot be beyond."""


class Similarity:
    """Distances between photos, in the standardised features of a layer and on its maps."""

    def __init__(self, photos: Photos, layers: Layers, labels: Labels, maps: Maps) -> None:
        self._photos, self._layers, self._labels, self._maps = photos, layers, labels, maps

    def similar(
        self, ids: Ids, *, layer: str | Layer, projection: str | None = None, k: int | None = None
    ) -> pd.DataFrame:
        """All other photos, unlabelled ones first, then by distance; see `Collection.similar`."""
        squared = self._squared(ids, layer, projection)
        order = self._photos.order[: len(squared)]
        selected = self._photos.rows[np.asarray(ids)]
        squared[selected[selected < len(squared)]] = np.nan
        rows = nearest(squared, self._labels.codes[order] >= 0, order, k)
        return self._table(order[rows], squared[rows])

    def spread(self, ids: Ids, *, layer: str | Layer, projection: str | None = None) -> pd.DataFrame:
        """The photos `ids` themselves, the farthest from their centre first; see `Collection.spread`."""
        squared = self._squared(ids, layer, projection)
        wanted = np.asarray(ids)
        rows = self._photos.rows[wanted]
        known = rows < len(squared)
        of_wanted = np.full(len(rows), np.nan, np.float32)
        of_wanted[known] = squared[rows[known]]
        order = np.argsort(-np.nan_to_num(of_wanted, nan=-1), kind="stable")
        return self._table(wanted[order], of_wanted[order])

    def _table(self, ids: NDArray[np.integer], squared: Floats) -> pd.DataFrame:
        paths = self._photos.paths
        return pd.DataFrame({"id": ids, "path": [paths[i] for i in ids.tolist()], "distance": np.sqrt(squared)})

    def _squared(self, ids: Ids, layer: str | Layer, projection: str | None) -> Floats:
        """Squared distances in the preparing order, float32 [rows]; NaN for photos that cannot be read."""
        wanted = np.asarray(ids)
        if wanted.ndim != 1 or not wanted.size or wanted.dtype.kind not in "iu":
            raise CollectionError("at least one photo must be selected, by whole-number ids.")
        for photo in (wanted.min(), wanted.max()):
            self._photos.check(int(photo))
        found = self._layers.get(layer)
        features = self._layers.maps_of(found)
        distances = features.fit().distances
        rows = self._photos.rows[wanted]
        good = features.good()
        rows = rows[rows < len(good)]
        rows = rows[good[rows]]
        if not rows.size:
            raise CollectionError("none of the selected photos is prepared yet. Wait a moment, or select others.")
        squared = distances.from_centre_of(rows)
        if projection is not None:
            self._maps.check(found, projection)
            xy = np.full((len(squared), 2), np.nan, np.float32)
            placed = self._maps.rows(found, projection)[: len(xy)]
            xy[: len(placed)] = placed
            if np.isfinite(xy[rows]).any():
                near = distances_on_map(xy, rows)
                # Photos prepared after an embedding was computed have no position in it: for these the layer decides.
                squared = np.where(np.isfinite(near), (squared + near) / 2, squared).astype(np.float32)
        return squared[: len(self._photos)]  # another process may know of more photos already


def nearest(
    distance: Floats, last: NDArray[np.bool_], ids: NDArray[np.integer], k: int | None = None
) -> NDArray[np.int64]:
    """The rows with the least distances, in this order: those marked `last` come after all others, ties by id.

    Only the first k are sorted: of a million rows, that takes a tenth of the time.

    Args:
        distance: [n]; NaN for rows that are left out.
        last: rows that come after the others [n].
        ids: all different [n].
        k: how many rows at most; all unless given.

    Returns:
        rows, int64 [k] or fewer.

    Example:
        >>> distance = np.array([4, 1, 2, np.nan, 2], np.float32)
        >>> nearest(distance, np.array([False, True, False, False, False]), np.array([9, 8, 7, 6, 5])).tolist()
        [4, 2, 0, 1]
        >>> nearest(distance, np.zeros(5, bool), np.arange(5), 2).tolist()
        [1, 2]
    """
    if k is not None and 0 < k < len(distance):
        far = np.where(last, np.float32(np.inf), distance)
        # The k-th of a part is no nearer than the k-th of all, and all but a few are farther than it.
        part = far[:: max(1, len(far) // (_PART * k))]
        limit = np.partition(part, k - 1)[k - 1]  # NaN counts as the largest
        if np.isfinite(limit):
            return _least(far, np.flatnonzero(far <= limit), ids, k)
    first = np.flatnonzero(np.isfinite(distance) & ~last)
    found = _least(distance, first, ids, k)
    if k is not None and len(found) >= k:
        return found[:k]
    rest = np.flatnonzero(np.isfinite(distance) & last)
    return np.concatenate([found, _least(distance, rest, ids, None if k is None else k - len(found))])


def _least(distance: Floats, rows: NDArray[np.int64], ids: NDArray[np.integer], k: int | None) -> NDArray[np.int64]:
    """Up to k of the rows, the one of the least distance first, ties by id."""
    if k is not None and max(k, 0) < len(rows):
        if k < 1:
            return rows[:0]
        of_rows = distance[rows]
        rows = rows[of_rows <= np.partition(of_rows, k - 1)[k - 1]]  # with all that are as far as the last one
    return rows[np.lexsort((ids[rows], distance[rows]))][:k]
