"""SQLite files: what a finished transaction wrote survives a power cut."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handlens.errors import StorageError
from handlens.io.problems import reason_of


def open_database(path: Path, schema: str) -> sqlite3.Connection:
    """Open the file, made if there is none, with the tables of `schema`; raises sqlite3.Error.

    Other processes may have it open too. Threads may share the connection, one at a time.
    """
    db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # FULL: a finished transaction survives a power cut, not only a killed process.
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(schema)
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Hold the file's write lock; all that the block writes is on disk when it ends, or none if it fails.

    Example:
        >>> db = open_database(Path("notes.sqlite"), "CREATE TABLE IF NOT EXISTS notes (text)")
        >>> with transaction(db):
        ...     _ = db.execute("INSERT INTO notes VALUES ('kept')")
        >>> db.execute("SELECT text FROM notes").fetchall()
        [('kept',)]
        >>> db.close()
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
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
