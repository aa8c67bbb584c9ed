"""Bins: shares of quantile bins, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from handlens.tabular.bins import Bins, _edges


def test_edges_hold_equally_many_rows() -> None:
    assert _edges(np.array([0, 1, 2, 3], np.float32), 2).tolist() == [0, 1, 3]
    assert _edges(np.array([5, 5, 5], np.float32), 2).tolist() == [5, 5, 5]


def test_a_value_that_many_rows_share_takes_one_bin() -> None:
    # 90 rows of 0 count as a quarter of the rows, 25: the other ten values are spread over the bins that are left
    column = np.array([0.0] * 90 + list(range(1, 11)), np.float32)
    assert _edges(column, 4).tolist() == [0, 0, 0, 2, 10]


def test_shares_by_hand() -> None:
    bins = Bins(1, 2)
    bins.begin(torch.tensor([[0.0], [1], [2], [3]]))
    # edges 0, 1, 3; of 0, 1, 2 and 3 the shares are (0, 0), (1, 0), (1, ½), (1, 1), with the means ¾ and ⅜
    assert bins.means[0].tolist() == pytest.approx([0.75, 0.375])
    given = bins(torch.tensor([[0.5], [2], [1e9], [-1e9]])) + bins.means
    assert given.flatten().tolist() == pytest.approx([0.5, 0, 1, 0.5, 1, 1, 0, 0])


def test_a_constant_column_gives_zeros() -> None:
    bins = Bins(2, 3)
    bins.begin(torch.tensor([[1.0, 5], [2, 5], [3, 5]]))
    assert bins(torch.tensor([[2.0, 7.0]]))[0, 3:].tolist() == [0, 0, 0]


def test_outliers_and_scale_do_not_matter() -> None:
    x = torch.arange(100.0)[:, None]
    plain, odd = Bins(1, 10), Bins(1, 10)
    plain.begin(x)
    odd.begin(torch.where(x == 99, 1e6, x))
    places = torch.linspace(0, 80, 33)[:, None]
    assert torch.allclose(plain(places) + plain.means, odd(places) + odd.means, atol=1e-6)
    scaled = Bins(1, 10)
    scaled.begin(x * 1e-6)
    assert torch.allclose(plain(places), scaled(places * 1e-6), atol=1e-4)
