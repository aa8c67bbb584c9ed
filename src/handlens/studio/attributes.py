"""What a CSV says of each photo (camera, site, skin tone, …): which row belongs to which photo, and which to none."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import CollectionError, TableError
from handlens.io.tables import TextRows, read_text_rows

_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")  # 007 is a name


@dataclass(frozen=True)
class Attached:
    """A CSV beside the photos of a collection.

    `name` is the file's, `column` the one that names the photos; `table` holds the other columns by id,
    missing where a photo has no row. `rows` were in the file and `matched` photos have one; `unmatched` has a
    row for each line that was not used (line, value, reason); `without` are the ids of photos that have no row.
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


def attached(data: bytes, name: str, paths: Sequence[str]) -> Attached:
    """Read a CSV (UTF-8; comma, semicolon or tab) and match its rows with the photos at `paths`.

    The column that names most photos is taken to name them, by path, by the end of a path, or by name with or without
    its ending. Raises CollectionError, with a sentence for the person, for a file that is none of this.
    """
    heading, lines = _read(data, name)
    index = _Index(paths)
    found = [[index.find(cells[i]) for _, cells in lines] for i in range(len(heading))]
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


class _Index:
    """Finds photos by what a CSV may call them."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._whole = {_plain(path): id for id, path in enumerate(paths)}
        self._ends: dict[str, list[int]] = defaultdict(list)
        self._stems: dict[str, list[int]] = defaultdict(list)
        for path, id in self._whole.items():
            for end in _ends(path):
                self._ends[end].append(id)
                self._stems[str(PurePosixPath(end).with_suffix(""))].append(id)

    def find(self, value: str) -> tuple[int, str]:
        """The photo's id and "", or −1 and why there is none."""
        wanted = _plain(value)
        if not wanted:
            return -1, "names no photo"
        # The whole path, then the path below whatever folder the photos once lay in.
        for end in _ends(wanted):
            if end in self._whole and (end == wanted or "/" in end):
                return self._whole[end], ""
        several = self._ends.get(wanted) or self._stems.get(wanted) or self._ends.get(wanted.rpartition("/")[2]) or []
        if len(several) > 1:
            return -1, f"{len(several)} photos are called so"
        return (several[0], "") if several else (-1, "no photo is called so")


def _plain(path: str) -> str:
    text = unicodedata.normalize("NFC", path).replace("\\", "/")
    return "/".join(part for part in text.split("/") if part not in ("", "."))


def _ends(path: str) -> Iterable[str]:
    parts = path.split("/")
    return ("/".join(parts[i:]) for i in range(len(parts)))


def _column(cells: list[str], rows: NDArray[np.int64]) -> pd.Series:
    """A column by id, as numbers where every value is one."""
    by_id = [cells[row] if row >= 0 and cells[row] else None for row in rows]
    given = [cell for cell in by_id if cell is not None]
    if given and all(_NUMBER.fullmatch(cell) for cell in given):
        return pd.Series([np.nan if cell is None else float(cell) for cell in by_id], dtype=np.float64)
    return pd.Series(by_id, dtype="str")
