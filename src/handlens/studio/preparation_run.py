"""One run of preparing: thumbnails and the features of every layer, streamed in a random order.

Everything that is written here is a cache: rows are appended in the preparing order, continued from their count after
any interruption, and computed again if deleted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from errno import EINVAL
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.errors import Cancelled, CollectionError, PhotoError
from handlens.io.deep_pictures import Limits
from handlens.io.locks import process_lock
from handlens.studio.contents import Content, content_of
from handlens.studio.layers import FIRST
from handlens.studio.photographs import looks_like_photograph
from handlens.studio.photos import MEASURED, Photos
from handlens.studio.pictures import read_squares, thumbnail, tile
from handlens.studio.progress import PreparingPhase, Progress
from handlens.studio.sources import Source
from handlens.studio.thumbnails import THUMBNAIL, TILE

LEARN_SIZE = 96
"""Side in pixels of the pictures that features are learned on."""

LOOKED_AT = 64
"""Photos by which it is decided whether all are photographs."""

BATCH = 64
"""Photos whose features are computed at once."""


@dataclass(frozen=True)
class Decoded:
    """A photo, read once for all uses.

    Attributes:
        reason: why it cannot be used.
        aspect, thumb, tile, photograph, squares: what was made of it.
        content: what the file held, where thumbnails were made.
        away: it could not be read now, but may be another time: its disk is gone, or refuses it.
        features: by layer, where they need not be computed.
    """

    reason: str | None = None
    aspect: float = 0.0
    thumb: bytes = b""
    tile: NDArray[np.uint8] | None = None
    photograph: bool | None = None
    content: Content | None = None
    away: bool = False
    squares: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    features: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def decode(
    path: Path,
    sizes: set[int],
    *,
    thumbnails: bool,
    judge: bool = False,
    limits: Limits | None = None,
    before: Content | None = None,
) -> Decoded:
    """Read a photo once: thumbnail and tile, a square of each size, and with `judge` whether it is a photograph.

    Args:
        path: the file.
        sizes: of the squares.
        thumbnails: make thumbnail and tile, and look at what the file holds.
        judge: look whether it is a photograph.
        limits: the ranges in which photos of more than 8 bits are shown.
        before: what the file held when it was looked at last.
    """
    content = None
    if thumbnails:
        with suppress(OSError):
            content = content_of(path, before)
    try:
        image, squares = read_squares(path, sizes, limits=limits)
        return Decoded(
            aspect=image.width / image.height,
            thumb=thumbnail(image, THUMBNAIL) if thumbnails else b"",
            tile=tile(image, TILE) if thumbnails else None,
            photograph=looks_like_photograph(image) if judge else None,
            content=content,
            squares=squares,
        )
    except PhotoError as error:
        away = _is_away(error.__cause__) or (thumbnails and content is None)
        return Decoded(reason=str(error), content=content, away=away)


def _is_away(error: BaseException | None) -> bool:
    """Whether the system refused a file, and not what is in it, which fails in the same way each time."""
    if not isinstance(error, OSError):
        return False
    return isinstance(error, FileNotFoundError) or error.errno not in (None, EINVAL)  # EINVAL: of damaged positions


class Preparation:
    """One run over the photos, which brings thumbnails and the features of sources up to date.

    Args:
        photos: the photos, with their thumbnails.
        changed: called with the Progress at every step.
        cancel: setting it makes the methods raise Cancelled; what was done stays.

    Raises:
        StorageError: (all methods) the disk is full; what was done stays.
    """

    def __init__(self, photos: Photos, *, changed: Callable[[Progress], None], cancel: Event) -> None:
        self.photos, self.changed, self.cancel = photos, changed, cancel
        self.progress = Progress(running=True, phase="reading", total=len(photos))
        self._held: dict[int, Decoded] = {}  # by row: read for learning, and used again right after

    @property
    def at_once(self) -> int:
        """Photos that are read, and whose features are kept, at once."""
        return BATCH

    def find_limits(self) -> None:
        """See in which range the first photos are, of those with more than 8 bits, before one of them is decoded."""
        self.photos.find_limits(self._first_files())

    def _first_files(self) -> Iterator[Path]:
        for row in range(min(MEASURED, len(self.photos))):
            self._check_cancelled()
            with suppress(PhotoError):
                yield self.photos.file(int(self.photos.order[row]))

    def photographs(self, sizes: set[int]) -> list[bool]:
        """Whether each of the first photos looks like a photograph; they are decoded for what follows too.

        As the order is random, they are a random sample. Empty if none of the first 500 can be read.
        """
        n, found = min(FIRST, len(self.photos)), list[bool]()
        for start in range(0, n, LOOKED_AT):
            rows = range(start, min(start + LOOKED_AT, n))
            for row, decoded in self._decoded(rows, sizes, thumbnails=self.photos.prepared < n, judge=True):
                self._held[row] = decoded
                if decoded.photograph is not None:
                    found.append(decoded.photograph)
            if found:
                break
        return found

    def move_thumbnails(self) -> None:
        """Put the thumbnails of an earlier version into the files of this one."""
        self.photos.thumbnails.move_earlier(self.photos.order, self.reporter("reading"))

    def learn_pictures(self, other_sizes: set[int]) -> NDArray[np.uint8]:
        """The first photos at 96 px, uint8 [n, 96, 96, 3], to learn features on; they are decoded for `stream` too."""
        n = min(FIRST, len(self.photos))
        sizes = {LEARN_SIZE, *other_sizes}
        started = time.monotonic()
        for row, decoded in self._decoded(range(n), sizes, thumbnails=self.photos.prepared < n):
            self._held[row] = decoded
            self._tell("reading", row + 1, started, 0, total=n)
        good = [d.squares[LEARN_SIZE] for d in self._held.values() if d.reason is None]
        self._tell("fitting", n, started, 0, total=n)
        return np.stack(good) if good else np.empty((0, LEARN_SIZE, LEARN_SIZE, 3), np.uint8)

    def stream(self, sources: list[Source], reached: Callable[[int], None]) -> None:
        """Compute what is missing of all sources, for all photos; `reached(rows)` is called as rows become complete."""
        total = len(self.photos)
        self._coming.clear()  # read ahead for other sources
        for source in sources:  # a crash may have left one layer a few rows ahead of another
            for file in source.rows:
                file.rows.truncate(min(file.count, source.prepared))
        self.photos.thumbnails.truncate(self.photos.prepared)
        done = min([self.photos.prepared, *(s.prepared for s in sources)])
        started, first = time.monotonic(), done
        while done < total:
            upto = min(done + self.at_once, total)
            if done < FIRST < upto:
                upto = FIRST
            lagging = [s for s in sources if s.prepared < upto]
            ahead = range(done, min(done + 3 * self.at_once, total))
            batch = self._batch(range(done, upto), ahead, sources)
            # Before the rows count as prepared, so that a photo that could not be read is read again.
            self._keep_contents(self.photos.order[done:upto].tolist(), batch)
            if self.photos.prepared < upto:
                self._keep_thumbnails(batch[self.photos.prepared - done :], range(self.photos.prepared, upto))
            for source in lagging:
                self._keep_features(source, batch[source.prepared - done :])
            done = upto
            reached(done)
            self._tell("features", done, started, first, total=total)

    def read_again(self, sources: list[Source], forget: Callable[[list[int]], None]) -> int:
        """Read the prepared photos again whose files have other bytes now, or could not be read before.

        Args:
            sources: whose features are computed again.
            forget: called with the photos whose thumbnails and features are about to change.

        Returns:
            how many have changed.
        """
        prepared, changed = self.photos.prepared, 0
        waiting = [photo for photo in self.photos.register.again if self.photos.rows[photo] < prepared]
        started = time.monotonic()
        for start in range(0, len(waiting), self.at_once):
            photos = waiting[start : start + self.at_once]
            read = self._read_once_more(photos, sources)
            # What was read before stays until the photo can be read.
            known = [photo for photo, decoded in zip(photos, read, strict=True) if not decoded.away]
            if known:
                forget(known)
                self._replace(known, [decoded for decoded in read if not decoded.away], sources)
            self._keep_contents(photos, read)
            changed += len(known)
            self._tell("reading", start + len(photos), started, 0, total=len(waiting))
        return changed

    def _read_once_more(self, photos: Sequence[int], sources: list[Source]) -> list[Decoded]:
        sizes, read = {source.loaded().size for source in sources}, []
        futures = [self._pool.submit(self._read, int(self.photos.rows[i]), sizes, thumbnails=True) for i in photos]
        for future in futures:
            self._check_cancelled()
            read.append(self._result(future))
        return read

    def _replace(self, photos: Sequence[int], batch: Sequence[Decoded], sources: list[Source]) -> None:
        """Put what was read of photos in the place of what was read of them before."""
        rows = [int(self.photos.rows[photo]) for photo in photos]
        for source in sources:
            for stored, block in zip(source.rows, self._features(source, batch), strict=True):
                for row, values in zip(rows, block, strict=True):
                    stored.replace(row, values)
        for row, decoded in zip(rows, batch, strict=True):
            self.photos.thumbnails.replace(row, decoded.tile, decoded.thumb, decoded.aspect)
        self.photos.mark_changed({i: decoded.reason for i, decoded in zip(photos, batch, strict=True)})

    def _keep_contents(self, photos: Sequence[int], batch: Sequence[Decoded]) -> None:
        """Keep what files held that were read, and which could not be read now."""
        read = {photo: d for photo, d in zip(photos, batch, strict=True) if d.content is not None or d.away}
        self.photos.check_in_place()
        self.photos.register.keep(
            {photo: decoded.content for photo, decoded in read.items()},
            again=[photo for photo, decoded in read.items() if decoded.away],
        )

    def _batch(self, rows: range, ahead: range, sources: list[Source]) -> list[Decoded]:
        """The decoded photos of `rows`, while those of `ahead` are already being read."""
        prepared = [(s.extractor.size, s.prepared) for s in sources if s.extractor]
        with_thumbnails = self.photos.prepared
        for row in ahead:
            # What is needed of a photo depends on its row: after a crash one source may be ahead of another.
            thumbnails, sizes = row >= with_thumbnails, {size for size, count in prepared if row >= count}
            if not self._holds(row, sizes, thumbnails=thumbnails):
                self._held.pop(row, None)
            if row not in self._held and row not in self._coming:
                self._coming[row] = self._pool.submit(self._read, row, sizes, thumbnails=thumbnails)
        out = []
        for row in rows:
            self._check_cancelled()
            held = self._held.pop(row, None)
            out.append(self._result(self._coming.pop(row)) if held is None else held)
        return out

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep two reading threads for the length of a run."""
        self._coming: dict[int, Future[Decoded]] = {}
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="handlens-read")
        try:
            yield
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _decoded(
        self, rows: range, sizes: set[int], *, thumbnails: bool, judge: bool = False
    ) -> Iterator[tuple[int, Decoded]]:
        futures = {
            row: self._pool.submit(self._read, row, sizes, thumbnails=thumbnails, judge=judge)
            for row in rows
            if not self._holds(row, sizes, thumbnails=thumbnails)
        }
        for row in rows:
            self._check_cancelled()
            yield row, self._result(futures[row]) if row in futures else self._held[row]

    def _read(self, row: int, sizes: set[int], *, thumbnails: bool, judge: bool = False) -> Decoded:
        photo = int(self.photos.order[row])
        try:
            file = self.photos.file(photo)
        except PhotoError as error:
            return Decoded(reason=str(error))
        before = self.photos.register.content(photo)
        return decode(file, sizes, thumbnails=thumbnails, judge=judge, limits=self.photos.limits, before=before)

    def _result(self, future: Future[Decoded]) -> Decoded:
        """A photo that was read; FolderGoneError if it could not be because all are away."""
        decoded = future.result()
        if decoded.reason is not None:
            self.photos.register.check_there()
        return decoded

    def _holds(self, row: int, sizes: set[int], *, thumbnails: bool) -> bool:
        """Whether what is needed of a row was read before."""
        held = self._held.get(row)
        if held is None or held.reason is not None:
            return held is not None
        return sizes <= held.squares.keys() and (bool(held.thumb) or not thumbnails)

    def _keep_thumbnails(self, batch: list[Decoded], rows: range) -> None:
        photos = self.photos.order[rows.start : rows.stop].tolist()
        unreadable = {photo: d.reason for photo, d in zip(photos, batch, strict=True) if d.reason is not None}
        if unreadable:
            # Before the rows count as prepared, so that no photo is missing without its reason.
            self.photos.mark_unreadable(unreadable)
        thumbnails = self.photos.thumbnails
        thumbnails.append([d.tile for d in batch], [d.thumb for d in batch], [d.aspect for d in batch])

    def _keep_features(self, source: Source, batch: list[Decoded]) -> None:
        for rows, block in zip(source.rows, self._features(source, batch), strict=True):
            rows.append(block)

    def _features(self, source: Source, batch: Sequence[Decoded]) -> list[NDArray[np.float32]]:
        """The features of each layer, NaN for photos that cannot be read."""
        import torch

        extractor = source.loaded()
        good = np.array([d.reason is None for d in batch], bool)
        blocks = [np.full((len(batch), layer.dim), np.nan, np.float32) for layer in source.layers]
        if good.any():
            pictures = np.stack([d.squares[extractor.size] for d in batch if d.reason is None])
            for block, found in zip(blocks, extractor(torch.from_numpy(pictures)), strict=True):
                block[good] = found.numpy()
        return blocks

    def reporter(self, phase: PreparingPhase) -> Callable[[int, int], None]:
        """A function of (done, total) that reports the progress of a phase, and raises Cancelled when asked to."""
        started, first = time.monotonic(), -1

        def step(done: int, total: int) -> None:
            nonlocal first
            first = done if first < 0 else first
            self._check_cancelled()
            self._tell(phase, done, started, first, total=total)

        return step

    def _tell(self, phase: PreparingPhase, done: int, started: float, first: int, *, total: int) -> None:
        seconds = max(time.monotonic() - started, 1e-6)
        rate = (done - first) / seconds
        left = (total - done) / rate if rate > 0 else None
        self.progress = replace(self.progress, phase=phase, done=done, total=total, rate=rate, seconds_left=left)
        self.changed(self.progress)

    def _check_cancelled(self) -> None:
        if self.cancel.is_set():
            raise Cancelled("preparing was cancelled; it continues from here when it is started again.")


def only_one(cache: Path) -> AbstractContextManager[None]:
    """Hold the right to prepare the collection with this cache folder.

    Raises:
        CollectionError: another process holds it.
        StorageError: the folder cannot be written.
    """
    busy = CollectionError("this collection is being prepared by another process already. Wait for it.")
    return process_lock(cache / "preparing.lock", busy=busy)
