"""Sizes: a whole number for a square, or height and width."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from handlens.errors import DataError
from handlens.io.pictures import LARGEST


def whole_size(name: str, given: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width in pixels; raises DataError unless they are whole numbers of 1 or more, and no giants."""
    pair: Any = (given, given) if np.ndim(given) == 0 else given
    try:
        height, width = pair
        if isinstance(height, (bool, np.bool_)) or isinstance(width, (bool, np.bool_)):
            raise TypeError("not a number")
        height, width = operator.index(height), operator.index(width)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be a whole number or (height, width); {given!r} arrived.") from error
    if height < 1 or width < 1:
        raise DataError(f"{name} must be 1 pixel or more each way; {given!r} arrived.")
    if height * width > LARGEST:
        raise DataError(f"{name} must be at most {LARGEST:,} pixels in all; {given!r:.80} arrived.")
    return height, width
