"""Studio on shards of 1,000,000 made photos with two layers: the time to a usable map, memory, and searches of all.

Shards are written by the code that `handlens embed` writes them with: features of 64 clusters, a thumbnail that all
photos share. HANDLENS_SCALE_PHOTOS has another number of photos.
"""

from __future__ import annotations

import hashlib
import io
import os
import resource
import shutil
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from handlens.scale.manifest import SHARDS, LayerFacts, ShardEntry, ShardManifest, shard_name, write_manifest
from handlens.scale.shards import NewShard, write_shard
from handlens.studio import Collection

DIMS = (256, 128)
A_SHARD = 1000
SEARCHES = 20
FIRST = 500
"""Photos after which there is a map."""


def made(work: Path, n: int) -> Path:
    """A folder of shards of `n` photos, made unless it is there."""
    out = work / f"shards-{n}"
    if (out / "manifest.json").exists():
        return out
    layers = tuple(LayerFacts(f"made/{i}/what", "made", str(i), "what", dim) for i, dim in enumerate(DIMS))
    random = np.random.default_rng(0)
    centres = [random.normal(size=(64, dim)).astype(np.float32) for dim in DIMS]
    buffer = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (24, 32, 3), np.uint8)).resize((256, 192)).save(buffer, "JPEG")
    entries = []
    for unit, start in enumerate(range(0, n, A_SHARD)):
        rows = np.arange(start, min(start + A_SHARD, n))
        kinds = random.integers(0, 64, len(rows))
        features = [of[kinds] + random.normal(size=(len(rows), of.shape[1])).astype(np.float32) for of in centres]
        content = NewShard(
            [layer.id for layer in layers],
            paths=[f"s3://made/{row:09d}.jpg" for row in rows],
            digests=[hashlib.blake2b(str(row).encode()).digest() for row in rows],
            aspects=[4 / 3] * len(rows),
            thumbnails=[buffer.getvalue()] * len(rows),
            features=[[x.astype(np.float16) for x in features]],
        )
        name = shard_name(unit, 0)
        file = write_shard(out / SHARDS / name, content, DIMS)
        entries.append(ShardEntry(name, unit, 0, len(rows), len(rows), *file))
    whole = ShardManifest(
        ("s3://made",), "made", "0" * 64, layers, 0, "2026-11-26T12:00:00+00:00", True, tuple(entries)
    )
    write_manifest(out, whole)
    return out


def run(bench) -> None:
    """Open, search and grow a collection on the shards."""
    n = int(os.environ.get("HANDLENS_SCALE_PHOTOS", "1000000"))
    out = made(bench.work, n)
    folder = bench.work / f"on-shards-{n}"
    shutil.rmtree(folder, ignore_errors=True)
    usable = threading.Event()
    began, cpu = time.perf_counter(), time.process_time()

    def passed() -> float:
        return time.perf_counter() - began

    with Collection.create(folder, images=out) as collection:
        bench.add(f"studio on shards of {n:,} × {len(DIMS)} layers: the sample is listed", [passed()], unit="s")
        collection.parts.listeners.subscribe(
            lambda kind, payload: usable.set() if kind == "maps" and payload["prepared"] >= FIRST else None
        )
        collection.start_preparing()
        usable.wait()
        layer = collection.layers[0]
        collection.map(layer, "pca-1-2")
        bench.add("    a usable map", [passed()], unit="s")
        collection.parts.preparing.join()
        bench.add(f"    all {len(collection.paths):,} photos of the sample are copied", [passed()], unit="s")
        bench.add("        CPU time until then", [time.process_time() - cpu], unit="s")
        times, cpus = [], []
        for photo in range(SEARCHES + 1):
            began, cpu = time.perf_counter(), time.process_time()
            collection.parts.everywhere.alike([photo], layer, 100)
            times.append(passed())
            cpus.append(time.process_time() - cpu)
        bench.add(f"    similar among all × {layer.dim}, exact: the first, with checksums", times[:1], unit="s")
        bench.add("        p95 of the others", times[1:], unit="s", value=float(np.percentile(times[1:], 95)))
        bench.add("        their CPU time", cpus[1:], unit="s")
        began = time.perf_counter()
        added = collection.look_closer(range(16), layer=layer)
        bench.add(f"    {len(added)} more photos where one looks", [passed()], unit="s")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        bench.add("    peak memory, with pages of the shards that are mapped", [peak], unit="GB")
    began = time.perf_counter()
    with Collection.open(folder) as collection:
        collection.map(collection.layers[0], "pca-1-2")
        bench.add("    opened again, to a map", [passed()], unit="s")
    matrix = np.zeros((min(n, 200_000), DIMS[0]), np.float32)
    began = time.perf_counter()
    matrix @ np.ones(DIMS[0], np.float32)
    limit = passed() * n / len(matrix)
    bench.add("    the limit of a search: one product with rows that are in memory", [limit], unit="s")
