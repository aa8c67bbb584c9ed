"""The layers that photos can be seen in, and the networks they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from handlens.errors import CollectionError
from handlens.studio.collection.photos import Photos
from handlens.studio.features.extractor import Layer
from handlens.studio.maps import LayerMaps
from handlens.studio.prepare import FIRST, Source

LEARNED = "patches"


class Layers(Photos):
    """Sources and their layers, and of each layer the features and what is fitted to them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._maps: dict[str, LayerMaps] = {}
        self.sources: list[Source] = [self._source(**wish) for wish in self._kept_wishes()]
        self._settled = self._prepared_everywhere()  # photos that were there already when this was opened
        self._maps_version = self._settled

    @property
    def layers(self) -> list[Layer]:
        """The layers of every source that has features, first to last."""
        return [layer for source in self.sources for layer in source.layers]

    @property
    def maps_version(self) -> int:
        """Grows when the maps of prepared photos are fitted anew."""
        return self._maps_version

    def _layer(self, layer: str | Layer) -> Layer:
        wanted = layer.id if isinstance(layer, Layer) else layer
        for known in self.layers:
            if known.id == wanted:
                return known
        names = ", ".join(known.id for known in self.layers) or "none before prepare()"
        raise CollectionError(f"layer must be one of: {names}; “{wanted}” arrived.")

    def _layer_maps(self, layer: Layer) -> LayerMaps:
        with self._lock:
            if layer.id not in self._maps:
                source = next(s for s in self.sources if layer in s.layers)
                stored = source.rows[source.layers.index(layer)]

                def fitted_rows() -> int:
                    # Fits rest on the first 500 photos until all are there, so the map holds still meanwhile;
                    # of fewer, on those that were there before new ones came.
                    count = source.prepared
                    return next((n for n in (len(self._register), FIRST, self._settled) if n <= count), 0)

                self._maps[layer.id] = LayerMaps(
                    lambda: np.asarray(stored.read()[: source.prepared], np.float32),
                    fitted_rows,
                    cache=self._cache,
                    name=layer.id,
                    seed=self.seed,
                )
            return self._maps[layer.id]

    def _prepared_everywhere(self) -> int:
        return min([self._looks.prepared, *(s.prepared for s in self.sources)])

    def _source(self, *, backbone: str | None, weights: str | None) -> Source:
        name = backbone or LEARNED
        title = backbone or "learned on these photos"
        source = Source(name, title, self._cache / "sources" / name.replace("/", "_"), backbone, weights)
        source.read_layers()
        if source.layers and source.prepared == len(self._register):
            source.state = "ready"
        return source

    def _kept_wishes(self) -> list[dict[str, str | None]]:
        kept = self._log.kept("sources")
        return kept if isinstance(kept, list) else [{"backbone": None, "weights": None}]


def wishes_for(
    backbone: str | Sequence[str] | None, weights: Path | str | Sequence[Path | str] | None
) -> list[dict[str, str | None]]:
    """The sources that are asked for, as they are kept: a backbone, None for learned features, and its weights.

    Raises CollectionError for weights without a backbone, or that are no file.
    """
    backbones = [backbone] if isinstance(backbone, str) else list(backbone or [])
    files = [weights] if isinstance(weights, (str, Path)) else list(weights or [])
    if len(files) > len(backbones):
        raise CollectionError(f"weights need a backbone each; {len(files)} files and {len(backbones)} names arrived.")
    for file in files:
        if not Path(file).expanduser().is_file():
            raise CollectionError(f"weights must be a safetensors file; there is no file {file}.")
    paths: list[str | None] = [str(Path(file).expanduser().resolve()) for file in files]
    paths += [None] * (len(backbones) - len(paths))
    wishes: list[dict[str, str | None]] = [{"backbone": b, "weights": w} for b, w in zip(backbones, paths, strict=True)]
    return wishes or [{"backbone": None, "weights": None}]
