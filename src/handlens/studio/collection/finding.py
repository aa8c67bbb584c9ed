"""Photos like others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from handlens.errors import CollectionError
from handlens.studio.collection.labelling import Ids
from handlens.studio.collection.maps import Maps
from handlens.studio.features.extractor import Layer
from handlens.studio.neighbours import in_plane
from handlens.studio.separation import Floats


class Finding(Maps):
    """Photos by their distance from selected ones."""

    def similar(
        self, ids: Ids, *, layer: str | Layer, projection: str | None = None, k: int | None = None
    ) -> pd.DataFrame:
        """All other photos, unlabelled first, then by distance from the centre of the photos `ids`.

        The distance is that of the standardised features of the layer; with a projection it is the
        root mean square of that and of the distance on its map, so that what is found is alike and
        lies near. Returns columns id, path, distance; the first k when given.
        """
        distance = self._distances(ids, layer, projection)
        distance[np.asarray(ids)] = np.inf
        found = np.flatnonzero(np.isfinite(distance))
        found = found[np.lexsort((distance[found], self._log.codes[found] >= 0))][:k]
        return pd.DataFrame({"id": found, "path": [self.paths[i] for i in found], "distance": distance[found]})

    def spread(self, ids: Ids, *, layer: str | Layer, projection: str | None = None) -> pd.DataFrame:
        """The photos `ids` themselves by distance from their centre, the odd ones first: columns id, path, distance."""
        distance = self._distances(ids, layer, projection)
        wanted = np.asarray(ids)
        wanted = wanted[np.argsort(-np.nan_to_num(distance[wanted], nan=-1), kind="stable")]
        return pd.DataFrame({"id": wanted, "path": [self.paths[i] for i in wanted], "distance": distance[wanted]})

    def _distances(self, ids: Ids, layer: str | Layer, projection: str | None) -> Floats:
        wanted = np.asarray(ids)
        if wanted.ndim != 1 or not wanted.size or wanted.dtype.kind not in "iu":
            raise CollectionError("at least one photo must be selected, by whole-number ids.")
        for photo in (wanted.min(), wanted.max()):
            self._check_photo(int(photo))
        found = self._layer(layer)
        maps = self._layer_maps(found)
        distances = maps.fit().distances
        rows = self._register.rows[wanted]
        good = maps.good()
        rows = rows[rows < len(good)]
        rows = rows[good[rows]]
        if not rows.size:
            raise CollectionError("none of the selected photos is prepared yet. Wait a moment, or select others.")
        squared = distances.from_centre_of(rows)
        if projection is not None:
            self._check_projection(found, projection)
            codes, version = self._projection_codes(projection)
            xy = np.full((len(squared), 2), np.nan, np.float32)
            placed = maps.rows_of(projection, codes=codes, version=version)[: len(xy)]
            xy[: len(placed)] = placed
            if np.isfinite(xy[rows]).any():
                near = in_plane(xy, rows)
                # Photos prepared since an embedding was made have no place in it: the layer's word alone counts.
                squared = np.where(np.isfinite(near), (squared + near) / 2, squared).astype(np.float32)
        return np.asarray(np.sqrt(self._by_id(squared[:, None], missing=np.nan)[:, 0]), np.float32)
