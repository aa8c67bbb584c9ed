"""Dropout as PyTorch's, faster where small batches are trained on a CPU."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from handlens.core.distributed import current_rows


class Dropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014): each number is zero with probability p, and otherwise divided by 1 − p.

    On a CPU the positions of the zeros are drawn instead of one random number for each element: with p = 0.01 that is
    a hundredth of the work. The distribution is the same. In evaluation mode the input is returned unchanged.

    Args:
        p: the probability that a number becomes zero, 0 to 1.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> dropped = Dropout(0.5)(torch.ones(1000))
        >>> dropped.unique().tolist()
        [0.0, 2.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not 0 < self.p < 1 or x.device.type != "cpu":
            return super().forward(x)
        return _Drop.apply(x, dropped_positions(x, self.p), self.p)


class _Drop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, positions: Tensor, p: float) -> Tensor:
        ctx.save_for_backward(positions)
        ctx.p = p
        return _drop(x, positions, p)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (positions,) = ctx.saved_tensors
        return _drop(grad, positions, ctx.p), None, None


def _drop(x: Tensor, positions: Tensor, p: float) -> Tensor:
    """Divide by 1 − p, and set the flat `positions` to zero."""
    scaled = x.contiguous() * (1 / (1 - p))
    scaled.view(-1).index_fill_(0, positions, 0)
    return scaled


def dropped_positions(x: Tensor, p: float) -> Tensor:
    """The flat positions in x [rows, …] that dropout sets to zero, int64, ascending.

    Where this process computes a share of a batch, they are drawn for the whole batch: the zeros are those that one
    process would draw.
    """
    rows = current_rows()
    if rows is None or x.numel() % (rows.stop - rows.start):
        return bernoulli_positions(x.numel(), p)
    width = x.numel() // (rows.stop - rows.start)
    places = bernoulli_positions(rows.total * width, p)
    first, last = torch.searchsorted(places, torch.tensor([rows.start * width, rows.stop * width])).tolist()
    return places[first:last] - rows.start * width


def bernoulli_positions(n: int, p: float) -> Tensor:
    """Draw n independent trials that succeed with probability p each, and return which succeeded.

    The distances between successes have a geometric distribution, so drawing only these gives the same result.

    Args:
        n: the number of trials.
        p: the probability of a success, above 0 and below 1.

    Returns:
        The positions of the successes, 0 to n − 1, ascending; int64 [successes].

    Example:
        >>> _ = torch.manual_seed(0)
        >>> len(bernoulli_positions(10_000, 0.01)) in range(50, 150)
        True
    """
    expected = n * p
    enough = int(expected + 6 * math.sqrt(expected) + 8)  # nearly always reaches n in one draw
    positions = torch.empty(enough, dtype=torch.int64).geometric_(p).cumsum_(0) - 1
    while positions[-1] < n - 1:
        more = torch.empty(enough, dtype=torch.int64).geometric_(p).cumsum_(0) + positions[-1]
        positions = torch.cat([positions, more])
    return positions[: int(torch.searchsorted(positions, n))]
