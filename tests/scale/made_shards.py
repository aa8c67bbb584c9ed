"""Shards of made photos: features that say which photo they are of, and thumbnails of one colour."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from handlens.scale.manifest import (
    SHARDS,
    LayerFacts,
    ShardEntry,
    ShardManifest,
    shard_name,
    write_manifest,
)
from handlens.scale.shards import LeftOutPhoto, NewShard, write_shard

LAYERS = (LayerFacts("made/0/what", "made", "0", "what", 3), LayerFacts("made/0/where", "made", "0", "where", 27))


def features_of(rows: np.ndarray, dim: int) -> np.ndarray:
    """The made features of photos: their number in the first column, then cells of a wave."""
    columns = np.arange(dim)
    return np.where(columns == 0, rows[:, None] % 2048, np.sin(rows[:, None] + columns)).astype(np.float16)


def made_thumbnail(row: int) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (8, 6), (row % 256, row // 256 % 256, 90)).save(buffer, "JPEG")
    return buffer.getvalue()


def write_made_shards(
    out: Path,
    *,
    photos: int = 25,
    a_shard: int = 10,
    left_out: int = 0,
    layers: tuple[LayerFacts, ...] = LAYERS,
    seed: int = 0,
) -> ShardManifest:
    """Write a complete folder of shards, each with so many photos, and in the first one so many that are left out."""
    entries = []
    for unit, start in enumerate(range(0, photos, a_shard)):
        rows = np.arange(start, min(start + a_shard, photos))
        out_here = [LeftOutPhoto(f"bad/{i}.jpg", "truncated") for i in range(left_out if unit == 0 else 0)]
        content = NewShard(
            [layer.id for layer in layers],
            paths=[f"photos/ü{row}.jpg" for row in rows],
            digests=[hashlib.blake2b(str(row).encode()).digest() for row in rows],
            aspects=[1 + row / 100 for row in rows],
            thumbnails=[made_thumbnail(int(row)) for row in rows],
            features=[[features_of(rows, layer.dim) for layer in layers]],
            left_out=out_here,
        )
        name = shard_name(unit, 0)
        file = write_shard(out / SHARDS / name, content, [layer.dim for layer in layers])
        entries.append(ShardEntry(name, unit, 0, len(rows) + len(out_here), len(rows), *file))
    made = ShardManifest(("photos",), "made", "0" * 64, layers, seed, "2026-11-26T12:00:00+00:00", True, tuple(entries))
    write_manifest(out, made)
    return made
