"""Labels that may be wrong: those that a model doubts which was trained without them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import softmax

from handlens.errors import TrainingError
from handlens.studio.labels import Labels
from handlens.studio.models.model import NO_MODEL
from handlens.studio.models.registry import Models
from handlens.studio.photos import Photos


class Suspects:
    """Ranks labels by how much they are doubted; see `Collection.suspects`."""

    def __init__(self, photos: Photos, labels: Labels, models: Models) -> None:
        self._photos, self._labels, self._models = photos, labels, models

    def ranked(self) -> pd.DataFrame:
        """All labels that were held out in training, the most doubtful first."""
        model = self._models.get("quick") or self._models.in_use
        if model is None:
            raise TrainingError(NO_MODEL)
        held_out, names = self._models.held_out(model), self._models.classes(model)
        columns = ["id", "path", "label", "probability", "suggested", "suggested_probability"]
        if held_out is None or np.isnan(held_out.scores).any():
            return pd.DataFrame(columns=columns).set_index("id")
        p = softmax(held_out.scores.astype(np.float64), axis=1)
        now, paths = self._labels.series.to_numpy(), self._photos.paths
        rows = [
            (photo, paths[photo], label, p[i, names.index(label)], names[p[i].argmax()], p[i].max())
            for i, (photo, label) in enumerate(zip(held_out.ids.tolist(), held_out.truth, strict=True))
            if now[photo] == label  # what was changed since is judged already
        ]
        table = pd.DataFrame(rows, columns=columns).set_index("id")
        return table.sort_values("probability", kind="stable")
