"""Ensemble: several TabularModels asked together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Ensemble(nn.ModuleList):
    """Models whose outputs [B, c] for a batch are averaged: numbers, logarithms, or scores of classes before softmax.

    Models that were trained apart, or one model at the ends of several cycles (snapshot ensembles, Huang et al. 2017,
    arXiv 1704.00109), err less together than each does.
    """

    @property
    def config(self) -> dict[str, Any]:
        """How many members there are, and the arguments that make each again."""
        one: Any = self[0]
        return {"members": len(self), **one.config}

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        return torch.stack([model(codes, numbers) for model in self]).mean(0)
