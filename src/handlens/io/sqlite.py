"""SQLite files: what a finished transaction wrote survives a power cut, and damaged rows are found."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from handlens.errors import StorageError
from handlens.io.checksums import row_checksum
from handlens.io.files import atomic_write
from handlens.io.problems import reason_of

PATIENCE = 30
"""Seconds to wait for other connections that write."""

_CHECKSUMS = """
CREATE TABLE IF NOT EXISTS checksums (           -- of the rows of other tables
    name  TEXT NOT NULL,                         -- of the table
    row   INTEGER NOT NULL,
    crc32 INTEGER NOT NULL,
    PRIMARY KEY (name, row)
) WITHOUT ROWID;
"""

_Identity = tuple[tuple[int, int] | None, ...]


class Database(sqlite3.Connection):
    """A connection that knows which file it opened: one that was deleted meanwhile would still take what is written."""

    path: Path
    opened: _Identity
    read_only: bool

    def keep_checksums(self, *tables: str, complete: bool = False) -> None:
        """Keep a checksum of each row of these tables, which have all of their columns; `right` compares it.

        Rows that have none get it now. Columns that are added later must be empty in the rows that there are.

        Args:
            tables: their names.
            complete: each row is known to have one: in long tables it takes a while to see that.
        """
        if self.read_only:
            return
        self.execute("PRAGMA recursive_triggers = ON")  # else INSERT OR REPLACE removes rows without their triggers
        self.executescript(_CHECKSUMS)
        for table in tables:
            put = f"INSERT OR REPLACE INTO checksums VALUES ('{table}', new.rowid, {self._sum(table, 'new')})"
            drop = f"DELETE FROM checksums WHERE name = '{table}' AND row = old.rowid"
            for event, does in (("INSERT", put), ("UPDATE", f"{drop}; {put}"), ("DELETE", drop)):
                self.execute(
                    f"CREATE TEMP TRIGGER IF NOT EXISTS {table}_{event.lower()} AFTER {event} ON main.{table} "
                    f"BEGIN {does}; END"
                )
            if complete:
                continue
            kept = f"SELECT row FROM checksums WHERE name = '{table}'"
            bare = f"FROM {table} WHERE NOT EXISTS ({kept} AND row = {table}.rowid)"
            if self.execute(f"SELECT 1 {bare} LIMIT 1").fetchone():
                self.execute(
                    f"INSERT OR REPLACE INTO checksums SELECT '{table}', rowid, {self._sum(table, table)} {bare}"
                )

    def right(self, table: str) -> str:
        """An SQL expression that tells whether a row is as it was written; it is if it has no checksum."""
        if not self._has_checksums:
            return "1"
        kept = f"(SELECT crc32 FROM checksums WHERE name = '{table}' AND row = {table}.rowid)"
        return f"coalesce({kept} = {self._sum(table, table)}, 1)"

    def gone(self, table: str) -> list[int]:
        """The rows that were written and are not there."""
        if not self._has_checksums:
            return []
        query = f"SELECT row FROM checksums WHERE name = '{table}' AND row NOT IN (SELECT rowid FROM {table})"
        return [row for (row,) in self.execute(query)]

    @property
    def _has_checksums(self) -> bool:
        return self.execute("SELECT 1 FROM sqlite_master WHERE name = 'checksums'").fetchone() is not None

    def _sum(self, table: str, row: str) -> str:
        """An SQL expression of the checksum of a row, as text and bytes are on the disk."""
        fields = (
            f"'{name}', typeof({row}.{name}), "
            f"CASE typeof({row}.{name}) WHEN 'real' THEN {row}.{name} ELSE CAST({row}.{name} AS BLOB) END"
            for _, name, *_ in self.execute(f"PRAGMA main.table_info({table})")
        )
        return f"row_checksum({', '.join(fields)})"

    def check_in_place(self) -> None:
        """Raise StorageError if another file, or none, is now where this one was opened."""
        # Without a write-ahead log, as on some network drives, there is only the file itself.
        if any(then not in (None, now) for then, now in zip(self.opened, _identity(self.path), strict=True)):
            raise StorageError(
                f"{self.path.parent} was deleted, moved or replaced while it was open, so nothing is written there any "
                "more. Put it back where it was, or open it again where it is now."
            )


def open_database(path: Path, schema: str) -> Database:
    """Open the file, made if there is none, with the tables of `schema`; raises sqlite3.Error.

    Other processes may have it open too. A file on a disk that cannot be written is opened for reading.

    Threads may share the connection, one at a time: each statement, also one that only reads, needs a lock of the
    caller. Two at once can stop the whole process: the checksum of a row is computed in Python, so that one thread has
    the connection and waits for Python's lock, while another has that lock and waits for the connection.
    """
    read_only = path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
    if read_only and _size(path.with_name(f"{path.name}-wal")):
        raise StorageError(
            f"{path} was not closed, and {path.parent} cannot be written, so that its last changes cannot be read. "
            "Copy the folder to a disk that can be written, and open it there."
        )
    # Immutable: without a lock and a log, which cannot be written either.
    address = f"{path.absolute().as_uri()}?immutable=1" if read_only else path
    db = sqlite3.connect(
        address, timeout=PATIENCE, isolation_level=None, check_same_thread=False, factory=Database, uri=read_only
    )
    try:
        db.read_only = read_only
        db.text_factory = _text
        db.create_function("row_checksum", -1, row_checksum, deterministic=True)
        if read_only:
            _make_missing(db, schema)
        else:
            _write_ahead(db)
            # FULL: a finished transaction survives a power cut, not only a killed process.
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(schema)
        db.path = Path(path).absolute()
        db.opened = _identity(db.path)
    except BaseException:
        db.close()
        raise
    return db


def _write_ahead(db: Database) -> None:
    """Let the file be read while it is written; SQLite does not wait for others that ask for it at the same moment."""
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # The lower byte: the upper ones say why it is busy.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        time.sleep(0.01)


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """Hold the file's write lock; all that the block writes is on disk when it ends, or none if it fails.

    Raises:
        StorageError: the file was deleted, moved or replaced after it was opened, or it cannot be written.

    Example:
        >>> db = open_database(Path("notes.sqlite"), "CREATE TABLE IF NOT EXISTS notes (text)")
        >>> with transaction(db):
        ...     _ = db.execute("INSERT INTO notes VALUES ('kept')")
        >>> db.execute("SELECT text FROM notes").fetchall()
        [('kept',)]
        >>> db.close()
    """
    db.check_in_place()
    if db.read_only:
        raise StorageError(
            f"{db.path.parent} is on a disk that cannot be written, so it can be looked at and exported, but not "
            "changed. Copy the folder to a disk that can be written, and open it there."
        )
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
        db.check_in_place()  # it may have gone while the block ran
    except BaseException:
        # A full disk may already have ended the transaction.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Raise what SQLite raises in the block as StorageError; `what` begins its sentence, as in "labels were not kept".

    Raises:
        StorageError: the disk is full, read-only or gone, or the file is damaged.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StorageError(
            f"{what} ({reason_of(error)}). Nothing that was saved before is lost; make room or check the disk, "
            "then try again."
        ) from error


def _identity(path: Path) -> _Identity:
    """Which files are at a path and beside it, where SQLite keeps what is new; None for one that is not there."""
    return tuple(_number(file) for file in (path, path.with_name(f"{path.name}-wal")))


def _number(file: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def damaged_log(path: Path) -> Path:
    """Where `mend_database` keeps the log of a file in which changes were damaged; it is there only then."""
    return path.with_name(f"{path.name}-wal.damaged")


def mend_database(path: Path, *, later: bool = False) -> None:
    """Look at every page of a file before it is used; indexes that are damaged are made again.

    A process that was killed leaves its last changes in a log beside the file. SQLite reads that as far as it is whole
    and overwrites the rest. Where changes were in that rest, the log is kept, see `damaged_log`.

    Args:
        path: the file.
        later: of a large file only the log is looked at now, and `mend_indexes` is to look at the pages.

    Raises:
        StorageError: it is missing or empty, cannot be opened, or something else than an index is damaged; or the disk
            has no room for the log that is kept.
    """
    if not _size(path) and not _size(path.with_name(f"{path.name}-wal")):
        raise StorageError(f"{path} is missing or empty. Restore it from a backup.")
    _mend(path, look=not later, keep_log=True)


def mend_indexes(path: Path) -> None:
    """Look at every page of a file, also while it is in use; indexes that are damaged are made again.

    Raises:
        StorageError: it cannot be opened, or something else than an index is damaged.
    """
    _mend(path, look=True, keep_log=False)


def _mend(path: Path, *, look: bool, keep_log: bool) -> None:
    with storage_errors(f"{path} could not be opened"):
        try:
            with closing(open_database(path, "")) as db:
                if keep_log:
                    _keep_damaged_log(db)
                found = _damage(db) if look else ""
                if found and not db.read_only:
                    with transaction(db):
                        db.execute("REINDEX")
                    found = _damage(db)
        except sqlite3.OperationalError:  # it is full, locked or gone, and not damaged
            raise
        except sqlite3.DatabaseError as error:
            found = reason_of(error)
    if found:
        raise StorageError(f"{path} is damaged ({found}). Restore it from a backup.")


def _keep_damaged_log(db: Database) -> None:
    """Keep the log of a file as `damaged_log` if it has changes that SQLite does not read."""
    log = db.path.with_name(f"{db.path.name}-wal")
    if db.read_only or not _size(log):
        return
    with transaction(db):  # nobody else is in the middle of writing
        begun, ends = _log_ends(log)
    _, read, _ = db.execute("PRAGMA wal_checkpoint").fetchone()
    if max(ends, default=0) > read and _log_ends(log)[0] == begun:  # else another process has begun another log
        with atomic_write(damaged_log(db.path)) as kept:
            shutil.copyfile(log, kept)


def _log_ends(log: Path) -> tuple[bytes, list[int]]:
    """The head of SQLite's log, and the numbers of the frames with which a change ends; see its "File Format", 4."""
    with log.open("rb") as file:
        head, size = file.read(32), _size(log)
        page, marks = int.from_bytes(head[8:12], "big"), (head[16:20], head[20:24])
        if not _is_log_head(head):  # damaged, so that SQLite reads nothing of it
            return head, [1] * (size > len(head))
        ends = []
        for number, at in enumerate(range(32, size - 24 - page + 1, 24 + page), 1):
            file.seek(at)
            frame = file.read(16)
            # Frames of the log before this one, which is overwritten from its beginning, have other marks.
            if frame[4:8] != bytes(4) and (frame[8:12] == marks[0] or frame[12:16] == marks[1]):
                ends.append(number)
    return head, ends


def _is_log_head(head: bytes) -> bool:
    """Whether the first 32 bytes of a log have the checksum that they should have."""
    if len(head) < 32 or head[:4] not in (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"):
        return False
    words = struct.unpack("<6I" if head[3] == 0x82 else ">6I", head[:24])
    first = second = 0
    for one, two in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) % 2**32
        second = (second + two + first) % 2**32
    return struct.pack(">2I", first, second) == head[24:]


def _damage(db: Database) -> str:
    """The first thing that is wrong in a file; "" if nothing is."""
    (found,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    return "" if found == "ok" else str(found).replace("\n", " ").rstrip(".")


def _make_missing(db: Database, schema: str) -> None:
    """Empty tables, for as long as the file is open, in place of those that an earlier version did not make."""
    with closing(sqlite3.connect(":memory:")) as model:
        model.executescript(schema)
        made = model.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    for name, statement in made:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone():
            db.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")  # so that a damaged row can be named


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
