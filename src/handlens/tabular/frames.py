"""Checks of frames: that columns exist exactly once, and that they hold numbers."""

from __future__ import annotations

import datetime
import math
import warnings
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.core.checks import as_numbers, separator_hint
from handlens.errors import TableError

# The network computes in float32; a larger number would become infinity there.
LARGEST = float(np.finfo(np.float32).max)

_NUMBERS = (bool, int, float, np.integer, np.floating, np.bool_, Decimal)


def check_names(names: Iterable[str], what: str) -> list[str]:
    """`names` as a list; raises TableError unless it is a list (not a single text) of distinct texts."""
    if isinstance(names, str):
        raise TableError(f"{what} must be a list of column names; the text {names!r} arrived: write [{names!r}].")
    listed = list(names)
    odd = [name for name in listed if not isinstance(name, str)]
    if odd:
        raise TableError(
            f"{what} must be column names that are text; {odd[0]!r} arrived: "
            "rename the columns first, df.columns = [str(name) for name in df.columns]."
        )
    twice = sorted({name for name in listed if listed.count(name) > 1})
    if twice:
        raise TableError(f"{what} must name each column once; named more than once: {twice}.")
    return listed


def check_columns(df: pd.DataFrame, names: Iterable[str], what: str) -> None:
    """Raise TableError unless `df` is a frame that has each of `names` as exactly one column."""
    if not isinstance(df, pd.DataFrame):
        raise TableError(f"a pandas DataFrame is required; a {type(df).__name__} arrived.")
    there = set(df.columns)
    missing = [name for name in names if name not in there]
    if missing:
        raise TableError(
            f"{what} must be columns of the frame; missing: {missing}. Add them, or leave them out of {what}."
            + separator_hint(df.columns, missing)
        )
    if not df.columns.is_unique:
        twice = [name for name in names if name in set(df.columns[df.columns.duplicated()])]
        if twice:
            raise TableError(f"columns must have distinct names; more than once: {twice}. Rename or drop them.")


def put_columns(df: pd.DataFrame, columns: Mapping[str, Any]) -> None:
    """Set whole columns of `df` in place, by position and not by index, whatever the index is."""
    with warnings.catch_warnings():
        # pandas warns when a frame of a hundred blocks gets another column; the caller cannot do anything about it.
        warnings.simplefilter("ignore", pd.errors.PerformanceWarning)
        for name, values in columns.items():
            df[name] = values


def is_missing(value: object) -> bool:
    """Whether one value is None, NaN, NaT or pd.NA."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))  # type: ignore[call-overload]


def numbers(column: pd.Series, name: str) -> NDArray[np.float64]:
    """A column as float64, NaN where missing; takes any numeric or boolean dtype, nullable, decimal and Arrow too.

    Raises:
        TableError: it holds text, timestamps or other values that are not numbers, or numbers that are infinite or
            beyond the range of float32.

    Example:
        >>> numbers(pd.Series([1, None, True]), "x")
        array([ 1., nan,  1.])
    """
    dtype: Any = column.dtype
    if dtype.kind == "O" and not isinstance(dtype, pd.CategoricalDtype):
        return np.array([number(value, name) for value in column], np.float64)
    if dtype.kind not in "biuf":
        present = column.dropna()
        if len(present):
            raise _no_number(name, present.iloc[0])
        return np.full(len(column), np.nan)
    if isinstance(dtype, np.dtype):
        values = column.to_numpy(np.float64)
    else:
        values = column.to_numpy(np.float64, na_value=np.nan)
    beyond = np.abs(values) > LARGEST  # False for NaN
    if beyond.any():
        raise _out_of_range(name, f"{int(beyond.sum())} of {len(values)} rows, such as {values[beyond][0]}")
    return np.asarray(values, np.float64)


def number(value: object, name: str) -> float:
    """One value as a float, NaN if missing: the same as `numbers` of a column that holds only this value."""
    kind = type(value)
    # numpy counts its timedelta64 among the integers.
    if kind is float or kind is int or (isinstance(value, _NUMBERS) and kind is not np.timedelta64):
        try:
            found = float(value)  # type: ignore[arg-type]
        except OverflowError as error:
            raise _out_of_range(name, "a number that no float can hold") from error
        if math.fabs(found) > LARGEST:
            raise _out_of_range(name, str(found))
        return found
    if is_missing(value):
        return math.nan
    raise _no_number(name, value)


def _no_number(name: str, value: object) -> TableError:
    dates = isinstance(value, (datetime.date, np.datetime64))
    remedy = f"add_datepart(df, {name!r}) makes numbers of it" if dates else as_numbers(value, name)
    return TableError(
        f"continuous column {name!r} must hold numbers; it holds {_shown(value)}. "
        f"Name it in cat_names, or convert it: {remedy}."
    )


def _out_of_range(name: str, found: str) -> TableError:
    return TableError(
        f"column {name!r} must hold finite numbers of less than {LARGEST:.2g}; it holds {found}. "
        f"Mark them as missing, df[{name!r}] = df[{name!r}].mask(df[{name!r}].abs() > {LARGEST:.2g}), or drop the rows."
    )


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"text such as {value[:40]!r}"
    return f"{type(value).__name__} values such as {str(value)[:40]}"
