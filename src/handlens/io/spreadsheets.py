"""CSV files for programs, and for people who open them in a spreadsheet program, which would run text as a formula."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

LABEL_COLUMNS = ["path", "label", "origin", "gesture", "labelled_at", "error_at_most", "confidence", "by"]
"""The columns of the labels that Studio writes; earlier versions wrote them without the last one."""

_FORMULA = re.compile("[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]")  # the last four are wide forms of the first ones
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def guarded(text: str) -> str:
    """The text, with an apostrophe before it if it would be run as a formula; numbers stay as they are.

    Text that has apostrophes before a formula already gets one more, so that `unguarded` gives back any text.

    Example:
        >>> guarded("=1+1"), guarded("-1"), guarded("don't"), guarded("'=1+1")
        ("'=1+1", '-1', "don't", "''=1+1")
    """
    return f"'{text}" if _FORMULA.match(text.lstrip("'")) and not _NUMBER.fullmatch(text) else text


def unguarded(text: str) -> str:
    """What `guarded` was given.

    Example:
        >>> unguarded("'=1+1"), unguarded("'quoted'")
        ('=1+1', "'quoted'")
    """
    return text[1:] if text.startswith("'") and guarded(text[1:]) == text else text


ROWS = 10_000
"""Rows of a table that become text at once."""


def csv_text(table: pd.DataFrame, *, spreadsheet: bool, float_format: str | None = "%.6f") -> str:
    """The table as CSV, without its index.

    Args:
        table: columns of text, numbers or times.
        spreadsheet: guard all text, names of columns too, and end lines in CR LF, as such programs do. Otherwise text
            is as it is, and lines end in LF.
        float_format: how numbers are written; with None, as many digits as it takes to read the same number again.
    """
    return "".join(csv_parts(table, spreadsheet=spreadsheet, float_format=float_format))


def csv_parts(table: pd.DataFrame, *, spreadsheet: bool, float_format: str | None = "%.6f") -> Iterator[str]:
    """As `csv_text`, in parts of `ROWS` rows, so that a large table is not in memory twice; arguments as there."""
    # Python puts no quotes around a CR unless lines end in one.
    bare = not spreadsheet and any("\r" in text for text in _texts(table))
    for start in range(0, max(len(table), 1), ROWS):
        part = table.iloc[start : start + ROWS]
        if spreadsheet:
            texts = {name: part[name].map(_guarded_value) for name in part.columns if part[name].dtype.kind == "O"}
            part = part.assign(**texts).rename(columns=_guarded_value)
        text: str = part.to_csv(
            index=False,
            header=start == 0,
            float_format=float_format,
            lineterminator="\r\n" if spreadsheet else "\n",
            quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL,
        )
        yield text


def is_for_spreadsheets(file: Path) -> bool:
    """Whether a file that Studio wrote has its text guarded, by the end of its first line."""
    with file.open("rb") as opened:
        return opened.readline().endswith(b"\r\n")


def _texts(table: pd.DataFrame) -> Iterator[str]:
    for name in table.columns:
        if table[name].dtype.kind == "O":
            yield from (value for value in table[name] if isinstance(value, str))


def _guarded_value(value: object) -> object:
    return guarded(value) if isinstance(value, str) else value
