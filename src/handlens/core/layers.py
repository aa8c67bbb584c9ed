"""Layers that do what PyTorch's do, faster where small batches are trained on a CPU."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Dropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014): each number is zero with probability p, and otherwise divided by 1 − p.

    On a CPU the places of the zeros are drawn instead of one random number an element: with p = 0.01 that is a
    hundredth of the work. Their distribution is the same; outside of training it is the identity.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> dropped = Dropout(0.5)(torch.ones(1000))
        >>> dropped.unique().tolist()
        [0.0, 2.0]
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not 0 < self.p < 1 or x.device.type != "cpu":
            return super().forward(x)
        return _ZeroSome.apply(x, bernoulli_places(x.numel(), self.p), self.p)


class _ZeroSome(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, places: Tensor, p: float) -> Tensor:
        ctx.save_for_backward(places)
        ctx.p = p
        return _scaled_without(x, places, p)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return _scaled_without(grad, places, ctx.p), None, None


def _scaled_without(x: Tensor, places: Tensor, p: float) -> Tensor:
    scaled = x.contiguous() * (1 / (1 - p))
    scaled.view(-1).index_fill_(0, places, 0)
    return scaled


def bernoulli_places(n: int, p: float) -> Tensor:
    """The places, ascending, of the successes of n independent trials, each with probability 0 < p < 1.

    The gaps between successes are geometric; drawing them is drawing the trials.
    """
    expected = n * p
    few_more = int(expected + 6 * math.sqrt(expected) + 8)
    places = torch.empty(few_more, dtype=torch.int64).geometric_(p).cumsum_(0) - 1
    while places[-1] < n - 1:
        places = torch.cat([places, torch.empty(few_more, dtype=torch.int64).geometric_(p).cumsum_(0) + places[-1]])
    return places[: int(torch.searchsorted(places, n))]
