"""Text search: the photos that a sentence describes, by a CLIP or SigLIP model that is one of the sources."""

from __future__ import annotations

import numpy as np
import pandas as pd

from handlens.errors import CollectionError
from handlens.studio.features.text_files import is_text_model, require_transformers
from handlens.studio.layers import Layers
from handlens.studio.photos import Photos
from handlens.studio.similarity import nearest
from handlens.studio.sources import Source

LONGEST = 1000
"""Characters that a sentence may have."""

MOST = 1000
"""Photos that may be asked for at once."""


class TextSearch:
    """Ranks photos by a sentence; see `Collection.search`."""

    def __init__(self, photos: Photos, layers: Layers) -> None:
        self._photos, self._layers = photos, layers

    @property
    def source(self) -> Source | None:
        """The first source that is a model of pictures and sentences and describes some photos; None without one."""
        sources = list(self._layers.sources)
        return next((s for s in sources if is_text_model(s.backbone) and s.prepared > 0), None)

    def search(self, sentence: str, n: int) -> pd.DataFrame:
        """Up to n photos, the one that the sentence describes best first."""
        text = sentence.strip() if isinstance(sentence, str) else ""
        if not text or len(text) > LONGEST:
            raise CollectionError(f"a sentence must be text of 1 to {LONGEST} characters; {sentence!r:.100} arrived.")
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or not 1 <= n <= MOST:
            raise CollectionError(f"n must be a whole number from 1 to {MOST}; {n!r} arrived.")
        source = self.source
        if source is None:
            raise CollectionError(self._nothing())
        require_transformers()
        from handlens.studio.features.text_model import TextModel

        model = source.loaded()
        assert isinstance(model, TextModel)
        vector = model.sentence(text)
        far = source.rows[0].read(source.prepared).times(-vector)[: len(self._photos)]
        order = self._photos.order[: len(far)]
        rows = nearest(far, np.zeros(len(far), bool), order, int(n))
        found, paths = order[rows], self._photos.paths
        return pd.DataFrame({"id": found, "path": [paths[i] for i in found.tolist()], "similarity": -far[rows]})

    def _nothing(self) -> str:
        """Why no photo can be found by a sentence."""
        waiting = next((s for s in list(self._layers.sources) if is_text_model(s.backbone)), None)
        if waiting is None:
            return (
                "searching by words needs a CLIP or SigLIP model as a source. Add one: Sources in "
                "the page, or add_features with its folder, and prepare."
            )
        if waiting.state == "failed":
            return f"{waiting.title} cannot be used: {waiting.message}"
        return f"{waiting.title} has not described the photos yet. Wait a moment, or prepare the collection."
