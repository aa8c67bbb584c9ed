"""A source of layers: the average colour of a photo, and of each cell of a 3×3 grid over it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, zeros
from torch.nn.functional import adaptive_avg_pool2d

from handlens.studio.features import SourceKind
from handlens.studio.features.extractor import check_batch, layers_of


class Colours:
    """Red, green and blue, from 0 to 1."""

    name = "colours"
    size = 24  # pixels: the side of the pictures that it takes

    def __init__(self) -> None:
        self.layers = layers_of(self.name, [("rgb", 3)])

    def maps(self, batch: Tensor) -> list[Tensor]:
        """The map [B, 3, 3, 3] of uint8 pictures [B, 24, 24, 3]."""
        check_batch(batch, self.size)
        return [adaptive_avg_pool2d(batch.permute(0, 3, 1, 2).float() / 255, 3)]

    def __call__(self, batch: Tensor) -> list[Tensor]:
        """The average [B, 3], and the cells [B, 27]."""
        (cells,) = self.maps(batch)
        return [cells.mean((2, 3)), cells.flatten(1)]

    def config(self) -> dict[str, Any]:
        """What is saved beside the numbers; "kind" is the name of the entry point."""
        return {"kind": self.name}

    def tensors(self) -> dict[str, Tensor]:
        """The numbers: there are none to learn, and a file of numbers must hold one."""
        return {"nothing": zeros(1)}


COLOURS = SourceKind(rebuild=lambda *_: Colours(), make=Colours)
