"""Tables from files: CSV, compressed or not, and Parquet."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import itertools
import lzma
import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow
from numpy.typing import NDArray

from handlens.errors import TableError
from handlens.io.columns import DECIMAL_COMMA, WHOLE, CsvColumn
from handlens.io.problems import reason_of

_SEPARATORS = ",;\t"
_OTHERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
"""Separators of files that are not quite CSV, and what they are called."""
_SAMPLE = 50
"""Lines that are looked at to tell how a file's fields are separated."""
_BLOCK = 1 << 24
_EXACT = 2.0**53
"""Whole numbers from here on are not all floats."""

# What pandas takes for a missing value where it is not told otherwise; "" comes first.
MISSING = [
    *("", " ", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"),
    *("NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
]


def read_table(file: Path | str, *, levels: Mapping[str, pd.Index] | None = None) -> pd.DataFrame:
    """The rows of a .csv, .csv.gz or .parquet file.

    Args:
        file: of a CSV, the first line names the columns, and all rows have a field for each. Whole numbers are exact
            also in a column where some are missing, however large they are.
        levels: for a CSV, which does not say it itself, what columns hold: values like those of the Index, which may
            have none, by its dtype text, numbers, booleans, timestamps, or for object whichever of the levels a field
            is. In text, only an empty field is missing: "NA" is text. What other columns hold is guessed.

    Raises:
        TableError: it is not such a file, cannot be read, has rows that are too long or too short, or a value that is
            not what its column holds; the message names the line.
    """
    path = Path(file)
    name = path.name.lower()
    with reading(path):
        if name.endswith((".csv", ".csv.gz")):
            return _read_csv(path, levels or {})
        if name.endswith(".parquet"):
            return pd.read_parquet(path)
    raise TableError(f"a table must be a .csv, .csv.gz or .parquet file; {path.name or path} arrived.")


def read_csv(file: Path | str, *, levels: Mapping[str, pd.Index] | None = None) -> pd.DataFrame:
    """The rows of a CSV file, whatever it is called.

    Args:
        file: as in `read_table`; it may be compressed, with the ending .gz, .bz2 or .xz.
        levels: what columns hold, as in `read_table`.

    Raises:
        TableError: as `read_table`.

    Example:
        >>> _ = Path("prices.csv").write_text("key,price\\n007,1.5\\n")
        >>> read_csv("prices.csv", levels={"key": pd.Index([], dtype="str")})
           key  price
        0  007    1.5
    """
    path = Path(file)
    with reading(path):
        return _read_csv(path, levels or {})


def csv_columns(file: Path | str) -> list[str]:
    """The names of a CSV's columns.

    Raises:
        TableError: the file is not a CSV, cannot be read, or is empty.
    """
    path = Path(file)
    with reading(path), _opened(path) as opened:
        for line in opened:
            if line.strip():
                first = [line, *itertools.islice(opened, _SAMPLE)]
                _check_separator(first, path)
                lines = _numbered(itertools.chain(first, opened), path)
                return _names(_fields(next(lines)[1], lines))
    raise _empty(path)


class TextRows(NamedTuple):
    """The rows of a CSV as text: the columns' names, and for each row its line in the file and its fields."""

    columns: list[str]
    rows: list[tuple[int, list[str]]]


def read_text_rows(data: bytes, name: str) -> TextRows:
    """The rows of a CSV that may come from anywhere, such as a spreadsheet program, as text without outer spaces.

    Args:
        data: UTF-8 or UTF-16 text, with a byte order mark or not; the separator is a comma, a semicolon or a tab,
            whichever the first line has most of, or what that line says: sep=;.
        name: what the file is called, for errors.

    Raises:
        TableError: it is not such text, has no row below its line of names, has rows of other widths, or a name twice.

    Example:
        >>> read_text_rows(b"photo;camera\\na.jpg;Leica\\n", "list.csv")
        TextRows(columns=['photo', 'camera'], rows=[(2, ['a.jpg', 'Leica'])])
    """
    try:
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise TableError(f"{name} must be a CSV file, text in UTF-8; it is not. Save it again as “CSV UTF-8”.")
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    if said := _SAYS_SEPARATOR.fullmatch(first):  # a line for spreadsheet programs
        separator, text = said[1], text.replace(first, "", 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise TableError(f"line {reader.line_num} of {name} cannot be read as CSV: {reason_of(error)}.") from error
    if len(rows) < 2:
        raise TableError(f"{name} must have a heading and at least one row below it; {len(rows)} lines arrived.")
    columns = [cell or f"column {i}" for i, cell in enumerate(rows[0][1], 1)]
    twice = next((cell for i, cell in enumerate(columns) if cell in columns[:i]), None)
    if twice is not None:
        raise TableError(f"the columns of {name} must have distinct names; “{twice}” is there twice.")
    for line, cells in rows[1:]:
        if len(cells) != len(columns):
            raise TableError(
                f"each row of {name} must have {len(columns)} values as its heading has; line {line} has {len(cells)}."
            )
    return TextRows(columns, rows[1:])


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise as TableError whatever goes wrong while a table is read."""
    try:
        yield
    except FileNotFoundError:
        raise TableError(f"there is no file {path}.") from None
    except UnicodeDecodeError as error:
        raise TableError(
            f"{path} cannot be read as a table: it must be UTF-8 text; the byte 0x{error.object[error.start]:02x}, "
            "which is not UTF-8, arrived. Save it again as UTF-8."
        ) from error
    # pandas' own errors are ValueErrors, most of Arrow's too.
    except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError, csv.Error, pyarrow.ArrowException) as error:
        raise TableError(f"{path} cannot be read as a table: {reason_of(error)}. Save or download it again.") from error


def _read_csv(path: Path, levels: Mapping[str, pd.Index]) -> pd.DataFrame:
    names, lines = _check_shape(path)
    # Columns by position: a name that is there twice matters only to those who use it.
    held = {i: levels[name] for i, name in enumerate(names) if name in levels and names.count(name) == 1}
    # All but numbers come as text.
    text = {i: index.dtype.kind == "O" for i, index in held.items() if index.dtype.kind in "OMb"}
    table = _parsed(path, list(range(len(names))), len(names), text)
    if len(table) != len(lines):  # pandas skips lines of nothing but spaces, whatever the columns
        raise TableError(
            f"{path} cannot be read as a table: it has {len(lines)} rows, but only {len(table)} can be told apart "
            'from blank lines. Put quotes around fields of nothing but spaces: "  ".'
        )
    rounded = [i for i in range(len(names)) if i not in text and _is_rounded(table[i])]
    if rounded:
        again = _parsed(path, rounded, len(names), dict.fromkeys(rounded, False))
        for i in rounded:
            exact = CsvColumn(again[i], lines, path).whole_numbers()
            table[i] = table[i] if exact is None else exact
    for i, index in held.items():
        column = CsvColumn(table[i].rename(names[i]), lines, path)
        if index.dtype == "object":
            table[i] = column.mixed(index)
        elif index.dtype.kind == "M":
            table[i] = column.timestamps(zoned=getattr(index.dtype, "tz", None) is not None)
        elif index.dtype.kind == "b":
            table[i] = column.booleans()
        elif index.dtype.kind in "iuf":
            column.check_numbers()
    return table.set_axis(names, axis=1)


def _is_rounded(column: pd.Series) -> bool:
    """Whether pandas may have made floats, or even text, of large whole numbers, because some values are missing."""
    if column.dtype.kind == "f":
        return bool((column.abs() >= _EXACT).any())
    texts = (value for value in column if isinstance(value, str) and value not in MISSING)
    first = next(texts, "")
    return WHOLE.fullmatch(first) is not None and all(WHOLE.fullmatch(text) for text in texts)


def _parsed(path: Path, columns: list[int], width: int, text: Mapping[int, bool]) -> pd.DataFrame:
    """Columns of a CSV by their positions; `text` are those that stay text, True where only "" is missing."""
    missing: dict[Any, list[str]] = {i: MISSING[:1] if text.get(i) else MISSING for i in columns}
    return pd.read_csv(
        path,
        names=list(range(width)),
        usecols=columns,
        header=0,
        index_col=False,
        dtype=dict.fromkeys(text, "str"),
        keep_default_na=False,
        na_values=missing,
        # In one piece: a column's type must not depend on where a large file happens to be cut.
        low_memory=False,
    )


def _opened(path: Path, mode: str = "rt") -> Any:
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    opened = openers.get(path.suffix.lower(), open)
    return opened(path, mode, encoding="utf-8-sig", newline="") if mode == "rt" else opened(path, mode)


def _check_shape(path: Path) -> tuple[list[str], array[int]]:
    """The names of a CSV's columns and the line that each row begins on; raises TableError unless all have one width.

    pandas would take the first field of rows that are too long for their name, and fill those that are too short.
    """
    names = csv_columns(path)
    limit = csv.field_size_limit(2**31 - 1)
    try:
        starts = _plain_starts(path, len(names))
        return names, starts if starts is not None else _any_starts(path, len(names))
    finally:
        csv.field_size_limit(limit)


def _plain_starts(path: Path, width: int) -> array[int] | None:
    """The line of each row of a CSV in which each line is a row, many times faster; None if this is not such a CSV."""
    starts, number, rest = array("q"), 1, b""
    with _opened(path, "rb") as file:
        while block := file.read(_BLOCK):
            block = rest + block
            end = block.rfind(b"\n") + 1
            block, rest = block[:end], block[end:]
            found = _line_widths(block)
            if found is None or len(rest) > _BLOCK:
                return None
            starts_of_block = np.flatnonzero(found > 0)
            if (found[starts_of_block] != width).any():
                return None
            starts.frombytes((starts_of_block + number).astype(np.int64).tobytes())
            number += len(found)
    last = _line_widths(rest + b"\n") if rest else np.empty(0, np.int64)
    if last is None or (last != width).any():
        return None
    starts.extend(number for _ in last)
    return starts[1:]  # the first is that of the names


def _line_widths(block: bytes) -> NDArray[np.int64] | None:
    """How many fields each line of these whole lines has, 0 for an empty one; None where that takes a closer look."""
    if b"\0" in block or block.count(b"\r") != block.count(b"\r\n"):
        return None
    block.decode()  # which must be UTF-8
    data = np.frombuffer(block, np.uint8)
    ends = data == ord("\n")
    commas = data == ord(",")
    quotes = data == ord('"')
    if quotes.any():
        outside = np.cumsum(quotes, dtype=np.uint8) % 2 == 0  # it runs over at 256, which is even
        # A quote opens a field at its start and closes it at its end; two in a row are one that is part of the text.
        begins = np.concatenate([[True], (ends | commas | quotes)[:-1]])
        stops = np.concatenate([(ends | commas | quotes | (data == ord("\r")))[1:], [True]])
        if not outside[ends].all() or not begins[quotes & ~outside].all() or not stops[quotes & outside].all():
            return None
        commas &= outside
    places = np.flatnonzero(ends)
    fields = np.diff(np.searchsorted(np.flatnonzero(commas), places), prepend=0) + 1
    lengths = np.diff(places, prepend=-1) - 1
    empty = (lengths == 0) | ((lengths == 1) & (data[np.maximum(places - 1, 0)] == ord("\r")))
    return np.where(empty, 0, fields)


def _any_starts(path: Path, width: int) -> array[int]:
    """The line that each row of a CSV begins on."""
    starts = array("q")
    with _opened(path) as file:
        lines = _numbered(file, path)
        for number, line in lines:
            if not line.strip("\r\n"):
                continue
            # Counting commas is ten times faster than taking the line apart.
            found = len(_fields(line, lines)) if '"' in line else line.count(",") + 1
            if found != width:
                raise TableError(
                    f"each row of {path} must have {width} fields, as many as the line of column names; line {number} "
                    f"has {found}. Correct that line, and put quotes around a text with commas."
                )
            starts.append(number)
    return starts[1:]  # the first is that of the names


def _numbered(file: Iterable[str], path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(file, 1):
        if "\0" in line:
            raise TableError(
                f"{path} cannot be read as a table: it must be UTF-8 text; a NUL byte arrived in line {number}. "
                "Save it again as UTF-8."
            )
        yield number, line


def _fields(line: str, following: Iterator[tuple[int, str]]) -> list[str]:
    """The fields of the row that begins with this line; a text in quotes may go on in those that follow."""
    return next(csv.reader(itertools.chain([line], (more for _, more in following))))


def _empty(path: Path) -> TableError:
    return TableError(f"{path} cannot be read as a table: it must begin with a line of column names; it is empty.")


def _names(fields: list[str]) -> list[str]:
    return [name or f"Unnamed: {position}" for position, name in enumerate(fields)]  # as pandas calls them


_SAYS_SEPARATOR = re.compile(r"\s*sep=(.)\s*", re.IGNORECASE)


def _check_separator(lines: list[str], path: Path) -> None:
    """Raise TableError if the fields of a file, by its first lines, are separated by something else than commas."""
    said = _SAYS_SEPARATOR.fullmatch(lines[0])
    found = said[1] if said else next((mark for mark in _OTHERS if _separates(mark, lines)), ",")
    if found == "," and not said:
        return
    rows = csv.reader(lines[2 if said else 1 :], delimiter=found)
    decimal = found != "," and any(DECIMAL_COMMA.fullmatch(field) for row in rows for field in row)
    options = f", sep={found!r}" + ", decimal=','" * decimal + ", skiprows=1" * bool(said)
    raise TableError(
        f"{path} must have commas between its fields, and begin with the names of the columns; "
        + (f"its first line is {lines[0].strip()}" if said else f"they seem to be separated by {_OTHERS[found]}")
        + f"{', and numbers to have decimal commas' * decimal}. "
        f"Write it again: pd.read_csv({path.name!r}{options}).to_csv({path.name!r}, index=False)."
    )


def _separates(mark: str, lines: list[str]) -> bool:
    """Whether each line has as many fields as the first one, two or more, with this separator and not with commas."""
    if mark not in lines[0]:
        return False
    by_mark, by_comma = (_widths(lines, delimiter) for delimiter in (mark, ","))
    return len(lines) > 1 and len(by_mark) == 1 and min(by_mark) > 1 and (len(by_comma) > 1 or by_comma == {1})


def _widths(lines: list[str], delimiter: str) -> set[int]:
    """The numbers of fields that rows have; none if they cannot be read with this separator."""
    try:
        return {len(row) for row in csv.reader(lines, delimiter=delimiter) if row}
    except csv.Error:
        return set()
