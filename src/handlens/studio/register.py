"""The list of a collection's photos: ids that never change, kept in the collection's SQLite file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from handlens.errors import FolderGoneError, PhotoError, StorageError
from handlens.io.sqlite import Database, open_database, storage_errors, transaction
from handlens.studio.contents import Content, Stamp
from handlens.studio.following import Contents, RegisteredPhoto, brought_up_to_date
from handlens.studio.own_files import is_inside
from handlens.studio.scanning import LeftOut, scan

_SCHEMA = """
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
"""

LOOKED_AT = 32
"""Photos of which one must be in their folder: a disk that is not plugged in may leave an empty folder."""


class Register:
    """The photos of a folder, each with an id that never changes and a row, its position in the preparing order.

    The order is random, so that the first rows are a random sample of the photos. Photos found at a later opening get
    the next ids and rows. A photo that was moved or renamed keeps its id: it is known by its bytes. One that has other
    bytes keeps its id too, and is to be read again.

    Args:
        database: the collection's SQLite file.
        images: the folder of photos; it is scanned, with its folders.
        seed: of the random order.

    Raises:
        StorageError: the file cannot be read or written, or is damaged.
    """

    def __init__(self, database: Path, images: Path, *, seed: int) -> None:
        self.images, self._database = images, database
        failed = storage_errors(f"the list of photos in {database} could not be read or kept")
        with failed, closing(open_database(database, _SCHEMA)) as db:
            db.keep_checksums("photos", "files")
            contents = Contents(images, _photos(db))
            found, self.left_out = scan(
                images,
                known=contents.is_unchanged,
                digest=contents.digest,
                looked_at=contents.is_surely_unchanged,
            )
            if not db.read_only:
                _mend(db, found)
            known = _checked(db, database)
            photos = brought_up_to_date(known, found, contents, seed)
            if db.read_only:
                photos = photos[: len(known)]
            elif photos != known:
                with transaction(db):  # two processes that open at once must not add the same photos
                    known = _checked(db, database)
                    photos = brought_up_to_date(known, found, contents, seed)
                    _write(db, known, photos)
        self._photos = photos
        self.paths: list[str] = [photo.path for photo in photos]
        self.rows: NDArray[np.int64] = np.array([photo.row for photo in photos], np.int64)
        self.order: NDArray[np.int64] = np.argsort(self.rows)
        accounted = {*found, *(out.path for out in self.left_out)}
        self.left_out += [
            LeftOut(path, "was here before and is gone from the folder") for path in self.paths if path not in accounted
        ]

    def __len__(self) -> int:
        return len(self.paths)

    def file(self, photo: int) -> Path:
        """The file of a photo.

        Raises:
            PhotoError: it is outside the folder of photos, where nothing is ever read.
        """
        return file_below(self.images, self.paths[photo])

    @property
    def is_there(self) -> bool:
        """Whether the folder of photos exists, and holds one of the first photos in the preparing order."""
        if not len(self):
            return os.path.isdir(self.images)
        return any(self._exists(int(photo)) for photo in self.order[:LOOKED_AT])

    def check_there(self) -> None:
        """Raise FolderGoneError unless the folder of photos is there."""
        if not self.is_there:
            raise FolderGoneError(
                f"the folder {self.images} is gone, or its photos are. Plug its disk in, or say where it is now; "
                "labels and all that was prepared are kept."
            )

    # --- what the photos hold ------------------------------------------------------------------

    def content(self, photo: int) -> Content | None:
        """What a photo's file held when it was looked at last; None if that is not known."""
        return self._photos[photo].content

    @property
    def again(self) -> list[int]:
        """The photos that are to be read again, by row: their files have other bytes, or could not be read."""
        return sorted((photo.id for photo in self._photos if photo.again), key=lambda id: int(self.rows[id]))

    @property
    def replaced(self) -> dict[int, datetime]:
        """The photos in whose place another one was found, with the time of that."""
        found = {}
        for photo in self._photos:
            if photo.replaced is not None:
                with suppress(ValueError):
                    found[photo.id] = datetime.fromisoformat(photo.replaced)
        return found

    def keep(self, contents: Mapping[int, Content | None], *, again: Iterable[int] = ()) -> None:
        """Keep what photos hold that were just read, and which of them are to be read again.

        Args:
            contents: by id; None if a file could not be read.
            again: the photos of these that are to be read again.
        """
        once_more, changed = set(again), []
        for id, content in contents.items():
            before = self._photos[id]
            now = replace(before, content=content or before.content, again=id in once_more)
            if now != before and (now.content is not None or now.again):
                changed.append(now)
        if changed:
            failed = storage_errors(f"the list of photos in {self._database} could not be kept")
            with failed, closing(open_database(self._database, _SCHEMA)) as db:
                db.keep_checksums("photos", "files")
                with transaction(db):
                    _write_files(db, changed)
            for photo in changed:
                self._photos[photo.id] = photo

    # --- inside --------------------------------------------------------------------------------

    def _exists(self, photo: int) -> bool:
        try:
            return os.path.exists(self.file(photo))
        except (OSError, PhotoError):
            return False


def file_below(images: Path, path: str) -> Path:
    """The file of a photo at a path below the folder of photos.

    Raises:
        PhotoError: the path, or a link on its way, leads out of the folder.
    """
    try:
        file, pure = images / path, PurePath(path)
        inside = not pure.anchor and ".." not in pure.parts and is_inside(file, images)
    except (OSError, ValueError):  # ValueError: a zero byte, or text that no file's name can have
        inside = False
    if not inside:
        raise PhotoError("it is outside the folder of photos")
    return file


def first_paths(database: Path, n: int) -> list[str]:
    """The paths of the first `n` photos of the preparing order in a collection's SQLite file."""
    with (
        storage_errors(f"the list of photos in {database} could not be read"),
        closing(open_database(database, _SCHEMA)) as db,
    ):
        return [path for (path,) in db.execute("SELECT path FROM photos ORDER BY row LIMIT ?", (n,))]


# --- on disk ---------------------------------------------------------------------------------------


def _photos(db: Database) -> list[RegisteredPhoto]:
    """The photos by id; of one whose file is not known, or is damaged in the list, nothing is known of it."""
    files = {}
    columns = f"id, size, modified, looked, digest, again, replaced, {db.right('files')}"
    for id, size, modified, looked, digest, again, replaced, right in db.execute(f"SELECT {columns} FROM files"):
        whole = right and all(type(number) is int for number in (size, modified, looked))
        content = Content(Stamp(size, modified), looked, digest if isinstance(digest, bytes) else None)
        at = replaced if isinstance(replaced, str) else None
        files[id] = (content if whole else None, again == 1 or not right, at)
    rows = db.execute("SELECT id, path, row FROM photos ORDER BY id").fetchall()
    return [RegisteredPhoto(id, path, row, *files.get(id, ())) for id, path, row in rows]


def _checked(db: Database, database: Path) -> list[RegisteredPhoto]:
    """The photos by id; StorageError if the list is damaged."""
    photos, damaged = _photos(db), db.gone("photos") or _damaged(db)
    if damaged:
        raise StorageError(
            f"the list of photos in {database} is damaged: photo {damaged[0]} is not the one that was written, and "
            "no new photo in the folder is it. Restore collection.sqlite from a backup."
        )
    ids = set(range(len(photos)))
    whole = all(isinstance(photo.path, str) for photo in photos)
    if not whole or not {photo.id for photo in photos} == {photo.row for photo in photos} == ids:
        raise StorageError(
            f"the list of photos in {database} is damaged: ids and rows must be 0 to {len(photos) - 1:,}, "
            "and paths text. Restore collection.sqlite from a backup."
        )
    return photos


def _damaged(db: Database) -> list[int]:
    """The ids of the photos that are not as they were written."""
    return [id for (id,) in db.execute(f"SELECT id FROM photos WHERE NOT {db.right('photos')}")]


def _mend(db: Database, found: list[str]) -> None:
    """Give a photo whose path is damaged the path of the file that has its checksum."""
    for id in _damaged(db):
        with transaction(db):
            for path in sorted({*found} - {photo.path for photo in _photos(db)}):
                db.execute("SAVEPOINT mend")
                kept = db.execute("SELECT crc32 FROM checksums WHERE name = 'photos' AND row = ?", (id,)).fetchone()
                db.execute("UPDATE photos SET path = ? WHERE id = ?", (path, id))
                now = db.execute("SELECT crc32 FROM checksums WHERE name = 'photos' AND row = ?", (id,)).fetchone()
                if now == kept:
                    db.execute("RELEASE mend")
                    break
                db.execute("ROLLBACK TO mend")


def _write(db: Database, known: list[RegisteredPhoto], photos: list[RegisteredPhoto]) -> None:
    """Write what is new or has changed; to be called in a transaction."""
    before = {photo.id: photo for photo in known}
    changed = [photo for photo in photos if photo != before.get(photo.id)]
    renamed = [photo for photo in changed if photo.id in before and photo.path != before[photo.id].path]
    # Two photos may have swapped their paths, which must differ at any time.
    db.executemany("UPDATE photos SET path = '/' || id WHERE id = ?", [(photo.id,) for photo in renamed])
    db.executemany("UPDATE photos SET path = ? WHERE id = ?", [(photo.path, photo.id) for photo in renamed])
    new = [(photo.id, photo.path, photo.row) for photo in photos if photo.id not in before]
    db.executemany("INSERT INTO photos VALUES (?, ?, ?)", new)
    _write_files(db, changed)


def _write_files(db: Database, photos: list[RegisteredPhoto]) -> None:
    rows = []
    for photo in photos:
        content = photo.content
        known = (None, None, None, None) if content is None else (*content.stamp, content.looked, content.digest)
        rows.append((photo.id, *known, int(photo.again), photo.replaced))
    db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
