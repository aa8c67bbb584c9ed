"""Bins: numbers as shares of their quantile bins, so that a network can learn any curve of a number in a few epochs."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Floats = NDArray[np.float32]


class Bins(nn.Module):
    """Piecewise linear encoding (Gorishniy, Rubachev & Babenko 2022, arXiv 2203.05556, section 3.2).

    numbers [B, N] → [B, N · bins]: for each bin from a to b the share of it that lies below the number,
    (x − a) / (b − a), at least 0 and at most 1, minus the mean of the training rows. As the bins hold equally many
    training rows, neither the scale of a column nor an outlier matters.

    Args:
        n_cont: the number of columns, N.
        bins: how many bins each column has.

    Example:
        >>> cut = Bins(1, 2)
        >>> cut.begin(torch.tensor([[0.0], [1.0], [3.0]]))
        >>> cut(torch.tensor([[2.0]])) + cut.means
        tensor([[1.0000, 0.5000]])
    """

    lows: Tensor
    inverses: Tensor
    means: Tensor

    def __init__(self, n_cont: int, bins: int) -> None:
        super().__init__()
        self.register_buffer("lows", torch.zeros(n_cont, bins))
        self.register_buffer("inverses", torch.zeros(n_cont, bins))
        self.register_buffer("means", torch.zeros(1, n_cont * bins))

    def begin(self, numbers: Tensor) -> None:
        """Fit the bins to the training rows, float32 [rows, N]; a bin without width gives zeros."""
        count = self.lows.shape[1]
        edges = np.array([_edges(column, count) for column in numbers.cpu().numpy().T], np.float64)
        widths = np.diff(edges)
        inverses = np.divide(1, widths, out=np.zeros_like(widths), where=widths > 0)
        self.lows.copy_(torch.from_numpy(edges[:, :-1]))
        self.inverses.copy_(torch.from_numpy(inverses))
        self.means.zero_()
        self.means.copy_(self(numbers.to(self.means.device)).mean(0, keepdim=True))

    def forward(self, numbers: Tensor) -> Tensor:
        shares = ((numbers.unsqueeze(2) - self.lows) * self.inverses).clamp(0, 1)
        return shares.flatten(1) - self.means

    def extra_repr(self) -> str:
        return f"{self.lows.shape[0]}, {self.lows.shape[1]}"


def _edges(column: Floats, bins: int) -> Floats:
    """The ends of bins with equally many rows; a value that many rows share counts for one bin, and no more."""
    values, counts = np.unique(column, return_counts=True)
    shares = np.cumsum(np.minimum(counts, max(1, len(column) // bins)))
    places = np.searchsorted(shares, np.linspace(0, shares[-1], bins + 1))
    return np.asarray(values[np.minimum(places, len(values) - 1)])
