"""Ensemble: several TabularModels whose outputs are averaged."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Ensemble(nn.ModuleList):
    """Models whose outputs [B, c] for a batch are averaged: numbers, logarithms, or scores of classes before softmax.

    The average of models that were trained separately, or of one model at the ends of several cycles (snapshot
    ensembles, Huang et al. 2017, arXiv 1704.00109), has a smaller error than each model.

    Example:
        >>> from handlens.tabular.model import TabularModel
        >>> models = [TabularModel([(4, 2)], n_cont=1, out_sz=1, layers=[3]) for _ in range(2)]
        >>> both = Ensemble(models).eval()
        >>> codes, numbers = torch.tensor([[1], [3]]), torch.tensor([[0.5], [2.0]])
        >>> mean = (models[0](codes, numbers) + models[1](codes, numbers)) / 2
        >>> torch.allclose(both(codes, numbers), mean)
        True
    """

    @property
    def config(self) -> dict[str, Any]:
        """How many members there are, and the arguments that create each of them."""
        one: Any = self[0]
        return {"members": len(self), **one.config}

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        return torch.stack([model(codes, numbers) for model in self]).mean(0)
