"""What 10,000,000 and 100,000,000 photos take: hours, machines, disk and money, from rates that are measured here.

    python benchmarks/scale/plan.py [--machines 16] [--cores 16] [--price 0.04] [--photos FOLDER] [--simulated 1000000]

The rates are processor seconds, which other programs hardly change: of `handlens embed` on real photos (its processes
with 16 photos and with all of them are compared, so that their start does not count), and of `handlens predict` on the
features. The rest is simulated as far as the disk holds it: real shards of made features, opened, sampled and searched,
and a real index of them. What is not a matter of each photo is left out: the start of machines, and their idle time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handlens.core.artifact import load_artifact
from handlens.embedding import embed
from handlens.predicting.files import write_file
from handlens.predicting.scorers import FeatureScorer
from handlens.scale import ShardSet
from handlens.scale.index import build_index
from handlens.scale.manifest import SHARDS, LayerFacts, ShardEntry, ShardManifest, shard_name, write_manifest
from handlens.scale.passes import nearest_photos
from handlens.scale.sample import random_sample
from handlens.scale.shards import NewShard, write_shard
from handlens.studio.features import rebuild
from handlens.studio.predictor import Predictor
from handlens.studio.sources import EXTRACTOR_KIND

NETWORK = "mobilenetv2_100"
FEW, MANY = 16, 272
"""Photos of the two runs that are compared."""

A_SHARD, DIM = 1000, 128
SAMPLE = 20_000
SIZES = (10_000_000, 100_000_000)


class Rates(NamedTuple):
    """What one photo takes: processor seconds, and bytes."""

    embed: float
    predict: float
    index: float
    photo_bytes: float
    shard_bytes: float
    prediction_bytes: float
    index_bytes: float
    manifest_bytes: float


def of_children() -> float:
    """Processor seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def embedded(photos: list[Path], weights: Path | None, out: Path) -> float:
    """Embed photos in one process; its processor seconds."""
    before = of_children()
    embed(photos, out, backbone=NETWORK if weights else None, weights=weights, processes=1)
    return of_children() - before


def of_photos(photos: list[Path], weights: Path | None, work: Path) -> tuple[float, float, float, float]:
    """Processor seconds to embed and to predict a photo, and bytes of its shard and of its prediction."""
    few, many = (embedded(photos[:n], weights, work / str(n)) for n in (FEW, MANY))
    shards = ShardSet.open(work / str(MANY))
    size = sum(shard.bytes for shard in shards.manifest.shards) / MANY
    network = rebuild(*load_artifact(shards.out / "extractor", EXTRACTOR_KIND))
    random = np.random.default_rng(0)
    classes = tuple(f"class {i}" for i in range(10))
    layers = {x.id: random.normal(size=(x.dim, len(classes))).astype(np.float32) for x in network.layers}
    scorer = FeatureScorer(Predictor(list(classes), [network], layers, np.zeros(len(classes), np.float32), 1.0), shards)
    rows, file = shards.manifest.shards[0].rows, work / "predictions.parquet"

    def predicted() -> None:
        file.unlink(missing_ok=True)
        paths = shards.shard(0).paths()
        write_file(file, scorer(0), classes=classes, paths=paths, start=0, run="", shard="")

    predicted()  # which checks the checksums, once
    began = time.process_time()
    for _ in range(10):
        predicted()
    return (many - few) / (MANY - FEW), (time.process_time() - began) / 10 / rows, size, file.stat().st_size / rows


def simulated(out: Path, n: int) -> ShardSet:
    """Shards of `n` made photos, with one layer of features of 1,000 groups, made unless they are there."""
    if (out / "manifest.json").exists():
        return ShardSet.open(out)
    random = np.random.default_rng(0)
    centres = random.standard_normal((1000, DIM), np.float32)
    layer = LayerFacts("made/0/what", "made", "0", "what", DIM)
    entries = []
    for unit, start in enumerate(range(0, n, A_SHARD)):
        rows = range(start, min(start + A_SHARD, n))
        features = centres[random.integers(0, len(centres), len(rows))]
        features = features + random.standard_normal(features.shape, np.float32)
        content = NewShard(
            [layer.id],
            paths=[f"s3://made/{row:09d}.jpg" for row in rows],
            digests=[hashlib.blake2b(str(row).encode()).digest() for row in rows],
            aspects=[1.0] * len(rows),
            thumbnails=[b"jpeg"] * len(rows),
            features=[[features.astype(np.float16)]],
        )
        name = shard_name(unit, 0)
        file = write_shard(out / SHARDS / name, content, [DIM])
        entries.append(ShardEntry(name, unit, 0, len(rows), len(rows), *file))
    facts = ("s3://made",), "made", "0" * 64, (layer,), 0, "2026-11-26T12:00:00+00:00", True
    write_manifest(out, ShardManifest(*facts, tuple(entries)))
    return ShardSet.open(out)


def timed(act: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it gives, its seconds, and those of the processor."""
    wall, used = time.perf_counter(), time.process_time()
    return act(), time.perf_counter() - wall, time.process_time() - used


def simulation(bench: Any, work: Path, n: int) -> tuple[float, float, float]:
    """Open, sample, search and index made shards; the index's processor seconds and bytes a photo, the manifest's."""
    out, folder = work / f"simulated-{n}", work / f"simulated-index-{n}"
    shards, seconds, used = timed(lambda: simulated(out, n))
    bench.add(f"simulated: shards of {n:,} × {DIM} written, or opened", [seconds], unit="s")
    shards, seconds, used = timed(lambda: ShardSet.open(out))
    bench.add("    opened", [seconds], unit="s")
    bench.add("        CPU time", [used], unit="s")
    _, seconds, used = timed(lambda: random_sample(shards.manifest.shards, SAMPLE, seed=0))
    bench.add(f"    a random sample of {SAMPLE:,}", [seconds], unit="s")
    bench.add("        CPU time", [used], unit="s")
    layer = shards.layers[0].id
    query = shards.features(layer, [n // 2])[0].astype(np.float32)
    unit = np.ones(DIM, np.float32)

    def search() -> object:
        return nearest_photos(shards, layer, query[None], 50, mean=0 * unit, inverse=unit)

    _, seconds, used = timed(search)
    bench.add("    one exact search, the first, with checksums", [seconds], unit="s")
    _, seconds, used = timed(search)
    bench.add("    one exact search", [seconds], unit="s")
    bench.add("        CPU time", [used], unit="s")
    shutil.rmtree(folder, ignore_errors=True)

    def read(start: int, stop: int) -> np.ndarray:
        return shards.features(layer, np.arange(start, stop))

    index, seconds, used = timed(lambda: build_index(folder, read, (n, DIM), of=str(n)))
    bench.add("    an index of the shards, built", [seconds], unit="s")
    bench.add("        CPU time", [used], unit="s")
    bench.add("        recall@50, as it is measured when it is built", [index.recall], at_least=0.95)
    rows = np.random.default_rng(1).integers(0, n, 100)
    queries = shards.features(layer, rows).astype(np.float32)
    for query in queries:
        index.nearest(query, 50)
    ms = [1000 * timed(lambda query=query: index.nearest(query, 50))[1] for query in queries]
    bench.add("    a search by it, p95", ms, at_most=100, unit="ms", value=statistics.quantiles(ms, n=20)[-1])
    size = sum(file.stat().st_size for file in folder.iterdir()) / n
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    bench.add("    peak memory, with pages of the shards that are mapped", [peak], unit="GB")
    return used / n, size, (out / "manifest.json").stat().st_size / n


def plan(rates: Rates, *, simulated: int, machines: int, cores: int, price: float) -> str:
    """The plan as a table: the index's time grows as n √n at most, as it has √n lists, and all else as n."""
    head = f"on {machines} machines of {cores} cores"
    lines = [f"{head:<62}{'10⁷ photos':>14}{'10⁸ photos':>14}"]

    def row(what: str, of: Callable[[int], float]) -> None:
        lines.append(f"{what:<62}" + "".join(f"{of(n):>14,.3g}" for n in SIZES))

    def index(n: int) -> float:
        return n * rates.index * (n / simulated) ** 0.5 / 3600

    row("embed: core-hours", lambda n: n * rates.embed / 3600)
    row("    hours", lambda n: n * rates.embed / 3600 / machines / cores)
    row("    TB read from where the photos are", lambda n: n * rates.photo_bytes / 1e12)
    row("    MB/s by each machine", lambda _: rates.photo_bytes / rates.embed * cores / 1e6)
    row("shards: TB", lambda n: n * rates.shard_bytes / 1e12)
    row("    MB of the manifest", lambda n: n * rates.manifest_bytes / 1e6)
    row(f"index of {DIM} features, on one machine: core-hours at most", index)
    row("    TB", lambda n: n * rates.index_bytes / 1e12)
    row("predict from features: core-hours", lambda n: n * rates.predict / 3600)
    row("    TB of predictions", lambda n: n * rates.prediction_bytes / 1e12)
    row(
        f"money at {price:g} a core-hour, for all three",
        lambda n: price * (n * (rates.embed + rates.predict) / 3600 + index(n)),
    )
    return "\n".join(lines)


def run(bench: Any, given: argparse.Namespace | None = None) -> None:
    """Measure the rates, simulate, and print the plan."""
    given = given or options([])
    photos = sorted(
        p for p in (given.photos or bench.data / "cars").rglob("*") if p.suffix.lower() in (".jpg", ".jpeg")
    )
    weights = bench.data / "weights" / f"{NETWORK}.imagenet.safetensors"
    assert len(photos) >= MANY, f"{MANY} photos are needed, {len(photos)} are there"
    photos = photos[:: len(photos) // MANY][:MANY]
    with tempfile.TemporaryDirectory(prefix="handlens-plan-") as folder:
        each, predicted, shard, prediction = of_photos(photos, weights, Path(folder))
    size = statistics.fmean(file.stat().st_size for file in photos)
    bench.add(f"embed by {NETWORK}, photos of {size / 1e3:.0f} kB on average: CPU a photo", [1000 * each], unit="ms")
    bench.add("    bytes of shards a photo", [shard / 1e3], unit="kB")
    bench.add("predict from features: CPU a photo", [1000 * predicted], unit="ms")
    index, index_bytes, manifest = simulation(bench, bench.work, given.simulated)
    rates = Rates(each, predicted, index, size, shard, prediction, index_bytes, manifest)
    print(plan(rates, simulated=given.simulated, machines=given.machines, cores=given.cores, price=given.price))


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=16)
    parser.add_argument("--cores", type=int, default=16, help="of each machine")
    parser.add_argument("--price", type=float, default=0.04, help="of a core for an hour, in whatever money")
    parser.add_argument("--photos", type=Path, help="a folder of photos like those to embed")
    parser.add_argument("--simulated", type=int, default=int(os.environ.get("HANDLENS_SCALE_PHOTOS", "1000000")))
    parser.add_argument("--work", type=Path, help="a folder that keeps what takes long to make")
    return parser.parse_args(arguments)


def main() -> None:
    """Print the figures and the plan."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from report import ROOT, Bench

    given = options()
    bench = Bench(Path(os.environ.get("HANDLENS_SHARED", ROOT.parent / "shared")) / "data")
    bench.work = given.work or ROOT / "benchmarks" / "work" / "scale"  # type: ignore[attr-defined]
    bench.work.mkdir(parents=True, exist_ok=True)  # type: ignore[attr-defined]
    run(bench, given)


if __name__ == "__main__":
    main()
