"""Where the photos are on each map: the projections of each layer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError, TrainingError
from handlens.studio.discriminant import Floats
from handlens.studio.features.extractor import Layer
from handlens.studio.labels import Labels
from handlens.studio.layers import Layers
from handlens.studio.photos import Photos
from handlens.studio.projections import LABELS, NEIGHBOURS, PCA, SEPARATE
from handlens.studio.settings import Settings
from handlens.studio.work import Report, Work


class Maps:
    """The maps of a collection, one for each layer and projection.

    Args:
        photos, layers, labels: of the collection.
        settings: where the labels to separate are kept.
        work: a slow projection says there how far it is.
    """

    def __init__(self, photos: Photos, layers: Layers, labels: Labels, settings: Settings, work: Work) -> None:
        self._photos, self._layers, self._labels = photos, layers, labels
        self._settings, self._work = settings, work

    def projections(self, layer: str | Layer) -> list[str]:
        """The projections of a layer: PCA pairs, neighbours and, once there are labels, separating ones."""
        self._layers.get(layer)
        found = [*PCA, NEIGHBOURS]
        if sum(info.count > 0 for info in self._labels.table) >= 2:
            found.append(LABELS)
        if self.separating:
            found.append(SEPARATE)
        return found

    @property
    def separating(self) -> list[str] | None:
        """The labels that the projection "separate" pulls apart; None before the first call of `separate`."""
        names = {info.colour: info.name for info in self._labels.table}
        found = [names[colour] for colour in self._settings.separating if colour in names]
        return found if len(found) >= 2 else None

    def map(
        self,
        layer: str | Layer,
        projection: str,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Floats:
        """The position of each photo, float32 [N, 2] by id; see `Collection.map`."""
        found = self._layers.get(layer)
        self.check(found, projection)
        with self._work.begin("map", layer=found.id, projection=projection, progress=progress, cancel=cancel) as report:
            return self._photos.by_id(self.rows(found, projection, report=report), missing=np.nan)

    def rows(self, layer: Layer, projection: str, *, report: Report | None = None) -> Floats:
        """The positions [rows, 2] in the preparing order; `report(done, total)` is called during slow projections."""
        codes, version = self._codes(projection)
        return self._layers.maps_of(layer).rows_of(projection, codes=codes, version=version, report=report)

    def stamp(self, projection: str) -> object:
        """Tells the maps of a projection from those before the last change of labels, features or fits."""
        by_label = projection in (LABELS, SEPARATE)
        return self._layers.version, self._labels.version if by_label else None, self.separating if by_label else None

    def check(self, layer: Layer, projection: str) -> None:
        """Raise CollectionError or TrainingError unless the layer has this projection."""
        known = self.projections(layer)
        if projection not in known:
            if projection in (LABELS, SEPARATE):
                raise TrainingError("there are no two labels to separate yet. Label photos of two kinds first.")
            raise CollectionError(f"projection must be one of {', '.join(known)}; “{projection}” arrived.")

    def _codes(self, projection: str) -> tuple[NDArray[np.int32] | None, Any]:
        """Class codes by row for a separating projection, and the version of the labels that they are from."""
        if projection not in (LABELS, SEPARATE):
            return None, None
        state = self._labels.state
        if projection == LABELS:
            return state.codes[self._photos.order], state.version
        chosen = self.separating or []
        kept = np.isin(state.codes, [state.names.index(name) for name in chosen])
        codes = np.where(kept, state.codes, -1).astype(np.int32)
        return codes[self._photos.order], (state.version, *chosen)
