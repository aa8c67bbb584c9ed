"""The list of photos in a collection's SQLite file: read by columns, checked, mended and written."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handlens.errors import StorageError
from handlens.io.sqlite import Database
from handlens.studio.contents import Content, Stamp
from handlens.studio.following import KeptPhotos, RegisteredPhoto
from handlens.studio.scanning import LeftOut

SCHEMA = """
CREATE TABLE IF NOT EXISTS photos (
    id   INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    row  INTEGER NOT NULL UNIQUE -- place in the preparing order
);
CREATE TABLE IF NOT EXISTS files (
    id       INTEGER PRIMARY KEY, -- of the photo
    size     INTEGER,             -- bytes
    modified INTEGER,             -- nanoseconds
    looked   INTEGER,             -- when it had these, nanoseconds
    digest   BLOB,                -- BLAKE2b of the bytes, missing until they are read
    again    INTEGER NOT NULL,    -- 1 while the photo is to be read again
    replaced TEXT                 -- when another photo was found in its place
);
CREATE INDEX IF NOT EXISTS marked ON files (id) WHERE again = 1 OR replaced IS NOT NULL; -- few of very many
CREATE TABLE IF NOT EXISTS left_out (
    path   TEXT NOT NULL,         -- of a file that is not used, or of a photo that is gone
    reason TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sums ( -- of whole tables: a million rows are not checked one by one when they are read
    name  TEXT PRIMARY KEY,
    crc32 INTEGER NOT NULL
);
"""

CHECKED = ("photos", "files")
"""The tables that have a checksum of each row."""

_BLOCK = 2**16
"""Rows that are read at once."""

Photos = tuple[list[str], NDArray[np.int64]]
"""The paths and the rows of all photos, by id."""


def read_photos(db: Database) -> Photos | None:
    """The photos by id; None if the list is not as it was written, or was never written whole."""
    photos, found = _columns(db)
    if photos is None:
        return None
    if found != _sum(db, "photos"):  # damaged, or written by a version that kept no such sum
        if _damaged(db) or db.gone("photos"):
            return None
        if not db.read_only:
            _keep_sum(db, "photos", found)
    return photos


def checked_photos(db: Database, database: Path) -> Photos:
    """The photos by id; StorageError, saying why, if the list is damaged."""
    if damaged := db.gone("photos") or _damaged(db):
        raise StorageError(
            f"the list of photos in {database} is damaged: photo {damaged[0]} is not the one that was written, and "
            "no new photo in the folder is it. Restore collection.sqlite from a backup."
        )
    photos, _ = _columns(db)
    if photos is None:
        (count,) = db.execute("SELECT count(*) FROM photos").fetchone()
        raise StorageError(
            f"the list of photos in {database} is damaged: ids and rows must be 0 to {count - 1:,}, "
            "and paths text. Restore collection.sqlite from a backup."
        )
    return photos


def read_files(db: Database, photos: Photos, step: Callable[[int], None]) -> KeptPhotos:
    """All that is kept of photos; of one whose file is not known, or is damaged in the list, nothing is known.

    Args:
        db: the collection's file.
        photos: the photos.
        step: called now and then; what it raises ends the reading.
    """
    kept, n = KeptPhotos.nothing(*photos), len(photos[0])
    columns = f"id, size, modified, looked, digest, again, replaced, {db.right('files')}"
    for start in range(0, n, _FILES):
        step(0)
        query, upto = f"SELECT {columns} FROM files WHERE id >= ? AND id < ?", min(start + _FILES, n)
        for id, size, modified, looked, digest, again, replaced, right in db.execute(query, (start, upto)):
            if right and all(type(number) is int for number in (size, modified, looked)):
                kept.put(id, Content(Stamp(size, modified), looked, digest if isinstance(digest, bytes) else None))
            kept.again[id] = again == 1 or not right
            if isinstance(replaced, str):
                kept.replaced[id] = replaced
    return kept


_FILES = 2**11  # few, so that other threads need not wait for Python's lock


def read_marks(db: Database, n: int) -> tuple[set[int], dict[int, str]]:
    """Which of `n` photos are to be read again, and when another one was found in the place of one."""
    again, replaced = set(), {}
    marked = "SELECT id, again, replaced FROM files WHERE (again = 1 OR replaced IS NOT NULL) AND id >= 0 AND id < ?"
    for id, once_more, at in db.execute(marked, (n,)):
        if once_more == 1:
            again.add(id)
        if isinstance(at, str):
            replaced[id] = at
    return again, replaced


def read_left_out(db: Database) -> list[LeftOut]:
    """What was left out when the folder was looked at last; nothing if that is damaged: it is found again."""
    found = [LeftOut(str(path), str(reason)) for path, reason in db.execute("SELECT path, reason FROM left_out")]
    return found if _of_left_out(found) == _sum(db, "left_out") else []


def is_as_before(db: Database, photos: Photos) -> bool:
    """Whether the list of photos is still this one; to be called in a transaction."""
    (count,) = db.execute("SELECT count(*) FROM photos").fetchone()
    return count == len(photos[0]) and _of_photos(photos) == _sum(db, "photos")


def write_photos(db: Database, before: list[str], changed: list[RegisteredPhoto], new: list[RegisteredPhoto]) -> None:
    """Write photos that have changed, and new ones; to be called in a transaction."""
    renamed = [photo for photo in changed if photo.path != before[photo.id]]
    # Two photos may have swapped their paths, which must differ at any time.
    db.executemany("UPDATE photos SET path = '/' || id WHERE id = ?", [(photo.id,) for photo in renamed])
    db.executemany("UPDATE photos SET path = ? WHERE id = ?", [(photo.path, photo.id) for photo in renamed])
    db.executemany("INSERT INTO photos VALUES (?, ?, ?)", ((photo.id, photo.path, photo.row) for photo in new))
    write_files(db, changed)
    write_files(db, new)
    if renamed or new:
        _keep_sum(db, "photos", _columns(db)[1])


def write_files(db: Database, photos: Iterable[RegisteredPhoto]) -> None:
    """Write what is known of the files of photos; to be called in a transaction."""
    db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", map(_as_row, photos))


def write_left_out(db: Database, left_out: Sequence[LeftOut]) -> None:
    """Write what is left out; to be called in a transaction."""
    db.execute("DELETE FROM left_out")
    db.executemany("INSERT INTO left_out VALUES (?, ?)", ((out.path, out.reason) for out in left_out))
    _keep_sum(db, "left_out", _of_left_out(left_out))


def mend_photos(db: Database, found: list[str]) -> None:
    """Give a photo whose path is damaged the path of the file that has its checksum."""
    for id in _damaged(db):
        known = {path for (path,) in db.execute("SELECT path FROM photos")}
        for path in sorted({*found} - known):
            db.execute("SAVEPOINT mend")
            kept = db.execute("SELECT crc32 FROM checksums WHERE name = 'photos' AND row = ?", (id,)).fetchone()
            db.execute("UPDATE photos SET path = ? WHERE id = ?", (path, id))
            now = db.execute("SELECT crc32 FROM checksums WHERE name = 'photos' AND row = ?", (id,)).fetchone()
            if now == kept:
                db.execute("RELEASE mend")
                break
            db.execute("ROLLBACK TO mend")


def _as_row(photo: RegisteredPhoto) -> tuple[object, ...]:
    content = photo.content
    known = (None, None, None, None) if content is None else (*content.stamp, content.looked, content.digest)
    return (photo.id, *known, int(photo.again), photo.replaced)


def _columns(db: Database) -> tuple[Photos | None, int]:
    """The photos, None if ids and rows are not 0 to N − 1, or a path is not text; and the sum of what is there."""
    paths: list[str] = []
    rows: list[NDArray[np.int64]] = []
    found = 0
    query = (
        "SELECT count(*), min(id), max(id), CAST(group_concat(path, char(0)) AS BLOB), group_concat(row) "
        "FROM (SELECT id, path, row FROM photos WHERE id >= ? AND id < ? ORDER BY id)"
    )
    begun = not db.in_transaction
    if begun:
        db.execute("BEGIN")  # so that all blocks are of one moment
    try:
        (total,) = db.execute("SELECT count(*) FROM photos").fetchone()
        for start in range(0, total, _BLOCK):
            count, first, last, block, numbers = db.execute(query, (start, start + _BLOCK)).fetchone()
            want = min(_BLOCK, total - start)
            if (count, first, last) != (want, start, start + want - 1):
                return None, 0
            if not re.fullmatch("[0-9]+(,[0-9]+)*", str(numbers)):
                return None, 0
            try:
                texts = block.decode().split("\0")
            except UnicodeDecodeError:
                texts = []
            if len(texts) != count:  # a path that no file can have: the collection is a stranger's
                each = "SELECT path FROM photos WHERE id >= ? AND id < ? ORDER BY id"
                texts = [path for (path,) in db.execute(each, (start, start + _BLOCK))]
                if not all(isinstance(path, str) for path in texts):
                    return None, 0
                block = "\0".join(texts).encode()
            paths += texts
            rows.append(np.fromstring(numbers, np.int64, sep=","))
            found = _of_photos_block(block, rows[-1], found)
    finally:
        if begun:
            db.execute("COMMIT")
    all_rows = np.concatenate([np.empty(0, np.int64), *rows])
    whole = len(paths) == total and bool((np.sort(all_rows) == np.arange(total)).all())
    return ((paths, all_rows) if whole else None), found


def _of_photos(photos: Photos) -> int:
    paths, rows = photos
    found = 0
    for start in range(0, len(paths), _BLOCK):
        block = "\0".join(paths[start : start + _BLOCK]).encode()
        found = _of_photos_block(block, rows[start : start + _BLOCK], found)
    return found


def _of_photos_block(paths: bytes, rows: NDArray[np.int64], before: int) -> int:
    return zlib.crc32(rows.astype("<i8").tobytes(), zlib.crc32(paths, before))


def _of_left_out(left_out: Sequence[LeftOut]) -> int:
    return zlib.crc32("\0".join(f"{out.path}\0{out.reason}" for out in left_out).encode("utf-8", "replace"))


def _sum(db: Database, name: str) -> int | None:
    row = db.execute("SELECT crc32 FROM sums WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def _keep_sum(db: Database, name: str, found: int) -> None:
    db.execute("INSERT OR REPLACE INTO sums VALUES (?, ?)", (name, found))


def _damaged(db: Database) -> list[int]:
    """The ids of the photos that are not as they were written."""
    return [id for (id,) in db.execute(f"SELECT id FROM photos WHERE NOT {db.right('photos')}")]
