"""Passes over all rows of a large table of numbers, block by block: it may be a file that is larger than memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.core.half_precision import Floats, floats
from handlens.core.products import ignored_flags
from handlens.core.threads import one_blas_thread, one_openmp_thread, reading_threads
from handlens.errors import Cancelled

Read = Callable[[int, int], NDArray[Any]]
Report = Callable[[int, int], bool]

READ = 2**20
"""Numbers that are read at once."""

BLOCK = 2**17
"""Numbers in a block: half a megabyte as float32, which stays in the cache of a core while it is worked on."""

STRIDE = 2**24
"""Numbers between two calls of `report`."""

_WORTH_LOADING = 2**26  # numbers in half precision from which PyTorch is loaded, which is the fastest with them


def each_block(
    read: Read,
    shape: tuple[int, ...],
    use: Callable[[int, Floats], object],
    *,
    report: Report | None = None,
    what: str = "the work",
) -> None:
    """Call `use(start, block)` for blocks of rows that together are all of them, in several threads if they are many.

    Args:
        read: gives the rows from one number up to another, float16 or float32 [k, D].
        shape: the number of rows n, and D.
        use: is given the number of the first row, and the rows as float32 [k, D], which change after it returns.
        report: called as `report(done, n)` with rows, from the calling thread; if it returns True, nothing follows.
        what: is called so when it is cancelled, such as "the search".

    Raises:
        Cancelled: `report` returned True.

    Example:
        >>> rows, sums = np.array([[1, 2], [3, 4], [5, 6]], np.float16), np.empty(3, np.float32)
        >>> def add(start, block):
        ...     sums[start : start + len(block)] = block.sum(1)
        >>> each_block(lambda start, stop: rows[start:stop], rows.shape, add)
        >>> sums.tolist()
        [3.0, 7.0, 11.0]
    """
    n, dim = shape
    threads = reading_threads(n * dim)
    many, step, stride = (_rows(numbers, dim) for numbers in (READ, BLOCK, STRIDE))
    if "torch" not in sys.modules and _are_for_pytorch(read, shape):
        import torch  # noqa: F401

    def work(first: int, end: int) -> None:
        buffer = np.empty((min(step, end - first), dim), np.float32)
        with ignored_flags(), one_openmp_thread():
            for start in range(first, end, many):
                rows = read(start, min(start + many, end))
                for i in range(0, len(rows), step):
                    use(start + i, floats(rows[i : i + step], buffer))

    with one_blas_thread(), ThreadPoolExecutor(threads) as pool:
        for start in range(0, n, stride):
            if report and report(start, n):
                raise Cancelled(f"{what} was cancelled.")
            cuts = np.linspace(start, min(start + stride, n), threads + 1).astype(int).tolist()
            list(pool.map(work, cuts[:-1], cuts[1:]) if threads > 1 else map(work, cuts[:-1], cuts[1:]))
    if report:
        report(n, n)


def row_products(
    read: Read, shape: tuple[int, ...], weights: Floats, *, report: Report | None = None, what: str = "the work"
) -> Floats:
    """The matrix product `rows @ weights` in float32, without a copy of the rows.

    Args:
        read, shape, report, what: as for `each_block`.
        weights: [D] or [D, C].

    Returns:
        float32 [n] or [n, C].

    Raises:
        Cancelled: `report` returned True.

    Example:
        >>> rows = np.array([[1, 2], [3, 4]], np.float16)
        >>> row_products(lambda start, stop: rows[start:stop], rows.shape, np.array([1, 10], np.float32)).tolist()
        [21.0, 43.0]
    """
    weights = np.ascontiguousarray(weights, np.float32)
    out = np.empty((shape[0], *weights.shape[1:]), np.float32)

    def multiply(start: int, block: Floats) -> None:
        np.matmul(block, weights, out=out[start : start + len(block)])

    each_block(read, shape, multiply, report=report, what=what)
    return out


def _are_for_pytorch(read: Read, shape: tuple[int, ...]) -> bool:
    """Whether they are so many numbers in half precision that it pays to load PyTorch."""
    return shape[0] * shape[1] >= max(_WORTH_LOADING, 1) and read(0, 1).dtype == np.float16


def _rows(numbers: int, dim: int) -> int:
    """How many rows have about so many numbers."""
    return max(1, numbers // max(dim, 1))
