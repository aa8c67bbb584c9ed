"""A folder of shards of drawn shapes, with features learned on them, as `handlens embed` leaves it."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from handlens.scale.manifest import (
    EXTRACTOR,
    SHARDS,
    LayerFacts,
    ShardEntry,
    ShardManifest,
    shard_name,
    write_manifest,
)
from handlens.scale.shard_set import ShardSet
from handlens.scale.shards import NewShard, write_shard
from handlens.studio.collection import Collection

SAMPLE = 16
"""Photos in the random sample of the tests."""


def write_drawn_shards(out: Path, files: list[Path], source: Path, *, a_shard: int = 6) -> None:
    import torch

    from handlens.core.artifact import save_artifact
    from handlens.studio.features import patches_extractor
    from handlens.studio.sources import EXTRACTOR_KIND

    pictures = np.stack([np.asarray(Image.open(file).convert("RGB").resize((96, 96))) for file in files])
    extractor = patches_extractor(pictures, seed=0)
    save_artifact(out / EXTRACTOR, EXTRACTOR_KIND, extractor.config(), extractor.tensors())
    blocks = [x.numpy().astype(np.float16) for x in extractor(torch.from_numpy(pictures))]
    layers = tuple(LayerFacts(one.id, one.source, one.stage, one.pooling, one.dim) for one in extractor.layers)
    entries = []
    for unit, start in enumerate(range(0, len(files), a_shard)):
        part = files[start : start + a_shard]
        content = NewShard(
            [layer.id for layer in layers],
            paths=[str(file) for file in part],
            digests=[hashlib.blake2b(file.read_bytes()).digest() for file in part],
            aspects=[4 / 3] * len(part),
            thumbnails=[_jpeg(file) for file in part],
            features=[[block[start : start + a_shard] for block in blocks]],
        )
        name = shard_name(unit, 0)
        file = write_shard(out / SHARDS / name, content, [layer.dim for layer in layers])
        entries.append(ShardEntry(name, unit, 0, len(part), len(part), *file))
    made = ShardManifest(
        (str(source),), "patches", "0" * 64, layers, 0, "2026-11-26T12:00:00+00:00", True, tuple(entries)
    )
    write_manifest(out, made)


def write_again(shards: ShardSet, out: Path, rows: list[int], *, a_shard: int) -> None:
    """Write the photos of shards into others, in another order."""
    entries = []
    layers = [layer.id for layer in shards.layers]
    for unit, start in enumerate(range(0, len(rows), a_shard)):
        part = rows[start : start + a_shard]
        content = NewShard(
            layers,
            paths=shards.paths(part),
            digests=[digest.tobytes() for digest in shards.digests(part)],
            aspects=shards.aspects(part).tolist(),
            thumbnails=[shards.thumbnail(row) for row in part],
            features=[[shards.features(layer, part) for layer in layers]],
        )
        name = shard_name(unit, 0)
        file = write_shard(out / SHARDS / name, content, [layer.dim for layer in shards.layers])
        entries.append(ShardEntry(name, unit, 0, len(part), len(part), *file))
    write_manifest(out, replace(shards.manifest, shards=tuple(entries)))


def _jpeg(file: Path) -> bytes:
    buffer = io.BytesIO()
    Image.open(file).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def drawn_shards(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 40 drawn photos in shards of six: rows 0–19 are circles, 20–39 squares (not to be changed)."""
    out = tmp_path_factory.mktemp("drawn") / "shards"
    files = [drawn / kind / f"{i}.png" for kind in ("circles", "squares") for i in range(20)]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"_SAMPLES": 2000, "_ROUNDS": 3, "CENTRES": 24}.items():
            patch.setattr(f"handlens.studio.features.patches.{name}", value)
        write_drawn_shards(out, files, drawn)
    return out


@pytest.fixture
def shards(drawn_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shards, of which a new collection takes 16 photos."""
    monkeypatch.setattr("handlens.studio.shards.register.SAMPLE", SAMPLE)
    return Path(shutil.copytree(drawn_shards, tmp_path / "shards"))


@pytest.fixture
def sampled(shards: Path, tmp_path: Path) -> Callable[[], Collection]:
    """Opens a collection of its own on a copy of the shards; it is prepared when it is first opened."""

    def opened() -> Collection:
        folder = tmp_path / "collection"
        if folder.exists():
            return Collection.open(folder)
        collection = Collection.create(folder, images=shards)
        collection.prepare()
        return collection

    return opened
