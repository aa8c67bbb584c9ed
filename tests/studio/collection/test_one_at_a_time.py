"""Threads that share a connection to SQLite use it one at a time: two at once can stop the whole process.

The checksum of a row is computed in Python. A thread in a statement has the connection, and waits for Python's lock;
another that has Python's lock, and looks at its result, waits for the connection.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from handlens.io.sqlite import Database
from handlens.studio.filters import label


def holders(db: Database) -> Iterator[tuple[str, bool]]:
    """The methods on the stack whose object has this connection: their names, and whether they hold its lock."""
    frame = sys._getframe(2)
    while frame is not None:
        owner = frame.f_locals.get("self")
        if getattr(owner, "_db", None) is db:
            lock = owner._lock
            where = f"{type(owner).__name__}.{frame.f_code.co_name}"
            yield where, getattr(lock, "_is_owned", getattr(lock, "locked", None))()
        frame = frame.f_back


@pytest.fixture
def without_lock(monkeypatch) -> list[str]:
    """The methods that used a connection without the lock of their object, as they come."""
    found: list[str] = []
    for name in ("execute", "executemany", "executescript"):
        run = getattr(Database, name)

        def watched(db, *arguments, run=run):
            # An object that opens its file in its constructor has the connection to itself.
            found.extend(where for where, held in holders(db) if not held and not where.endswith("__init__"))
            return run(db, *arguments)

        monkeypatch.setattr(Database, name, watched)
    return found


def test_the_watch_finds_a_statement_without_the_lock(collection, without_lock):
    class Hasty:
        def __init__(self, labels):
            self._db, self._lock = labels._db, labels._lock

        def look(self):
            return self._db.execute("SELECT count(*) FROM changes").fetchone()

    assert Hasty(collection.parts.labels).look() == (0,)
    assert without_lock == ["Hasty.look"]


def test_every_statement_on_a_shared_connection_has_a_lock(collection, without_lock):
    collection.label([0, 1, 2, 3], "circle")
    collection.label([20, 21, 22, 23], "square")
    collection.undo(), collection.redo()
    collection.rename("square", "box")
    collection.train()
    for id in collection.draw_spot_check(5).tolist():
        collection.answer_spot_check(id, "circle" if id < 20 else "box")
    assert len(collection.history) == 1
    collection.train()
    collection.save_filter("circles", label("circle"))
    assert list(collection.filters) == ["circles"]
    assert collection.review.waiting(below=0) == []
    collection.answer("notes", "Made up.")
    assert collection.notices == []
    assert without_lock == []
