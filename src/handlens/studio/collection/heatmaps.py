"""What the model looks at."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from handlens.errors import CollectionError
from handlens.studio.collection.models import Models
from handlens.studio.separation import Floats

if TYPE_CHECKING:
    from handlens.vision.heatmap import HeatMap
    from handlens.vision.learner import VisionLearner

_HEATMAPS = 200  # heat maps that are remembered


class HeatMaps(Models):
    """Heat maps of the model in use, the latest of which are remembered."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._looking = threading.Lock()  # held while a heat map is worked out
        self._learner: tuple[str, VisionLearner] | None = None
        self._weights: tuple[str, dict[str, Floats]] | None = None
        self._heatmaps: OrderedDict[tuple[str, int, str], HeatMap] = OrderedDict()

    def heatmap(self, photo: int, label: str | None = None) -> HeatMap:
        """Which places of a photo speak for a label, to the model in use; its prediction unless given.

        For the fine-tuned model Grad-CAM at its last map; the quick model's score is taken apart place by place, see
        `handlens.studio.attention`. Raises TrainingError before training, CollectionError for a label that the model
        does not know, and PhotoError or DataError for a photo that cannot be read.
        """
        self._check_photo(photo)
        names, p = self.probabilities()
        if label is None:
            if not np.isfinite(p[photo]).all():
                raise CollectionError(f"{self.paths[photo]} has no prediction yet. Wait a moment, or choose a label.")
            label = names[int(p[photo].argmax())]
        elif label not in names:
            raise CollectionError(f"label must be one that the model knows: {', '.join(names)}; “{label}” arrived.")
        key = (self.model_version, photo, label)
        with self._looking:
            if key not in self._heatmaps:
                self._heatmaps[key] = self._looked(photo, names.index(label), label)
            self._heatmaps.move_to_end(key)
            if len(self._heatmaps) > _HEATMAPS:
                self._heatmaps.popitem(last=False)
            return self._heatmaps[key]

    def _looked(self, photo: int, code: int, label: str) -> HeatMap:
        import torch

        from handlens.vision.heatmap import HeatMap, heatmap

        small = np.asarray(Image.open(io.BytesIO(self.thumb(photo))).convert("RGB"))
        picture = torch.from_numpy(small.copy()).permute(2, 0, 1) / 255
        if self.model == "fine-tuned":
            found = heatmap(self._tuned_learner(), self._register.file(photo), cat=code)
            # Photos are squeezed to a square as a whole: the map lies over the photo in its own shape just as well.
            return replace(found, picture=picture, label=label)
        return HeatMap(torch.from_numpy(self._quick_heat(photo, code)), picture, code, label, "score by place")

    def _tuned_learner(self) -> VisionLearner:
        model = self._tuned(self._log.kept("fine-tuned"))
        assert model is not None
        if self._learner is None or self._learner[0] != model.id:
            self._learner = (model.id, model.load())
        return self._learner[1]

    def _quick_heat(self, photo: int, code: int) -> Floats:
        """The quick model's score of a class taken apart, [h, w] of its finest layer."""
        from handlens.core.artifact import load_artifact
        from handlens.studio.attention import Part, against_others, heat
        from handlens.studio.predictor import KIND

        if self._weights is None or self._weights[0] != self.model_version:
            config, tensors = load_artifact(self.folder / "model", KIND)
            self._weights = (self.model_version, {name: tensors[f"layer.{name}"].numpy() for name in config["layers"]})
        _, weights = self._weights
        parts = []
        for source in self.sources:
            used = {i: layer for i, layer in enumerate(source.layers) if layer.id in weights}
            if not used:
                continue
            if not source.restore() or source.extractor is None:
                raise CollectionError(f"the features of {source.title} are damaged on disk. Prepare again.")
            maps = source.extractor.maps(source.square(self._register.file(photo)))
            for i, layer in used.items():
                mean = self._layer_maps(layer).fit().scaling.mean
                towards = against_others(weights[layer.id], code)
                parts.append(Part(maps[i // 2][0].numpy(), towards, mean, layer.pooling))
        return heat(parts)
