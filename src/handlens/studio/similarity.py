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


class Similarity:
    """Distances between photos, in the standardised features of a layer and on its maps."""

    def __init__(self, photos: Photos, layers: Layers, labels: Labels, maps: Maps) -> None:
        self._photos, self._layers, self._labels, self._maps = photos, layers, labels, maps

    def similar(
        self, ids: Ids, *, layer: str | Layer, projection: str | None = None, k: int | None = None
    ) -> pd.DataFrame:
        """All other photos, unlabelled ones first, then by distance; see `Collection.similar`."""
        distance = self._distances(ids, layer, projection)
        distance[np.asarray(ids)] = np.inf
        found = np.flatnonzero(np.isfinite(distance))
        found = found[np.lexsort((distance[found], self._labels.codes[found] >= 0))][:k]
        return self._table(found, distance)

    def spread(self, ids: Ids, *, layer: str | Layer, projection: str | None = None) -> pd.DataFrame:
        """The photos `ids` themselves, the farthest from their centre first; see `Collection.spread`."""
        distance = self._distances(ids, layer, projection)
        wanted = np.asarray(ids)
        wanted = wanted[np.argsort(-np.nan_to_num(distance[wanted], nan=-1), kind="stable")]
        return self._table(wanted, distance)

    def _table(self, ids: NDArray[np.integer], distance: Floats) -> pd.DataFrame:
        paths = self._photos.paths
        return pd.DataFrame({"id": ids, "path": [paths[i] for i in ids], "distance": distance[ids]})

    def _distances(self, ids: Ids, layer: str | Layer, projection: str | None) -> Floats:
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
        return np.asarray(np.sqrt(self._photos.by_id(squared[:, None], missing=np.nan)[:, 0]), np.float32)
