"""The list of photos of a collection that stands on shards: a random sample of all, and those that were looked for."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError, FolderGoneError, PhotoError, ShardError
from handlens.io.manifests import MANIFEST
from handlens.io.problems import reason_of
from handlens.io.sqlite import Database, open_database, storage_errors, transaction
from handlens.scale.manifest import ShardEntry
from handlens.scale.sample import photo_keys, random_sample
from handlens.scale.shard_set import ShardSet
from handlens.scale.shards import Shard
from handlens.studio.contents import Content
from handlens.studio.own_files import is_inside
from handlens.studio.scanning import LeftOut
from handlens.studio.shards import photo_list
from handlens.studio.shards.photo_list import CHECKED, SCHEMA, HowFound, ListedPhoto, SampleFacts, ShardFileId

SAMPLE = 20_000
"""Photos in the random sample that a collection begins with."""

_GONE = "its shard is gone, or is another one now"


class PhotoCopy(NamedTuple):
    """What the shards have of a photo: its thumbnail, a JPEG; its shape; its features by layer; or why it has none."""

    thumbnail: bytes = b""
    aspect: float = 0.0
    features: Mapping[str, NDArray[np.float16]] = {}
    reason: str | None = None


class ShardRegister:
    """The photos of shards that a collection has, each with an id that never changes; the preparing order is by id.

    A new collection has a random sample of all photos. Others are added when they are looked for (`add`); they are no
    random sample, and `sampled` tells them apart. When more photos have been embedded, `scan` draws the sample again
    from all of them, so that photos that are in it come first, and others, whose labels stay, leave it.

    Args:
        database: the collection's SQLite file.
        out: the folder of the shards.
        seed: of the random sample.
        step: called with the number of shards that were looked at, while the sample is drawn; what it raises ends that.

    Attributes:
        images: the folder of the shards.
        paths: where the photos came from, by id.
        rows, order: int64 [N], as those of `Register`: each photo's place in the preparing order is its id.
        left_out: nothing: photos that were not embedded are told by `handlens embed`.
        added: how many photos are in the list that are not among these; a ShardRegister that is made later has them.
        moves: 0, as paths in shards never change.
        is_new: the sample was drawn when this was made.
        sample: what is known of the random sample.

    Raises:
        ShardError: the folder does not hold shards, or its manifest is damaged or comes from a newer version.
        StorageError: the file cannot be read or written, or is damaged.
    """

    def __init__(
        self, database: Path, out: Path, *, seed: int, step: Callable[[int], None] = lambda _shards: None
    ) -> None:
        self.images, self._database, self._seed = out, database, seed
        self.left_out: list[LeftOut] = []
        self.added = self.moves = 0
        self._lock, self._scanning = threading.RLock(), threading.Lock()
        self._shards = ShardSet.open(out)
        with self._opened() as db:
            found = photo_list.read_sample(db)
            self.is_new = found is None
            self.sample = self._drawn(db, SAMPLE, step) if found is None else found
            self._photos = photo_list.read_photos(db)
        self.paths: list[str] = [photo.path for photo in self._photos]
        self.rows: NDArray[np.int64] = np.arange(len(self._photos), dtype=np.int64)
        self.order: NDArray[np.int64] = self.rows
        self._at = self._places()
        self._sampled = self._in_sample()

    def __len__(self) -> int:
        return len(self.paths)

    # --- which photos --------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """How many photos the shards have."""
        return len(self._shards)

    @property
    def is_complete(self) -> bool:
        """Whether all photos of the source were embedded."""
        return self._shards.manifest.complete

    @property
    def first_sample(self) -> int | None:
        """How many of the first photos are a random sample of what there was when the collection was made."""
        return self.sample.first

    @property
    def sampled(self) -> NDArray[np.bool_]:
        """Which photos are a random sample of all, bool [N] by id."""
        return self._sampled

    def _in_sample(self) -> NDArray[np.bool_]:
        with self._lock:
            there = np.flatnonzero(self._at >= 0)
            entries = self._shards.manifest.shards
            numbers = np.searchsorted(self._shards.starts, self._at[there], "right") - 1
            units = np.array([entries[number].unit for number in numbers.tolist()], np.int64)
            starts = np.array([entries[number].start for number in numbers.tolist()], np.int64)
            inside = self._at[there] - self._shards.starts[numbers]
            keys = photo_keys(units, starts + inside, seed=self._seed)
            found = np.zeros(len(self), bool)
            found[there] = keys <= np.uint64(self.sample.last)
            return found

    def ids_of(self, rows: NDArray[np.integer]) -> NDArray[np.int64]:
        """The ids of photos by their rows in the shards; −1 for those that are not in the collection."""
        with self._lock:
            order = np.argsort(self._at, kind="stable")
            at = np.minimum(np.searchsorted(self._at[order], rows), len(order) - 1)
            found = order[at]
            return np.where(self._at[found] == rows, found, -1)

    def rows_of(self, ids: NDArray[np.integer]) -> NDArray[np.int64]:
        """The rows in the shards of photos by id; −1 for those whose shard is gone."""
        return self._at[ids]

    def add(self, rows: Iterable[int], how: HowFound) -> int:
        """Put photos of the shards into the list that are not in it; a ShardRegister that is made later has them.

        Args:
            rows: of the photos.
            how: how they were found.

        Returns:
            how many were not in the list.
        """
        with self._opened() as db, self._lock:
            new = self._add(db, rows, how, lambda _shards: None)
            self.added += new
            return new

    def scan(self, *, step: Callable[[int], None] = lambda _shards: None) -> None:
        """See which photos were embedded since, and draw the sample from all of them.

        Args:
            step: called with the number of shards that were looked at; what it raises ends that.

        Raises:
            ShardError: the manifest is gone or damaged.
        """
        with self._scanning, self._opened() as db:
            shards = ShardSet.open(self.images)
            with self._lock:
                self._shards = shards
                if _hash_of(shards) == self.sample.drawn_from:
                    self._at = self._places()
                    return
                self._find_again(db, step)
                self.sample = self._drawn(db, self.sample.size, step)
                (count,) = db.execute("SELECT count(*) FROM shard_photos").fetchone()
                self.added = count - len(self)
                self._at = self._places()
                self._sampled = self._in_sample()

    # --- what they are -------------------------------------------------------------------------

    def copies(self, photos: Iterable[int], *, step: Callable[[], None] = lambda: None) -> list[PhotoCopy]:
        """What the shards have of photos, in their order; `step` is called before each shard, and may raise."""
        wanted = list(photos)
        found = [PhotoCopy(reason=_GONE)] * len(wanted)
        with self._lock:
            for shard, places in self._by_shard(wanted):
                step()
                found_here = self._copied(shard, [wanted[place] for place in places])
                for place, copy in zip(places, found_here, strict=True):
                    found[place] = copy
        return found

    def thumbnail(self, photo: int) -> bytes:
        """The thumbnail of a photo, a JPEG; PhotoError if its shard is gone or damaged."""
        (found,) = self.copies([photo])
        if found.reason is not None:
            raise PhotoError(found.reason)
        return found.thumbnail

    def file(self, photo: int) -> Path:
        """The original of a photo, if it is a file of this machine.

        Raises:
            PhotoError: it is not, or not in what was embedded, outside of which nothing is ever read.
        """
        file = Path(self.paths[photo])
        try:
            for source in map(Path, self._shards.manifest.source):
                if file.is_absolute() and source.is_absolute() and is_inside(file, source) and file.is_file():
                    return file
        except (OSError, ValueError):  # ValueError: text that no file's name can have
            pass
        raise PhotoError("its original is not a file in a folder of this machine that was embedded")

    def stamp(self, photo: int) -> str:
        """What tells whether a photo is another one; "" if its shard is gone."""
        return self._photos[photo].digest.hex()[:32] if self._at[photo] >= 0 else ""

    @property
    def is_there(self) -> bool:
        """Whether the folder holds shards."""
        return os.path.isfile(self.images / MANIFEST)

    def check_there(self) -> None:
        """Raise FolderGoneError unless the folder of shards is there."""
        if not self.is_there:
            raise FolderGoneError(
                f"the folder {self.images} is gone, or its shards are. Plug its disk in, or say where it is now; "
                "labels and all that was prepared are kept."
            )

    def open_shards(self) -> ShardSet:
        """The shards, opened once more: a ShardSet is for one thread at a time."""
        return ShardSet(self.images, self._shards.manifest)

    # --- as of a folder of photos ----------------------------------------------------------------

    def content(self, photo: int) -> Content | None:  # noqa: ARG002
        """Nothing is known of the file of a photo: shards have what it was."""
        return None

    @property
    def again(self) -> list[int]:
        """The photos that are to be read again: their shards were gone or damaged."""
        with self._lock:
            return [id for id, photo in enumerate(self._photos) if photo.again]

    @property
    def replaced(self) -> dict[int, datetime]:
        """Nothing: in shards no photo takes the place of another one."""
        return {}

    def keep(self, contents: Mapping[int, Content | None], *, again: Iterable[int] = ()) -> None:
        """Keep which photos of `contents` are to be read again."""
        once_more = set(again)
        with self._lock:
            changed = {id: id in once_more for id in contents if self._photos[id].again != (id in once_more)}
            if changed:
                with self._opened() as db, transaction(db):
                    photo_list.write_again(db, changed)
                for id, yes in changed.items():
                    self._photos[id].again = yes

    # --- inside --------------------------------------------------------------------------------

    def _opened(self) -> AbstractContextManager[Database]:
        return _open(self._database)

    def _drawn(self, db: Database, size: int, step: Callable[[int], None]) -> SampleFacts:
        """Draw the random sample of so many photos, and put into the list those that are not in it."""
        found = random_sample(self._shards.manifest.shards, size, seed=self._seed)
        before = photo_list.read_sample(db)
        if not db.read_only:
            self._add(db, found.rows.tolist(), "sampled", step)
        facts = SampleFacts(size, before.first if before else len(found.rows), _hash_of(self._shards), found.last)
        if not db.read_only:
            with transaction(db):
                photo_list.write_sample(db, facts)
        return facts

    def _add(self, db: Database, rows: Iterable[int], how: HowFound, step: Callable[[int], None]) -> int:
        wanted = np.fromiter(rows, np.int64)
        found: dict[int, ListedPhoto] = {}
        for seen, (number, places) in enumerate(_by_number(self._shards, wanted)):
            step(seen)
            shard, entry = self._shards.shard(number), self._shards.manifest.shards[number]
            for place in places:
                inside = int(wanted[place] - self._shards.starts[number])
                digest = shard.digests[inside].tobytes()
                found[place] = ListedPhoto(shard.path(inside), digest, _id_of(entry), inside, how)
        with transaction(db):
            return photo_list.add_photos(db, (found[place] for place in range(len(wanted))))

    def _places(self) -> NDArray[np.int64]:
        """The row of each photo in the shards, −1 if its shard is gone."""
        numbers = {_id_of(entry): number for number, entry in enumerate(self._shards.manifest.shards)}
        found = np.full(len(self._photos), -1, np.int64)
        for id, photo in enumerate(self._photos):
            number = numbers.get(photo.shard)
            if number is not None and photo.inside < self._shards.manifest.shards[number].rows:
                found[id] = self._shards.starts[number] + photo.inside
        return found

    def _find_again(self, db: Database, step: Callable[[int], None]) -> None:
        """Look in all shards for photos whose shard is another one now, such as after all were embedded again."""
        kept = photo_list.read_photos(db)
        known = {_id_of(entry) for entry in self._shards.manifest.shards}
        lost = {(photo.path, photo.digest): id for id, photo in enumerate(kept) if photo.shard not in known}
        if not lost or db.read_only:
            return
        paths, moved = {path for path, _ in lost}, {}
        before = {photo.shard for photo in kept}
        for number, entry in enumerate(self._shards.manifest.shards):
            if entry.rows and _id_of(entry) not in before:
                step(number)
                shard = self._shards.shard(number)
                for inside, path in enumerate(shard.paths()):
                    if path in paths and (id := lost.get((path, shard.digests[inside].tobytes()))) is not None:
                        moved[id] = ListedPhoto(path, b"", _id_of(entry), inside, kept[id].how)
        with transaction(db):
            photo_list.write_places(db, moved)
        for id, photo in moved.items():
            if id < len(self._photos):
                self._photos[id].shard, self._photos[id].inside = photo.shard, photo.inside

    def _by_shard(self, photos: list[int]) -> Iterator[tuple[int, list[int]]]:
        """The shards of photos, each with the places where its photos are among these; without those that are gone."""
        at = self._at[photos]
        there = np.flatnonzero(at >= 0)
        for number, places in _by_number(self._shards, at[there]):
            yield number, there[places].tolist()

    def _copied(self, number: int, photos: list[int]) -> list[PhotoCopy]:
        inside = self._at[photos] - self._shards.starts[number]
        try:
            shard: Shard = self._shards.shard(number)
            layers = {layer.id: shard.some_features(layer.id, inside) for layer in self._shards.layers}
            return [
                PhotoCopy(shard.thumbnail(row), float(shard.aspects[row]), {id: x[i] for id, x in layers.items()})
                if shard.digests[row].tobytes() == self._photos[photo].digest
                else PhotoCopy(reason=_GONE)
                for i, (row, photo) in enumerate(zip(inside.tolist(), photos, strict=True))
            ]
        except ShardError as error:
            return [PhotoCopy(reason=reason_of(error))] * len(photos)


def check_same_shards(database: Path, out: Path) -> None:
    """Raise CollectionError if a folder of shards has none of those that a collection has photos of."""
    there = {_id_of(entry) for entry in ShardSet.open(out).manifest.shards}
    with _open(database) as db:
        known = {photo.shard for photo in photo_list.read_photos(db)}
    if known and known.isdisjoint(there):
        raise CollectionError(f"the shards in {out} are not those of this collection. Choose the folder that has them.")


def _hash_of(shards: ShardSet) -> str:
    """Tells the shards of a folder from others."""
    heads = "".join(f"{entry.name} {entry.head}\n" for entry in shards.manifest.shards)
    return hashlib.sha256(heads.encode()).hexdigest()


def _id_of(entry: ShardEntry) -> ShardFileId:
    return ShardFileId(entry.name, entry.head)


def _by_number(shards: ShardSet, rows: NDArray[np.int64]) -> Iterator[tuple[int, list[int]]]:
    """The numbers of the shards of rows, each with the places where its rows are among these."""
    numbers = np.searchsorted(shards.starts, rows, "right") - 1
    order = np.argsort(numbers, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
        if len(places):
            yield int(numbers[places[0]]), places.tolist()


@contextmanager
def _open(file: Path) -> Iterator[Database]:
    """The collection's file for a while; errors of the disk become StorageError."""
    with (
        storage_errors(f"the list of photos in {file} could not be read or kept"),
        closing(open_database(file, SCHEMA)) as db,
    ):
        db.keep_checksums(*CHECKED)
        yield db
