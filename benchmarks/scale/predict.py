"""`handlens predict` on shards of made photos: two workers of a cluster of Ray beside two processes of this machine.

The features are made, as many as those of patches: six layers, 7,680 numbers a photo, all used by the model. The
cluster of two machines, as processes here, runs before the clock starts; both runs begin with an empty folder.
HANDLENS_SCALE_PHOTOS has another number of photos than 20,000.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import time
from pathlib import Path

import numpy as np
from machines import cluster

from handlens.core.artifact import tensors_hash
from handlens.predicting import predict
from handlens.scale.manifest import SHARDS, LayerFacts, ShardEntry, ShardManifest, shard_name, write_manifest
from handlens.scale.shards import NewShard, write_shard
from handlens.studio.features import patches_extractor
from handlens.studio.predictor import Predictor

A_SHARD = 1000
CLASSES = [f"class {i}" for i in range(10)]


def made(model: Path, out: Path, n: int) -> None:
    """A model, and shards of `n` photos with features of its network."""
    random = np.random.default_rng(0)
    network = patches_extractor(random.integers(0, 256, (8, 96, 96, 3), np.uint8), seed=0)
    weights = {x.id: random.normal(size=(x.dim, len(CLASSES))).astype(np.float32) / x.dim for x in network.layers}
    Predictor(CLASSES, [network], weights, np.zeros(len(CLASSES), np.float32), 1.0).save(model)
    layers = tuple(LayerFacts(x.id, x.source, x.stage, x.pooling, x.dim) for x in network.layers)
    entries = []
    for unit, start in enumerate(range(0, n, A_SHARD)):
        rows = range(start, min(start + A_SHARD, n))
        content = NewShard(
            [layer.id for layer in layers],
            paths=[f"s3://made/{row:09d}.jpg" for row in rows],
            digests=[hashlib.blake2b(str(row).encode()).digest() for row in rows],
            aspects=[1.0] * len(rows),
            thumbnails=[b"jpeg"] * len(rows),
            features=[[random.random((len(rows), layer.dim), np.float32).astype(np.float16) for layer in layers]],
        )
        name = shard_name(unit, 0)
        file = write_shard(out / SHARDS / name, content, [layer.dim for layer in layers])
        entries.append(ShardEntry(name, unit, 0, len(rows), len(rows), *file))
    facts = ("s3://made",), network.name, tensors_hash(network.tensors()), layers, 0, "2026-11-26T12:00:00+00:00"
    write_manifest(out, ShardManifest(*facts, True, tuple(entries)))


def timed(model: Path, shards: Path, n: int, **options) -> float:
    """Seconds to predict all photos; that each is predicted once is checked."""
    shutil.rmtree(shards / "predictions", ignore_errors=True)
    begun = time.perf_counter()
    found = predict(model, shards, **options)
    seconds = time.perf_counter() - begun
    found.check()
    assert found.frame(["row"])["row"].tolist() == list(range(n))
    return seconds


def run(bench) -> None:
    """Predict by both engines."""
    n = int(os.environ.get("HANDLENS_SCALE_PHOTOS", "20000"))
    model, shards = bench.work / "predict-model", bench.work / f"predict-shards-{n}"
    if not (shards / "manifest.json").exists():
        shutil.rmtree(model, ignore_errors=True)
        made(model, shards, n)

    def used() -> float:
        of = resource.getrusage(resource.RUSAGE_CHILDREN)
        return of.ru_utime + of.ru_stime

    before = used()
    local = timed(model, shards, n, processes=2)
    bench.add(f"predict {n:,} × 7,680 features in 2 processes", [local], unit="s")
    bench.add("    their CPU time, with that of starting them", [used() - before], unit="s")
    with cluster(2) as of_two:
        ray = timed(model, shards, n, engine="ray", address=of_two.address)
    bench.add(f"predict {n:,} × 7,680 features by 2 workers of Ray", [ray], unit="s")
    bench.add("    Ray over processes", [ray / local], unit="×")
    files = [shards / SHARDS / file.name for file in (shards / SHARDS).glob("*")]
    begun, size = time.perf_counter(), 0
    for file in (file for folder in files for file in folder.glob("*.safetensors")):
        size += len(file.read_bytes())
    bench.add(f"    the limit: one thread reads the {size / 1e6:,.0f} MB", [time.perf_counter() - begun], unit="s")
