"""Columns of a CSV, which says nothing of types, made what they are known to hold."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from handlens.errors import TableError

DECIMAL_COMMA = re.compile(r"[+-]?\d[\d.]*,\d+")
WHOLE = re.compile(r"\s*[+-]?\d+\s*")
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


class CsvColumn:
    """A column of a CSV as pandas read it, to be made what it is known to hold."""

    def __init__(self, column: pd.Series, lines: array[int], path: Path) -> None:
        self.column, self.lines, self.path = column, lines, path

    def check_numbers(self) -> None:
        """Raise unless pandas took all values for numbers or booleans."""
        if self.column.dtype.kind in "biuf":
            return
        odd = {value for value in self.column.dropna().unique() if isinstance(value, str) and not _is_number(value)}
        for row, value in enumerate(self.column):
            if value in odd:
                raise self._odd(row, "numbers")

    def whole_numbers(self) -> pd.Series | None:
        """The text as whole numbers, each exact, also beside missing ones; None if it is something else."""
        texts = self.column.dropna().unique()
        if not all(WHOLE.fullmatch(text) for text in texts):
            return None
        found = self._replaced({text: int(text) for text in texts})
        if all(-(2**63) <= int(text) < 2**63 for text in texts):
            return found.astype("Int64")
        return found.astype("UInt64") if all(0 <= int(text) < 2**64 for text in texts) else found

    def booleans(self) -> pd.Series:
        """The text as booleans."""
        for row, text in enumerate(self.column):
            if isinstance(text, str) and text.lower() not in _BOOLEANS:
                raise self._odd(row, "True or False")
        return self._replaced({text: _BOOLEANS[text.lower()] for text in self.column.dropna().unique()})

    def timestamps(self, *, zoned: bool) -> pd.Series:
        """The text as timestamps with a time zone or without."""
        found: dict[Any, Any] = {}
        for row, text in enumerate(self.column):
            if isinstance(text, str) and text not in found:
                found[text] = _moment(text)
                if found[text] is None or (found[text].tzinfo is not None) != zoned:
                    zone = "with a time zone, such as 2015-07-31T12:00+02:00" if zoned else "such as 2015-07-31T12:00"
                    raise self._odd(row, f"timestamps {zone}" + ("" if zoned else ", without a time zone"))
        return self._replaced(found)

    def mixed(self, levels: pd.Index) -> pd.Series:
        """Each text as the level that it is; otherwise, as text, or as what it can be if no level is."""
        known = set(levels)
        texts = any(isinstance(level, str) for level in known)
        found: dict[Any, Any] = {}
        for text in self.column.dropna().unique():
            readings = [text, *_readings(text)]
            found[text] = next((value for value in readings if value in known), readings[0 if texts else -1])
        return self._replaced(found)

    def _replaced(self, values: Mapping[Any, Any]) -> pd.Series:
        return pd.Series([values.get(text) for text in self.column], dtype=object)

    def _odd(self, row: int, required: str) -> TableError:
        value = str(self.column.iloc[row])
        comma = required == "numbers" and DECIMAL_COMMA.fullmatch(value)
        remedy = "Write it with a point" if comma else "Correct it"
        return TableError(
            f"column {self.column.name!r} of {self.path} must hold {required}; line {self.lines[row]} holds "
            f"{value[:40]!r}. {remedy}, or leave the field empty where the value is missing."
        )


def _is_number(text: str) -> bool:
    return bool(pd.notna(pd.to_numeric(text, errors="coerce")))


def _moment(text: str) -> pd.Timestamp | None:
    if not re.match(r"\s*\d", text):  # pandas would take the word "now" for the time of day
        return None
    try:
        return pd.to_datetime(text, format="ISO8601")
    except (ValueError, OverflowError):
        return None


def _readings(text: str) -> Iterator[Any]:
    """What a text can stand for besides itself."""
    if text in ("True", "False"):
        yield text == "True"
    if (moment := _moment(text)) is not None:
        yield moment
    try:
        number = float(text)
    except ValueError:
        return
    if math.isfinite(number):
        # A float stands for several whole numbers from 2**53 on.
        yield int(Decimal(text)) if number.is_integer() else number
