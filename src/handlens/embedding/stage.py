"""The one stage of embedding, the same for each engine: a unit of work becomes shards, each photo exactly once."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.core.artifact import load_artifact
from handlens.embedding.attempts import Attempts, UnitPart, attempt
from handlens.embedding.items import Item, is_there, items_of
from handlens.embedding.plan import EmbeddingPlan
from handlens.embedding.trial import ends_its_process
from handlens.embedding.work import UnitDone
from handlens.errors import PhotoError, ShardError
from handlens.io.problems import reason_of, reporting_disk_errors
from handlens.scale.manifest import (
    EXTRACTOR,
    SHARDS,
    ShardEntry,
    read_done,
    read_manifest,
    shard_name,
    write_done,
)
from handlens.scale.shards import LeftOutPhoto, NewShard, Shard, described, write_shard
from handlens.studio.features import rebuild
from handlens.studio.features.extractor import Extractor
from handlens.studio.pictures import read_squares, thumbnail
from handlens.studio.sources import EXTRACTOR_KIND

A_SHARD = 1000
"""Photos of a shard."""

FEW = 50
"""Photos of a shard while a photo is looked for that kills the process."""

DEADLY = "it ends the process that reads it (a fault of its decoder, or memory)"

BATCH = 64
_READERS = 4


class _Read(NamedTuple):
    """A photo that was read, or the reason why it is left out."""

    path: str
    reason: str = ""
    digest: bytes = b""
    aspect: float = 0.0
    thumbnail: bytes = b""
    square: NDArray[np.uint8] | None = None
    share: float = 0.0


class Stage:
    """Embeds units of one run, in one process.

    Args:
        out: the folder of the shards, with manifest, plan and network.
        threads: for the network; photos are read by as many, and by four at least where they come from a bucket.

    Raises:
        ShardError: the folder is not there, as on a machine that does not share it.
    """

    def __init__(self, out: Path, *, threads: int = 1) -> None:
        import torch

        self._out, self._plan = out, EmbeddingPlan(out)
        self._manifest = read_manifest(out)
        torch.set_num_threads(threads)
        self._threads = threads
        self._extractor: Extractor = rebuild(*load_artifact(out / EXTRACTOR, EXTRACTOR_KIND))
        self._dims = [layer.dim for layer in self._manifest.layers]

    @staticmethod
    def created(out: Path) -> str:
        """When the run in a folder began, as its manifest says."""
        return read_manifest(out).created

    def run(self, number: int) -> UnitDone:
        """Embed a unit, from where an earlier attempt left it; what is committed is never written again.

        Raises:
            ShardError: its source cannot be read.
            StorageError: the disk refused.
        """
        shards = read_done(self._out, number)
        if shards is None:
            with attempt(self._out, number) as attempts:
                shards = self._embed(number, attempts)
                write_done(self._out, number, shards)
        return UnitDone(number, sum(s.rows for s in shards), sum(s.left_out for s in shards))

    def _embed(self, number: int, attempts: Attempts) -> list[ShardEntry]:
        while (shards := self._embed_rest(number, attempts)) is None:
            pass  # another process is at the same unit, and committed other pieces of it: go on from there
        return shards

    def _embed_rest(self, number: int, attempts: Attempts) -> list[ShardEntry] | None:
        shards = list(self._committed(number))
        at = start = shards[-1].stop if shards else 0
        content, batch, first = self._new(), list[_Read](), start
        most = FEW if attempts.careful else A_SHARD
        for read in self._read(items_of(self._plan.unit(number), at), at, attempts):
            batch.append(read)
            at += 1
            is_full = at - start == most
            if is_full or len(batch) == (1 if attempts.careful else BATCH):
                self._add(content, batch)
                attempts.at(UnitPart(first, at, read.share))
                batch = []
            if is_full:
                shards.append(self._commit(number, start, content))
                attempts.keep()
                if shards[-1].stop != at:
                    return None
                start, content = at, self._new()
        self._add(content, batch)
        if at > start:
            shards.append(self._commit(number, start, content))
        return shards if at == start or shards[-1].stop == at else None

    def _new(self) -> NewShard:
        return NewShard([layer.id for layer in self._manifest.layers])

    def _committed(self, number: int) -> Iterator[ShardEntry]:
        """The shards that earlier attempts at a unit committed, one beginning where the other ends."""
        start = 0
        while (file := self._out / SHARDS / shard_name(number, start)).exists():
            yield self._entry(number, start, file)
            start += max(1, Shard(file).rows + len(Shard(file).left_out()))

    def _commit(self, number: int, start: int, content: NewShard) -> ShardEntry:
        file = self._out / SHARDS / shard_name(number, start)
        write_shard(file, content, self._dims)
        return self._entry(number, start, file)

    def _entry(self, number: int, start: int, file: Path) -> ShardEntry:
        """What the manifest says of a shard that is committed, perhaps by another process."""
        known = described(file)
        shard = Shard(file, known)
        stop = start + shard.rows + len(shard.left_out())
        return ShardEntry(shard_name(number, start), number, start, stop, shard.rows, *known)

    def _add(self, content: NewShard, batch: list[_Read]) -> None:
        """Put photos into a shard, with their features."""
        import torch

        good = [read for read in batch if read.square is not None]
        content.left_out += [LeftOutPhoto(read.path, read.reason) for read in batch if read.square is None]
        if not good:
            return
        squares = torch.from_numpy(np.stack([read.square for read in good if read.square is not None]))
        top = float(np.finfo(np.float16).max)
        features = self._extractor(squares)
        content.features.append([layer.numpy().clip(-top, top).astype(np.float16) for layer in features])
        for read in good:
            content.paths.append(read.path)
            content.digests.append(read.digest)
            content.aspects.append(read.aspect)
            content.thumbnails.append(read.thumbnail)

    def _read(self, items: Iterator[Item], first: int, attempts: Attempts) -> Iterator[_Read]:
        """The photos, read ahead unless one is looked for that kills the process."""
        if attempts.careful:
            for position, item in enumerate(items, first):
                if attempts.deadly(position) or (attempts.suspected(position) and self._is_deadly(item)):
                    yield _Read(item.path, DEADLY)
                else:
                    attempts.take(position)
                    yield self._one(item)
            return
        waiting: deque[Future[_Read]] = deque()
        with ThreadPoolExecutor(max(self._threads, _READERS if self._is_remote else 1)) as pool:
            try:
                for item in items:
                    waiting.append(pool.submit(self._one, item))
                    if len(waiting) > 2 * BATCH:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()

    @property
    def _is_remote(self) -> bool:
        return any("://" in one for one in self._plan.facts.source)

    def _is_deadly(self, item: Item) -> bool:
        """Whether a photo ends the process that reads it; if it cannot be fetched, that is said when it is read."""
        try:
            with _as_file(item.fetch()) as file:
                return ends_its_process(file, self._extractor.size)
        except (PhotoError, OSError):
            return False

    def _one(self, item: Item) -> _Read:
        """Read a photo."""
        return self._read_photo(item)._replace(share=item.share)

    def _read_photo(self, item: Item) -> _Read:
        try:
            found = item.fetch()
            with _as_file(found) as file:
                return self._picture(item.path, file, found if isinstance(found, bytes) else file.read_bytes())
        except PhotoError as error:
            return _Read(item.path, str(error))
        except OSError as error:
            if not is_there(item.path):
                raise ShardError(
                    f"the folder of {item.path} is not there now ({reason_of(error)}). Bring it back, on each machine, "
                    "and run the same command again: what is embedded stays."
                ) from error
            return _Read(item.path, reason_of(error))

    def _picture(self, path: str, file: Path, data: bytes) -> _Read:
        size = self._extractor.size
        image, squares = read_squares(file, {size})
        small = thumbnail(image, self._manifest.thumbnail)
        digest = hashlib.blake2b(data).digest()
        return _Read(path, "", digest, image.width / image.height, small, squares[size])


@contextmanager
def _as_file(found: Path | bytes) -> Iterator[Path]:
    """A block in which a photo is in a file; if that cannot be written, StorageError: the photo is not to blame."""
    if isinstance(found, Path):
        yield found
        return
    folder = tempfile.gettempdir()
    with reporting_disk_errors(f"a photo of an archive or bucket, for a moment in {folder},"):
        number, name = tempfile.mkstemp(prefix="handlens-embed-", dir=folder)
    try:
        with reporting_disk_errors(name), os.fdopen(number, "wb") as file:
            file.write(found)
        yield Path(name)
    finally:
        os.unlink(name)


def clean(out: Path) -> None:
    """Remove what processes of an earlier run left half written, and what was known of their attempts."""
    for file in (out / SHARDS).glob("*/.*.tmp"):
        with suppress(OSError):
            file.unlink()
    for file in (out / "attempts").glob("*"):
        with suppress(OSError):
            file.unlink()
