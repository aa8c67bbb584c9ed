"""A random sample of the photos of shards that stays one while more photos are embedded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.scale.manifest import ShardEntry
from handlens.scale.order import scattered

EVERY = 2**64 - 1
"""The largest key that there can be."""

_AT_ONCE = 2**20  # photos


class RandomSample(NamedTuple):
    """Photos with the smallest keys: their rows, int64 [k], the smallest key first, and the largest of the keys.

    If all photos are in it, the largest key is `EVERY`.
    """

    rows: NDArray[np.int64]
    last: int


def photo_keys(units: NDArray[np.integer], places: NDArray[np.integer], *, seed: int) -> NDArray[np.uint64]:
    """A random number of each photo, which it keeps whatever is embedded before or after it; uint64 [n].

    Args:
        units: the unit of work that each is a part of.
        places: which photo of the unit it is, as its shard's `start` and its row there tell.
        seed: another seed gives other numbers.

    Source: permanent random numbers; E. Ohlsson, "Coordination of samples using permanent random numbers", in Business
    Survey Methods, 1995.

    Example:
        >>> units, places = np.array([0, 0, 7]), np.array([0, 1, 0])
        >>> keys = photo_keys(units, places, seed=0)
        >>> keys[2:].tolist() == photo_keys(units[2:], places[2:], seed=0).tolist(), len(set(keys.tolist()))
        (True, 3)
    """
    base = np.random.default_rng(seed).integers(0, 2**63, dtype=np.uint64)
    return scattered(scattered(units.astype(np.uint64) ^ base) + places.astype(np.uint64))


def random_sample(shards: Sequence[ShardEntry], size: int, *, seed: int) -> RandomSample:
    """A simple random sample of the photos of shards: those with the smallest keys.

    Of the photos that are added later, those with smaller keys take the places of others: what is in both samples was
    in the first one.

    Args:
        shards: as in the manifest.
        size: how many photos; all if there are fewer.
        seed: of the keys.

    Example:
        >>> shards = [ShardEntry("000/000000-0000000.safetensors", 0, 0, 1000, 1000, 17, "", "")]
        >>> few, more = (set(random_sample(shards, n, seed=0).rows.tolist()) for n in (3, 10))
        >>> len(few), few < more
        (3, True)
    """
    size = max(size, 1)
    keys, rows = np.empty(0, np.uint64), np.empty(0, np.int64)
    first = 0
    for part in _parts(shards):
        count = sum(shard.rows for shard in part)
        units = np.repeat([shard.unit for shard in part], [shard.rows for shard in part])
        places = np.concatenate([np.arange(shard.start, shard.start + shard.rows) for shard in part])
        keys = np.concatenate([keys, photo_keys(units, places, seed=seed)])
        rows = np.concatenate([rows, np.arange(first, first + count)])
        first += count
        if len(keys) > size:
            least = np.argpartition(keys, size - 1)[:size]
            keys, rows = keys[least], rows[least]
    order = np.lexsort((rows, keys))
    return RandomSample(rows[order], EVERY if first <= size else int(keys.max()))


def _parts(shards: Sequence[ShardEntry]) -> Iterable[list[ShardEntry]]:
    """Some shards at a time, so that not all keys are in memory."""
    part: list[ShardEntry] = []
    held = 0
    for shard in shards:
        part.append(shard)
        held += shard.rows
        if held >= _AT_ONCE:
            yield part
            part, held = [], 0
    if part:
        yield part
