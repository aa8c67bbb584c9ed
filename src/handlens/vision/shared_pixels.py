"""SharedPixels: memory in which worker processes leave the pixels of batches."""

from __future__ import annotations

import math
import mmap

import torch
from torch import Tensor


class SharedPixels:
    """Room for the pixels of a few batches, shared by this process and those that are forked from it afterwards.

    The pixels are read where a worker wrote them, and the same memory serves batch after batch: a file of shared memory
    for each batch would have to be made, cleared, and mapped twice.

    Args:
        batches: how many batches there is room for; batch number i has the place of i modulo that.
        shape: (B, H, W, 3) of the largest batch.

    Raises:
        OSError: the machine has not so much memory.

    Example:
        >>> room = SharedPixels(2, (4, 1, 1, 3))
        >>> room.of(0, 2).fill_(7)[1, 0, 0].tolist(), room.of(2, 4).shape  # the third batch has the place of the first
        ([7, 7, 7], torch.Size([4, 1, 1, 3]))
    """

    def __init__(self, batches: int, shape: tuple[int, int, int, int]) -> None:
        memory = mmap.mmap(-1, batches * math.prod(shape))
        self._places = torch.frombuffer(memory, dtype=torch.uint8).view(batches, *shape)

    def of(self, number: int, count: int) -> Tensor:
        """The place of batch `number`, which has `count` pictures: uint8 [count, H, W, 3]."""
        return self._places[number % len(self._places)][:count]
