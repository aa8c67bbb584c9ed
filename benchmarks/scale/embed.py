"""`handlens embed` on the 8,000 car photos: two workers of a cluster of Ray beside two processes of this machine.

The cluster of two machines, as processes here, has done a small job before the clock starts: with the first one Ray
Data starts processes of its own on a cluster, which stay. What that takes is told too. Both runs begin with an empty
folder.
"""

from __future__ import annotations

import shutil
import time
import zipfile
from pathlib import Path

from machines import cluster

from handlens.embedding import embed
from handlens.scale import ShardSet

NETWORK = "mobilenetv2_100"


def timed(photos: Path, out: Path, n: int = 8000, **options) -> float:
    """Seconds to embed n photos; that each is in the shards once is checked."""
    shutil.rmtree(out, ignore_errors=True)
    begun = time.perf_counter()
    found = embed(photos, out, backbone=NETWORK, **options)
    seconds = time.perf_counter() - begun
    shards = ShardSet.open(out)
    shards.check()
    paths = shards.paths(range(len(shards)))
    assert found.complete
    assert len(set(paths)) == len(paths) == n - found.left_out
    return seconds


def run(bench) -> None:
    """Embed by both engines in turn."""
    photos = bench.work / "cars_8000"
    if not photos.is_dir():
        with zipfile.ZipFile(bench.data / "cars_8000" / "photos.zip") as archive:
            archive.extractall(photos)
    weights = bench.data / "weights" / f"{NETWORK}.imagenet.safetensors"
    local = timed(photos, bench.work / "shards-local", weights=weights, processes=2)
    bench.add("embed 8,000 photos in 2 processes", [local], unit="s")
    few = bench.work / "cars_16"
    few.mkdir(exist_ok=True)
    for photo in sorted(photos.rglob("*.jpg"))[:16]:
        shutil.copy(photo, few)
    with cluster(2) as made:
        first = timed(few, bench.work / "shards-few", n=16, weights=weights, engine="ray", address=made.address)
        bench.add("the first job on the cluster, of 16 photos", [first], unit="s")
        ray = timed(photos, bench.work / "shards-ray", weights=weights, engine="ray", address=made.address)
    bench.add("embed 8,000 photos by 2 workers of Ray", [ray], unit="s")
    bench.add("Ray over processes", [ray / local], at_most=1.1, unit="×")
