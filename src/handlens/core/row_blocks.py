"""Passes over all rows of a large table of numbers, block by block: it may be a file that is larger than memory."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.core.products import ignored_flags
from handlens.core.threads import one_blas_thread, reading_threads
from handlens.errors import Cancelled

Floats = NDArray[np.float32]
Report = Callable[[int, int], bool]

BLOCK = 2**17
"""Numbers in a block: half a megabyte as float32, which stays in the cache of a core while it is worked on."""

STRIDE = 2**24
"""Numbers between two calls of `report`."""

_WORTH_LOADING = 2**26  # numbers in half precision from which PyTorch, whose conversion is ten times as fast, is loaded


def each_block(
    rows: NDArray[Any], use: Callable[[int, Floats], object], *, report: Report | None = None, what: str = "the work"
) -> None:
    """Call `use(start, block)` for blocks of rows that together are all of them, in several threads if they are many.

    Args:
        rows: float16 or float32 [n, D], also memory-mapped; no copy is made of more than a block.
        use: is given the number of the first row, and the rows as float32 [k, D], which change after it returns.
        report: called as `report(done, n)` with rows, from the calling thread; if it returns True, nothing follows.
        what: is called so when it is cancelled, such as "the search".

    Raises:
        Cancelled: `report` returned True.

    Example:
        >>> sums = np.empty(3, np.float32)
        >>> def add(start, block):
        ...     sums[start : start + len(block)] = block.sum(1)
        >>> each_block(np.array([[1, 2], [3, 4], [5, 6]], np.float16), add)
        >>> sums.tolist()
        [3.0, 7.0, 11.0]
    """
    rows = np.asarray(rows)  # slices of np.memmap itself take microseconds each
    n, dim = rows.shape
    threads = reading_threads(rows.size)
    step, stride = max(1, BLOCK // max(dim, 1)), max(1, STRIDE // max(dim, 1))
    if rows.dtype == np.float16 and rows.size >= _WORTH_LOADING:
        import torch  # noqa: F401

    def work(first: int, end: int) -> None:
        buffer = np.empty((min(step, end - first), dim), np.float32)
        with ignored_flags():
            for start in range(first, end, step):
                use(start, _floats(rows[start : min(start + step, end)], buffer))

    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        for start in range(0, n, stride):
            if report and report(start, n):
                raise Cancelled(f"{what} was cancelled.")
            cuts = np.linspace(start, min(start + stride, n), threads + 1).astype(int).tolist()
            list(pool.map(work, cuts[:-1], cuts[1:]) if threads > 1 else map(work, cuts[:-1], cuts[1:]))
    if report:
        report(n, n)


def row_products(
    rows: NDArray[Any], weights: Floats, *, report: Report | None = None, what: str = "the work"
) -> Floats:
    """The matrix product `rows @ weights` in float32, without a copy of the rows.

    Args:
        rows, report, what: as for `each_block`.
        weights: [D] or [D, C].

    Returns:
        float32 [n] or [n, C].

    Raises:
        Cancelled: `report` returned True.

    Example:
        >>> row_products(np.array([[1, 2], [3, 4]], np.float16), np.array([1, 10], np.float32)).tolist()
        [21.0, 43.0]
    """
    weights = np.ascontiguousarray(weights, np.float32)
    out = np.empty((len(rows), *weights.shape[1:]), np.float32)

    def multiply(start: int, block: Floats) -> None:
        np.matmul(block, weights, out=out[start : start + len(block)])

    each_block(rows, multiply, report=report, what=what)
    return out


def _floats(block: NDArray[Any], buffer: Floats) -> Floats:
    """A block as float32: itself, or converted into the buffer."""
    if block.dtype == np.float32 and block.dtype.isnative:
        return block
    out = buffer[: len(block)]
    if block.dtype == np.float16 and block.dtype.isnative and "torch" in sys.modules:
        torch = _torch()
        torch.from_numpy(out).copy_(torch.from_numpy(block))
    else:
        np.copyto(out, block, casting="same_kind")
    return out


@cache
def _torch() -> Any:
    """PyTorch, after it has warned of an array that it must not write into, which it does once; we only read them."""
    import torch

    one = np.zeros(1, np.float16)
    one.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.from_numpy(one)
    return torch
