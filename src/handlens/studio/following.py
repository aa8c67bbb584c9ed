"""Which photo is which after files were moved, renamed or replaced: a photo is known by its bytes."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from handlens.studio.contents import Content, Stamp, content_of, is_settled, stamp_of

READ_AT_ONCE = 2**30
"""Bytes of new photos up to which all are read when the folder is looked at; the bytes of more are read when they are
prepared, and until then a photo that was moved is known by its size and time only."""

DIGEST = 64
"""Bytes of the hash of a file."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RegisteredPhoto:
    """What is kept of a photo.

    Attributes:
        id: never changes.
        path: below the folder of photos.
        row: its position in the preparing order.
        content: what its file held when it was looked at last; None if that is not known.
        again: it is to be read again.
        replaced: when another photo was found in its place, UTC as in ISO 8601.
    """

    id: int
    path: str
    row: int
    content: Content | None = None
    again: bool = False
    replaced: str | None = None


@dataclass(frozen=True)
class KeptPhotos:
    """What is kept of all photos, by id in columns: a million photos as objects would take a gigabyte.

    Attributes:
        paths: below the folder of photos.
        rows: int64 [N], the preparing order.
        stamps: int64 [N, 2], size and time of the files.
        looked: int64 [N], when they had these; −1 where nothing is known of a file.
        digests: uint8 [N, 64], the hashes of their bytes.
        hashed: bool [N], whether the bytes were read.
        again: bool [N], whether the photo is to be read again.
        replaced: when another photo was found in the place of one.
    """

    paths: list[str]
    rows: NDArray[np.int64]
    stamps: NDArray[np.int64]
    looked: NDArray[np.int64]
    digests: NDArray[np.uint8]
    hashed: NDArray[np.bool_]
    again: NDArray[np.bool_]
    replaced: dict[int, str]

    @classmethod
    def nothing(cls, paths: list[str], rows: NDArray[np.int64]) -> KeptPhotos:
        """Photos of whose files nothing is known."""
        n = len(paths)
        return cls(
            paths,
            rows,
            np.zeros((n, 2), np.int64),
            np.full(n, -1, np.int64),
            np.zeros((n, DIGEST), np.uint8),
            np.zeros(n, bool),
            np.zeros(n, bool),
            {},
        )

    def put(self, id: int, content: Content) -> None:
        """Take what a file held into the columns."""
        self.stamps[id], self.looked[id] = content.stamp, content.looked
        self.hashed[id] = content.digest is not None and len(content.digest) == DIGEST
        if self.hashed[id] and content.digest is not None:
            self.digests[id] = np.frombuffer(content.digest, np.uint8)

    def content(self, id: int) -> Content | None:
        """What a photo's file held when it was looked at last."""
        looked = int(self.looked[id])
        if looked < 0:
            return None
        size, modified = self.stamps[id].tolist()
        return Content(Stamp(size, modified), looked, self.digests[id].tobytes() if self.hashed[id] else None)

    def with_changes(self, changed: list[RegisteredPhoto], new: list[RegisteredPhoto]) -> KeptPhotos:
        """The photos with some as they are now, and with new ones, which have the next ids."""
        more = KeptPhotos.nothing([photo.path for photo in new], np.array([photo.row for photo in new], np.int64))
        now = KeptPhotos(
            self.paths + more.paths,
            np.concatenate([self.rows, more.rows]),
            np.concatenate([self.stamps, more.stamps]),
            np.concatenate([self.looked, more.looked]),
            np.concatenate([self.digests, more.digests]),
            np.concatenate([self.hashed, more.hashed]),
            np.concatenate([self.again, more.again]),
            dict(self.replaced),
        )
        for photo in changed + new:
            now.paths[photo.id], now.again[photo.id] = photo.path, photo.again
            if photo.content is not None:
                now.put(photo.id, photo.content)
            if photo.replaced is not None:
                now.replaced[photo.id] = photo.replaced
        return now

    def photo(self, id: int) -> RegisteredPhoto:
        """One of the photos."""
        row, again = int(self.rows[id]), bool(self.again[id])
        return RegisteredPhoto(id, self.paths[id], row, self.content(id), again, self.replaced.get(id))


class Contents:
    """What files hold now; bytes are read only where size or time differ from what is kept of a path.

    Args:
        images: the folder of photos.
        kept: what is kept of them.
        step: called before each file is read; what it raises ends that.

    Attributes:
        unchanged: bool [N], the photos whose files were found with the bytes that were kept.
    """

    def __init__(self, images: Path, kept: KeptPhotos, *, step: Callable[[], None] = lambda: None) -> None:
        self._images, self._kept, self._step = images, kept, step
        self._ids = {path: id for id, path in enumerate(kept.paths)}
        self._at: dict[str, Content | None] = {}
        self._read: dict[str, Content | None] = {}
        self.unchanged: NDArray[np.bool_] = np.zeros(len(kept.paths), bool)

    def id_of(self, path: str) -> int | None:
        """The photo that has this path."""
        return self._ids.get(path)

    def looked_at(self, path: str, stamp: Stamp) -> bool:
        """Whether a photo has this path, and its file, which now has this size and time, was a picture before."""
        id = self._ids.get(path)
        if id is None or self._kept.looked[id] < 0:
            return False
        size, modified = self._kept.stamps[id].tolist()
        same = size == stamp.size and modified == stamp.modified
        self.unchanged[id] = same and is_settled(int(self._kept.looked[id]), modified)
        return bool(self.unchanged[id])

    def is_unchanged(self, path: str) -> bool:
        """Whether a photo has this path, and its file has the size and time that were kept, if any were."""
        id = self._ids.get(path)
        if id is None or self.unchanged[id]:
            return id is not None
        kept, now = self._kept.content(id), self.at(path)
        return kept is None or (now is not None and now.stamp == kept.stamp)

    def at(self, path: str) -> Content | None:
        """What a file holds now; of one that was never read only size and time; None if it cannot be read."""
        if path not in self._at:
            kept = self._before(path)
            if path in self._read or (kept is not None and kept.digest is not None):
                self._at[path] = self.read(path)
            else:
                with suppress(OSError):
                    stamp = stamp_of(self._images / path)
                    same = kept is not None and kept.stamp == stamp
                    self._at[path] = kept if same else Content(stamp, time.time_ns(), None)
        return self._at.setdefault(path, None)

    def read(self, path: str) -> Content | None:
        """What a file holds now, with the hash of its bytes; None if it cannot be read."""
        if path not in self._read:
            self._step()
            with suppress(OSError):
                self._read[path] = content_of(self._images / path, self._before(path))
        return self._read.setdefault(path, None)

    def digest(self, path: str) -> bytes:
        """The hash of a file's bytes; raises OSError if it cannot be read."""
        id = self._ids.get(path)
        if id is not None and self.unchanged[id] and self._kept.hashed[id]:
            return self._kept.digests[id].tobytes()
        found = self.read(path)
        if found is None or found.digest is None:
            raise OSError(f"{path} cannot be read")
        return found.digest

    def _before(self, path: str) -> Content | None:
        id = self._ids.get(path)
        return None if id is None else self._kept.content(id)


def brought_up_to_date(
    kept: KeptPhotos, found: list[str], contents: Contents, seed: int
) -> tuple[list[RegisteredPhoto], list[RegisteredPhoto]]:
    """What is not as it is kept: photos that were moved or replaced, and new ones, which are in a random order."""
    there = np.zeros(len(kept.paths), bool)
    there[[id for path in found if (id := contents.id_of(path)) is not None]] = True
    same = there & contents.unchanged
    found = [path for path in found if (id := contents.id_of(path)) is None or not same[id]]
    before = [kept.photo(id) for id in np.flatnonzero(~same).tolist()]
    photos = _followed(before, found, contents)
    taken = {photo.path for photo in photos}
    new = [path for path in found if path not in taken]
    n = len(kept.paths)
    rows = n + np.argsort(np.random.default_rng([seed, n]).permutation(len(new)))
    photos += [RegisteredPhoto(n + i, path, int(row)) for i, (path, row) in enumerate(zip(new, rows, strict=True))]
    idle = np.flatnonzero(same & ~kept.hashed)
    few = int(kept.stamps[idle, 0].sum()) <= READ_AT_ONCE
    unread = [kept.photo(id) for id in idle.tolist()] if few else []
    photos = _with_contents(photos + unread, {*found, *(photo.path for photo in unread)}, contents)
    known = {photo.id: photo for photo in before + unread}
    return [p for p in photos if p.id < n and p != known[p.id]], [p for p in photos if p.id >= n]


def _with_contents(photos: list[RegisteredPhoto], there: set[str], contents: Contents) -> list[RegisteredPhoto]:
    """The photos, each with what it holds; bytes that were never read are read now if they are few."""
    unread = {photo.path for photo in photos if photo.path in there and _digest(photo) is None}
    size = sum(content.stamp.size for path in unread if (content := contents.at(path)))
    look = contents.read if size <= READ_AT_ONCE else contents.at
    return [replace(photo, content=look(photo.path)) if photo.path in unread else photo for photo in photos]


def _followed(photos: list[RegisteredPhoto], found: list[str], contents: Contents) -> list[RegisteredPhoto]:
    """The photos that are known, each with the path where its bytes are now, or marked if they are nowhere.

    Args:
        photos: that are not where they were, or may have other bytes.
        found: the paths of all files but those of other photos.
        contents: of the files.
    """
    there = set(found)
    lost = [photo for photo in photos if photo.path not in there]
    changed: dict[str, Content] = {}
    for photo in photos:
        now = contents.at(photo.path) if photo.path in there else None
        if now is not None and photo.content is not None and not _is_same(photo.content, now):
            changed[photo.path] = now
    fresh = [path for path in found if contents.id_of(path) is None]
    moved = _moves(lost, [photo for photo in photos if photo.path in changed], fresh, contents)
    now_at = {path: id for id, path in moved.items()}
    paths = {photo.id: photo.path for photo in photos}
    followed = []
    for photo in photos:
        path = moved.get(photo.id, photo.path)
        while photo.id not in moved and path in now_at:  # another photo is there now: take the path that it left
            path = paths[now_at[path]]
        photo = replace(photo, path=path)
        if photo.id in moved:
            photo = replace(photo, content=contents.at(path) if _digest(photo) is None else contents.read(path))
        elif path in changed:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            photo = replace(photo, content=changed[path], again=True, replaced=at)
        elif path in there and photo.content is not None:
            photo = replace(photo, content=contents.at(path) or photo.content)
        followed.append(photo)
    return followed


def _moves(
    lost: list[RegisteredPhoto], changed: list[RegisteredPhoto], fresh: list[str], contents: Contents
) -> dict[int, str]:
    """Where the photos are now that are no longer where they were, by id.

    Args:
        lost: photos whose path has no file.
        changed: photos whose path has a file with other bytes.
        fresh: paths of files that no photo has.
    """
    sure = {
        photo.id: (photo.content.stamp, _name(photo.path)) for photo in lost if photo.content and photo.content.is_sure
    }
    moved = _pairs(sure, {path: (now.stamp, _name(path)) for path in fresh if (now := contents.at(path))})
    fresh = _without(fresh, moved)
    seekers = [photo for photo in [*lost, *changed] if photo.id not in moved and _digest(photo) is not None]
    sizes = {photo.content.stamp.size for photo in seekers if photo.content}
    sized = [path for path in fresh if (now := contents.at(path)) and now.stamp.size in sizes]
    places: dict[bytes, list[str]] = defaultdict(list)
    for path in [photo.path for photo in changed] + sized:
        now = contents.read(path)
        if now is not None and now.digest is not None:
            places[now.digest].append(path)
    for photo in seekers:
        same = places.get(_digest(photo) or b"", [])
        if same:
            path = next((path for path in same if _name(path) == _name(photo.path)), same[0])
            same.remove(path)
            moved[photo.id] = path
    fresh = _without(fresh, moved)
    unread = {photo.id: photo.content.stamp for photo in lost if photo.content and photo.content.digest is None}
    return moved | _pairs(unread, {path: now.stamp for path in fresh if (now := contents.at(path))})


def _pairs(wanted: dict[int, _T], offered: dict[str, _T]) -> dict[int, str]:
    """For each photo the path with the same key, where no other photo and no other path has it."""
    photos, paths = Counter(wanted.values()), Counter(offered.values())
    by_key = {key: path for path, key in offered.items() if paths[key] == 1}
    return {id: by_key[key] for id, key in wanted.items() if photos[key] == 1 and key in by_key}


def _without(paths: list[str], moved: dict[int, str]) -> list[str]:
    taken = set(moved.values())
    return [path for path in paths if path not in taken]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _digest(photo: RegisteredPhoto) -> bytes | None:
    return None if photo.content is None else photo.content.digest


def _is_same(before: Content, now: Content) -> bool:
    """Whether the bytes are the same; of bytes that were not read, size and time tell."""
    if before.digest is None or now.digest is None:
        return before.stamp == now.stamp
    return before.digest == now.digest
