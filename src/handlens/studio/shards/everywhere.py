"""Searches of all photos of the shards that a collection stands on, whether or not they are in the collection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.core.threads import one_blas_thread
from handlens.errors import CollectionError, TrainingError
from handlens.scale.passes import ScoredPhotos, nearest_photos, scored_photos
from handlens.studio.discriminant import Floats
from handlens.studio.features.extractor import Layer
from handlens.studio.layers import Layers
from handlens.studio.models.quick import QuickModel
from handlens.studio.models.registry import Models
from handlens.studio.photos import Photos
from handlens.studio.shards.register import ShardRegister
from handlens.studio.work import Work

MOST = 5000
"""Photos that a search adds at most."""

POINTS = 16
"""Photos whose neighbours are looked for at once, of those that are looked at."""


@dataclass(frozen=True)
class PredictedEverywhere:
    """What the model in use says of all photos of the shards.

    Attributes:
        counts: how many photos are likeliest to be of each class, as sure as was asked for.
        ids: of the photos that are predicted to be of the class that was asked for, the surest first, int64 [k].
        probability: of these, 0–1, float32 [k].
        added: how many of these were not in the collection.
    """

    counts: dict[str, int]
    ids: NDArray[np.int64]
    probability: Floats
    added: int


class Everywhere:
    """Finds photos among all of the shards.

    Args:
        register, photos, layers, models: of the collection.
        work: a search says there how far it is.
    """

    def __init__(self, register: ShardRegister, photos: Photos, layers: Layers, models: Models, work: Work) -> None:
        self._register, self._photos, self._layers, self._models, self._work = register, photos, layers, models, work

    def alike(
        self,
        ids: Sequence[int] | NDArray[np.integer],
        layer: str | Layer,
        k: int,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> tuple[NDArray[np.int64], Floats]:
        """The rows in the shards of the photos that are nearest to the centre of some, and their distances.

        Distances are the same as those of `Similarity`; the photos themselves are left out.
        """
        known, queries, found = self._points(ids, layer)
        with self._work.begin("search", progress=progress, cancel=cancel) as report:
            (nearest,) = nearest_photos(
                self._register.open_shards(),
                found.id,
                queries.mean(0, keepdims=True),
                k + len(known),
                **self._scaling(found),
                report=report,
            )
        others = ~np.isin(nearest.rows, self._register.rows_of(known))
        distances = nearest.values / np.sqrt(max(1, found.dim))
        return nearest.rows[others][:k], np.asarray(distances[others][:k], np.float32)

    def near(
        self,
        ids: Sequence[int] | NDArray[np.integer],
        layer: str | Layer,
        k: int,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> NDArray[np.int64]:
        """The rows in the shards of up to k photos about those of `ids` that are not in the collection yet.

        They are the nearest to one of them, by turns.
        """
        known, queries, found = self._points(ids, layer)
        if len(queries) > POINTS:  # those in between stand for the others
            queries = queries[np.linspace(0, len(queries) - 1, POINTS).astype(int)]
        there = self._register.rows_of(np.arange(len(self._register)))
        each = -(-k // len(queries))
        with self._work.begin("search", progress=progress, cancel=cancel) as report:
            nearest = nearest_photos(
                self._register.open_shards(),
                found.id,
                queries,
                each + min(len(there), 4 * each + len(known)),
                **self._scaling(found),
                report=report,
            )
        new = [one.rows[~np.isin(one.rows, there)].tolist() for one in nearest]
        turns = range(max(map(len, new), default=0))
        by_turns = dict.fromkeys(rows[turn] for turn in turns for rows in new if turn < len(rows))
        return np.array(list(by_turns)[:k], np.int64)

    def predicted(
        self,
        name: str,
        k: int,
        *,
        at_least: float,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> tuple[list[str], ScoredPhotos]:
        """The classes of the model in use, and what it says of all photos."""
        model = self._models.in_use
        if model is None:
            raise TrainingError("there is no model yet. Train first.")
        if not isinstance(model, QuickModel):
            raise TrainingError(
                "only the quick model predicts from features, which shards have. Use it, or export this model and run "
                "`handlens predict` with the shards."
            )
        classes = self._models.classes(model)
        if name not in classes:
            raise CollectionError(f"the model knows {', '.join(classes)}; “{name}” arrived.")
        weights, bias, temperature = model.linear()
        with self._work.begin("search", progress=progress, cancel=cancel) as report:
            found = scored_photos(
                self._register.open_shards(),
                weights,
                bias,
                wanted=classes.index(name),
                k=k,
                at_least=at_least,
                temperature=temperature * self._models.temperature(model),
                report=report,
            )
        return classes, found

    @one_blas_thread()
    def _points(
        self, ids: Sequence[int] | NDArray[np.integer], layer: str | Layer
    ) -> tuple[NDArray[np.int64], Floats, Layer]:
        """The photos of `ids` that have features, their standardised features in a layer, and the layer."""
        wanted = np.asarray(ids)
        if wanted.ndim != 1 or not wanted.size or wanted.dtype.kind not in "iu":
            raise CollectionError("at least one photo must be selected, by whole-number ids.")
        for photo in (wanted.min(), wanted.max()):
            self._photos.check(int(photo))
        found = self._layers.get(layer)
        maps = self._layers.maps_of(found)
        good = maps.good()
        rows = self._photos.rows[wanted]
        rows = rows[rows < len(good)]
        rows = rows[good[rows]]
        if not len(rows):
            raise CollectionError("none of the selected photos is prepared yet. Wait a moment, or select others.")
        return self._photos.order[rows], maps.fit().scaling.apply(maps.raw().at(rows)), found

    def _scaling(self, layer: Layer) -> dict[str, Any]:
        scaling = self._layers.maps_of(layer).fit().scaling
        return {"mean": scaling.mean, "inverse": scaling.inverse}
