"""SQLite files: a change whose call has returned survives a power cut."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from handlens.io.sqlite import open_database, transaction

SCHEMA = "CREATE TABLE IF NOT EXISTS t (x INTEGER CHECK (x > 0));"


def rows(db: sqlite3.Connection) -> list[int]:
    return [x for (x,) in db.execute("SELECT x FROM t ORDER BY x")]


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    db = open_database(tmp_path / "a.sqlite", SCHEMA)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    db.close()


def test_a_block_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    db, other = (open_database(tmp_path / "a.sqlite", SCHEMA) for _ in range(2))
    with transaction(db):
        db.execute("INSERT INTO t VALUES (1)")
        db.execute("INSERT INTO t VALUES (2)")
        assert rows(other) == []
    assert rows(other) == [1, 2]
    with pytest.raises(sqlite3.IntegrityError), transaction(db):
        db.executemany("INSERT INTO t VALUES (?)", [(3,), (-1,)])
    assert rows(db) == [1, 2]
    db.close()
    other.close()


def test_the_error_is_told_also_where_a_full_disk_has_ended_the_transaction(tmp_path: Path) -> None:
    db = open_database(tmp_path / "a.sqlite", SCHEMA)

    def ended() -> None:
        db.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(sqlite3.OperationalError, match="full"), transaction(db):
        ended()
    db.close()


def test_two_cannot_write_at_once(tmp_path: Path) -> None:
    db, other = (open_database(tmp_path / "a.sqlite", SCHEMA) for _ in range(2))
    other.execute("PRAGMA busy_timeout = 0")
    with transaction(db), pytest.raises(sqlite3.OperationalError, match="locked"), transaction(other):
        pass
    with transaction(other):
        other.execute("INSERT INTO t VALUES (1)")
    assert rows(db) == [1]
    db.close()
    other.close()


def test_what_is_no_database_is_closed_again(tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"no database, and long enough to be told from an empty one" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        open_database(tmp_path / "a.sqlite", SCHEMA)
