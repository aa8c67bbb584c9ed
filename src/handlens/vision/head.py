"""The head that classifies a body's feature map: concatenated pooling and one or two linear layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from handlens.core.checks import whole
from handlens.errors import TrainingError

PS = 0.5
"""The probability of dropout."""

HIDDEN = 512
"""Outputs of the first of two linear layers."""


class AdaptiveConcatPool2d(nn.Module):
    """A feature map [B, C, H, W] as [B, 2C, 1, 1]: the maximum of each channel, then the mean of each.

    Example:
        >>> AdaptiveConcatPool2d()(torch.tensor([[[[1.0, 3.0]]]])).flatten().tolist()
        [3.0, 2.0]
    """

    def __init__(self) -> None:
        super().__init__()
        self.mp = nn.AdaptiveMaxPool2d(1)
        self.ap = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.mp(x), self.ap(x)], 1)


def create_head(
    channels: int, classes: int, *, ps: float | Sequence[float] = PS, hidden: int = HIDDEN, bn_final: bool = False
) -> nn.Sequential:
    """A head: concat-pool → flatten → BN → dropout → linear 512 → ReLU → BN → dropout → linear (→ BN with `bn_final`).

    Linear weights are initialised after He et al. 2015 (arXiv 1502.01852), with a bias of zero.

    Args:
        channels: the channels of the feature map [B, channels, h, w].
        classes: the scores to output, [B, classes].
        ps: the dropout probability before each linear layer; a single p stands for p before the last one and p / 2
            before the first of two.
        hidden: the outputs of the first linear layer; 0 for a linear head: concat-pool → flatten → BN → dropout →
            linear.
        bn_final: a batch norm of the scores at the end.

    Raises:
        TrainingError: a probability is not from 0 to below 1, there are not as many as linear layers, or `hidden` is
            not a whole number, 0 or more.

    Example:
        >>> create_head(8, 3).eval()(torch.rand(2, 8, 5, 5)).shape
        torch.Size([2, 3])
        >>> [type(layer).__name__ for layer in create_head(8, 3, hidden=0)][2:]
        ['BatchNorm1d', 'Dropout', 'Linear']
    """
    hidden = whole(hidden, "hidden", TrainingError, least=0)
    widths = [2 * channels, hidden, classes] if hidden else [2 * channels, classes]
    layers: list[nn.Module] = [AdaptiveConcatPool2d(), nn.Flatten()]
    for i, p in enumerate(_dropout(ps, len(widths) - 1)):
        if i:
            layers.append(nn.ReLU(inplace=True))
        layers += [nn.BatchNorm1d(widths[i]), nn.Dropout(p), nn.Linear(widths[i], widths[i + 1])]
    if bn_final:
        # A small momentum: the scale of the scores should not follow single batches.
        layers.append(nn.BatchNorm1d(classes, momentum=0.01))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def _dropout(ps: Any, layers: int) -> list[float]:
    """The dropout probability before each linear layer."""
    try:
        found = [float(ps) / 2, float(ps)][-layers:] if np.ndim(ps) == 0 else [float(p) for p in ps]
    except (TypeError, ValueError) as error:
        raise TrainingError(f"ps must be dropout probabilities, numbers from 0 to below 1; {ps!r} arrived.") from error
    if len(found) != layers:
        raise TrainingError(f"ps must be one probability, or one for each of the head's linear layers; {ps} arrived.")
    if not all(0 <= p < 1 for p in found):
        raise TrainingError(f"ps must be dropout probabilities from 0 to below 1; {ps} arrived.")
    return found
