"""How well each layer and map tells labels apart, and the one that does it best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError, TrainingError
from handlens.studio import classifier as learning
from handlens.studio.collection.examples import Examples
from handlens.studio.collection.maps import Maps
from handlens.studio.features.extractor import Layer
from handlens.studio.projections import LABELS, NEIGHBOURS, SEPARATE, neighbour_agreement
from handlens.studio.separation import cross_validated_logits, folds

_SCORED = 300  # labelled photos that the scores of the maps look at


class Separating(Maps, Examples):
    """Scores of layers and maps, and the "separate" projection."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._scores: tuple[tuple[int, int], dict[str, Any]] | None = None
        self._separating_score: float | None = None

    def separate(self, names: Sequence[str]) -> tuple[str, str]:
        """Find the layer whose projection pulls the labels `names` furthest apart; returns (layer, "separate").

        Every layer is searched; the best is the one whose shrinkage LDA tells the labels apart most
        often under cross-validation. Raises TrainingError with fewer than two labels of two photos each.
        """
        wanted = list(dict.fromkeys(names))
        state = self._log.state
        known, codes = state.names, state.codes
        for name in wanted:
            if name not in known:
                raise CollectionError(f"no label is called “{name}”. The labels are: {', '.join(known) or 'none yet'}.")
        if len(wanted) < 2:
            raise TrainingError(f"pick two or more labels to separate; {len(wanted)} arrived.")
        chosen = np.where(np.isin(codes, [known.index(n) for n in wanted]), codes, -1)
        scores = self._separation(chosen, known)
        best = max(scores, key=lambda layer: scores[layer])
        # By the number of its colour, which a label keeps when it is renamed.
        self._log.keep("separating", [state.table[known.index(name)].colour for name in wanted])
        self._separating_score = scores[best][0]
        self._changed()
        return best, SEPARATE

    @property
    def separating_score(self) -> float | None:
        """How well the layer that `separate` last found tells those labels apart, cross-validated, 0–1."""
        return self._separating_score

    def scores(self) -> dict[str, Any]:
        """How well each layer and each map at hand separates the labels so far, 0–1, None where it cannot be said."""
        state = self._log.state
        key, codes = (state.version, self._maps_version), state.codes
        if self._scores and self._scores[0] == key:
            return self._scores[1]
        layers: dict[str, float | None] = {layer.id: None for layer in self.layers}
        maps: dict[str, dict[str, float | None]] = {layer.id: {} for layer in self.layers}
        try:
            layers.update({layer: quality[0] for layer, quality in self._separation(codes, state.names).items()})
        except TrainingError:
            pass  # too few labels: every score stays None
        else:
            for layer in self.layers:
                if layers[layer.id] is not None:
                    maps[layer.id] = self._map_scores(layer, codes)
        found = {"labels_version": key[0], "layers": layers, "maps": maps}
        self._scores = (key, found)
        return found

    def _separation(self, codes: NDArray[np.integer], names: list[str]) -> dict[str, tuple[float, float]]:
        """How well each layer tells the codes apart (balanced accuracy, sureness) under cross-validation."""
        features, classes, ids = self._labelled(codes, most=_SCORED)
        self._check_enough(codes, names, ids)
        fold = folds(classes, seed=self.seed)
        return {
            layer: learning.layer_quality(cross_validated_logits(x, classes, fold), classes)
            for layer, x in features.items()
        }

    def _map_scores(self, layer: Layer, codes: NDArray[np.integer]) -> dict[str, float | None]:
        scores: dict[str, float | None] = {}
        for projection in self.projections(layer):
            # The separating ones are fitted to the labels, and an embedding nobody looked at is not worth seconds.
            if projection in (LABELS, SEPARATE):
                continue
            if projection == NEIGHBOURS and not self._layer_maps(layer).has_neighbours:
                scores[projection] = None
                continue
            xy = self.map(layer, projection)
            ids = np.flatnonzero((codes >= 0) & np.isfinite(xy).all(1))
            ids = ids[learning.stratified_sample(codes[ids], _SCORED, seed=self.seed)]
            enough = len(ids) > 2 and len(np.unique(codes[ids])) > 1
            scores[projection] = neighbour_agreement(xy[ids], codes[ids]) if enough else None
        return scores
