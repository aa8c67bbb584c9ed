"""SQLite files: a change whose call has returned survives a power cut."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from handlens.errors import StorageError
from handlens.io import sqlite
from handlens.io.sqlite import Database, damaged_log, mend_database, open_database, transaction

SCHEMA = "CREATE TABLE IF NOT EXISTS t (x INTEGER CHECK (x > 0));"


def rows(db: sqlite3.Connection) -> list[int]:
    return [x for (x,) in db.execute("SELECT x FROM t ORDER BY x")]


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    db = open_database(tmp_path / "a.sqlite", SCHEMA)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    db.close()


def test_opening_waits_for_others_that_open_at_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy:
        def __init__(self, code: int, times: int) -> None:
            self.code, self.left = code, times

        def execute(self, statement: str) -> None:
            assert statement == "PRAGMA journal_mode = WAL"
            self.left -= 1
            if self.left >= 0:
                error = sqlite3.OperationalError("database is locked")
                error.sqlite_errorcode = self.code
                raise error

    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    sqlite._write_ahead(Busy(sqlite3.SQLITE_BUSY, 3))  # type: ignore[arg-type]
    sqlite._write_ahead(Busy(sqlite3.SQLITE_BUSY_RECOVERY, 2))  # type: ignore[arg-type]
    assert len(waits) == 5
    with pytest.raises(sqlite3.OperationalError):
        sqlite._write_ahead(Busy(sqlite3.SQLITE_CORRUPT, 1))  # type: ignore[arg-type]
    monkeypatch.setattr(sqlite, "PATIENCE", -1)
    with pytest.raises(sqlite3.OperationalError):
        sqlite._write_ahead(Busy(sqlite3.SQLITE_BUSY, 1))  # type: ignore[arg-type]


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


TABLE = "CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, size REAL, data BLOB);"


def checked(path: Path) -> Database:
    db = open_database(path, TABLE)
    db.keep_checksums("t")
    return db


def wrong(path: Path) -> list[int]:
    with closing(checked(path)) as db:
        return [id for (id,) in db.execute(f"SELECT id FROM t WHERE NOT {db.right('t')}")] + db.gone("t")


def test_s11_rows_that_are_not_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite"
    with closing(checked(file)) as db:
        db.execute("INSERT INTO t VALUES (1, 'a', 0.5, x'00'), (2, 'b', NULL, x''), (3, NULL, 1e300, NULL)")
        db.execute("INSERT OR REPLACE INTO t VALUES (9, 'b', 2, x'01')")  # which takes the place of row 2
        db.execute("UPDATE t SET size = 0.25 WHERE id = 1")
        db.execute("DELETE FROM t WHERE id = 3")
    assert wrong(file) == []
    for statement in (
        "UPDATE t SET name = 'A' WHERE id = 1",
        "UPDATE t SET name = x'61' WHERE id = 1",  # the same bytes, but not text
        "UPDATE t SET name = NULL WHERE id = 1",
        "UPDATE t SET size = 0.2500000000000001 WHERE id = 1",
        "UPDATE t SET size = NULL WHERE id = 1",
        "UPDATE t SET data = x'01' WHERE id = 1",
        "UPDATE t SET name = 'é' || char(0) WHERE id = 1",
        "DELETE FROM t WHERE id = 1",
    ):
        copy = tmp_path / "copy.sqlite"
        copy.write_bytes(file.read_bytes())
        with closing(sqlite3.connect(copy)) as db, db:
            db.execute(statement)
        assert wrong(copy) == [1], statement


def test_rows_from_before_there_were_checksums_get_them_and_a_later_column_changes_none(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite"
    with closing(open_database(file, TABLE)) as db:
        db.execute("INSERT INTO t VALUES (1, 'a', 0.5, NULL)")
    assert wrong(file) == []
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("ALTER TABLE t ADD COLUMN later TEXT")
    assert wrong(file) == []
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("UPDATE t SET size = 0.75")
    assert wrong(file) == [1]


def test_a_damaged_index_is_made_again(tmp_path: Path) -> None:
    file = tmp_path / "a.sqlite"
    with closing(checked(file)) as db:
        db.executemany("INSERT INTO t (name) VALUES (?)", [(f"name {i:03d}",) for i in range(100)])
    data = file.read_bytes()
    places = [i for i in range(len(data)) if data.startswith(b"name 050", i)]
    assert len(places) == 2  # in the table and in its index
    found = []
    for place in places:
        file.write_bytes(data[:place] + b"N" + data[place + 1 :])
        mend_database(file)
        with closing(checked(file)) as db:
            found.append((db.execute("SELECT id FROM t WHERE name = 'name 050'").fetchall(), wrong(file)))
    assert sorted(found) == [([], [51]), ([(51,)], [])]


FRAME = 24 + 4096  # of SQLite's log, which begins with a head of 32 bytes


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A file as a kill leaves it: two changes, of one frame each, are in the log."""
    file = tmp_path / "killed" / "a.sqlite"
    file.parent.mkdir()
    with closing(open_database(tmp_path / "a.sqlite", SCHEMA)) as db:
        db.execute("PRAGMA wal_checkpoint")
        for x in (1, 2):
            db.execute("INSERT INTO t VALUES (?)", (x,))
        for ending in ("", "-wal"):
            file.with_name(f"a.sqlite{ending}").write_bytes((tmp_path / f"a.sqlite{ending}").read_bytes())
    assert file.with_name("a.sqlite-wal").read_bytes()[32 + 2 * FRAME + 8 :][:8] != log_of(file)[16:24]  # an older one
    return file


def log_of(file: Path) -> bytes:
    return file.with_name("a.sqlite-wal").read_bytes()


@pytest.mark.parametrize(
    ("at", "left"),
    [
        *((at, []) for at in (0, 9, 12, 17, 24)),  # in the head
        *((32 + at, []) for at in (1, 6, 8, 13, 17, 24 + 4095)),  # in the first frame
        *((32 + FRAME + at, [1]) for at in (1, 6, 8, 13, 17, 24 + 4095)),
    ],
)
def test_s11_changes_that_are_damaged_in_the_log_of_a_killed_process_are_kept(
    killed: Path, at: int, left: list[int]
) -> None:
    damaged = bytearray(log_of(killed))
    damaged[at] ^= 64
    killed.with_name("a.sqlite-wal").write_bytes(damaged)
    mend_database(killed)
    assert damaged_log(killed).read_bytes() == damaged
    with closing(open_database(killed, SCHEMA)) as db:
        assert rows(db) == left


def test_s11_a_log_is_not_kept_for_a_change_that_never_ended(killed: Path) -> None:
    whole = log_of(killed)
    half = whole[: 32 + FRAME] + whole[32 + FRAME :][:4] + bytes(4) + whole[32 + FRAME + 8 : 32 + 2 * FRAME]
    for log, left in ((whole, [1, 2]), (whole[: 32 + FRAME + 2000], [1]), (half, [1]), (b"", [])):
        copy = killed.with_name("copy.sqlite")
        copy.write_bytes(killed.read_bytes())
        copy.with_name("copy.sqlite-wal").write_bytes(log)
        mend_database(copy)
        assert not damaged_log(copy).exists()
        with closing(open_database(copy, SCHEMA)) as db:
            assert rows(db) == left


@pytest.mark.parametrize(("content", "why"), [(b"", "missing or empty"), (b"x" * 5000, "not a database")])
def test_a_file_that_cannot_be_mended_says_so(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "a.sqlite").write_bytes(content)
    with pytest.raises(StorageError, match=rf"{why}.*Restore it from a backup"):
        mend_database(tmp_path / "a.sqlite")


def test_a_file_that_may_not_be_written_is_opened_for_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a ?#.sqlite"
    with closing(checked(file)) as db:
        db.execute("INSERT INTO t VALUES (1, 'a', 0.5, NULL)")
    monkeypatch.setattr("os.access", lambda _path, mode: mode != os.W_OK)
    with closing(open_database(file, TABLE + SCHEMA.replace(" t ", " other "))) as db:
        db.keep_checksums("t")
        assert db.execute(f"SELECT id, {db.right('t')} FROM t").fetchall() == [(1, 1)]
        assert db.execute("SELECT * FROM other").fetchall() == []
        with pytest.raises(StorageError, match="on a disk that cannot be written"), transaction(db):
            pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a ?#.sqlite"]
