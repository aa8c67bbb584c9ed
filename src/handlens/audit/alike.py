"""Columns of several tables made alike, so that values which say the same are equal, whatever type each table has."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.audit.columns import plain
from handlens.io.tables import MISSING

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_DURATION = re.compile(r"[+-]?\d+ days?(?: [+-]?\d{2}:\d{2}:\d{2}(?:\.\d+)?)?")
_BOOLEANS = {"true": True, "false": False}
_EXACT = 2.0**53
"""Whole numbers from here on are not all floats."""
_WIDE = 8
"""The bytes of a float that is not narrowed."""


def alike(parts: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The parts of a table with columns of the same types, so that equal values are the same in all parts.

    Numbers and booleans are equal whatever their type: whole numbers exactly, fractions in float32 or float16 if a
    part has them in no better type. Dates are timestamps in UTC, also as text in ISO 8601; a period is its first
    moment. If a part has text where another one has something else, it is read as numbers, dates, durations or booleans
    where it says one. Within one part a text is never equal to a number.

    Example:
        >>> found = alike({"a": pd.DataFrame({"x": [1, 2]}), "b": pd.DataFrame({"x": ["2", "x"]})})
        >>> found["b"]["x"].tolist()
        [2, 'x']
    """
    columns: dict[str, dict[str, pd.Series]] = {name: {} for name in parts}
    for name in dict.fromkeys(name for df in parts.values() for name in df.columns):
        holders = [part for part, df in parts.items() if name in df.columns]
        for part, column in zip(holders, _alike([parts[part][name] for part in holders]), strict=True):
            columns[part][name] = column
    return {part: pd.DataFrame({name: columns[part][name] for name in df.columns}) for part, df in parts.items()}


def type_of(present: pd.Series) -> str:
    """The kind of the values of a column without missing ones: number, yes/no, date, duration, text, mixed or empty."""
    dtype: Any = present.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return type_of(pd.Series(dtype.categories))
    if dtype.kind == "O" and not isinstance(dtype, pd.StringDtype) and len(present):
        kinds = {type(value) for value in present}
        if kinds <= {bool, np.bool_}:
            return "yes/no"
        if all(issubclass(kind, (int, float, np.number, Decimal)) for kind in kinds):
            return "number"
        if not kinds <= {str}:
            if all(issubclass(kind, (datetime.timedelta, np.timedelta64)) for kind in kinds):
                return "duration"
            are_dates = all(issubclass(kind, (datetime.date, np.datetime64)) for kind in kinds)
            return "date" if are_dates and moments_of(present) is not None else "mixed"
    for letters, kind in (("b", "yes/no"), ("iuf", "number"), ("M", "date"), ("m", "duration")):
        if dtype.kind in letters:
            return kind
    if not len(present):
        return "empty"
    if all(_DAY.fullmatch(str(value)) for value in present.head(1000)) and not present.map(_day).isna().any():
        return "date"
    return "text"


def codes_of(column: pd.Series) -> tuple[NDArray[np.intp], list[Any]]:
    """A code for each value, −1 where it is missing, and the distinct values by code."""
    try:
        codes, values = pd.factorize(column)
    except TypeError:  # lists, mappings and the like have no hash
        codes, values = pd.factorize(column.map(str, na_action="ignore"))
    return codes, [plain(value) for value in values]


def _alike(columns: Sequence[pd.Series]) -> list[pd.Series]:
    """Columns of one name with one type."""
    columns = [_opened(column).reset_index(drop=True) for column in columns]
    kinds = [type_of(column.dropna()) for column in columns]
    found = set(kinds) - {"empty"}
    same = len({str(column.dtype) for column in columns}) == 1
    if not found:
        return [column.astype(object) for column in columns]
    if found == {"date"}:
        moments = [moment for column in columns if (moment := moments_of(column)) is not None]
        if len(moments) == len(columns):
            return columns if same and columns[0].dtype.kind == "M" else _of_one_zone(columns, moments)
    elif "number" in found and found <= {"number", "yes/no"}:
        return _numbers(columns)
    elif len(found) > 1:
        return _read(columns, found | {"number", "date", "yes/no"} if "mixed" in found else found)
    objects = [column.astype(object) for column in columns]
    return _with_equal_gaps(objects) if found == {"text"} else objects


def _opened(column: pd.Series) -> pd.Series:
    """The column without what wraps its values: categories, periods and decimals."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    if isinstance(column.dtype, pd.PeriodDtype):
        return column.dt.to_timestamp()
    if column.dtype.kind == "O" and any(isinstance(value, Decimal) for value in column):
        column = column.astype(object).map(plain)
    return column


def _with_equal_gaps(columns: list[pd.Series]) -> list[pd.Series]:
    """Text; if a part seems to come from a CSV, where "", "NA" and the like are missing, they are so in all parts."""
    if any(column.isna().any() and not column.isin(MISSING).any() for column in columns):
        return [column.mask(column.isin(MISSING), None) for column in columns]
    return columns


def _numbers(columns: Sequence[pd.Series]) -> list[pd.Series]:
    """Numbers and booleans as float64, or as Python's own where a float cannot hold a whole number exactly."""
    narrow = min(map(_float_bytes, columns))
    if any(_is_wide(column) for column in columns):
        return [
            column.astype(object).map(lambda value: _number(value, narrow), na_action="ignore") for column in columns
        ]
    floats = [
        pd.Series([math.nan if pd.isna(value) else float(value) for value in column], dtype=np.float64)
        if column.dtype.kind == "O"
        else pd.Series(column.to_numpy(np.float64, na_value=np.nan))
        for column in columns
    ]
    return [
        values if column.dtype.kind in "iub" else pd.Series(_narrowed(values, narrow))
        for column, values in zip(columns, floats, strict=True)
    ]


def _narrowed(values: Any, narrow: int) -> Any:
    """Floats as those of so many bytes are."""
    if narrow == _WIDE:
        return values
    with np.errstate(over="ignore"):
        return np.asarray(values, f"f{narrow}").astype(np.float64)


def _float_bytes(column: pd.Series) -> int:
    """How many bytes the column's floats have; as many as the widest for all other columns."""
    dtype: Any = column.dtype
    dtype = getattr(dtype, "subtype", dtype)
    dtype = getattr(dtype, "numpy_dtype", dtype)
    return min(dtype.itemsize, _WIDE) if dtype.kind == "f" else _WIDE


def _is_wide(column: pd.Series) -> bool:
    """Whether there are whole numbers that a 64-bit float cannot hold exactly."""
    if column.dtype.kind in "iu":
        present = column.dropna()
        return bool(len(present) and max(-int(present.min()), int(present.max())) > _EXACT)
    if column.dtype.kind == "O":
        return any(isinstance(value, (int, np.integer)) and abs(int(value)) > _EXACT for value in column.dropna())
    return False


def _number(value: Any, narrow: int) -> Any:
    found = value.item() if isinstance(value, np.generic) else value
    if isinstance(found, float):
        found = float(_narrowed(found, narrow))
        return int(found) if found.is_integer() else found
    return int(found)


def moments_of(column: pd.Series) -> pd.Series | None:
    """Dates, timestamps or text in ISO 8601 as timestamps in UTC, without the zone; None if they are something else."""
    try:
        found = pd.to_datetime(column, utc=True, format=None if column.dtype.kind == "M" else "ISO8601")
    except (ValueError, TypeError, OverflowError):
        return None
    return found.dt.tz_localize(None)


def _of_one_zone(columns: Sequence[pd.Series], moments: list[pd.Series]) -> list[pd.Series]:
    """Timestamps without a zone: in UTC, or as the clock says if that fits the parts without a zone better."""
    zoned = [getattr(column.dtype, "tz", None) is not None for column in columns]
    others = {moment for i, moment in enumerate(moments) if not zoned[i] for moment in moment.dropna().unique()}
    for i, column in enumerate(columns):
        if zoned[i]:
            clock = column.dt.tz_localize(None)
            if clock.isin(others).sum() > moments[i].isin(others).sum():
                moments[i] = clock
    for unit in ("ns", "us", "s"):  # the finest that has all of them
        dtype: Any = f"datetime64[{unit}]"
        try:
            return [moment.astype(dtype) for moment in moments]
        except pd.errors.OutOfBoundsDatetime:
            continue
    return moments


def _read(columns: Sequence[pd.Series], kinds: set[str]) -> list[pd.Series]:
    """Values of several kinds as Python's own; text as a number, date or boolean where it says one."""
    narrow = min(map(_float_bytes, columns))
    read = []
    for column in columns:
        codes, uniques = codes_of(column)
        values = np.empty(len(uniques) + 1, object)  # the last one, None, for the code −1
        values[:-1] = [_said(value, kinds, narrow) for value in uniques]
        read.append(pd.Series(values[codes], dtype=object))
    return read


def _said(value: Any, kinds: set[str], narrow: int) -> Any:
    """What a value says, in columns of these kinds."""
    text = value.strip() if isinstance(value, str) else ""
    if isinstance(value, str) and (text in MISSING or text == "NaT"):
        return None
    if "yes/no" in kinds and text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if kinds & {"number", "yes/no"} and _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        whole = float(text).is_integer()
        return int(Decimal(text)) if whole else _number(float(text), narrow)
    if isinstance(value, (int, float)) and math.isfinite(value):
        return _number(value, narrow)
    if "duration" in kinds and (_DURATION.fullmatch(text) or isinstance(value, datetime.timedelta)):
        return pd.Timedelta(value)
    if "date" in kinds and (text[:1].isdigit() or isinstance(value, datetime.date)):
        moment = moments_of(pd.Series([value], dtype=object))
        return value if moment is None else moment.iat[0]
    return value


def _day(value: object) -> object:
    return value if _DAY.fullmatch(str(value)) else None
