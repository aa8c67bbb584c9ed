"""The head that a body's map is classified with: concatenated pooling and two linear layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from handlens.errors import TrainingError

HIDDEN = 512


class AdaptiveConcatPool2d(nn.Module):
    """A map [B, C, H, W] as [B, 2C, 1, 1]: the maximum of each channel, then the mean of each."""

    def __init__(self) -> None:
        super().__init__()
        self.mp = nn.AdaptiveMaxPool2d(1)
        self.ap = nn.AdaptiveAvgPool2d(1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.mp(x), self.ap(x)], 1)


def create_head(
    channels: int, classes: int, *, ps: float | Sequence[float] = 0.5, bn_final: bool = False
) -> nn.Sequential:
    """From a map of so many channels to so many scores.

    Concat-pool → flatten → BN → dropout → linear 512 → ReLU → BN → dropout → linear (→ BN with `bn_final`). A single
    p drops out p / 2 and then p; two are used as they are. Linear weights are drawn as He et al. 2015
    (arXiv 1502.01852) have them, with a bias of zero. TrainingError for probabilities outside 0–1.
    """
    first, second = (ps / 2, ps) if isinstance(ps, (int, float)) else _two(ps)
    for p in (first, second):
        if not 0 <= p < 1:
            raise TrainingError(f"ps must be probabilities of dropping out, 0 or more and below 1; {ps} arrived.")
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
        # A slow average: the scale of the scores should not follow single batches.
        layers.append(nn.BatchNorm1d(classes, momentum=0.01))
    for layer in layers:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return nn.Sequential(*layers)


def _two(ps: Sequence[float]) -> tuple[float, float]:
    if len(ps) != 2:
        raise TrainingError(f"the head has two layers that drop out; {len(ps)} probabilities arrived for them: {ps}.")
    return float(ps[0]), float(ps[1])
