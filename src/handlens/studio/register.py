"""The list of a collection's photos: ids that never change, kept in the collection's SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handlens.errors import FolderGoneError, StorageError
from handlens.io.sqlite import Database, open_database, storage_errors, transaction
from handlens.studio.scanning import LeftOut, scan

_SCHEMA = """
CREATE TABLE IF NOT EXISTS photos (
    id   INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    row  INTEGER NOT NULL UNIQUE -- place in the preparing order
)
"""


LOOKED_AT = 32
"""Photos of which one must be in their folder: a disk that is not plugged in may leave an empty folder."""


class Register:
    """The photos of a folder, each with an id that never changes and a row, its position in the preparing order.

    The order is random, so that the first rows are a random sample of the photos. Photos found at a later opening get
    the next ids and rows.

    Args:
        database: the collection's SQLite file.
        images: the folder of photos; it is scanned, with its folders.
        seed: of the random order.

    Raises:
        StorageError: the file cannot be read or written, or is damaged.
    """

    def __init__(self, database: Path, images: Path, *, seed: int) -> None:
        self.images = images
        failed = storage_errors(f"the list of photos in {database} could not be read or kept")
        with failed, closing(open_database(database, _SCHEMA)) as db:
            db.keep_checksums("photos")
            found, self.left_out = scan(images, known=_paths(db))
            if not db.read_only:
                _mend(db, found)
            photos = _all(db) if db.read_only else _merge(db, found, seed)
            damaged = db.gone("photos") or _damaged(db)
        if damaged:
            raise StorageError(
                f"the list of photos in {database} is damaged: photo {damaged[0]} is not the one that was written, and "
                "no new photo in the folder is it. Restore collection.sqlite from a backup."
            )
        numbers = set(range(len(photos)))
        whole = all(isinstance(path, str) for _, path, _ in photos)
        if not whole or not {id for id, _, _ in photos} == {row for _, _, row in photos} == numbers:
            raise StorageError(
                f"the list of photos in {database} is damaged: ids and rows must be 0 to {len(photos) - 1:,}, "
                "and paths text. Restore collection.sqlite from a backup."
            )
        self.paths: list[str] = [path for _, path, _ in photos]
        self.rows: NDArray[np.int64] = np.array([row for _, _, row in photos], np.int64)
        self.order: NDArray[np.int64] = np.argsort(self.rows)
        present = set(found)
        accounted = present | {out.path for out in self.left_out}
        self.left_out += [
            LeftOut(path, "was here before and is gone from the folder") for path in self.paths if path not in accounted
        ]

    def __len__(self) -> int:
        return len(self.paths)

    def file(self, photo: int) -> Path:
        """The file of a photo."""
        return self.images / self.paths[photo]

    @property
    def is_there(self) -> bool:
        """Whether the folder of photos exists, and holds one of the first photos in the preparing order."""
        if not len(self):
            return self.images.is_dir()
        return any(self.file(int(photo)).exists() for photo in self.order[:LOOKED_AT])

    def check_there(self) -> None:
        """Raise FolderGoneError unless the folder of photos is there."""
        if not self.is_there:
            raise FolderGoneError(
                f"the folder {self.images} is gone, or its photos are. Plug its disk in, or say where it is now; "
                "labels and all that was prepared are kept."
            )


def first_paths(database: Path, n: int) -> list[str]:
    """The paths of the first `n` photos of the preparing order in a collection's SQLite file."""
    with (
        storage_errors(f"the list of photos in {database} could not be read"),
        closing(open_database(database, _SCHEMA)) as db,
    ):
        return [path for (path,) in db.execute("SELECT path FROM photos ORDER BY row LIMIT ?", (n,))]


def _paths(db: sqlite3.Connection) -> set[str]:
    return {path for (path,) in db.execute("SELECT path FROM photos")}


def _merge(db: Database, found: list[str], seed: int) -> list[tuple[int, str, int]]:
    """Add the photos found that are not known yet; (id, path, row) of all by id."""
    # Locked before reading, so that two processes that open at once do not add the same photos.
    with transaction(db):
        known = _paths(db)
        new = [path for path in found if path not in known]
        if new:
            rows = len(known) + np.argsort(np.random.default_rng([seed, len(known)]).permutation(len(new)))
            entries = [(len(known) + i, path, int(row)) for i, (path, row) in enumerate(zip(new, rows, strict=True))]
            db.executemany("INSERT INTO photos VALUES (?, ?, ?)", entries)
        return _all(db)


def _all(db: Database) -> list[tuple[int, str, int]]:
    """(id, path, row) of all photos by id."""
    return db.execute("SELECT id, path, row FROM photos ORDER BY id").fetchall()


def _damaged(db: Database) -> list[int]:
    """The ids of the photos that are not as they were written."""
    return [id for (id,) in db.execute(f"SELECT id FROM photos WHERE NOT {db.right('photos')}")]


def _mend(db: Database, found: list[str]) -> None:
    """Give a photo whose path is damaged the path of the file that has its checksum."""
    for id in _damaged(db):
        with transaction(db):
            for path in sorted({*found} - _paths(db)):
                db.execute("SAVEPOINT mend")
                kept = db.execute("SELECT crc32 FROM checksums WHERE name = 'photos' AND row = ?", (id,)).fetchone()
                db.execute("UPDATE photos SET path = ? WHERE id = ?", (path, id))
                now = db.execute("SELECT crc32 FROM checksums WHERE name = 'photos' AND row = ?", (id,)).fetchone()
                if now == kept:
                    db.execute("RELEASE mend")
                    break
                db.execute("ROLLBACK TO mend")
