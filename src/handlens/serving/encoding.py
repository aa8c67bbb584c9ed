"""How arrays and numbers are written in JSON."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np


def packed(values: Any, dtype: str) -> str:
    """An array as base64 of its little-endian bytes.

    Args:
        values: numbers of any shape.
        dtype: of NumPy, such as "<i4".

    Example:
        >>> packed([1, -1], "<i2")
        'AQD//w=='
    """
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")


def finite(value: float | None) -> float | None:
    """The number, or None for NaN and infinity, which JSON does not have."""
    return None if value is None or not math.isfinite(value) else float(value)
