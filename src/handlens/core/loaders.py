"""Batches: from tensors that are in memory as a whole, or from items one at a time."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from handlens.core.checks import whole
from handlens.errors import DataError

Batch = tuple[Any, Tensor]
"""Inputs (a tensor, or a tuple of those that a model takes) and targets, on the device, a row an item."""

GATHERED = 16384
"""Rows copied in shuffled order at once: one call for hundreds of small batches, and little memory."""


@dataclass(frozen=True)
class Share:
    """Which rows of each batch are wanted: those of one of several processes that train together.

    Attributes:
        rank: the position of the process, from 0.
        count: how many processes there are.

    Example:
        >>> Share(0, 2).rows(5), Share(1, 2).rows(5)
        (slice(0, 2, None), slice(2, 5, None))
        >>> Share(0, 2).rows(1)  # where there are fewer rows than processes, the first one stands in
        slice(0, 1, None)
    """

    rank: int
    count: int

    def rows(self, n: int) -> slice:
        """The rows of a batch of n."""
        start, stop = n * self.rank // self.count, n * (self.rank + 1) // self.count
        return slice(start, stop) if stop > start else slice(0, 1)


WHOLE = Share(0, 1)
"""All rows of each batch."""


class Loader(Protocol):
    """What a DataBunch takes for each of its parts.

    With a method `batches(share)`, a loader reads no more than a process needs; without one, whole batches are cut.
    """

    dataset: Any
    sizes: list[int]
    """How many items each batch of an epoch has."""

    def __len__(self) -> int:
        """How many batches an epoch has."""

    def __iter__(self) -> Iterator[Batch]: ...

    def in_order(self) -> Loader:
        """The same batches in the order of the dataset, whether this one shuffles or not."""


def batch_sizes(n: int, bs: int) -> list[int]:
    """Sizes of the batches of n rows: `bs` each and the rest in a last one; a rest of one row joins the one before.

    Batch norm cannot train on a single row, and leaving that row out would be silent.

    Example:
        >>> batch_sizes(10, 4), batch_sizes(9, 4)
        ([4, 4, 2], [4, 5])
    """
    sizes = [bs] * (n // bs) + ([n % bs] if n % bs else [])
    if len(sizes) > 1 and sizes[-1] == 1 and bs > 1:
        sizes[-2:] = [bs + 1]
    return sizes


class TensorLoader:
    """Batches of a dataset that is in memory as tensors; gives views, and copies only to shuffle.

    Args:
        dataset: what the batches are of.
        inputs: tensors with a row an item; the batch's inputs are a tuple of their rows. Or one tensor, of which they
            are rows.
        targets: a tensor with a row an item.
        bs: rows a batch; see `batch_sizes` for the last.
        shuffle: a new order in each epoch, drawn from torch's own random numbers (`torch.manual_seed`).
        device: where the tensors are moved to, once.

    Raises:
        DataError: `bs` is not 1 or more.

    Example:
        >>> loader = TensorLoader(None, (torch.arange(5.0),), torch.arange(5), bs=2, device=torch.device("cpu"))
        >>> [(inputs[0].tolist(), targets.tolist()) for inputs, targets in loader]
        [([0.0, 1.0], [0, 1]), ([2.0, 3.0, 4.0], [2, 3, 4])]
    """

    def __init__(
        self,
        dataset: Any,
        inputs: tuple[Tensor, ...] | Tensor,
        targets: Tensor,
        *,
        bs: int,
        device: torch.device,
        shuffle: bool = False,
    ) -> None:
        bs = whole(bs, "bs", DataError)
        self.dataset = dataset
        self.bs = bs
        self.shuffle = shuffle
        self.alone = isinstance(inputs, Tensor)
        self.tensors = tuple(
            tensor.to(device) for tensor in (*((inputs,) if isinstance(inputs, Tensor) else inputs), targets)
        )
        self.sizes = batch_sizes(len(targets), bs)

    def __len__(self) -> int:
        return len(self.sizes)

    def in_order(self) -> TensorLoader:
        same = copy.copy(self)
        same.shuffle = False
        return same

    def __iter__(self) -> Iterator[Batch]:
        return self.batches(WHOLE)

    def batches(self, share: Share) -> Iterator[Batch]:
        """The rows of a share of each batch."""
        n = len(self.tensors[0])
        order = torch.randperm(n, device=self.tensors[0].device) if self.shuffle else None
        together = max(1, GATHERED // self.bs)
        start = 0
        for first in range(0, len(self.sizes), together):
            sizes = self.sizes[first : first + together]
            stop = start + sum(sizes)
            if share != WHOLE:
                places = torch.arange(start, stop) if order is None else order[start:stop]
                parts = [some[share.rows(len(some))] for some in places.split(sizes)]
                sizes = [len(part) for part in parts]
                rows = [tensor.index_select(0, torch.cat(parts).to(tensor.device)) for tensor in self.tensors]
            elif order is None:
                rows = [tensor[start:stop] for tensor in self.tensors]
            else:
                rows = [tensor.index_select(0, order[start:stop]) for tensor in self.tensors]
            for *inputs, targets in zip(*(tensor.split(sizes) for tensor in rows), strict=True):
                yield inputs[0] if self.alone else tuple(inputs), targets
            start = stop


def usable_workers(num_workers: int) -> int:
    """So many worker processes, but at most one for each core: more of them only take memory.

    Raises:
        DataError: it is not a whole number from 0 on.

    Example:
        >>> usable_workers(0), usable_workers(1)
        (0, 1)
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(whole(num_workers, "num_workers", DataError, least=0), cores)


class ItemLoader:
    """Batches of a dataset whose items are made one at a time, such as pictures, by torch's DataLoader.

    Args:
        dataset: `dataset[i]` gives (x, y), where `x.data` is a tensor of the same shape for each item (or x is one),
            and `dataset.y.data` holds the encoded targets.
        bs, shuffle, device: as in TensorLoader.
        num_workers: processes that make items, at most one for each core, see `usable_workers`; 0 makes them in this
            one.
    """

    def __init__(
        self, dataset: Any, *, bs: int, device: torch.device, shuffle: bool = False, num_workers: int = 0
    ) -> None:
        from torch.utils.data import DataLoader

        bs, num_workers = whole(bs, "bs", DataError), usable_workers(num_workers)
        self.dataset = dataset
        self.bs = bs
        self.device = device
        self.sizes = batch_sizes(len(dataset), bs)
        self._orders = _Orders(self.sizes, shuffle)
        self._loader: DataLoader[Any] = DataLoader(
            _Pairs(dataset),  # type: ignore[arg-type]  # it has all that a Dataset needs
            batch_sampler=self._orders,
            num_workers=num_workers,
            persistent_workers=num_workers > 0,
            pin_memory=device.type == "cuda",
        )

    def __len__(self) -> int:
        return len(self.sizes)

    def in_order(self) -> ItemLoader:
        return ItemLoader(self.dataset, bs=self.bs, device=self.device, num_workers=self._loader.num_workers)

    def __iter__(self) -> Iterator[Batch]:
        return self.batches(WHOLE)

    def batches(self, share: Share) -> Iterator[Batch]:
        """The rows of a share of each batch; no others are read."""
        self._orders.share = share
        for inputs, targets in self._loader:
            yield inputs.to(self.device, non_blocking=True), targets.to(self.device, non_blocking=True)


class _Orders:
    """The positions of each batch's items, in a new order for each epoch if they are shuffled."""

    def __init__(self, sizes: list[int], shuffle: bool) -> None:
        self.sizes = sizes
        self.shuffle = shuffle
        self.share = WHOLE

    def __len__(self) -> int:
        return len(self.sizes)

    def __iter__(self) -> Iterator[list[int]]:
        n, share = sum(self.sizes), self.share
        order = torch.randperm(n) if self.shuffle else torch.arange(n)
        for rows in order.split(self.sizes):
            yield rows[share.rows(len(rows))].tolist()


class _Pairs:
    """A dataset as torch's DataLoader wants it: pairs of tensors."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, position: int) -> tuple[Tensor, Tensor]:
        x = self.dataset[position][0]
        return x if isinstance(x, Tensor) else x.data, self.dataset.y.data[position]
