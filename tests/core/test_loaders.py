"""Batches: their sizes, their order, and that every row comes exactly once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handlens.core import loaders
from handlens.core.items import Labelled
from handlens.core.labels import FloatList
from handlens.core.loaders import ItemLoader, TensorLoader, batch_sizes
from handlens.errors import DataError

CPU = torch.device("cpu")


def tensors(n: int, bs: int, *, shuffle: bool = False) -> TensorLoader:
    rows = torch.arange(n)
    return TensorLoader(None, (rows, rows * 2), rows.float(), bs=bs, device=CPU, shuffle=shuffle)


@pytest.mark.parametrize("bs", [0, -1, 2.0, True, None, "8"])
def test_batch_sizes_that_are_none(bs: Any) -> None:
    with pytest.raises(DataError, match="bs must be a whole number, 1 or more"):
        tensors(8, bs)
    with pytest.raises(DataError, match="bs must be a whole number, 1 or more"):
        ItemLoader([], bs=bs, device=CPU)


def test_a_batch_size_of_numpy() -> None:
    loader = tensors(8, np.int32(4))  # type: ignore[arg-type]
    assert (type(loader.bs), loader.sizes) == (int, [4, 4])


@pytest.mark.parametrize(
    ("n", "bs", "sizes"),
    [(0, 4, []), (1, 4, [1]), (4, 4, [4]), (5, 4, [5]), (6, 4, [4, 2]), (9, 4, [4, 5]), (3, 1, [1, 1, 1]), (3, 2, [3])],
)
def test_a_last_row_alone_joins_the_batch_before(n: int, bs: int, sizes: list[int]) -> None:
    assert batch_sizes(n, bs) == sizes


@given(st.integers(0, 70), st.integers(1, 20), st.booleans(), st.integers(1, 50))
def test_each_row_comes_once_with_its_target(n: int, bs: int, shuffle: bool, together: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaders, "GATHERED", together)
        loader = tensors(n, bs, shuffle=shuffle)
        batches = list(loader)
    assert [len(y) for _, y in batches] == loader.sizes
    assert len(loader) == len(batches)
    rows = [int(row) for (a, _), _ in batches for row in a]
    assert sorted(rows) == list(range(n))
    if not shuffle:
        assert rows == list(range(n))
    assert all(torch.equal(a * 2, b) and torch.equal(a.float(), y) for (a, b), y in batches)


def test_the_order_changes_with_each_epoch_and_repeats_with_the_seed() -> None:
    loader = tensors(100, 10, shuffle=True)

    def epoch() -> list[int]:
        return torch.cat([y for _, y in loader]).tolist()

    torch.manual_seed(5)
    first, second = epoch(), epoch()
    torch.manual_seed(5)
    assert epoch() == first
    assert first != second
    assert torch.cat([y for _, y in loader.in_order()]).tolist() == list(range(100))
    assert loader.shuffle


@pytest.mark.parametrize("bs", [0, -1, 2.0, True])
def test_impossible_batch_sizes(bs: object) -> None:
    with pytest.raises(DataError, match="bs must be"):
        TensorLoader(None, (torch.ones(3),), torch.ones(3), bs=bs, device=CPU)  # type: ignore[arg-type]


@pytest.mark.parametrize("shuffle", [False, True])
def test_items_one_at_a_time(shuffle: bool) -> None:
    dataset = Labelled(torch.arange(14.0).reshape(7, 2), FloatList(torch.arange(7.0)))
    loader = ItemLoader(dataset, bs=3, device=CPU, shuffle=shuffle)
    batches = list(loader)
    assert [len(y) for _, y in batches] == [3, 4]
    x, y = torch.cat([x for x, _ in batches]), torch.cat([y for _, y in batches])
    assert torch.equal(x[:, 0], y * 2)
    assert sorted(y.tolist()) == list(range(7))
    assert torch.cat([y for _, y in loader.in_order()]).tolist() == list(range(7))
