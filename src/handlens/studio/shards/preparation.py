"""Preparing a collection that stands on shards: thumbnails and features are copied, and no network is needed.

Tiles are made of the thumbnails when the map draws them: making them takes longer than all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError
from handlens.scale.manifest import EXTRACTOR
from handlens.studio.features.extractor import Layer
from handlens.studio.photos import Photos
from handlens.studio.preparation_run import Decoded, Preparation
from handlens.studio.progress import Progress
from handlens.studio.shards.register import ShardRegister
from handlens.studio.sources import Source


class ShardPreparation(Preparation):
    """One run that copies what the shards have of the photos of a collection.

    Args:
        photos, changed, cancel: as of `Preparation`.
        register: the list of photos.
    """

    def __init__(
        self, photos: Photos, register: ShardRegister, *, changed: Callable[[Progress], None], cancel: Event
    ) -> None:
        super().__init__(photos, changed=changed, cancel=cancel)
        self._register = register

    @property
    def at_once(self) -> int:
        """A thousand: of the shards that these are in, each is opened once."""
        return 1000

    def find_limits(self) -> None:
        """Pixels were made of photos of more than 8 bits when they were embedded."""
        self.photos.find_limits([])

    def take_layers(self, waiting: Sequence[Source]) -> None:
        """Give the source of a new collection the layers that the shards have, and their network.

        Raises:
            CollectionError: the shards have other layers now than when the collection was made.
        """
        shards = self._register.open_shards()
        layers = [
            Layer(facts.id, facts.source, facts.stage, "where" if facts.pooling == "where" else "what", facts.dim)
            for facts in shards.layers
        ]
        for source in waiting:
            if not source.layers:
                source.adopt_layers(layers, shards.out / EXTRACTOR)
            if source.layers != layers:
                raise CollectionError(
                    f"{shards.out} has features of other layers now than when this collection was made. Make a new "
                    "collection of it; the labels of this one can be exported, and imported there."
                )
            source.state = "preparing"

    def _batch(self, rows: range, ahead: range, sources: list[Source]) -> list[Decoded]:  # noqa: ARG002  # noqa: ARG002
        return self._read_once_more(self.photos.order[rows.start : rows.stop].tolist(), sources)

    def _read_once_more(self, photos: Sequence[int], sources: list[Source]) -> list[Decoded]:  # noqa: ARG002  # noqa: ARG002
        found = self._register.copies(photos, step=self._check_cancelled)
        if any(copy.reason is not None for copy in found):
            self._register.check_there()
        return [
            Decoded(aspect=copy.aspect, thumb=copy.thumbnail, features=copy.features)
            if copy.reason is None
            else Decoded(reason=copy.reason, away=True)
            for copy in found
        ]

    def _features(self, source: Source, batch: Sequence[Decoded]) -> list[NDArray[np.float32]]:
        blocks = [np.full((len(batch), layer.dim), np.nan, np.float32) for layer in source.layers]
        for row, decoded in enumerate(batch):
            for layer, block in zip(source.layers, blocks, strict=True):
                if decoded.reason is None:
                    block[row] = decoded.features[layer.id]
        return blocks
