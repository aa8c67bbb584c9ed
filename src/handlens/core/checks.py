"""Checks of arguments that many functions share: whole numbers, numbers, lists."""

from __future__ import annotations

import datetime
import operator
import os
import re
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
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d[\d.]*,\d+\s*", value):  # a decimal comma
        points = ".str.replace('.', '')" if "." in value else ""
        return f"pd.to_numeric(df[{name!r}]{points}.str.replace(',', '.'))"
    return f"pd.to_numeric(df[{name!r}])"


def separator_hint(columns: Iterable[Any], missing: Iterable[str]) -> str:
    """A sentence for an error about missing columns whose names are all in one column: the frame was read wrongly.

    Example:
        >>> separator_hint(["a;b"], ["b"])
        " It has a column 'a;b', so its fields seem to be separated by ';': pd.read_csv(file, sep=';')."
    """
    for name in filter(lambda name: isinstance(name, str), columns):
        for mark in ";\t|":
            fields = [field.strip(' "') for field in name.split(mark)]
            if len(fields) > 1 and set(missing) <= set(fields):
                return (
                    f" It has a column {name!r}, so its fields seem to be separated by {mark!r}: "
                    f"pd.read_csv(file, sep={mark!r})."
                )
        if name.lower().startswith("sep="):
            return f" Its first line was {name!r}: pd.read_csv(file, sep={name[4:5]!r}, skiprows=1)."
    return ""


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
