"""Where the photos are on each map: the projections of each layer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.errors import Cancelled, CollectionError, HandlensError, TrainingError
from handlens.io.problems import reason_of
from handlens.studio.arranging import Arranging
from handlens.studio.discriminant import Floats
from handlens.studio.features.extractor import Layer
from handlens.studio.labels import Labels
from handlens.studio.layers import Layers
from handlens.studio.listeners import Listeners
from handlens.studio.photos import Photos
from handlens.studio.projections import LABELS, NEIGHBOURS, PCA, SEPARATE
from handlens.studio.settings import Settings
from handlens.studio.work import Report, Work

_log = logging.getLogger(__name__)


class Maps:
    """The maps of a collection, one for each layer and projection.

    Args:
        photos, layers, labels: of the collection.
        settings: where the labels to separate are kept.
        work: a slow projection says there how far it is.
        listeners: are told when a map has better places, as `map`: with layer and projection.
    """

    def __init__(
        self, photos: Photos, layers: Layers, labels: Labels, settings: Settings, work: Work, listeners: Listeners
    ) -> None:
        self._photos, self._layers, self._labels, self._listeners = photos, layers, labels, listeners
        self._settings, self._work = settings, work
        self._lock = threading.Lock()
        self._arranging: dict[str, Arranging] = {}
        self._betters = 0  # how often a map of neighbours got better places
        self.faults: dict[str, str] = {}
        """Why maps of neighbours that were arranged in the background are not finished, as sentences, by layer."""

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

    def so_far(self, layer: str | Layer, projection: str) -> Floats:
        """The same as `map`, but of neighbours as far as they are arranged; the rest is done in the background.

        The first time it takes until all photos have a place. Listeners are told when there are better ones.
        """
        found = self._layers.get(layer)
        self.check(found, projection)
        return self._photos.by_id(self.rows(found, projection), missing=np.nan)

    def sample(self, layer: str | Layer, projection: str, n: int) -> Floats:
        """The positions of the first `n` photos of the preparing order, [at most n, 2], as far as they are known."""
        found = self._layers.get(layer)
        self.check(found, projection)
        return self.rows(found, projection)[:n]

    def rows(self, layer: Layer, projection: str, *, report: Report | None = None) -> Floats:
        """The positions [rows, 2] in the preparing order; without `report`, of neighbours as far as they are arranged.

        Args:
            layer: the layer.
            projection: one of those that it has.
            report: called as `report(done, total)` during slow projections.
        """
        codes, version = self._codes(projection)
        maps = self._layers.maps_of(layer)
        if projection == NEIGHBOURS and report is None and not maps.has_neighbours:
            self._in_background(layer).wait(lambda: maps.neighbours_so_far is not None)
            places = maps.neighbours_so_far
            if places is not None:
                return places

        def better() -> None:
            with self._lock:
                self._betters += 1
                arranging = self._arranging.get(layer.id)
            if arranging:
                arranging.look_again()
            self._listeners.tell("map", layer=layer.id, projection=projection)

        found = maps.rows_of(projection, codes=codes, version=version, report=report, better=better)
        if projection == NEIGHBOURS and self.faults.pop(layer.id, ""):  # it went well this time
            self._listeners.tell("state")
        return found

    def _in_background(self, layer: Layer) -> Arranging:
        """The arranging of a layer's neighbours, begun unless it is under way."""
        with self._lock:
            arranging = self._arranging.get(layer.id)
            if arranging is None or arranging.is_over:
                arranging = Arranging(lambda cancel: self._arrange(layer, cancel))
                self._arranging[layer.id] = arranging
                arranging.start()
            return arranging

    def _arrange(self, layer: Layer, cancel: threading.Event) -> None:
        """Arrange the neighbours of a layer; a failure is kept among the faults, as nobody may be waiting for it."""
        try:
            self.map(layer, NEIGHBOURS, cancel=cancel)
        except Cancelled:
            raise
        except Exception as error:
            why = str(error) if isinstance(error, HandlensError) else f"the program failed: {reason_of(error)}."
            self.faults[layer.id] = f"The map of neighbours of {layer.id} is not finished: {why}"
            _log.warning("The map of neighbours of %s was not finished.", layer.id, exc_info=error)
            self._listeners.tell("state")
            raise

    def close(self) -> None:
        """Stop what is arranged in the background, and wait for it to end; what there is so far is kept."""
        with self._lock:
            under_way = list(self._arranging.values())
        for arranging in under_way:
            arranging.cancel()
        for arranging in under_way:
            arranging.join(30)

    def stamp(self, projection: str) -> object:
        """Tells the maps of a projection from those before the last change of labels, features or fits."""
        by_label = projection in (LABELS, SEPARATE)
        if by_label:
            return self._layers.version, self._labels.version, self.separating
        return self._layers.version, self._betters if projection == NEIGHBOURS else None

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
