"""Preparing a collection: thumbnails and the features of every layer, streamed in a random order.

Everything here is a cache: rows appended in the register's preparing order, resumed from their
count after any interruption, and rebuilt if deleted.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from handlens.core.artifact import TENSORS
from handlens.errors import Cancelled, CollectionError, PhotoError, StorageError
from handlens.io.files import atomic_write
from handlens.io.problems import reason_of
from handlens.studio.features.extractor import Layer
from handlens.studio.pictures import READ_AT, read_squares, thumbnail, tile
from handlens.studio.register import Register
from handlens.studio.rows import Rows

if TYPE_CHECKING:
    from torch import Tensor

    from handlens.studio.features.extractor import Extractor

FIRST = 500
"""Photos after which the first map is drawn and on which features of one's own are learned."""

TILE = 64
THUMB = READ_AT
LEARN_SIZE = 96
BATCH = 64

Phase = Literal["idle", "reading", "fitting", "features", "predicting", "done", "cancelled", "failed"]


@dataclass(frozen=True)
class Progress:
    """How far preparing has come; `rate` in photos a second, `seconds_left` None while unknown."""

    running: bool = False
    phase: Phase = "idle"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    error: str | None = None
    source: str | None = None


@dataclass
class Source:
    """Where layers come from: a pretrained network, or patches learned on the photos (backbone None)."""

    name: str
    title: str
    folder: Path
    backbone: str | None
    weights: str | None
    state: Literal["waiting", "preparing", "ready", "failed"] = "waiting"
    message: str | None = None
    layers: list[Layer] = field(default_factory=list)
    extractor: Extractor | None = None

    @property
    def rows(self) -> list[Rows]:
        """The features of each layer on disk."""
        return [Rows(self.folder / f"{i:02d}.f4", layer.dim) for i, layer in enumerate(self.layers)]

    @property
    def prepared(self) -> int:
        """Photos whose features of all layers are on disk."""
        return min((rows.count for rows in self.rows), default=0)

    @property
    def has_weights(self) -> bool:
        """Whether its network's weights, if it has one, are on disk."""
        return bool(self.layers) and (self.folder / "extractor" / TENSORS).is_file()

    def square(self, path: Path) -> Tensor:
        """A photo as the extractor takes it, uint8 [1, size, size, 3]; PhotoError if it cannot be read."""
        import torch

        if self.extractor is None:
            raise CollectionError(f"the features of {self.title} have nothing to compute them")
        size = self.extractor.size
        return torch.from_numpy(read_squares(path, {size})[1][size].copy())[None]

    def read_layers(self) -> None:
        """Learn from disk which layers there are, without loading the network."""
        try:
            self.layers = [Layer(**layer) for layer in json.loads((self.folder / "layers.json").read_text())]
        except (OSError, ValueError, TypeError):
            self.layers = []

    def adopt(self, extractor: Extractor) -> None:
        """Keep a new extractor, on disk too, so that photos added later get the same features."""
        from handlens.core.artifact import save_artifact

        layers = list(extractor.layers)
        self.forget()
        save_artifact(self.folder / "extractor", "feature-extractor", extractor.config(), extractor.tensors())
        with atomic_write(self.folder / "layers.json") as file:
            file.write_text(json.dumps([asdict(layer) for layer in layers]))
        self.layers, self.extractor = layers, extractor

    def forget(self) -> None:
        """Drop the extractor and all its features: those of two extractors must never mix."""
        self.extractor, self.layers = None, []
        try:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise StorageError(
                f"{self.folder} could not be made anew: {reason_of(error)}. Make room or check the disk."
            ) from error

    def restore(self) -> bool:
        """Load the extractor from disk; False when it is not there yet."""
        from handlens.core.artifact import load_artifact
        from handlens.errors import ArtifactError
        from handlens.studio.features import rebuild

        if self.extractor is None and self.layers:
            try:
                self.extractor = rebuild(*load_artifact(self.folder / "extractor", "feature-extractor"))
            except ArtifactError:
                return False  # a damaged cache is built anew
        return self.extractor is not None


class Looks:
    """Thumbnails, map tiles and shapes of the photos, cached below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            (folder / "thumbs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"{folder} cannot be written ({reason_of(error)}), and thumbnails and features are kept there."
            ) from error
        self.tiles = Rows(folder / "tiles.u1", TILE * TILE * 3, np.uint8)
        self.aspects = Rows(folder / "aspects.f4", 1)  # width over height; 0 means it could not be read

    @property
    def prepared(self) -> int:
        """Photos whose tile and shape are on disk."""
        return min(self.tiles.count, self.aspects.count)

    def thumb(self, photo: int) -> Path:
        """Where the thumbnail of a photo is kept."""
        return self.folder / "thumbs" / f"{photo // 1000:04d}" / f"{photo:07d}.jpg"


@dataclass(frozen=True)
class Decoded:
    """One photo read once for everything that wants it; `reason` is set when it cannot be used."""

    reason: str | None = None
    aspect: float = 0.0
    thumb: bytes = b""
    tile: NDArray[np.uint8] | None = None
    squares: dict[int, NDArray[np.uint8]] = field(default_factory=dict)


def decode(path: Path, sizes: set[int], *, looks: bool) -> Decoded:
    """Read a photo once: its thumbnail and tile when `looks`, and a square of each size."""
    try:
        image, squares = read_squares(path, sizes)
        return Decoded(
            aspect=image.width / image.height,
            thumb=thumbnail(image, THUMB) if looks else b"",
            tile=tile(image, TILE) if looks else None,
            squares=squares,
        )
    except PhotoError as error:
        return Decoded(reason=str(error))


class Preparation:
    """One run over the photos that brings thumbnails and all `sources` up to date.

    `build(source, pictures)` makes a source's extractor; pictures [n, 96, 96, 3] are given when it
    learns on them. `changed(progress)` is told of every step. Raises Cancelled when `cancel` is set
    and StorageError when the disk is full; what was done stays.
    """

    def __init__(
        self,
        register: Register,
        looks: Looks,
        *,
        changed: Callable[[Progress], None],
        refuse: Callable[[dict[int, str]], None],
        cancel: Event,
    ) -> None:
        self.register, self.looks, self.changed, self.refuse, self.cancel = (
            register,
            looks,
            changed,
            refuse,
            cancel,
        )
        self.progress = Progress(running=True, phase="reading", total=len(register))
        self._held: dict[int, Decoded] = {}  # by row: read for learning, wanted again right after

    def learn_pictures(self, other_sizes: set[int]) -> NDArray[np.uint8]:
        """The first photos at 96 px to learn features on; their decoding serves the features too."""
        n = min(FIRST, len(self.register))
        sizes = {LEARN_SIZE, *other_sizes}
        started = time.monotonic()
        for row, decoded in self._decoded(range(n), sizes, looks=self.looks.prepared < n):
            self._held[row] = decoded
            self._tell("reading", row + 1, started, 0, total=n)
        good = [d.squares[LEARN_SIZE] for d in self._held.values() if d.reason is None]
        self._tell("fitting", n, started, 0, total=n)
        return np.stack(good) if good else np.empty((0, LEARN_SIZE, LEARN_SIZE, 3), np.uint8)

    def stream(self, sources: list[Source], reached: Callable[[int], None]) -> None:
        """Bring every source up to all photos; `reached(rows)` is called as rows become complete."""
        total = len(self.register)
        self._coming.clear()  # read ahead for other sources
        for source in sources:  # a crash may have left one layer a few rows ahead of another
            for rows in source.rows:
                rows.truncate(min(rows.count, source.prepared))
        for rows in (self.looks.tiles, self.looks.aspects):
            rows.truncate(min(rows.count, self.looks.prepared))
        done = min([self.looks.prepared, *(s.prepared for s in sources)])
        started, first = time.monotonic(), done
        while done < total:
            upto = min(done + BATCH, total)
            if done < FIRST < upto:
                upto = FIRST
            lagging = [s for s in sources if s.prepared < upto]
            ahead = range(done, min(done + 3 * BATCH, total))
            batch = self._batch(range(done, upto), ahead, sources)
            if self.looks.prepared < upto:
                self._keep_looks(batch[self.looks.prepared - done :], range(self.looks.prepared, upto))
            for source in lagging:
                self._keep_features(source, batch[source.prepared - done :])
            done = upto
            reached(done)
            self._tell("features", done, started, first, total=total)

    def _batch(self, rows: range, ahead: range, sources: list[Source]) -> list[Decoded]:
        """The decoded photos of `rows`, while those `ahead` are being read already."""
        prepared = [(s.extractor.size, s.prepared) for s in sources if s.extractor]
        with_looks = self.looks.prepared
        for row in ahead:
            # What is wanted of a photo depends on its row: after a crash one source may be ahead of another.
            looks, sizes = row >= with_looks, {size for size, count in prepared if row >= count}
            held = self._held.get(row)
            if held and held.reason is None and not (sizes <= held.squares.keys() and (held.thumb or not looks)):
                del self._held[row]
            if row not in self._held and row not in self._coming:
                path = self.register.file(int(self.register.order[row]))
                self._coming[row] = self._pool.submit(decode, path, sizes, looks=looks)
        out = []
        for row in rows:
            self._check_cancelled()
            held = self._held.pop(row, None)
            out.append(self._coming.pop(row).result() if held is None else held)
        return out

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold the two reading threads for the length of a run."""
        self._coming: dict[int, Future[Decoded]] = {}
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="handlens-read")
        try:
            yield
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _decoded(self, rows: range, sizes: set[int], *, looks: bool) -> Iterator[tuple[int, Decoded]]:
        futures = [
            self._pool.submit(decode, self.register.file(int(self.register.order[row])), sizes, looks=looks)
            for row in rows
        ]
        for row, future in zip(rows, futures, strict=True):
            self._check_cancelled()
            yield row, future.result()

    def _keep_looks(self, batch: list[Decoded], rows: range) -> None:
        blank = np.zeros((TILE, TILE, 3), np.uint8)
        refused: dict[int, str] = {}
        try:
            for row, decoded in zip(rows, batch, strict=True):
                photo = int(self.register.order[row])
                if decoded.reason is not None:
                    refused[photo] = decoded.reason
                    continue
                path = self.looks.thumb(photo)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(decoded.thumb)
        except OSError as error:
            raise StorageError(
                f"thumbnails could not be written: {reason_of(error)}. Make room on the disk, then resume."
            ) from error
        if refused:
            self.refuse(refused)  # before the rows count as prepared, so that no photo is gone without its reason
        tiles = np.stack([blank if d.tile is None else d.tile for d in batch])
        self.looks.tiles.append(tiles.reshape(len(batch), -1))
        self.looks.aspects.append(np.array([[d.aspect] for d in batch], np.float32))

    def _keep_features(self, source: Source, batch: list[Decoded]) -> None:
        import torch

        extractor = source.extractor
        if extractor is None:
            raise CollectionError(f"the features of {source.title} have nothing to compute them")
        good = np.array([d.reason is None for d in batch], bool)
        found: list[NDArray[np.float32]] = []
        if good.any():
            pictures = np.stack([d.squares[extractor.size] for d in batch if d.reason is None])
            found = [x.numpy() for x in extractor(torch.from_numpy(pictures))]
        for i, rows in enumerate(source.rows):
            block = np.full((len(batch), rows.dim), np.nan, np.float32)
            if good.any():
                block[good] = found[i]
            rows.append(block)

    def telling(self, phase: Phase) -> Callable[[int, int], None]:
        """A function of (done, total) that tells of a phase, and raises Cancelled when that was asked for."""
        started, first = time.monotonic(), -1

        def step(done: int, total: int) -> None:
            nonlocal first
            first = done if first < 0 else first
            self._check_cancelled()
            self._tell(phase, done, started, first, total=total)

        return step

    def _tell(self, phase: Phase, done: int, started: float, first: int, *, total: int) -> None:
        seconds = max(time.monotonic() - started, 1e-6)
        rate = (done - first) / seconds
        left = (total - done) / rate if rate > 0 else None
        self.progress = replace(self.progress, phase=phase, done=done, total=total, rate=rate, seconds_left=left)
        self.changed(self.progress)

    def _check_cancelled(self) -> None:
        if self.cancel.is_set():
            raise Cancelled("preparing was cancelled; it goes on from here when it is started again")


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the right to prepare the collection; a second process is told so at once.

    A lock inside SQLite, because the system lets it go however this process ends.
    """
    file = folder / "preparing.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if file.exists() and file.stat().st_size:
            file.unlink()  # a lock is always empty, so this is none of ours and SQLite may refuse it
        db = sqlite3.connect(file, timeout=0.2, isolation_level=None)
    except (OSError, sqlite3.DatabaseError) as error:
        raise StorageError(f"the folder {folder} cannot be written ({error})") from error
    with closing(db):
        try:
            db.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                raise CollectionError(
                    "this collection is being prepared by another process already. Wait for it."
                ) from error
            raise StorageError(
                f"the folder {folder} cannot be written ({error}). Make room, then try again."
            ) from error
        yield
