"""Tables from files of the usual kinds."""

from __future__ import annotations

import csv
import gzip
import itertools
import math
import re
import zlib
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow

from handlens.errors import TableError

# What pandas takes for a missing value where it is not told otherwise; "" comes first.
_MISSING = [
    *("", " ", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"),
    *("NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
]

_BOOLEANS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}


def read_table(file: Path | str, *, levels: Mapping[str, pd.Index] | None = None) -> pd.DataFrame:
    """The rows of a .csv, .csv.gz or .parquet file.

    Args:
        file: of a CSV, the first line names the columns, and all rows have a field for each.
        levels: for a CSV, which does not say it itself, what columns hold: values like those of the Index, which may
            have none, by its dtype text, numbers, booleans, timestamps, or for object whichever of the levels a field
            is. In text, only an empty field is missing: "NA" is text. What other columns hold is guessed.

    Raises:
        TableError: it is none of these, cannot be read, has rows that are too long or too short, or a value that is
            not what its column holds; the message names the line.
    """
    path = Path(file)
    name = path.name.lower()
    with reading(path):
        if name.endswith((".csv", ".csv.gz")):
            return _read_csv(path, levels or {})
        if name.endswith(".parquet"):
            return pd.read_parquet(path)
    raise TableError(f"a table must be a .csv, .csv.gz or .parquet file; {path.name} arrived")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise as TableError whatever goes wrong while a table is read."""
    try:
        yield
    except FileNotFoundError:
        raise TableError(f"there is no file {path}") from None
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path} cannot be read as a table: it must be UTF-8 text; the byte 0x{error.object[error.start]:02x}, "
            "which is none, arrived. Save it again as UTF-8"
        ) from error
    # pandas' own errors are ValueErrors, most of Arrow's too.
    except (OSError, ValueError, EOFError, zlib.error, csv.Error, pyarrow.ArrowException) as error:
        raise TableError(f"{path} cannot be read as a table: {error}. Save or download it again") from error


def _read_csv(path: Path, levels: Mapping[str, pd.Index]) -> pd.DataFrame:
    names, lines = _check_shape(path)
    levels = {name: index for name, index in levels.items() if name in names}
    # All but numbers come as text.
    text = {name: index.dtype.kind == "O" for name, index in levels.items() if index.dtype.kind in "OMb"}
    table = pd.read_csv(
        path,
        names=names,
        header=0,
        index_col=False,
        dtype=dict.fromkeys(text, "str"),
        keep_default_na=False,
        na_values={name: _MISSING[:1] if text.get(name) else _MISSING for name in names},
        compression="gzip" if _is_gzip(path) else None,
        # In one piece: a column's type must not depend on where a large file happens to be cut.
        low_memory=False,
    )
    if len(table) != len(lines):  # to pandas, a line of nothing but spaces is no row, whatever the columns
        raise TableError(
            f"{path} cannot be read as a table: it has {len(lines)} rows, but only {len(table)} can be told from blank "
            'lines. Put quotes around fields of nothing but spaces: "  "'
        )
    for name, index in levels.items():
        column = _Column(table[name], lines, path)
        if index.dtype == "object":
            table[name] = column.mixed(index)
        elif index.dtype.kind == "M":
            table[name] = column.timestamps(zoned=getattr(index.dtype, "tz", None) is not None)
        elif index.dtype.kind == "b":
            table[name] = column.booleans()
        elif index.dtype.kind in "iuf":
            column.check_numbers()
    return table


def _is_gzip(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _check_shape(path: Path) -> tuple[list[str], array[int]]:
    """The names of a CSV's columns and the line that each row begins on; raises TableError unless all have one width.

    pandas would take the first field of rows that are too long for their name, and fill those that are too short.
    """
    opened = gzip.open if _is_gzip(path) else open
    names: list[str] = []
    starts = array("q")
    limit = csv.field_size_limit(2**31 - 1)
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            lines = _numbered(file, path)
            for number, line in lines:
                if not line.strip("\r\n"):
                    continue
                if not names:
                    names = _names(_fields(line, lines), path)
                    continue
                # Counting commas is ten times faster than taking the line apart.
                width = len(_fields(line, lines)) if '"' in line else line.count(",") + 1
                if width != len(names):
                    raise TableError(
                        f"each row of {path} must have {len(names)} fields, as many as the line of column names; "
                        f"line {number} has {width}. Correct that line, and put quotes around a text with commas"
                    )
                starts.append(number)
    finally:
        csv.field_size_limit(limit)
    if not names:
        raise TableError(f"{path} cannot be read as a table: it must begin with a line of column names; it is empty")
    return names, starts


def _numbered(file: Any, path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file, 1):
        if "\0" in line:
            raise TableError(
                f"{path} cannot be read as a table: it must be UTF-8 text; a NUL byte arrived in line {number}. "
                "Save it again as UTF-8"
            )
        yield number, line


def _fields(line: str, following: Iterator[tuple[int, str]]) -> list[str]:
    """The fields of the row that begins with this line; a text in quotes may go on in those that follow."""
    return next(csv.reader(itertools.chain([line], (more for _, more in following))))


def _names(fields: list[str], path: Path) -> list[str]:
    names = [name or f"Unnamed: {position}" for position, name in enumerate(fields)]  # as pandas calls them
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TableError(f"the columns of {path} must have distinct names; there more than once: {twice}. Rename them")
    return names


class _Column:
    """A column of a CSV as pandas read it, to be made what it is known to hold."""

    def __init__(self, column: pd.Series, lines: array[int], path: Path) -> None:
        self.column, self.lines, self.path = column, lines, path

    def check_numbers(self) -> None:
        """Raise unless pandas took all values for numbers or booleans."""
        if self.column.dtype.kind in "biuf":
            return
        for row, value in enumerate(self.column):
            if isinstance(value, str) and not _is_number(value):
                raise self._odd(row, "numbers")

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
        """Each text as the level that it is; as text where it is none, or what else it can be if no level is text."""
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
        return TableError(
            f"column {self.column.name!r} of {self.path} must hold {required}; line {self.lines[row]} holds "
            f"{str(self.column.iloc[row])[:40]!r}. Correct it, or leave the field empty where the value is missing"
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
    """What a text can stand for beside itself."""
    if text in ("True", "False"):
        yield text == "True"
    if (moment := _moment(text)) is not None:
        yield moment
    for make in (float, int):
        try:
            number = make(text)
        except ValueError:
            continue
        if math.isfinite(number):
            yield number
