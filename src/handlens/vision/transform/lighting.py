"""The lighting curve, as a lookup table for 8-bit pixels and as a function of tensors."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

EDGE = 1 / 512
"""The logits of black and white are infinite, so pixels are clipped to this distance from 0 and 1.

It is just below half a step of 8 bits, so that an unchanged pixel keeps its level.
"""

_LEVELS = np.clip(np.arange(256) / 255, EDGE, 1 - EDGE)
_LOGITS = np.log(_LEVELS / (1 - _LEVELS))


def table(curve: tuple[float, float]) -> NDArray[np.uint8]:
    """What each of the 256 levels becomes: logit(result) = a · logit(level) + b."""
    a, b = curve
    return np.rint(255 / (1 + np.exp(-(a * _LOGITS + b)))).astype(np.uint8)


def lit(pictures: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """The same for pictures [B, 3, H, W] with a scale and a shift [B] each."""
    logits = torch.logit(pictures.clamp(EDGE, 1 - EDGE))
    return torch.sigmoid(scale[:, None, None, None] * logits + shift[:, None, None, None])
