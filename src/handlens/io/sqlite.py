"""SQLite files: what a finished transaction wrote survives a power cut."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handlens.errors import StorageError
from handlens.io.problems import reason_of

_Identity = tuple[tuple[int, int] | None, ...]


class Database(sqlite3.Connection):
    """A connection that knows which file it opened: one that was deleted meanwhile would still take what is written."""

    path: Path
    opened: _Identity

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

    Other processes may have it open too. Threads may share the connection, one at a time.
    """
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False, factory=Database)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # FULL: a finished transaction survives a power cut, not only a killed process.
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(schema)
        db.path = Path(path).absolute()
        db.opened = _identity(db.path)
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def transaction(db: Database) -> Iterator[None]:
    """Hold the file's write lock; all that the block writes is on disk when it ends, or none if it fails.

    Raises:
        StorageError: the file was deleted, moved or replaced after it was opened.

    Example:
        >>> db = open_database(Path("notes.sqlite"), "CREATE TABLE IF NOT EXISTS notes (text)")
        >>> with transaction(db):
        ...     _ = db.execute("INSERT INTO notes VALUES ('kept')")
        >>> db.execute("SELECT text FROM notes").fetchall()
        [('kept',)]
        >>> db.close()
    """
    db.check_in_place()
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
