"""Where each photo of a collection's own folder came from, and what was left out, in the collection's SQLite file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from handlens.io.sqlite import Database, open_database, storage_errors, transaction
from handlens.studio.scanning import LeftOut

_SCHEMA = """
CREATE TABLE IF NOT EXISTS gathered (
    id     INTEGER PRIMARY KEY,
    path   TEXT NOT NULL UNIQUE, -- below the folder of photos
    size   INTEGER NOT NULL,     -- bytes
    note   TEXT NOT NULL,        -- what a person should know of it, or ''
    source TEXT NOT NULL,        -- path or address
    member TEXT NOT NULL,        -- path in an archive, or ''
    page   INTEGER,
    second REAL
);
CREATE TABLE IF NOT EXISTS not_gathered (
    id     INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    shown  TEXT NOT NULL,        -- what people see
    reason TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS not_gathered_source ON not_gathered (source);
"""

COLUMNS = ["path", "source", "member", "page", "second"]


class PhotoPlace(NamedTuple):
    """Where a photo came from.

    Attributes:
        source: the path or address of a file.
        member: the path in it if it is an archive, or "".
        page: counted from 1; None if it has none.
        second: of a frame of a video.
    """

    source: str
    member: str = ""
    page: int | None = None
    second: float | None = None


class Kept(NamedTuple):
    """A photo in the collection's own folder.

    Attributes:
        path: there.
        size: in bytes.
        note: what a person should know of it, or "".
    """

    path: str
    size: int
    note: str = ""


class GatheredTable:
    """The table of a collection; each call opens the file for itself, as nothing else writes these rows.

    Args:
        database: the collection's SQLite file.
    """

    def __init__(self, database: Path) -> None:
        self._database = database

    @property
    def exists(self) -> bool:
        """Whether photos were ever gathered for this collection, or begun to be."""
        if not self._database.is_file():
            return False
        with self._failed, closing(open_database(self._database, "")) as db:
            return _has_table(db)

    def kept(self) -> dict[PhotoPlace, Kept]:
        """All photos that were gathered, by where they came from."""
        with self._failed, closing(open_database(self._database, _SCHEMA)) as db:
            rows = db.execute("SELECT source, member, page, second, path, size, note FROM gathered ORDER BY id")
            return {PhotoPlace(*row[:4]): Kept(*row[4:]) for row in rows}

    def frame(self) -> pd.DataFrame:
        """A row for each photo: path, source, member, page, second."""
        rows = [(kept.path, *place) for place, kept in self.kept().items()] if self.exists else []
        frame = pd.DataFrame(rows, columns=COLUMNS)
        return frame.astype({"page": "Int64", "second": "Float64"} | dict.fromkeys(COLUMNS[:3], "str"))

    def noted(self, note: str) -> list[str]:
        """The paths of the photos that have a note."""
        if not self.exists:
            return []
        with self._failed, closing(open_database(self._database, "")) as db:
            return [path for (path,) in db.execute("SELECT path FROM gathered WHERE note = ? ORDER BY id", (note,))]

    def left_out(self) -> dict[str, list[LeftOut]]:
        """What was left out of each file, with the reasons."""
        found: dict[str, list[LeftOut]] = {}
        if self.exists:
            with self._failed, closing(open_database(self._database, _SCHEMA)) as db:
                for source, *row in db.execute("SELECT source, shown, reason FROM not_gathered ORDER BY id"):
                    found.setdefault(source, []).append(LeftOut(*row))
        return found

    def keep(
        self, photos: Mapping[PhotoPlace, Kept], begun: Iterable[str], left_out: Mapping[str, Iterable[LeftOut]]
    ) -> None:
        """Keep where photos came from, and what was left out of files.

        Args:
            photos: by where they came from, in place of what is known of them.
            begun: files of which nothing that was left out before counts any more.
            left_out: what to add, by the path or address of the file.
        """
        with self._failed, closing(open_database(self._database, _SCHEMA)) as db:
            db.keep_checksums("gathered", "not_gathered")
            with transaction(db):
                for place, kept in photos.items():
                    db.execute("DELETE FROM gathered WHERE path = ?", (kept.path,))
                    db.execute(
                        "INSERT INTO gathered (path, size, note, source, member, page, second) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?)",
                        (*kept, *place),
                    )
                db.executemany("DELETE FROM not_gathered WHERE source = ?", [(source,) for source in begun])
                for source, found in left_out.items():
                    rows = [(source, out.path, out.reason) for out in found]
                    db.executemany("INSERT INTO not_gathered (source, shown, reason) VALUES (?, ?, ?)", rows)

    @property
    def _failed(self) -> AbstractContextManager[None]:
        return storage_errors(f"where photos came from could not be read or kept in {self._database}")


def _has_table(db: Database) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'gathered'").fetchone() is not None
