"""How well each layer and map tells labels apart, and the layer that does it best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from handlens.core.row_blocks import Report
from handlens.core.threads import one_blas_thread
from handlens.errors import Cancelled, CollectionError, TrainingError
from handlens.studio.classifier import stratified_sample
from handlens.studio.discriminant import Codes, Floats, fit_discriminant, folds
from handlens.studio.duplicates import Duplicates
from handlens.studio.features.extractor import Layer
from handlens.studio.gestures import apart, gesture_folds
from handlens.studio.labels import Labels, LabelState
from handlens.studio.layers import Layers
from handlens.studio.listeners import Listeners
from handlens.studio.maps import Maps
from handlens.studio.projections import LABELS, NEIGHBOURS, SEPARATE, neighbour_agreement
from handlens.studio.settings import Settings
from handlens.studio.training_data import TrainingData

_SCORED = 300  # labelled photos that the scores of the maps are computed on


class Scores(TypedDict):
    """How well layers and maps separate the labels, 0–1; None where unknown.

    Photos that were labelled together resemble each other, so that scores are of photos held out by whole gestures, and
    of the labels that have more than one gesture. Without any, all are None.

    Attributes:
        labels_version: the version of the labels that the scores are for.
        layers: the score of each layer, by its id.
        maps: the score of each map that was computed, by layer and projection.
    """

    labels_version: int
    layers: dict[str, float | None]
    maps: dict[str, dict[str, float | None]]


class Separating:
    """Scores of layers and maps, and the layer for the projection "separate"."""

    def __init__(
        self,
        layers: Layers,
        maps: Maps,
        labels: Labels,
        data: TrainingData,
        duplicates: Duplicates,
        settings: Settings,
        listeners: Listeners,
        *,
        seed: int,
    ) -> None:
        self._layers, self._maps, self._labels, self._data = layers, maps, labels, data
        self._duplicates, self._settings, self._listeners, self._seed = duplicates, settings, listeners, seed
        self._scores: tuple[tuple[int, int], Scores] | None = None
        self.latest_score: float | None = None
        """The score of the layer that `separate` found last; None if it is not known, see `Scores`."""

    def separate(self, names: Sequence[str], *, report: Report) -> tuple[str, str]:
        """Find the layer whose projection separates the labels best; see `Collection.separate`.

        Args:
            names: of the labels.
            report: called as `report(done, total)` with layers; if it returns True, the search is cancelled.
        """
        wanted = list(dict.fromkeys(names))
        state = self._labels.state
        known, codes = state.names, state.by_person
        for name in wanted:
            if name not in known:
                raise CollectionError(f"no label is called “{name}”. The labels are: {', '.join(known) or 'none yet'}.")
        if len(wanted) < 2:
            raise TrainingError(f"pick two or more labels to separate; {len(wanted)} arrived.")
        chosen = np.where(np.isin(codes, [known.index(n) for n in wanted]), codes, -1)
        quality, held_out = self._quality(chosen, state, report)
        best = max(quality, key=lambda layer: quality[layer])
        # By the number of its colour, which a label keeps when it is renamed.
        self._settings.separating = [state.table[known.index(name)].colour for name in wanted]
        self.latest_score = quality[best][0] if held_out else None
        self._listeners.tell("state")
        return best, SEPARATE

    def scores(self) -> Scores:
        """How well each layer and each map that is computed separates the labels."""
        state = self._labels.state
        key = (state.version, self._layers.version)
        if self._scores and self._scores[0] == key:
            return self._scores[1]
        layers: dict[str, float | None] = {layer.id: None for layer in self._layers.all}
        maps: dict[str, dict[str, float | None]] = {layer.id: {} for layer in self._layers.all}
        try:
            codes = state.by_person
            quality, held_out = self._quality(codes, state)
        except TrainingError:
            held_out = False  # too few labels
        if held_out:
            layers.update({layer: score for layer, (score, _) in quality.items()})
            for layer in self._layers.all:
                if layers[layer.id] is not None:
                    maps[layer.id] = self._map_scores(layer, codes, state)
        found = Scores(labels_version=state.version, layers=layers, maps=maps)
        self._scores = (key, found)
        return found

    def _quality(
        self, codes: NDArray[np.integer], state: LabelState, report: Report = lambda _done, _total: False
    ) -> tuple[dict[str, tuple[float, float]], bool]:
        """How well each layer tells the codes of held-out photos apart, and whether whole gestures were held out.

        If no label has two gestures, single photos are held out: good enough to find the best layer, but too optimistic
        to be shown.
        """
        features, classes, ids = self._data.labelled(codes, most=_SCORED, report=report)
        self._data.check(codes, state.names, ids, least=2)
        fold = gesture_folds(classes, self._duplicates.gestures(state.origins)[ids], seed=self._seed)
        held_out = bool((fold >= 0).any())
        if not held_out:
            fold = folds(classes, seed=self._seed)
        tested, together = fold >= 0, self._duplicates.together()[ids]
        quality = {}
        for done, (layer, x) in enumerate(features.items()):
            if report(len(features) + done, 2 * len(features)):
                raise Cancelled("the search for the layer was cancelled.")
            logits = cross_validated_logits(x, classes, fold, together)
            quality[layer] = layer_quality(logits[tested], classes[tested])
        return quality, held_out

    def _map_scores(self, layer: Layer, codes: NDArray[np.integer], state: LabelState) -> dict[str, float | None]:
        scores: dict[str, float | None] = {}
        for projection in self._maps.projections(layer):
            # The separating ones are fitted to the labels, and an embedding that nobody looked at is not worth seconds.
            if projection in (LABELS, SEPARATE):
                continue
            if projection == NEIGHBOURS and not self._layers.maps_of(layer).has_neighbours:
                scores[projection] = None
                continue
            xy = self._maps.map(layer, projection)
            ids = np.flatnonzero((codes >= 0) & np.isfinite(xy).all(1))
            ids = ids[stratified_sample(codes[ids], _SCORED, seed=self._seed)]
            enough = len(ids) > 2 and len(np.unique(codes[ids])) > 1
            gestures, together = self._duplicates.gestures(state.origins)[ids], self._duplicates.together()[ids]
            agreement = neighbour_agreement(xy[ids], codes[ids], gestures, together=together) if enough else None
            scores[projection] = agreement
        return scores


@one_blas_thread()
def cross_validated_logits(
    x: Floats, codes: Codes, fold: NDArray[np.int64], together: NDArray[np.integer] | None = None
) -> Floats:
    """Scores [n, C] of each row by the discriminant that was fitted on the other folds, less duplicates of its fold.

    Rows with the same number in `together` [n] are duplicates of each other; all differ unless given.
    The score of a class that has no row in the other folds is −inf; rows of the fold −1 are never held out, and all
    their scores are −inf.
    """
    n_classes = int(codes.max()) + 1
    together = np.arange(len(codes)) if together is None else together
    scores = np.full((len(codes), n_classes), -np.inf, np.float32)
    for k in np.unique(fold[fold >= 0]):
        test = fold == k
        train = apart(test, together)
        present = np.unique(codes[train])
        if len(present) < 2:
            continue
        model = fit_discriminant(x[train], np.searchsorted(present, codes[train]))
        scores[np.ix_(test, present)] = model.logits(x[test])
    return scores


def layer_quality(scores: Floats, codes: Codes) -> tuple[float, float]:
    """Balanced accuracy of scores [n, C], and to break ties the mean probability that they give the right class."""
    finite = np.where(np.isfinite(scores), scores, -1e6).astype(np.float32)
    sure = softmax(finite / max(float(np.abs(finite[np.isfinite(scores)]).mean()), 1e-6), axis=1)
    return round(balanced_accuracy(scores, codes), 6), float(sure[np.arange(len(codes)), codes].mean())


def balanced_accuracy(scores: Floats, codes: Codes) -> float:
    """The share of rows whose own class has the highest score, averaged over the classes (0–1)."""
    right = scores.argmax(1) == codes
    return float(np.mean([right[codes == c].mean() for c in np.unique(codes)]))
