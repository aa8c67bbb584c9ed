"""Normalisation of pictures by the mean and standard deviation of their channels."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from handlens.errors import DataError

imagenet_stats = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's red, green and blue: what most pretrained networks were trained with."""


class ChannelStats:
    """Mean and standard deviation of red, green and blue, 0–1, by which batches are normalised.

    Args:
        mean, std: three numbers each.

    Raises:
        DataError: they are not three numbers each, or a standard deviation is not above 0.

    Example:
        >>> ChannelStats(*imagenet_stats)
        mean [0.485, 0.456, 0.406], std [0.229, 0.224, 0.225]
    """

    def __init__(self, mean: Iterable[float], std: Iterable[float]) -> None:
        self.mean = torch.tensor([float(v) for v in mean], dtype=torch.float64)
        self.std = torch.tensor([float(v) for v in std], dtype=torch.float64)
        if self.mean.shape != (3,) or self.std.shape != (3,) or not (self.std > 0).all():
            raise DataError(
                "the statistics must be the mean and the standard deviation of red, green and blue, such as "
                f"imagenet_stats; {self.mean.tolist()} and {self.std.tolist()} arrived."
            )

    def __repr__(self) -> str:
        return f"mean {_numbers(self.mean)}, std {_numbers(self.std)}"


def normalised(pixels: Tensor, stats: ChannelStats | None) -> Tensor:
    """Pixels uint8 [B, H, W, 3] as float32 [B, 3, H, W], channels last in memory; 0–1 if there are no stats.

    Example:
        >>> normalised(torch.full((1, 1, 1, 3), 255, dtype=torch.uint8), None).flatten().tolist()
        [1.0, 1.0, 1.0]
    """
    b, h, w, _ = pixels.shape
    numbers = pixels.reshape(b, h, w * 3).float()
    if stats is None:
        numbers.div_(255)
    else:
        # A whole row at once: vectors of three numbers would be too short for the processor's vector instructions.
        scale = (1 / (255 * stats.std)).float().repeat(w).to(numbers.device)
        shift = (-stats.mean / stats.std).float().repeat(w).to(numbers.device)
        numbers.mul_(scale).add_(shift)
    return numbers.view(b, h, w, 3).permute(0, 3, 1, 2)


def _numbers(values: Tensor) -> str:
    return "[" + ", ".join(f"{v:.3f}" for v in values.tolist()) + "]"
