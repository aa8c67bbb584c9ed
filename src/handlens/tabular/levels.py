"""Levels: the distinct values of a categorical column, their codes, and how they are saved exactly."""

from __future__ import annotations

import datetime
import re
from collections.abc import Hashable, Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import ArtifactError, TableError
from handlens.io.problems import reason_of
from handlens.tabular.frames import LARGEST, is_missing

_KINDS = ("numbers", "timestamps", "timestamps with a time zone", "text")
_EXACT = 2**53
"""Whole numbers from here on are not all floats: each float stands for several of them."""
_DATETIME = re.compile(r"datetime64\[(s|ms|us|ns)(?:, (.+))?\]")


class Levels:
    """The distinct values of one column in the training rows, each with its code 0, 1, ….

    A level is text, a number, a boolean or a timestamp. Equal values are one level, whatever their type: 1, 1.0,
    Decimal(1), True and numpy's 1; a date is the timestamp of its midnight. With levels of a float32 column, numbers
    are compared in float32. A missing value is not a level.

    Attributes:
        index: the levels as a pandas Index of bool, int64, float32, float64, str, datetime64 with unit and time zone,
            or object.
        dtype: the pandas categorical dtype of a column that holds their codes.

    Example:
        >>> levels = Levels.of(pd.Series(["b", "a", None, "b"]), "shop")
        >>> list(levels.index)
        ['a', 'b']
        >>> levels.codes(pd.Series(["b", "c", None])).tolist()
        [1, -1, -1]
    """

    def __init__(self, index: pd.Index, name: str) -> None:
        self.index = index
        self.name = name
        self.dtype = pd.CategoricalDtype(index)
        self._values = _plain(index)
        self._code: dict[Hashable, int] = {_key(value): code for code, value in enumerate(self._values)}
        self._kinds = {_kind(value) for value in self._values}
        self._narrow = index.dtype == "float32"
        # The floats that large whole numbers are rounded to, which may stand for others too.
        self._rounded = {float(v) for v in self._values if type(v) is int and _EXACT < abs(v) <= LARGEST}

    @classmethod
    def of(cls, column: pd.Series, name: str) -> Levels:
        """The levels of a column, sorted; a categorical column keeps its own order, without unused categories.

        Args:
            column: the values of the training rows.
            name: the column's name, for errors.

        Raises:
            TableError: it holds values that cannot be levels, such as lists or infinity.
        """
        dtype: Any = column.dtype
        found: list[Any]
        if isinstance(dtype, pd.CategoricalDtype):
            present = np.zeros(len(dtype.categories) + 1, bool)
            present[column.cat.codes.to_numpy()] = True  # code −1, missing, is the last element
            found = _distinct(_values(dtype.categories[present[:-1]]), name)
            dtype = dtype.categories.dtype
        else:
            _, uniques = _factorize(column, name)
            found = sorted(_distinct(uniques, name), key=lambda value: (_kind(value), value))
        try:
            "".join(level for level in found if isinstance(level, str)).encode()
        except UnicodeEncodeError as error:
            raise TableError(
                f"categorical column {name!r} must hold Unicode text to be saved: {reason_of(error)}."
            ) from error
        return cls(_index(found, dtype), name)

    def __len__(self) -> int:
        return len(self.index)

    def codes(self, column: pd.Series) -> NDArray[np.int64]:
        """The code of each row's value, int64 [N], −1 where it is missing or not a level; raises as `code` does."""
        dtype = column.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            if dtype.categories.dtype == self.index.dtype and dtype.categories.equals(self.index):
                return np.asarray(column.cat.codes, np.int64)
            rows, values = column.cat.codes.to_numpy(), _values(dtype.categories)
            used = np.unique(rows)
            table = np.full(len(values) + 1, -1, np.int64)
            for k in used[used >= 0]:
                table[k] = self.code(values[k])
        else:
            rows, values = _factorize(column, self.name)
            table = np.fromiter((self.code(value) for value in values), np.int64, len(values))
            table = np.append(table, -1)  # for the code −1, missing
        return table[rows]

    def code(self, value: object) -> int:
        """The code of one value, −1 if it is missing or not a level.

        Raises:
            TableError: it is of a kind that no level is, such as text where the levels are numbers: it would never
                match; or it is a float that a level above 2**53 is rounded to: it may have been another number.
        """
        level = _level(value, self.name)
        if level is None:
            return -1
        if self._narrow and type(level) is float and abs(level) <= LARGEST:
            level = float(np.float32(level))
        code = self._code.get(_key(level), -1)
        if type(level) is float and level in self._rounded and (code < 0 or type(self._values[code]) is int):
            raise TableError(
                f"column {self.name!r} must hold whole numbers as they are, because a float cannot tell those above "
                f"2**53 apart; the float {level!r} arrived. Missing values, and taking a row as a Series, make floats "
                "of them: read the column with dtype='Int64', and give a row as a dict or as df.iloc[[0]]."
            )
        if code < 0 and self._kinds and _kind(level) not in self._kinds:
            known = " and ".join(_KINDS[kind] for kind in sorted(self._kinds))
            raise TableError(
                f"column {self.name!r} must hold {known}, as in the training rows; it holds "
                f"{_KINDS[_kind(level)]} such as {str(level)[:40]!r}. Convert it as the training rows were."
            )
        return code

    def value(self, value: object) -> Any:
        """The level that equals a value, None if it is missing or not a level; raises as `code` does."""
        code = self.code(value)
        return None if code < 0 else self._values[code]

    def state(self) -> dict[str, Any]:
        """The levels as plain JSON: {"dtype": …, "values": […]}, exact for each dtype."""
        if isinstance(self.index, pd.DatetimeIndex):
            return {"dtype": str(self.index.dtype), "values": self.index.asi8.tolist()}
        values = [{"timestamp": _iso(v)} if isinstance(v, pd.Timestamp) else v for v in self._values]
        return {"dtype": str(self.index.dtype), "values": values}

    @classmethod
    def from_state(cls, state: dict[str, Any], name: str) -> Levels:
        """The levels that were saved.

        Args:
            state: what `state()` gave.
            name: the column's name, for errors.

        Raises:
            ArtifactError: the state is damaged.
        """
        try:
            levels = cls(_decode(state["dtype"], state["values"]), name)
            distinct = len(levels._code) == len(levels.index)
            if not distinct or None in _levels(levels._values, name) or levels.state() != state:
                raise ValueError("they are not distinct values of their dtype")
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError, TableError) as error:
            raise ArtifactError(
                f"the saved levels of column {name!r} are damaged ({error!r}); save the model again."
            ) from error
        return levels


def _iso(moment: pd.Timestamp) -> str:
    """A timestamp of an object column as text, in UTC: not every zone's offset can be written in ISO 8601."""
    return (moment if moment.tzinfo is None else moment.tz_convert("UTC")).isoformat()


def _kind(level: object) -> int:
    """Its position in _KINDS."""
    if isinstance(level, str):
        return 3
    if isinstance(level, pd.Timestamp):
        return 1 if level.tzinfo is None else 2
    return 0


def _level(value: object, name: str) -> Any:
    """A value as a level, which equal values share; None if it is missing."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or kind is pd.Timestamp:
        return value
    if is_missing(value):
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)) and kind is not np.timedelta64:  # which numpy counts among the integers
        return int(value)
    if isinstance(value, (float, np.floating)):
        if np.isinf(value):
            raise TableError(
                f"categorical column {name!r} must hold finite numbers; it holds {value}. "
                f"Mark it as missing: df[{name!r}] = df[{name!r}].replace([np.inf, -np.inf], np.nan)."
            )
        return float(value)
    if isinstance(value, Decimal) and value.is_finite():
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (datetime.date, np.datetime64)):  # a datetime is a date too
        return pd.Timestamp(value)
    raise TableError(
        f"categorical column {name!r} must hold text, numbers, booleans or timestamps; it holds "
        f"{kind.__name__} values such as {str(value)[:40]}. Convert it: df[{name!r}] = df[{name!r}].astype(str)."
    )


def _levels(values: Iterable[object], name: str) -> list[Any]:
    return [_level(value, name) for value in values]


def _distinct(values: Iterable[object], name: str) -> list[Any]:
    found: dict[Hashable, Any] = {}
    for level in _levels(values, name):
        if level is not None:  # categories may be missing values
            found.setdefault(_key(level), level)
    return list(found.values())


def _key(level: Any) -> Hashable:
    """A key that equal levels share; equal timestamps in the hour that a clock repeats may have different hashes."""
    return level.tz_convert("UTC") if isinstance(level, pd.Timestamp) and level.tzinfo is not None else level


def _values(values: Any) -> list[Any]:
    """The values of an index or array as Python's own."""
    return list(values.tolist() if values.dtype.kind in "biufO" else values)


def _factorize(column: pd.Series, name: str) -> tuple[NDArray[np.intp], list[Any]]:
    """The position of each row's value among the distinct values, −1 where missing, and those values."""
    try:
        places, uniques = pd.factorize(column)
    except (TypeError, NotImplementedError) as error:  # lists and other unhashable values, also of Arrow
        raise TableError(
            f"categorical column {name!r} must hold text, numbers, booleans or timestamps ({reason_of(error)}). "
            f"Convert it: df[{name!r}] = df[{name!r}].astype(str)."
        ) from error
    return places, _values(uniques)


def _plain(index: pd.Index) -> list[Any]:
    return list(index) if isinstance(index, pd.DatetimeIndex) else index.tolist()


def _index(levels: list[Any], dtype: Any) -> pd.Index:
    """The levels of a column of this dtype as an Index of the plain dtype that can hold them, otherwise object."""
    types = {type(level) for level in levels}
    if types == {bool}:
        return pd.Index(levels, dtype="bool")
    if types == {int} and all(-(2**63) <= level < 2**63 for level in levels):
        return pd.Index(levels, dtype="int64")
    if types == {float}:
        inner = getattr(dtype, "subtype", dtype)  # sparse dtypes wrap another; nullable and Arrow dtypes numpy's
        inner = getattr(inner, "numpy_dtype", inner)
        narrow = inner.kind == "f" and inner.itemsize < 8
        return pd.Index(levels, dtype="float32" if narrow else "float64")
    if types == {str}:
        return pd.Index(levels, dtype="str")
    if types == {pd.Timestamp} and len({(level.unit, str(level.tzinfo)) for level in levels}) == 1:
        index = pd.DatetimeIndex(levels)
        if _zone_has_a_name(index):
            return index
    return pd.Index(levels, dtype=object)


def _zone_has_a_name(index: pd.DatetimeIndex) -> bool:
    """Whether pandas makes the same dtype of its name, which is what is saved."""
    try:
        return bool(pd.api.types.pandas_dtype(str(index.dtype)) == index.dtype)
    except (TypeError, KeyError, ValueError):
        return False


def _decode(dtype: str, values: list[Any]) -> pd.Index:
    """The Index of a saved dtype and values; raises an error of one of several types if they are damaged."""
    if dtype in ("bool", "int64", "float32", "float64", "str"):
        return pd.Index(values, dtype=dtype)
    if dtype == "object":
        return pd.Index([pd.Timestamp(v["timestamp"]) if isinstance(v, dict) else v for v in values], dtype=object)
    match = _DATETIME.fullmatch(dtype)
    if match is None:
        raise ValueError(f"no levels are of dtype {dtype}")
    index = pd.DatetimeIndex(np.array(values, np.int64).view(f"datetime64[{match[1]}]"))
    return index.tz_localize("UTC").tz_convert(match[2]) if match[2] else index
