"""Which photo is which after files were moved, renamed or replaced: a photo is known by its bytes."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np

from handlens.studio.contents import Content, content_of, stamp_of

READ_AT_ONCE = 2**30
"""Bytes of new photos up to which all are read when a collection is opened; the bytes of more are read when they are
prepared, and until then a photo that was moved is known by its size and time only."""

_T = TypeVar("_T")


@dataclass(frozen=True)
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


class Contents:
    """What files hold now; bytes are read only where size or time differ from what is kept of a path."""

    def __init__(self, images: Path, photos: list[RegisteredPhoto]) -> None:
        self._images = images
        self._kept = {photo.path: photo.content for photo in photos}
        self._at: dict[str, Content | None] = {}
        self._read: dict[str, Content | None] = {}

    def is_unchanged(self, path: str) -> bool:
        """Whether a photo has this path, and its file has the size and time that were kept, if any were."""
        kept, now = self._kept.get(path), self.at(path)
        return path in self._kept and (kept is None or (now is not None and now.stamp == kept.stamp))

    def is_surely_unchanged(self, path: str) -> bool:
        """Whether a photo has this path, and its file surely has the bytes that were kept."""
        kept = self._kept.get(path)
        return kept is not None and kept.is_sure and self.at(path) == kept

    def at(self, path: str) -> Content | None:
        """What a file holds now; of one that was never read only size and time; None if it cannot be read."""
        if path not in self._at:
            kept = self._kept.get(path)
            if kept is not None and kept.digest is not None:
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
            with suppress(OSError):
                self._read[path] = content_of(self._images / path, self._kept.get(path))
        return self._read.setdefault(path, None)

    def digest(self, path: str) -> bytes:
        """The hash of a file's bytes; raises OSError if it cannot be read."""
        found = self.read(path)
        if found is None or found.digest is None:
            raise OSError(f"{path} cannot be read")
        return found.digest


def brought_up_to_date(
    photos: list[RegisteredPhoto], found: list[str], contents: Contents, seed: int
) -> list[RegisteredPhoto]:
    """The photos as their files are now: moved, replaced, and new ones, which are added in a random order."""
    photos = _followed(photos, found, contents)
    known = {photo.path for photo in photos}
    new = [path for path in found if path not in known]
    n = len(photos)
    rows = n + np.argsort(np.random.default_rng([seed, n]).permutation(len(new)))
    photos += [RegisteredPhoto(n + i, path, int(row)) for i, (path, row) in enumerate(zip(new, rows, strict=True))]
    return _with_contents(photos, set(found), contents)


def _with_contents(photos: list[RegisteredPhoto], there: set[str], contents: Contents) -> list[RegisteredPhoto]:
    """The photos, each with what it holds; bytes that were never read are read now if they are few."""
    unread = {photo.path for photo in photos if photo.path in there and _digest(photo) is None}
    size = sum(content.stamp.size for path in unread if (content := contents.at(path)))
    look = contents.read if size <= READ_AT_ONCE else contents.at
    return [replace(photo, content=look(photo.path)) if photo.path in unread else photo for photo in photos]


def _followed(photos: list[RegisteredPhoto], found: list[str], contents: Contents) -> list[RegisteredPhoto]:
    """The photos that are known, each with the path where its bytes are now, or marked if they are nowhere."""
    there, owned = set(found), {photo.path for photo in photos}
    lost = [photo for photo in photos if photo.path not in there]
    changed: dict[str, Content] = {}
    for photo in photos:
        now = contents.at(photo.path) if photo.path in there else None
        if now is not None and photo.content is not None and not _is_same(photo.content, now):
            changed[photo.path] = now
    fresh = [path for path in found if path not in owned]
    moved = _moves(lost, [photo for photo in photos if photo.path in changed], fresh, contents)
    now_at = {path: id for id, path in moved.items()}
    paths = [photo.path for photo in photos]
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
