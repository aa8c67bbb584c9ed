"""Where in a photo the quick model finds evidence for a class: its score is split into the parts that each place adds.

The quick model's score of a class is a sum over layers of weights times pooled features, and a pooled feature is the
average of a map over cells: so the score is a sum over places too, with nothing left over. What each place adds,
measured from an average photo and against the average class, is the heat map. No gradient and no approximation is
needed; for "what" layers it is the class activation mapping of Zhou et al. 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handlens.core.products import product
from handlens.core.threads import one_blas_thread
from handlens.studio.discriminant import Floats
from handlens.studio.features.extractor import CELLS, Pooling


@dataclass(frozen=True)
class Part:
    """One layer's part in a score: its map [C, h, w], and weights and means [D] of its pooled features."""

    planes: Floats
    weights: Floats
    mean: Floats
    pooling: Pooling

    @one_blas_thread()
    def places(self) -> Floats:
        """What each place adds to Σ weights · (features − mean), float32 [h, w]; the places sum to that."""
        cells = 1 if self.pooling == "what" else CELLS
        channels, height, width = self.planes.shape
        weights, mean = (values.reshape(channels, cells, cells) for values in (self.weights, self.mean))
        found = np.zeros((height, width), np.float32)
        for i, (top, bottom) in enumerate(_cuts(height, cells)):
            for j, (left, right) in enumerate(_cuts(width, cells)):
                w, cell = weights[:, i, j], (slice(top, bottom), slice(left, right))
                planes = self.planes[:, *cell]
                added = product(w, planes.reshape(channels, -1)).reshape(planes.shape[1:])
                found[cell] += (added - product(w, mean[:, i, j])) / added.size
        return found


def against_others(weights: Floats, column: int) -> Floats:
    """The weights [D] of one class less the mean of all classes: what all share, softmax does not see."""
    return np.asarray(weights[:, column] - weights.mean(1), np.float32)


def heat(parts: Sequence[Part]) -> Floats:
    """The evidence for the class, on the finest of the layers' grids: the sum over the layers, at least 0."""
    import torch
    from torch.nn import functional as F

    maps = [part.places() for part in parts]
    size = max((m.shape for m in maps), key=lambda shape: shape[0] * shape[1])
    total = np.zeros(size, np.float32)
    for one in maps:
        # Per area, since a place of a coarse grid covers many of a fine one.
        density = torch.from_numpy(one * one.size / total.size)
        total += F.interpolate(density[None, None], size, mode="bilinear", align_corners=False)[0, 0].numpy()
    return np.maximum(total, 0)


def _cuts(length: int, cells: int) -> list[tuple[int, int]]:
    """Where adaptive average pooling begins and ends each cell."""
    return [(i * length // cells, -(-(i + 1) * length // cells)) for i in range(cells)]
