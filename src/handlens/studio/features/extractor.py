"""What every source of features has in common: its layers, and how it is called and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor

Pooling = Literal["what", "where"]

CELLS = 3
"""The "where" pooling averages over a grid of CELLS × CELLS."""

_POOLINGS: tuple[tuple[Pooling, int], ...] = (("what", 1), ("where", CELLS * CELLS))


@dataclass(frozen=True)
class Layer:
    """One layer of features that a map can be drawn of.

    Attributes:
        id: "source/stage/pooling", as in `Collection.map("patches/fine/where", …)`.
        source: the network's name, or "patches".
        stage: the name of the network's stage.
        pooling: "what" (the average over the whole picture, [channels]) or "where" (averages over a 3×3 grid,
            [channels × 9], all cells of a channel together, row by row).
        dim: how many features it has for a photo: channels, or channels × 9.

    Example:
        >>> what, where = layers_of("resnet18", [("layer1", 64)])
        >>> what.id, what.dim, where.dim
        ('resnet18/layer1/what', 64, 576)
    """

    id: str
    source: str
    stage: str
    pooling: Pooling
    dim: int


class Extractor(Protocol):
    """Turns uint8 pictures [B, size, size, 3] into float32 [B, layer.dim] for each of `layers`, in order.

    Example:
        >>> import numpy as np
        >>> import torch
        >>> from handlens.studio.features import patches_extractor
        >>> pictures = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), np.uint8)
        >>> extractor = patches_extractor(pictures, seed=0)
        >>> features = extractor(torch.from_numpy(pictures))
        >>> [x.shape[1] for x in features] == [layer.dim for layer in extractor.layers]
        True
    """

    @property
    def name(self) -> str:
        """What it is called: "patches" or the network's name."""

    @property
    def size(self) -> int:
        """Side in pixels of the square pictures it takes."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """First stage to last; of each stage "what" and then, of a stage that has places, "where"."""

    def __call__(self, batch: Tensor) -> list[Tensor]:
        """Features of uint8 pictures [B, size, size, 3], on the CPU, in order of `layers`."""

    def maps(self, batch: Tensor) -> list[Tensor]:
        """The map [B, C, h, w] of each stage, of which its layers are averages."""

    def config(self) -> dict[str, Any]:
        """All but the numbers that `rebuild` needs, as plain JSON."""

    def tensors(self) -> dict[str, Tensor]:
        """The numbers that `rebuild` needs, on the CPU."""


def layers_of(source: str, stages: list[tuple[str, int]]) -> tuple[Layer, ...]:
    """The two layers of each stage, given as (name, channels)."""
    return tuple(
        Layer(f"{source}/{stage}/{pooling}", source, stage, pooling, channels * cells)
        for stage, channels in stages
        for pooling, cells in _POOLINGS
    )


def check_batch(batch: Tensor, size: int) -> None:
    """Raise ValueError unless batch is uint8 [B, size, size, 3]."""
    import torch

    if batch.dtype != torch.uint8 or batch.ndim != 4 or tuple(batch.shape[1:]) != (size, size, 3):
        raise ValueError(f"pictures must be uint8 [B, {size}, {size}, 3]; got {batch.dtype} {list(batch.shape)}.")
