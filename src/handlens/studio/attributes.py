"""Attributes of photos (camera, site, skin tone, …) from a CSV, whose rows are matched with the photos."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import CollectionError, TableError
from handlens.io.tables import TextRows, read_text_rows
from handlens.studio.formats.matching import PhotoNames

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")  # 007 stays text


@dataclass(frozen=True)
class Attached:
    """A CSV with attributes of the photos of a collection.

    Attributes:
        name: of the file.
        column: the column that names the photos.
        rows: how many rows are in the file.
        matched: how many photos have a row.
        unmatched: DataFrame with columns line, value and reason: a row for each line that was not used.
        without: int64, the ids of photos that have no row.
        table: the other columns, a row for each photo by id; missing where a photo has no row.
    """

    name: str
    column: str
    rows: int
    matched: int
    unmatched: pd.DataFrame
    without: NDArray[np.int64]
    table: pd.DataFrame

    @property
    def columns(self) -> list[str]:
        """The attributes, by which reports can be split."""
        return list(self.table.columns)


def match_csv(data: bytes, name: str, paths: Sequence[str]) -> Attached:
    """Read a CSV and match its rows with photos.

    The column that names most photos is used to name them: by path, by the end of a path, or by file name with or
    without its extension.

    Args:
        data: the file, in UTF-8, with commas, semicolons or tabs.
        name: what it is called.
        paths: the photos' paths by id.

    Raises:
        CollectionError: it is not such a file, or none of its columns names photos.

    Example:
        >>> found = match_csv(b"file,camera\\nb,old\\nc.jpg,new\\n", "cameras.csv", ["a.jpg", "x/b.jpg"])
        >>> found.column, found.columns, found.matched
        ('file', ['camera'], 1)
        >>> found.unmatched.values.tolist()
        [[3, 'c.jpg', 'no photo has this name']]
    """
    heading, lines = _read(data, name)
    photos = PhotoNames(paths)
    found = [[photos.find(cells[i]) for _, cells in lines] for i in range(len(heading))]
    named = [len({id for id, _ in column if id >= 0}) for column in found]
    key = int(np.argmax(named))
    if not named[key]:
        example = f", such as {paths[0]}" if paths else ""
        raise CollectionError(
            f"a column of {name} must name photos of this collection by path or name{example}; none of its columns "
            f"does: {', '.join(heading[:20])}."
        )
    ids, unmatched = np.full(len(lines), -1, np.int64), []
    first: dict[int, int] = {}
    for i, (line, cells) in enumerate(lines):
        id, reason = found[key][i]
        if id in first:
            reason = f"names the same photo as line {first[id]}"
        if reason:
            unmatched.append((line, cells[key], reason))
        else:
            ids[i] = id
            first[id] = line
    rows = np.full(len(paths), -1, np.int64)
    rows[ids[ids >= 0]] = np.flatnonzero(ids >= 0)
    table = pd.DataFrame(
        {column: _column([cells[i] for _, cells in lines], rows) for i, column in enumerate(heading) if i != key},
        index=pd.RangeIndex(len(paths), name="id"),
    )
    return Attached(
        name=name,
        column=heading[key],
        rows=len(lines),
        matched=len(first),
        unmatched=pd.DataFrame(unmatched, columns=["line", "value", "reason"]),
        without=np.flatnonzero(rows < 0),
        table=table,
    )


def _read(data: bytes, name: str) -> TextRows:
    try:
        found = read_text_rows(data, name)
    except TableError as error:
        raise CollectionError(str(error)) from error
    if len(found.columns) < 2:
        raise CollectionError(
            f"{name} must have a column that names the photos and at least one other; it has only “{found.columns[0]}”."
        )
    return found


def _column(cells: list[str], rows: NDArray[np.int64]) -> pd.Series:
    """A column by id; numbers if every value is a number."""
    by_id = [cells[row] if row >= 0 and cells[row] else None for row in rows]
    given = [cell for cell in by_id if cell is not None]
    if given and all(_NUMBER.fullmatch(cell) for cell in given):
        return pd.Series([np.nan if cell is None else float(cell) for cell in by_id], dtype=np.float64)
    return pd.Series(by_id, dtype="str")
