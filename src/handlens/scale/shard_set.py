"""All shards of a folder, as one long table of photos."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.errors import ShardError
from handlens.scale.manifest import SHARDS, LayerFacts, ShardManifest, read_manifest
from handlens.scale.shards import DIGEST, LeftOutPhoto, Shard, described

_OPEN = 128
"""Shards that are kept open: the system allows a process only so many files, often 1,024."""


class FeatureBlock(NamedTuple):
    """The features of one shard: the row of its first photo, and float16 [rows, dim]."""

    start: int
    features: NDArray[np.float16]


class ShardSet:
    """Embedded photos, numbered from 0 in the order of the source, whichever shard holds them.

    Nothing is loaded: shards are opened when they are asked for, memory-mapped, and checked as they are read. It may
    be used from one thread at a time.

    Args:
        out: the folder.
        manifest: what it holds.

    Attributes:
        out, manifest: as given.
        starts: the row of each shard's first photo, and the number of photos [shards + 1].

    Raises:
        ShardError: (all methods) a shard is missing or damaged.

    Example:
        >>> from handlens.scale.manifest import write_manifest
        >>> layer = LayerFacts("net/0/what", "net", "0", "what", 16)
        >>> write_manifest(Path("."), ShardManifest(("photos",), "net", "", (layer,), 0, "2026-11-26T12:00:00+00:00"))
        >>> len(ShardSet.open("."))
        0
    """

    def __init__(self, out: Path, manifest: ShardManifest) -> None:
        self.out, self.manifest = out, manifest
        self.starts = np.cumsum([0, *(shard.rows for shard in manifest.shards)], dtype=np.int64)
        self._open: OrderedDict[int, Shard] = OrderedDict()
        self._right: dict[int, set[str]] = {}  # tensors that were read whole once need not be checked again

    @classmethod
    def open(cls, out: Path | str) -> ShardSet:
        """Open a folder of shards, which may still be growing: then it has the photos of the units that are done.

        Raises:
            ShardError: it is not such a folder, its manifest is damaged, or it was made by a newer version.
        """
        folder = Path(out)
        return cls(folder, read_manifest(folder))

    def __len__(self) -> int:
        """How many photos there are."""
        return int(self.starts[-1])

    @property
    def layers(self) -> tuple[LayerFacts, ...]:
        """The layers of features, first to last."""
        return self.manifest.layers

    def check_layer(self, layer: str) -> LayerFacts:
        """The facts of a layer; ShardError, naming those there are, if there is no such layer."""
        found = next((one for one in self.layers if one.id == layer), None)
        if found is None:
            raise ShardError(
                f"a layer must be one of {', '.join(one.id for one in self.layers)}; {layer!r:.80} arrived."
            )
        return found

    def shard(self, number: int) -> Shard:
        """An open shard, by its number in the manifest."""
        found = self._open.pop(number, None)
        if found is None:
            entry = self.manifest.shards[number]
            file = self.out / SHARDS / entry.name
            found = Shard(file, entry.file, right=self._right.setdefault(number, set()))
            dims = {layer.id for layer in self.layers}
            if found.rows != entry.rows or set(found.layers) != dims:
                raise ShardError(f"the shard {file} is not of this folder: it has other photos or layers. Restore it.")
            while len(self._open) >= _OPEN:
                self._open.popitem(last=False)
        self._open[number] = found
        return found

    def blocks(self, layer: str, *, first: int = 0) -> Iterator[FeatureBlock]:
        """The features of a layer, shard after shard, memory-mapped.

        Args:
            layer: the id of a layer.
            first: the number of the shard to begin with.
        """
        self.check_layer(layer)
        for number in range(first, len(self.manifest.shards)):
            if self.manifest.shards[number].rows:
                yield FeatureBlock(int(self.starts[number]), self.shard(number).features(layer))

    def features(self, layer: str, rows: Iterable[int] | NDArray[Any]) -> NDArray[np.float16]:
        """The features of some photos, float16 [k, dim], in the order in which they are asked for.

        Args:
            layer: the id of a layer.
            rows: of the photos; each may be there several times.
        """
        dim = self.check_layer(layer).dim
        wanted = self._wanted(rows)
        found = np.empty((len(wanted), dim), np.float16)
        for number, at in self._by_shard(wanted):
            found[at] = self.shard(number).some_features(layer, wanted[at] - self.starts[number])
        return found

    def thumbnail(self, row: int) -> bytes:
        """The thumbnail of a photo, a JPEG file."""
        number, inside = self.locate(row)
        return self.shard(number).thumbnail(inside)

    def path(self, row: int) -> str:
        """Where a photo came from: its path or address; in an archive or a table, after `#`."""
        number, inside = self.locate(row)
        return self.shard(number).path(inside)

    def paths(self, rows: Iterable[int] | NDArray[Any]) -> list[str]:
        """Where some photos came from."""
        wanted = self._wanted(rows)
        found = [""] * len(wanted)
        for number, at in self._by_shard(wanted):
            shard = self.shard(number)
            for place in at.tolist():
                found[place] = shard.path(int(wanted[place] - self.starts[number]))
        return found

    def aspects(self, rows: Iterable[int] | NDArray[Any]) -> NDArray[np.float32]:
        """Width over height of some photos [k]."""
        return self._taken(rows, lambda shard: shard.aspects, np.empty(0, np.float32))

    def digests(self, rows: Iterable[int] | NDArray[Any]) -> NDArray[np.uint8]:
        """BLAKE2b of the files of some photos [k, 64], as a collection knows them by."""
        return self._taken(rows, lambda shard: shard.digests, np.empty((0, DIGEST), np.uint8))

    def locate(self, row: int) -> tuple[int, int]:
        """The number of the shard that holds a photo, and its row there; IndexError if there is no such photo."""
        if not 0 <= row < len(self):
            raise IndexError(f"there are {len(self):,} photos; photo {row:,} was asked for")
        number = int(np.searchsorted(self.starts, row, "right")) - 1
        return number, row - int(self.starts[number])

    def left_out(self) -> Iterator[LeftOutPhoto]:
        """The photos that are left out, with the reasons, in the order of the source."""
        for number, entry in enumerate(self.manifest.shards):
            if entry.left_out:
                yield from self.shard(number).left_out()

    def check(self, *, progress: Callable[[int], None] | None = None) -> None:
        """Read everything and compare it with the checksums.

        Args:
            progress: called with the number of shards that are checked.

        Raises:
            ShardError: which shard is missing or damaged.
        """
        for number, entry in enumerate(self.manifest.shards):
            self.shard(number).check()
            file = self.out / SHARDS / entry.name
            if described(file) != entry.file:
                raise ShardError(f"the shard {file} is not the file that the manifest describes. Restore it.")
            if progress:
                progress(number + 1)

    def _wanted(self, rows: Iterable[int] | NDArray[Any]) -> NDArray[np.int64]:
        wanted = np.asarray(rows if isinstance(rows, np.ndarray) else list(rows), np.int64)
        if len(wanted) and not (wanted.min() >= 0 and wanted.max() < len(self)):
            raise IndexError(f"rows must be from 0 to {len(self) - 1:,}; {wanted.min():,} to {wanted.max():,} arrived")
        return wanted

    def _by_shard(self, wanted: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.int64]]]:
        """The shards of some rows, each with the places where its rows are among these."""
        numbers = np.searchsorted(self.starts, wanted, "right") - 1
        order = np.argsort(numbers, kind="stable")
        for at in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
            if len(at):
                yield int(numbers[at[0]]), at

    def _taken(
        self, rows: Iterable[int] | NDArray[Any], of: Callable[[Shard], NDArray[Any]], empty: NDArray[Any]
    ) -> NDArray[Any]:
        wanted = self._wanted(rows)
        found = np.empty((len(wanted), *empty.shape[1:]), empty.dtype)
        for number, at in self._by_shard(wanted):
            found[at] = of(self.shard(number))[wanted[at] - self.starts[number]]
        return found
