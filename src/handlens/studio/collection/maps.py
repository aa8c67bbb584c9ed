"""Where the photos lie on each map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError, TrainingError
from handlens.studio.collection.layers import Layers
from handlens.studio.features.extractor import Layer
from handlens.studio.projections import LABELS, NEIGHBOURS, PCA, SEPARATE, TITLES
from handlens.studio.separation import Floats


class Maps(Layers):
    """The projections of each layer."""

    def projections(self, layer: str | Layer) -> list[str]:
        """The projections that the layer can be seen in: PCA pairs, neighbours and, with labels, separating ones."""
        self._layer(layer)
        found = [*PCA, NEIGHBOURS]
        if sum(info.count > 0 for info in self._log.table) >= 2:
            found.append(LABELS)
        if self.separating:
            found.append(SEPARATE)
        return found

    @property
    def projection_titles(self) -> dict[str, str]:
        """Each projection's name for people."""
        return dict(TITLES)

    @property
    def separating(self) -> list[str] | None:
        """The labels that the "separate" projection pulls apart, None before it was asked for."""
        kept = self._log.kept("separating")
        named = {info.colour: info.name for info in self._log.table}
        names = [named[colour] for colour in kept if colour in named] if isinstance(kept, list) else []
        return names if len(names) >= 2 else None

    def map(self, layer: str | Layer, projection: str) -> Floats:
        """Where each photo lies, float32 [N, 2] by id; 99 % within −1…1, NaN where not prepared or unreadable.

        The neighbour embedding takes seconds the first time. Raises CollectionError for an unknown
        layer or projection and TrainingError when there are no labels to separate.
        """
        found = self._layer(layer)
        self._check_projection(found, projection)
        codes, version = self._projection_codes(projection)

        def report(done: int, total: int) -> bool:
            self._tell("projection", layer=found.id, projection=projection, done=done, total=total)
            return False

        rows = self._layer_maps(found).rows_of(projection, codes=codes, version=version, report=report)
        return self._by_id(rows, missing=np.nan)

    def _projection_codes(self, projection: str) -> tuple[NDArray[np.int32] | None, Any]:
        """Class codes by row for a separating projection, and what they rest on."""
        if projection not in (LABELS, SEPARATE):
            return None, None
        state = self._log.state
        names, codes, version = state.names, state.codes, state.version
        if projection == SEPARATE:
            chosen = self.separating or []
            codes = np.where(np.isin(codes, [names.index(n) for n in chosen]), codes, -1).astype(np.int32)
            version = (version, *chosen)  # type: ignore[assignment]
        return codes[self.order], version

    def _check_projection(self, layer: Layer, projection: str) -> None:
        known = self.projections(layer)
        if projection not in known:
            if projection in (LABELS, SEPARATE):
                raise TrainingError("there are no two labels to separate yet. Label photos of two kinds first.")
            raise CollectionError(f"projection must be one of {', '.join(known)}; “{projection}” arrived.")
