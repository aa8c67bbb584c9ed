"""Random numbers for each pixel, the same for one seed on every device."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform(seed: int, *shape: int) -> Tensor:
    """Uniform float32 in [0, 1), drawn on the CPU."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def displacement(jitter: list[tuple[float, int]], height: int, width: int) -> Tensor:
    """The displacement of each pixel, [H, W, (x, y)] in normalized coordinates."""
    total = torch.zeros(height, width, 2)
    for amount, seed in jitter:
        total += amount * (2 * uniform(seed, height, width, 2) - 1)
    return total


def holes(found: list[tuple[float, float, int]], height: int, width: int) -> list[tuple[slice, slice]]:
    """The rows and columns that each black square covers."""
    covered = []
    for row, column, side in found:
        top, left = int(row * height) - side // 2, int(column * width) - side // 2
        covered.append((slice(max(top, 0), max(top + side, 0)), slice(max(left, 0), max(left + side, 0))))
    return covered
