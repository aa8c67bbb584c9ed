"""A random sample of shards stays one while photos are added."""

from __future__ import annotations

import numpy as np

from handlens.scale.manifest import ShardEntry, shard_name
from handlens.scale.sample import EVERY, photo_keys, random_sample


def shards_of(*units: int, rows: int = 100) -> list[ShardEntry]:
    return [ShardEntry(shard_name(unit, 0), unit, 0, rows, rows, 1, "", "") for unit in units]


def test_the_sample_is_the_photos_with_the_smallest_keys() -> None:
    found = random_sample(shards_of(0, 1, 2), 7, seed=3)
    keys = photo_keys(np.repeat([0, 1, 2], 100), np.tile(np.arange(100), 3), seed=3)
    assert found.rows.tolist() == np.argsort(keys)[:7].tolist()
    assert found.last == int(np.sort(keys)[6])


def test_all_photos_are_in_a_sample_that_is_larger() -> None:
    found = random_sample(shards_of(0, 1), 500, seed=0)
    assert sorted(found.rows.tolist()) == list(range(200))
    assert found.last == EVERY
    assert random_sample([], 5, seed=0).rows.tolist() == []


def test_a_photo_keeps_its_key_whatever_is_embedded_before_it() -> None:
    early, late = shards_of(1, 3), shards_of(0, 1, 2, 3)
    first, second = random_sample(early, 20, seed=0), random_sample(late, 20, seed=0)
    unit_and_place = {(1 if row < 100 else 3, row % 100) for row in first.rows.tolist()}
    kept = {(row // 100, row % 100) for row in second.rows.tolist()}
    assert {photo for photo in kept if photo[0] in (1, 3)} <= unit_and_place
    assert second.last < first.last


def test_samples_are_spread_evenly() -> None:
    """Of 100 units with 100 photos each, 2,000 photos: about 20 of each, as in draws without replacement."""
    counts = np.bincount(random_sample(shards_of(*range(100)), 2000, seed=1).rows // 100, minlength=100)
    assert counts.sum() == 2000
    expected = 20 * (1 - 0.2) * 9900 / 9999  # the variance of the hypergeometric distribution
    assert 0.7 * expected < counts.var() < 1.4 * expected


def test_places_in_a_unit_count_from_the_start_of_a_shard() -> None:
    whole = shards_of(4)
    halves = [
        ShardEntry(shard_name(4, 0), 4, 0, 60, 60, 1, "", ""),
        ShardEntry(shard_name(4, 60), 4, 60, 100, 40, 1, "", ""),
    ]
    assert random_sample(whole, 9, seed=0).rows.tolist() == random_sample(halves, 9, seed=0).rows.tolist()
