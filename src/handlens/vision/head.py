"""The head that classifies a body's feature map: concatenated pooling and two linear layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from handlens.errors import TrainingError

HIDDEN = 512


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
    channels: int, classes: int, *, ps: float | Sequence[float] = 0.5, bn_final: bool = False
) -> nn.Sequential:
    """A head: concat-pool → flatten → BN → dropout → linear 512 → ReLU → BN → dropout → linear (→ BN with `bn_final`).

    Linear weights are initialised after He et al. 2015 (arXiv 1502.01852), with a bias of zero.

    Args:
        channels: the channels of the feature map [B, channels, h, w].
        classes: the scores to output, [B, classes].
        ps: the two dropout probabilities; a single p stands for p / 2 and p.
        bn_final: a batch norm of the scores at the end.

    Raises:
        TrainingError: a probability is not from 0 to below 1, or there are not one or two.

    Example:
        >>> create_head(8, 3).eval()(torch.rand(2, 8, 5, 5)).shape
        torch.Size([2, 3])
    """
    first, second = (ps / 2, ps) if isinstance(ps, (int, float)) else _two(ps)
    for p in (first, second):
        if not 0 <= p < 1:
            raise TrainingError(f"ps must be dropout probabilities from 0 to below 1; {ps} arrived.")
    layers: list[nn.Module] = [
        AdaptiveConcatPool2d(),
        nn.Flatten(),
        nn.BatchNorm1d(2 * channels),
        nn.Dropout(first),
        nn.Linear(2 * channels, HIDDEN),
        nn.ReLU(inplace=True),
        nn.BatchNorm1d(HIDDEN),
        nn.Dropout(second),
        nn.Linear(HIDDEN, classes),
    ]
    if bn_final:
        # A small momentum: the scale of the scores should not follow single batches.
        layers.append(nn.BatchNorm1d(classes, momentum=0.01))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def _two(ps: Sequence[float]) -> tuple[float, float]:
    if len(ps) != 2:
        raise TrainingError(f"ps must be one or two probabilities, as the head has two dropout layers; {ps} arrived.")
    return float(ps[0]), float(ps[1])
