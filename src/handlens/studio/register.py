"""The list of a collection's photos: ids that never change, kept in the collection's SQLite file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from handlens.errors import FolderGoneError, PhotoError
from handlens.io.sqlite import Database, open_database, storage_errors, transaction
from handlens.studio import register_file
from handlens.studio.contents import Content
from handlens.studio.following import Contents, KeptPhotos, RegisteredPhoto, brought_up_to_date
from handlens.studio.own_files import is_inside
from handlens.studio.register_file import CHECKED, SCHEMA
from handlens.studio.scanning import LeftOut, scan

LOOKED_AT = 32
"""Photos of which one must be in their folder: a disk that is not plugged in may leave an empty folder."""


class Register:
    """The photos of a folder, each with an id that never changes and a row, its position in the preparing order.

    The order is random, so that the first rows are a random sample of the photos. What is kept is taken as it is, and
    `scan` finds what has changed in the folder since: new photos get the next ids and rows. A photo that was moved or
    renamed keeps its id: it is known by its bytes. One that has other bytes keeps its id too, and is to be read again.

    Args:
        database: the collection's SQLite file.
        images: the folder of photos; it is scanned now, with its folders, if nothing is kept of it yet.
        seed: of the random order.
        step: called with the number of files seen so far while it is; what it raises ends that.

    Attributes:
        paths: of the photos, by id.
        rows: int64 [N], each photo's position in the preparing order.
        order: int64 [N], the photos in that order.
        left_out: the files that are not used, and the photos that are gone, each with its reason.
        added: how many photos were found that are not among these; a Register that is made later has them.
        moves: how often `paths` have changed, since photos were moved.
        is_new: the folder was scanned when this was made.

    Raises:
        StorageError: the file cannot be read or written, or is damaged.
    """

    def __init__(
        self, database: Path, images: Path, *, seed: int, step: Callable[[int], None] = lambda _files: None
    ) -> None:
        self.images, self._database, self._seed = images, database, seed
        self._lock, self._scanning = threading.Lock(), threading.Lock()
        self._kept: KeptPhotos | None = None  # read when it is first needed
        self._complete = False  # whether each row is known to have a checksum
        self.added = self.moves = 0
        with self._failed, closing(open_database(database, SCHEMA)) as db:
            photos = register_file.read_photos(db)
            self.is_new = not photos or not photos[0]
            if not photos or not photos[0]:
                self._kept, self.left_out = self._brought_up_to_date(db, photos, step)
                self.paths, self.rows = list(self._kept.paths), self._kept.rows
                self._again = set(np.flatnonzero(self._kept.again).tolist())
                self._replaced = dict(self._kept.replaced)
            else:
                self.paths, self.rows = photos
                self._again, self._replaced = register_file.read_marks(db, len(self.paths))
                self.left_out = register_file.read_left_out(db)
        self.order: NDArray[np.int64] = np.argsort(self.rows)

    def scan(self, *, step: Callable[[int], None] = lambda _files: None) -> None:
        """Find what has changed in the folder since it was scanned last.

        Photos keep their ids and rows. Of photos that are new, `added` has the number.

        Args:
            step: called with the number of files seen so far; what it raises ends the search, and nothing has changed.

        Raises:
            CollectionError: the folder cannot be read.
            StorageError: the file cannot be read or written, or is damaged.
        """
        with self._scanning, self._failed, closing(open_database(self._database, SCHEMA)) as db:
            kept, left_out = self._brought_up_to_date(db, register_file.read_photos(db), step)
            with self._lock:
                n = len(self.paths)
                self.added, self.left_out = len(kept.paths) - n, left_out
                if self.paths != kept.paths[:n]:
                    self.paths[:] = kept.paths[:n]  # the same list, which others have
                    self.moves += 1
                self._again |= {id for id in np.flatnonzero(kept.again).tolist() if id < n}
                self._replaced |= {id: at for id, at in kept.replaced.items() if id < n}
                self._kept = kept

    def __len__(self) -> int:
        return len(self.paths)

    def file(self, photo: int) -> Path:
        """The file of a photo.

        Raises:
            PhotoError: it is outside the folder of photos, where nothing is ever read.
        """
        return file_below(self.images, self.paths[photo])

    @property
    def first_sample(self) -> int | None:
        """How many of the first rows are a random sample; None where all are."""
        return None

    @property
    def sampled(self) -> NDArray[np.bool_]:
        """Which photos estimates may speak of, bool [N]: all of them."""
        return np.ones(len(self), bool)

    def stamp(self, photo: int) -> str:
        """What tells whether the file of a photo has changed; "" if it is gone."""
        try:
            found = self.file(photo).stat()
        except (OSError, PhotoError):
            return ""
        return f"{found.st_size} {found.st_mtime_ns}"

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
        with self._lock:
            return self._all_kept().content(photo)

    @property
    def again(self) -> list[int]:
        """The photos that are to be read again, by row: their files have other bytes, or could not be read."""
        with self._lock:
            return sorted(self._again, key=lambda id: int(self.rows[id]))

    @property
    def replaced(self) -> dict[int, datetime]:
        """The photos in whose place another one was found, with the time of that."""
        found = {}
        with self._lock:
            for id, at in self._replaced.items():
                with suppress(ValueError):
                    found[id] = datetime.fromisoformat(at)
        return found

    def keep(self, contents: Mapping[int, Content | None], *, again: Iterable[int] = ()) -> None:
        """Keep what photos hold that were just read, and which of them are to be read again.

        Args:
            contents: by id; None if a file could not be read.
            again: the photos of these that are to be read again.
        """
        once_more, changed = set(again), []
        with self._lock:
            kept = self._all_kept()
            for id, content in contents.items():
                before = replace(kept.photo(id), again=id in self._again, replaced=self._replaced.get(id))
                now = replace(before, content=content or before.content, again=id in once_more)
                if now != before and (now.content is not None or now.again):
                    changed.append(now)
            if changed:
                failed = storage_errors(f"the list of photos in {self._database} could not be kept")
                with failed, closing(open_database(self._database, SCHEMA)) as db:
                    db.keep_checksums(*CHECKED, complete=self._complete)
                    self._complete = True
                    with transaction(db):
                        register_file.write_files(db, changed)
                for photo in changed:
                    if photo.content is not None:
                        kept.put(photo.id, photo.content)
                    (self._again.add if photo.again else self._again.discard)(photo.id)

    # --- inside --------------------------------------------------------------------------------

    def _all_kept(self) -> KeptPhotos:
        """What is kept of the photos; read at the first call."""
        if self._kept is None:
            with self._failed, closing(open_database(self._database, SCHEMA)) as db:
                self._kept = register_file.read_files(db, (self.paths, self.rows), lambda _files: None)
        return self._kept

    @property
    def _failed(self) -> AbstractContextManager[None]:
        return storage_errors(f"the list of photos in {self._database} could not be read or kept")

    def _brought_up_to_date(
        self, db: Database, photos: register_file.Photos | None, step: Callable[[int], None]
    ) -> tuple[KeptPhotos, list[LeftOut]]:
        """What is kept of all photos once the folder was looked at, and what is left out.

        Args:
            db: the collection's file.
            photos: what it has of photos; None if it is damaged, and is to be mended.
            step: see `scan`.
        """
        db.keep_checksums(*CHECKED)
        kept = (
            KeptPhotos.nothing([], np.empty(0, np.int64))
            if photos is None
            else register_file.read_files(db, photos, step)
        )
        contents = Contents(self.images, kept, step=lambda: step(len(kept.paths)))
        found, left_out = scan(
            self.images, known=contents.is_unchanged, digest=contents.digest, looked_at=contents.looked_at, step=step
        )
        if photos is None:
            if not db.read_only:
                with transaction(db):
                    register_file.mend_photos(db, found)
            photos = register_file.checked_photos(db, self._database)
            return self._brought_up_to_date(db, photos, step)
        changed, new = brought_up_to_date(kept, found, contents, self._seed)
        if db.read_only:
            new = []
        accounted = {*found, *(out.path for out in left_out)}
        now = kept.with_changes(changed, new)
        left_out += [
            LeftOut(path, "was here before and is gone from the folder") for path in now.paths if path not in accounted
        ]
        if db.read_only or self._write(db, kept, changed, new, left_out if found else None):
            return now, left_out
        # Another process has found the same photos, or others: they must not be added twice.
        return self._brought_up_to_date(db, register_file.read_photos(db), step)

    def _write(
        self,
        db: Database,
        kept: KeptPhotos,
        changed: list[RegisteredPhoto],
        new: list[RegisteredPhoto],
        left_out: list[LeftOut] | None,
    ) -> bool:
        """Write what was found; False, with nothing written, if another process has changed the list meanwhile.

        What is left out stays as it is kept if it is None: the disk of all photos may be away.
        """
        left_out = None if left_out == register_file.read_left_out(db) else left_out
        if not changed and not new and left_out is None:
            return True
        with transaction(db):
            if not register_file.is_as_before(db, (kept.paths, kept.rows)):
                return False
            register_file.write_photos(db, kept.paths, changed, new)
            if left_out is not None:
                register_file.write_left_out(db, left_out)
        return True

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
        closing(open_database(database, SCHEMA)) as db,
    ):
        return [path for (path,) in db.execute("SELECT path FROM photos ORDER BY row LIMIT ?", (n,))]
