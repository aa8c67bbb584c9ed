"""Small models of a network that says of each picture its mean colour, and shards of its features."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from handlens.core.artifact import tensors_hash
from handlens.scale.manifest import (
    SHARDS,
    LayerFacts,
    ShardEntry,
    ShardManifest,
    shard_name,
    write_manifest,
)
from handlens.scale.shards import NewShard, write_shard
from handlens.studio.features import patches_extractor
from handlens.studio.features.extractor import Extractor
from handlens.studio.predictor import Predictor


def small_network(seed: int = 0) -> Extractor:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 96, 96, 3), np.uint8)
    return patches_extractor(pixels, seed=seed)


def save_model(folder: Path, network: Extractor, *, classes=("cat", "dog"), temperature=2.0, limits=None) -> Predictor:
    """A model whose scores are the first two numbers of the first layer, and 1 more for the second class."""
    layer = network.layers[0]
    weights = np.zeros((layer.dim, len(classes)), np.float32)
    weights[0, 0] = weights[1, 1] = 1
    bias = np.arange(len(classes), dtype=np.float32)
    model = Predictor(list(classes), [network], {layer.id: weights}, bias, temperature, limits=limits or {})
    model.save(folder)
    return model


def features_of(rows: np.ndarray, dim: int) -> np.ndarray:
    """Features of photos, which give the classes of `save_model` scores that are easy to compute."""
    found = np.zeros((len(rows), dim), np.float16)
    found[:, 0], found[:, 1] = rows % 7, rows % 3
    return found


def probabilities_by_hand(rows: np.ndarray) -> np.ndarray:
    """The probability of the second class for `features_of`, with the temperature 2."""
    return 1 / (1 + np.exp(-((rows % 3 + 1) - rows % 7) / 2))


def write_shards(out: Path, network: Extractor, *, photos: int = 25, a_shard: int = 10) -> ShardManifest:
    """Complete shards of the network of a model."""
    layers = tuple(LayerFacts(x.id, x.source, x.stage, x.pooling, x.dim) for x in network.layers)
    entries = []
    for unit, start in enumerate(range(0, photos, a_shard)):
        rows = np.arange(start, min(start + a_shard, photos))
        content = NewShard(
            [layer.id for layer in layers],
            paths=[f"photos/ü{row}.jpg" for row in rows],
            digests=[hashlib.blake2b(str(row).encode()).digest() for row in rows],
            aspects=[1.0] * len(rows),
            thumbnails=[b"jpeg"] * len(rows),
            features=[[features_of(rows, layer.dim) for layer in layers]],
        )
        name = shard_name(unit, 0)
        file = write_shard(out / SHARDS / name, content, [layer.dim for layer in layers])
        entries.append(ShardEntry(name, unit, 0, len(rows), len(rows), *file))
    weights = tensors_hash(network.tensors())
    facts = ("photos",), network.name, weights, layers, 0, "2026-11-26T12:00:00+00:00", True, tuple(entries)
    made = ShardManifest(*facts)
    write_manifest(out, made)
    return made
