"""Embeddings of categorical columns: their sizes, and the lookup of a whole batch in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.module import _has_any_global_hook

from handlens.core.checks import whole
from handlens.errors import DataError, TableError


def embedding_sizes(n_levels: Mapping[str, int], emb_szs: Mapping[str, int] | None = None) -> list[tuple[int, int]]:
    """Number of levels n and vector length of each categorical column, min(50, n // 2 + 1).

    That is the rule of the lesson's transcript (December 2018). The course's library changed it later to
    min(600, round(1.6 n^0.56)).

    Args:
        n_levels: the number of levels by column, including level 0 for missing and unseen values.
        emb_szs: vector lengths by column, for columns that should not follow the rule.

    Returns:
        (levels, vector length) of each column, in the order of `n_levels`.

    Raises:
        TableError: `emb_szs` names a column that is not categorical, or a length is below 1.

    Example:
        >>> embedding_sizes({"shop": 1116, "day": 8}, {"day": 3})
        [(1116, 50), (8, 3)]
    """
    if not isinstance(emb_szs, Mapping | None):
        raise TableError(f"emb_szs must be vector lengths by column, such as {{'shop': 9}}; {emb_szs!r} arrived.")
    own = dict(emb_szs or {})
    odd = [name for name in own if name not in n_levels]
    if odd:
        raise TableError(
            f"emb_szs must name categorical columns; {odd} are not. The categorical columns are {list(n_levels)}."
        )
    own = {name: whole(size, f"emb_szs, the vector length of {name!r},", TableError) for name, size in own.items()}
    return [(n, own.get(name, min(50, n // 2 + 1))) for name, n in n_levels.items()]


class Embeddings(nn.ModuleList):
    """An nn.Embedding for each categorical column; codes [B, columns] → their vectors concatenated, [B, all lengths].

    The tables lie one after the other in one tensor, so that a batch needs one gather forward and one scatter backward
    instead of one for each column; the optimizer keeps them so. Tables that no longer lie so, or that have a hook, are
    looked up one by one, with the same result.

    Args:
        sizes: number of levels and vector length of each column.
        deviation: the standard deviation of the normal distribution that the numbers are drawn from at the start; as
            in the course none is further from 0 than two of them.

    Example:
        >>> Embeddings([(4, 2), (3, 1)])(torch.tensor([[1, 2], [0, 0]])).shape
        torch.Size([2, 3])
    """

    levels: Tensor
    widths: Tensor
    starts: Tensor
    columns: Tensor
    within: Tensor

    def __init__(self, sizes: Sequence[tuple[int, int]], *, deviation: float = 0.01) -> None:
        super().__init__()
        empty = torch.empty(sum(n * d for n, d in sizes))
        flat = nn.init.trunc_normal_(empty, std=deviation, a=-2 * deviation, b=2 * deviation)
        starts = [0, *accumulate(n * d for n, d in sizes)]
        for (n, d), start in zip(sizes, starts, strict=False):
            self.append(nn.Embedding(n, d, _weight=flat[start : start + n * d].view(n, d)))
        self._keep("levels", [n for n, _ in sizes])
        self._keep("widths", [d for _, d in sizes])
        self._keep("starts", starts[:-1])
        # For each output number, its column and its position in that column's vector.
        self._keep("columns", [i for i, (_, d) in enumerate(sizes) for _ in range(d)])
        self._keep("within", [k for _, d in sizes for k in range(d)])
        self._tables = _Adjoining(sizes)
        self._gradients = _Adjoining(sizes)

    def _get_name(self) -> str:
        return "ModuleList"  # as the lesson prints it

    def _keep(self, name: str, values: list[int]) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=torch.int64), persistent=False)

    def forward(self, codes: Tensor) -> Tensor:
        if torch.compiler.is_exporting():  # memory addresses and codes are not known while exporting
            return torch.cat([table(codes[:, i]) for i, table in enumerate(self)], 1)
        # A wrong code would read another column's vector. In training all codes come from the encoder.
        if not self.training and bool(((codes < 0) | (codes >= self.levels)).any()):
            raise DataError(
                f"codes must be below the number of levels of their column, {self.levels.tolist()}, and not negative."
            )
        weights = self._weights()
        flat = self._tables.as_one(weights)
        hooked = _has_any_global_hook() or any(
            table._forward_hooks or table._forward_pre_hooks or table._backward_hooks or table._backward_pre_hooks
            for table in self
        )
        if flat is None or hooked or any(type(table) is not nn.Embedding for table in self):
            return torch.cat([table(codes[:, i]) for i, table in enumerate(self)], 1)
        return _Lookup.apply(self._places(codes), flat, *weights)

    def in_one_piece(self) -> bool:
        """Whether the tables lie one after the other in memory, and their gradients too."""
        weights = self._weights()
        if any(type(table) is not nn.Embedding for table in self):
            return False
        return self._tables.as_one(weights) is not None and self._gradients.as_one(_grads(weights)) is not None

    def gather(self, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Positions of a batch's numbers in the flat table, and the numbers, both [B, all lengths].

        Call it only if `in_one_piece()` is true.
        """
        places = self._places(codes)
        flat: Tensor = self._tables.as_one(self._weights())  # type: ignore[assignment]
        return places, flat.index_select(0, places.view(-1)).view_as(places)

    def scatter(self, places: Tensor, grad: Tensor) -> None:
        """Add the gradient of what `gather` gave to the tables' gradients; only if `in_one_piece()` is true."""
        flat: Tensor = self._gradients.as_one(_grads(self._weights()))  # type: ignore[assignment]
        flat.scatter_add_(0, places.view(-1), grad.view(-1))

    def _weights(self) -> list[Tensor]:
        return [table.weight for table in self]  # type: ignore[misc]

    def _places(self, codes: Tensor) -> Tensor:
        return torch.addcmul(self.starts, codes, self.widths).index_select(1, self.columns).add_(self.within)


def _grads(weights: list[Tensor]) -> list[Tensor | None]:
    return [weight.grad for weight in weights]


class _Adjoining:
    """Checks whether tensors of these shapes lie directly one after the other in memory, and caches the answer."""

    def __init__(self, shapes: Sequence[tuple[int, int]]) -> None:
        self.shapes = list(shapes)
        self.size = sum(n * d for n, d in shapes)
        self._places: list[int] = []

    def as_one(self, tensors: Sequence[Tensor | None]) -> Tensor | None:
        """A one-dimensional view of all tensors; None if they are not adjacent in memory or one is missing."""
        there = [tensor for tensor in tensors if tensor is not None]
        if not there or len(there) < len(self.shapes):
            return None
        places = [tensor.data_ptr() for tensor in there]
        if places != self._places:
            ends = [place + t.numel() * t.element_size() for place, t in zip(places, there, strict=True)]
            one_storage = len({tensor.untyped_storage().data_ptr() for tensor in there}) == 1
            as_made = all(t.is_contiguous() and t.shape == s for t, s in zip(there, self.shapes, strict=True))
            if not one_storage or not as_made or ends[:-1] != places[1:]:
                return None
            self._places = places
        return there[0].detach().as_strided((self.size,), (1,))


class _Lookup(torch.autograd.Function):
    """Numbers of a flat tensor by their positions; the gradient goes to the tables that the tensor consists of."""

    @staticmethod
    def forward(ctx: Any, places: Tensor, flat: Tensor, *weights: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.shapes = [weight.shape for weight in weights]
        return flat.index_select(0, places.view(-1)).view_as(places)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (places,) = ctx.saved_tensors
        sizes = [shape.numel() for shape in ctx.shapes]
        whole = grad.new_zeros(sum(sizes)).scatter_add_(0, places.view(-1), grad.reshape(-1))
        parts = (part.view(shape) for part, shape in zip(whole.split(sizes), ctx.shapes, strict=True))
        return None, None, *parts
