"""Ledger: an append-only log in SQLite in which each entry seals the one before."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from handlens.errors import AuditError, StorageError
from handlens.io.sqlite import open_database, transaction

# The insert trigger also keeps out INSERT OR REPLACE, which removes rows without asking the delete trigger.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS review_log (
    seq      INTEGER PRIMARY KEY,
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    "case"   INTEGER NOT NULL,
    body     TEXT NOT NULL,     -- JSON
    previous TEXT NOT NULL,     -- the hash of the entry before, "" for the first
    hash     TEXT NOT NULL      -- SHA-256 over all of the above
);
CREATE TRIGGER IF NOT EXISTS review_log_is_not_changed BEFORE UPDATE ON review_log
BEGIN SELECT RAISE(ABORT, 'entries of the review log are never changed'); END;
CREATE TRIGGER IF NOT EXISTS review_log_is_not_shortened BEFORE DELETE ON review_log
BEGIN SELECT RAISE(ABORT, 'entries of the review log are never removed'); END;
CREATE TRIGGER IF NOT EXISTS review_log_grows_at_its_end BEFORE INSERT ON review_log
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM review_log)
BEGIN SELECT RAISE(ABORT, 'entries of the review log are added at its end'); END;
"""
_COLUMNS = 'seq, at, kind, "case", body, previous, hash'


@dataclass(frozen=True)
class Entry:
    """One entry: its number from 1, when (UTC), what, of which case, the rest as JSON, and the two hashes."""

    seq: int
    at: str
    kind: str
    case: int
    body: str
    previous: str
    hash: str


class Ledger:
    """The log in the SQLite file at `path`; the table stands beside whatever else the file holds.

    What is read is checked: each entry must carry its own hash and that of the entry before. Raises AuditError where
    one does not, and StorageError where the file or disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seq = 0
        """The latest entry that was read or written here."""
        self.latest = ""
        """Its hash."""
        self._lock = threading.RLock()
        with self._storing():
            self._db = open_database(path, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def news(self) -> list[Entry]:
        """The entries, checked, that were written since the latest that was read or written here."""
        found = self._read(self.seq, self.latest)
        if found:
            self.seq, self.latest = found[-1].seq, found[-1].hash
        return found

    def rewind(self) -> None:
        """Take every entry for unread again."""
        self.seq, self.latest = 0, ""

    def entries(self) -> list[Entry]:
        """Every entry, checked from the first on."""
        return self._read(0, "")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the file's write lock; all that the block appends is on disk when it ends, or none if it fails."""
        with self._lock, self._storing(), transaction(self._db):
            yield

    def append(self, kind: str, case: int, body: dict[str, Any]) -> Entry:
        """Add an entry inside `writing`, after `news` was read there."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, sort_keys=True)
        fields = (self.seq + 1, at, kind, case, text, self.latest)
        entry = Entry(*fields, hash=_hash(*fields))
        self._db.execute(f"INSERT INTO review_log ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", (*fields, entry.hash))
        self.seq, self.latest = entry.seq, entry.hash
        return entry

    def _read(self, after: int, previous: str) -> list[Entry]:
        with self._lock, self._storing():
            query = f"SELECT {_COLUMNS} FROM review_log WHERE seq > ? ORDER BY seq"
            entries = [Entry(*row) for row in self._db.execute(query, (after,))]
        for number, entry in enumerate(entries, after + 1):
            fields = (entry.seq, entry.at, entry.kind, entry.case, entry.body, entry.previous)
            if entry.seq != number or entry.previous != previous or entry.hash != _hash(*fields):
                raise AuditError(
                    f"the review log in {self.path} was tampered with: entry {number} is not the one that was written. "
                    "Compare it with an export or a backup"
                )
            previous = entry.hash
        return entries

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(
                f"the review log in {self.path} refused ({error}). Nothing that was saved before is lost; "
                "check the path and the disk, then try again"
            ) from error


def _hash(*fields: object) -> str:
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()
