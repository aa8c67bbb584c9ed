"""Checks of arguments that many functions share: whole numbers, numbers, lists."""

from __future__ import annotations

import datetime
import operator
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from handlens.errors import HandlensError


def whole(value: Any, what: str, error: type[HandlensError], *, least: int = 1) -> int:
    """`value`, an integer of any kind, as an int of `least` or more; raises `error` for anything else, booleans too.

    Example:
        >>> whole(np.int64(3), "bs", HandlensError)
        3
    """
    try:
        number = least - 1 if isinstance(value, (bool, np.bool_)) else operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise error(f"{what} must be a whole number, {least} or more; {value!r} arrived.")
    return number


def as_numbers(value: object, name: str) -> str:
    """The code that makes numbers of a column which holds such values, for an error to advise."""
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        return f"df[{name!r}].dt.total_seconds()"
    if isinstance(value, (datetime.date, np.datetime64)):
        return f"(df[{name!r}] - df[{name!r}].min()).dt.days"
    return f"pd.to_numeric(df[{name!r}])"


def listed(values: Any, what: str, example: str, error: type[HandlensError]) -> list[Any]:
    """`values` as a list; raises `error` for what cannot be one, and for text."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise error(f"{what} must be a list, such as {example}; {values!r} arrived.")
    return list(values)


def callers_level() -> int:
    """The `stacklevel` with which a warning of the caller points at code outside of this library."""
    ours = str(Path(__file__).parents[1]) + os.sep
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(ours):
        level, frame = level + 1, frame.f_back
    return level + 1
