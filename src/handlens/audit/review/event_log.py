"""EventLog: an append-only, hash-chained log in a SQLite file."""

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
from handlens.io.problems import reason_of
from handlens.io.sqlite import open_database, transaction

# The insert trigger also refuses INSERT OR REPLACE, which deletes rows without running the delete trigger.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS review_log (
    seq      INTEGER PRIMARY KEY,
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    "case"   INTEGER NOT NULL,
    body     TEXT NOT NULL,     -- JSON
    previous TEXT NOT NULL,     -- the hash of the event before, "" for the first
    hash     TEXT NOT NULL      -- SHA-256 over all of the above
);
CREATE TRIGGER IF NOT EXISTS review_log_is_not_changed BEFORE UPDATE ON review_log
BEGIN SELECT RAISE(ABORT, 'events of the review log are never changed'); END;
CREATE TRIGGER IF NOT EXISTS review_log_is_not_shortened BEFORE DELETE ON review_log
BEGIN SELECT RAISE(ABORT, 'events of the review log are never removed'); END;
CREATE TRIGGER IF NOT EXISTS review_log_grows_at_its_end BEFORE INSERT ON review_log
WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM review_log)
BEGIN SELECT RAISE(ABORT, 'events of the review log are added at its end'); END;
"""
_COLUMNS = 'seq, at, kind, "case", body, previous, hash'


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        seq: its number, from 1.
        at: when it was written, UTC.
        kind: what happened.
        case: the number of the case that it is about.
        body: the details, as JSON.
        previous: the hash of the event before, "" for the first.
        hash: SHA-256 over all of these.
    """

    seq: int
    at: str
    kind: str
    case: int
    body: str
    previous: str
    hash: str


class EventLog:
    """The log in a SQLite file, which may have other tables too.

    Every event that is read is checked: it must have its own hash and that of the event before. Threads and processes
    may share the file.

    Args:
        path: the file; it is made if it does not exist.

    Raises:
        AuditError: on reading, if an event was changed.
        StorageError: if the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seq = 0
        """The number of the latest event that was read or written here."""
        self.latest = ""
        """Its hash."""
        self._lock = threading.RLock()
        with self._storing():
            self._db = open_database(path, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def read_new(self) -> list[Event]:
        """The events after the latest that was read or written here."""
        found = self._read(self.seq, self.latest)
        if found:
            self.seq, self.latest = found[-1].seq, found[-1].hash
        return found

    def start_over(self) -> None:
        """Let `read_new` begin with the first event again."""
        self.seq, self.latest = 0, ""

    def read_all(self) -> list[Event]:
        """Every event, from the first on."""
        return self._read(0, "")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the file's write lock; when the block ends all of its events are on disk, or none if it failed."""
        with self._lock, self._storing(), transaction(self._db):
            yield

    def append(self, kind: str, case: int, body: dict[str, Any]) -> Event:
        """Add an event; only within `writing`, and after `read_new` was called there."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = json.dumps(body, ensure_ascii=False, allow_nan=False, sort_keys=True)
        fields = (self.seq + 1, at, kind, case, text, self.latest)
        event = Event(*fields, hash=_hash(*fields))
        self._db.execute(f"INSERT INTO review_log ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", (*fields, event.hash))
        self.seq, self.latest = event.seq, event.hash
        return event

    def _read(self, after: int, previous: str) -> list[Event]:
        with self._lock, self._storing():
            query = f"SELECT {_COLUMNS} FROM review_log WHERE seq > ? ORDER BY seq"
            events = [Event(*row) for row in self._db.execute(query, (after,))]
        for number, event in enumerate(events, after + 1):
            fields = (event.seq, event.at, event.kind, event.case, event.body, event.previous)
            if event.seq != number or event.previous != previous or not _has_hash(event.hash, fields):
                raise AuditError(
                    f"the review log in {self.path} was tampered with: event {number} is not the one that was written. "
                    "Compare it with an export or a backup."
                )
            previous = event.hash
        return events

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageError(
                f"the review log in {self.path} refused: {reason_of(error)}. Nothing that was saved before is lost; "
                "check the path and the disk, then try again."
            ) from error


def _hash(*fields: object) -> str:
    return hashlib.sha256(json.dumps(fields, ensure_ascii=False).encode()).hexdigest()


def _has_hash(found: object, fields: tuple[object, ...]) -> bool:
    """Whether a hash is that of what was read, which may be of any type."""
    try:
        return found == _hash(*fields)
    except (TypeError, ValueError):
        return False
