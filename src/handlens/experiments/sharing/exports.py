"""A study as files for others: its runs or epochs as CSV or Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from handlens.io.files import atomic_write
from handlens.io.spreadsheets import csv_text


def write_csv(table: pd.DataFrame, path: Path | str, *, spreadsheet: bool) -> None:
    """Write a table such that every number is read again exactly; lists become JSON.

    Args:
        table: runs, by their id, or epochs.
        path: the file.
        spreadsheet: guard text that a spreadsheet program would run as a formula.

    Raises:
        StorageError: the disk refused; what was there before stays.
    """
    text = csv_text(plain(table), spreadsheet=spreadsheet, float_format=None)
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="")


def write_parquet(table: pd.DataFrame, path: Path | str) -> None:
    """Write a table as Parquet; lists become JSON. Args and errors as in `write_csv`."""
    with atomic_write(path) as partial:
        plain(table).to_parquet(partial, index=False)


def plain(table: pd.DataFrame) -> pd.DataFrame:
    """The table with its named index as a column, and each column of one kind: lists and mixed values become JSON.

    Text stays as it is, unless it could be taken for JSON: in a column of 1 and "1", the second one gets quotes.
    """
    if table.index.name is not None:
        table = table.reset_index()
    changed = {str(name): [_text(value) for value in table[name]] for name in table if _is_mixed(table[name])}
    return table.assign(**{name: pd.Series(texts, table.index, dtype=object) for name, texts in changed.items()})


def _is_mixed(column: pd.Series[Any]) -> bool:
    if column.dtype.kind != "O":
        return False
    kinds = {type(value) for value in column if not _is_missing(value)}
    return bool(kinds & {list, tuple, dict}) or len(kinds) > 1


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))


def _text(value: Any) -> Any:
    if _is_missing(value):
        return None
    return value if isinstance(value, str) and not _is_json(value) else json.dumps(value, ensure_ascii=False)


def _is_json(text: str) -> bool:
    """Whether text would be read as another value, as "1" and "true" would be, or as quoted text."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
