"""Matrix products of NumPy that warn of nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def product(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """The matrix product `a @ b`, without warnings about floating-point errors.

    The fast kernels of BLAS compute with whatever lies beyond the end of a matrix, and leave the processor's flags
    "invalid value", "divide by zero" or "overflow" behind, although the product itself is right. NumPy reads the flags
    and warns, on some processors and now and then (numpy issues 13173 and 24067). A product that really overflows is
    infinite all the same.

    Args:
        a: [n, k] or [k].
        b: [k, m] or [k].

    Returns:
        [n, m], or fewer dimensions as for `@`.

    Example:
        >>> product(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
        array([[11.]])
    """
    with ignored_flags():
        return np.asarray(a @ b)


def ignored_flags() -> np.errstate:
    """A context in which NumPy does not warn of floating-point errors: for products that another library computes."""
    return np.errstate(divide="ignore", over="ignore", invalid="ignore", under="ignore")
