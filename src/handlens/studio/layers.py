"""The layers of a collection: the sources they come from, their features, and what is fitted to these."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from handlens.errors import CollectionError
from handlens.studio.features.extractor import Layer
from handlens.studio.layer_maps import LayerMaps
from handlens.studio.photos import Photos
from handlens.studio.settings import RequestedSource, Settings
from handlens.studio.sources import AUTO, Source, check_free, source_name

if TYPE_CHECKING:
    from handlens.studio.features.extractor import Extractor

FIRST = 500
"""Photos after which the first map is drawn, and on which features are learned."""


class Layers:
    """The sources of features and their layers.

    Args:
        photos: the photos.
        settings: where the requested sources are kept.
        cache: the folder of features and fits; it can be deleted and is made again.
        seed: of all random choices.

    Attributes:
        sources: in the order in which they were asked for.
        version: grows when the maps of prepared photos are fitted again.
    """

    def __init__(self, photos: Photos, settings: Settings, *, cache: Path, seed: int) -> None:
        self._photos, self._settings, self._cache, self._seed = photos, settings, cache, seed
        self._lock = threading.RLock()
        self._maps: dict[str, LayerMaps] = {}
        self.sources: list[Source] = [self._source(request) for request in settings.requested_sources]
        self._prepared_at_opening = self.prepared
        self.version = self._prepared_at_opening

    @property
    def all(self) -> list[Layer]:
        """The layers of every source that has features, first to last."""
        return [layer for source in self.sources for layer in source.layers]

    @property
    def halved(self) -> set[str]:
        """The ids of the layers whose features are kept in half precision."""
        return {
            layer.id
            for source in self.sources
            for layer, rows in zip(source.layers, source.rows, strict=True)
            if rows.is_half
        }

    @property
    def prepared(self) -> int:
        """The number of photos, in the preparing order, that have thumbnails and the features of every source."""
        return min([self._photos.prepared, *(source.prepared for source in self.sources)])

    def get(self, layer: str | Layer) -> Layer:
        """The layer of an id; CollectionError, naming those there are, if there is no such layer."""
        wanted = layer.id if isinstance(layer, Layer) else layer
        for known in self.all:
            if known.id == wanted:
                return known
        names = ", ".join(known.id for known in self.all) or "none before prepare()"
        raise CollectionError(f"layer must be one of: {names}; “{wanted}” arrived.")

    def maps_of(self, layer: Layer) -> LayerMaps:
        """The features and maps of a layer."""
        with self._lock:
            if layer.id not in self._maps:
                source = next(s for s in self.sources if layer in s.layers)
                stored = source.rows[source.layers.index(layer)]

                def fitted_rows() -> int:
                    # Fits are based on the first 500 photos until all are prepared, so that the map stays still
                    # meanwhile; with fewer, on the photos that were prepared before new ones came.
                    count = source.prepared
                    stages = (len(self._photos), FIRST, self._prepared_at_opening)
                    return next((n for n in stages if n <= count), 0)

                self._maps[layer.id] = LayerMaps(
                    lambda: stored.read(source.prepared),
                    fitted_rows,
                    lambda n: stored.rows.mark(n),
                    cache=self._cache,
                    name=layer.id,
                    seed=self._seed,
                    sample=self._photos.register.first_sample,
                )
            return self._maps[layer.id]

    def request(self, request: RequestedSource) -> None:
        """Add a source, give a known one other weights, or let a failed one be tried again.

        Raises:
            CollectionError: the source is being prepared with other weights, or another one has its name.
        """
        with self._lock:
            known = next((s for s in self.sources if s.backbone == request["backbone"]), None)
            if known is None:
                check_free(request, [source.backbone for source in self.sources])
                self.sources.append(self._source(request))
            elif request["weights"] and request["weights"] != known.weights:
                if known.state == "preparing":
                    raise CollectionError(f"{known.title} is being prepared with other weights. Cancel that first.")
                known.forget()
                known.weights, known.state, known.message = request["weights"], "waiting", None
            elif known.state == "failed":
                known.state, known.message = "waiting", None
            self._keep_requests()

    def remove(self, name: str) -> None:
        """Remove a source that failed, so that it is not tried again.

        Raises:
            CollectionError: there is no such source, it did not fail, or there is no other.
        """
        with self._lock:
            known = next((s for s in self.sources if s.name == name), None)
            if known is None or known.state != "failed":
                failed = ", ".join(s.name for s in self.sources if s.state == "failed") or "none failed"
                raise CollectionError(f"only a source that failed can be removed ({failed}); “{name[:100]}” arrived.")
            if len(self.sources) == 1:
                raise CollectionError("the only source of a collection cannot be removed. Add another one first.")
            self.sources.remove(known)
            self._keep_requests()

    def choose(self, backbone: str | None, reason: str) -> Source | None:
        """Put a network, or learned features (None), in place of the source that was to be chosen by the photos.

        Returns:
            The new source; None if the collection had it already.
        """
        with self._lock:
            at = next(i for i, source in enumerate(self.sources) if source.backbone == AUTO)
            known = any(source.backbone == backbone for source in self.sources)
            chosen = None if known else self._source({"backbone": backbone, "weights": None, "reason": reason})
            self.sources[at : at + 1] = [] if chosen is None else [chosen]
            self._keep_requests()
            return chosen

    def adopt(self, source: Source, extractor: Extractor) -> None:
        """Give a source its extractor; maps of an earlier extractor's features are dropped."""
        source.adopt(extractor)
        with self._lock:
            for layer in source.layers:
                self.maps_of(layer).forget()
                del self._maps[layer.id]

    def forget_maps(self) -> None:
        """Drop all maps, because features of photos that had been prepared have changed."""
        for layer in self.all:
            self.maps_of(layer).forget()

    def _keep_requests(self) -> None:
        requests: list[RequestedSource] = []
        for source in self.sources:
            requests.append({"backbone": source.backbone, "weights": source.weights})
            if source.reason:
                requests[-1]["reason"] = source.reason
        self._settings.requested_sources = requests

    def _source(self, request: RequestedSource) -> Source:
        backbone, weights = request["backbone"], request["weights"]
        name = source_name(backbone)
        title = {None: "learned on these photos", AUTO: "to be chosen by the photos"}.get(backbone, name)
        folder = self._cache / "sources" / (re.sub(r"[/\\:]", "_", name).strip(".") or "_")  # never another place
        source = Source(name, title, folder, backbone, weights, request.get("reason"))
        source.read_layers()
        if source.layers and source.prepared == len(self._photos):
            source.state = "ready"
        return source
