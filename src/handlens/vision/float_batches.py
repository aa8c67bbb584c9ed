"""FloatBatches: 8-bit pixels as normalised numbers, in memory that is used again."""

from __future__ import annotations

import weakref

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handlens.vision.normalization import ChannelStats, normalised


class FloatBatches:
    """Turns batches of 8-bit pixels into normalised numbers on a device, one after another.

    On the CPU a table of 256 × 3 holds the number of each level of each channel, and one pass over the pixels looks
    them up. The memory of a batch that nobody holds any longer is used for the next one: the system takes longer to
    clear new memory than it takes to fill it.

    Args:
        stats: the statistics by which pixels are normalised; unless given, they are 0–1.
        device: where the numbers are put.

    Example:
        >>> stats = ChannelStats((0.5, 0.5, 0.5), (0.5, 0.25, 1.0))
        >>> batches = FloatBatches(stats, torch.device("cpu"))
        >>> batches(torch.tensor([[[[255, 0, 0]]]], dtype=torch.uint8)).flatten().tolist()
        [1.0, -2.0, -0.5]
    """

    def __init__(self, stats: ChannelStats | None, device: torch.device) -> None:
        self.stats = stats
        self.device = device
        levels = torch.arange(256, dtype=torch.float64)[:, None] / 255
        numbers = levels.expand(256, 3) if stats is None else (levels - stats.mean) / stats.std
        self._table: NDArray[np.float32] = numbers.float().contiguous().numpy()[None]
        self._free: list[Tensor] = []

    def __call__(self, pixels: Tensor) -> Tensor:
        """Float32 [B, 3, H, W], channels last in memory, of pixels uint8 [B, H, W, 3] on the CPU."""
        if self.device.type != "cpu":
            return normalised(pixels.to(self.device, non_blocking=True), self.stats)
        b, h, w, _ = pixels.shape
        numbers = self._memory(pixels.numel())
        cv2.LUT(pixels.reshape(b * h, w, 3).numpy(), self._table, dst=numbers.reshape(b * h, w, 3))
        return torch.from_numpy(numbers).view(b, h, w, 3).permute(0, 3, 1, 2)

    def _memory(self, count: int) -> NDArray[np.float32]:
        """Room for so many numbers, which comes back when the last tensor that lies in it is gone."""
        memory = self._free.pop() if self._free else torch.empty(count)
        if len(memory) < count:
            memory = torch.empty(count)
        lent: NDArray[np.float32] = memory.numpy()[:count]
        weakref.finalize(lent, self._keep, memory).atexit = False
        return lent

    def _keep(self, memory: Tensor) -> None:
        if not self._free:  # a second one would wait in vain: one batch is made at a time
            self._free.append(memory)
