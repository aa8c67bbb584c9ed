"""What there is to learn from: the labelled photos that are prepared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handlens.core.row_blocks import Report
from handlens.errors import Cancelled, TrainingError
from handlens.io.deep_pictures import about_limits
from handlens.studio import classifier as learning
from handlens.studio.discriminant import Floats
from handlens.studio.layer_maps import LayerMaps
from handlens.studio.layers import Layers
from handlens.studio.photos import Photos
from handlens.studio.report import ENOUGH


class TrainingData:
    """Features and classes of the labelled photos, and whether they are enough to learn from."""

    def __init__(self, photos: Photos, layers: Layers, *, seed: int) -> None:
        self._photos, self._layers, self._seed = photos, layers, seed

    def labelled(
        self,
        codes: NDArray[np.integer],
        *,
        most: int | None = None,
        first: NDArray[np.bool_] | None = None,
        unlabelled: int = 0,
        report: Report = lambda _done, _total: False,
    ) -> tuple[dict[str, Floats], NDArray[np.int64], NDArray[np.int64]]:
        """Standardised features of each fitted layer, class codes, and ids, of the labelled photos.

        Args:
            codes: each photo's label, −1 without one; [N].
            most: take about so many labelled photos at most, a random sample of each class.
            first: photos that are taken before others, bool [N].
            unlabelled: add photos without a label, with the code −1, up to so many photos in all.
            report: called as `report(done, total)` with layers that are read, half of the total; if it returns True,
                the work is cancelled.

        Returns:
            features [n, D] by layer id, class codes 0…C−1 or −1 [n], and ids [n].

        Raises:
            Cancelled: `report` returned True.
        """
        known = self.prepared()
        ids = np.flatnonzero((codes >= 0) & known)
        if not len(ids):
            return {}, np.empty(0, np.int64), ids
        if most is not None:
            before = np.zeros(len(ids), bool) if first is None else first[ids]
            rest, before = ids[~before], np.random.default_rng(self._seed).permutation(ids[before])[:most]
            rest = rest[learning.stratified_sample(codes[rest], most - len(before), seed=self._seed)]
            ids = np.sort(np.concatenate([before, rest]))
        classes = np.unique(codes[ids], return_inverse=True)[1]
        others = self.sample((codes < 0) & known, max(0, unlabelled - len(ids)))
        ids = np.concatenate([ids, others])
        classes = np.concatenate([classes, np.full(len(others), -1, np.int64)])
        return self.features(ids, report), classes, ids

    def prepared(self) -> NDArray[np.bool_]:
        """Which photos have features of every layer, bool [N]."""
        goods = [of_layer.good() for of_layer in self._maps().values()]
        # A photo may have been readable for one source and gone when the next was added: then it is not used.
        least = min(map(len, goods), default=0)
        good = np.logical_and.reduce([of_layer[:least] for of_layer in goods]) if least else np.zeros(0, bool)
        return np.asarray(self._photos.by_id(good[:, None], missing=0.0)[:, 0] > 0)

    def sample(self, photos: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
        """Ids of a random sample of so many photos at most, of those marked in `photos`, bool [N]."""
        ids = np.flatnonzero(photos)
        return ids[np.argsort(self._photos.rows[ids])][:most]  # the preparing order is random

    def features(self, ids: NDArray[np.int64], report: Report = lambda _done, _total: False) -> dict[str, Floats]:
        """Standardised features [n, D] of each layer, of photos that are `prepared`; see `labelled` for `report`."""
        rows, maps = self._photos.rows[ids], self._maps()
        found = {}
        for done, (layer, of_layer) in enumerate(maps.items()):
            if report(done, 2 * len(maps)):
                raise Cancelled("reading features was cancelled.")
            found[layer] = of_layer.fit().scaling.apply(of_layer.raw().at(rows))
        return found

    def _maps(self) -> dict[str, LayerMaps]:
        """The maps of each layer that has photos."""
        maps = {layer.id: self._layers.maps_of(layer) for layer in self._layers.all}
        return {layer: of_layer for layer, of_layer in maps.items() if of_layer.fit().rows}

    def check(self, codes: NDArray[np.integer], names: list[str], ids: NDArray[np.int64], *, least: int = 1) -> None:
        """Raise TrainingError unless there are enough labels, also among the prepared, readable photos `ids`.

        Args:
            codes: each photo's label, −1 without one, [N].
            names: of the labels.
            ids: the photos to learn from.
            least: photos that each label needs.
        """
        learning.check_labels(_counts(codes, names), least=least)
        try:
            learning.check_labels(_counts(codes[ids], names), least=least)
        except TrainingError as error:
            if self._layers.prepared < len(self._photos):
                raise TrainingError(
                    "too few of the labelled photos are prepared yet. Prepare the photos first, or wait a moment."
                ) from error
            raise TrainingError(f"some labelled photos cannot be read, and without them {error}") from error

    def warnings(self, names: list[str], counts: list[int]) -> list[str]:
        """Sentences for the person about a model that was trained on so many photos of each label."""
        thin = [name for name, count in zip(names, counts, strict=True) if count < ENOUGH]
        few = f"Fewer than {ENOUGH} photos: {', '.join(thin)}. Label more of these." if thin else ""
        return [text for text in (few, about_limits(self._photos.limits)) if text]


def _counts(codes: NDArray[np.integer], names: list[str]) -> dict[str, int]:
    return dict(zip(names, np.bincount(codes[codes >= 0], minlength=len(names)).tolist(), strict=True))
