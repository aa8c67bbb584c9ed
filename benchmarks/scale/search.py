"""Search: a million rows exactly, ten million by an index, beside the time that reading alone takes.

The rows are made: 20,000 groups of unequal size in 32 dimensions, laid into more, with noise. HANDLENS_SCALE_ROWS says
how many rows the index has (10,000,000 unless given); the file of the rows is kept in `--work`.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import numpy as np

from handlens.core.row_blocks import each_block
from handlens.scale.index import NEIGHBOURS, build_index, open_index
from handlens.studio.feature_rows import FeatureRows
from handlens.studio.neighbours import LayerDistances
from handlens.studio.projections import Scaling
from handlens.studio.similarity import nearest

TIMES = 40
QUERIES = 200
"""Searches of the index, each compared with an exact one: few say too little of the mean."""
GROUPS = 20_000
LATENT = 32
AT_ONCE = 50_000


def made(file: Path, n: int, dim: int, *, seed: int = 0) -> np.memmap:
    """Rows like features of photos, float16 [n, dim] in a file, made unless it is there."""
    if not file.exists() or file.stat().st_size != 2 * n * dim:
        generator = np.random.default_rng(seed)
        centres = generator.standard_normal((GROUPS, LATENT), np.float32)
        plane = generator.standard_normal((LATENT, dim), np.float32) / np.sqrt(LATENT)
        shares = generator.pareto(1.5, GROUPS) + 0.1
        shares /= shares.sum()
        with file.open("wb") as out:
            for start in range(0, n, AT_ONCE):
                k = min(AT_ONCE, n - start)
                latent = centres[generator.choice(GROUPS, k, p=shares)]
                latent = latent + 0.5 * generator.standard_normal((k, LATENT), np.float32)
                rows = latent @ plane + 0.1 * generator.standard_normal((k, dim), np.float32)
                out.write(rows.astype("<f2").tobytes())
    return np.memmap(file, "<f2", "r", shape=(n, dim))


def p95(seconds: list[float]) -> float:
    """In milliseconds."""
    return 1000 * statistics.quantiles(seconds, n=20)[-1]


def exact(bench, n: int = 1_000_000, dim: int = 256) -> None:
    """`similar` as `Collection.similar` computes it: distances of all photos, and the 50 nearest without a label."""
    x = made(bench.work / f"rows-{n}-{dim}.f2", n, dim)
    generator = np.random.default_rng(1)
    order, labelled = generator.permutation(n), generator.random(n) < 0.01
    finder = LayerDistances(lambda: FeatureRows(x), Scaling.of(np.asarray(x[:20_000], np.float32)))
    begun = time.perf_counter()
    finder.from_centre_of(np.arange(12))
    bench.add(
        f"similar, {n:,} × {dim} exact: the first time, which measures lengths", [time.perf_counter() - begun], unit="s"
    )
    seconds, cpu = [], []
    for _ in range(TIMES):
        wall, used = time.perf_counter(), time.process_time()
        nearest(finder.from_centre_of(generator.integers(0, n, 12)), labelled[order], order, NEIGHBOURS)
        seconds.append(time.perf_counter() - wall)
        cpu.append(time.process_time() - used)
    ms = [1000 * one for one in seconds]
    bench.add(f"similar, {n:,} × {dim} exact, p95", ms, at_most=100, unit="ms", value=p95(seconds))
    bench.add("    its CPU time", [1000 * one for one in cpu], unit="ms")
    reading = []
    for _ in range(10):
        begun = time.perf_counter()
        np.asarray(x).view(np.int64).sum()
        reading.append(1000 * (time.perf_counter() - begun))
    bench.add("    the limit: one thread reads the same bytes", reading, unit="ms")
    converting = []
    for _ in range(5):
        begun = time.perf_counter()
        each_block(lambda start, stop: x[start:stop], x.shape, lambda _start, _block: None)
        converting.append(1000 * (time.perf_counter() - begun))
    bench.add("    reading and conversion to float32 alone", converting, unit="ms")


def indexed(bench, n: int, dim: int = 128) -> None:
    """The index: how long it takes to build, what it finds, and how fast."""
    x = made(bench.work / f"rows-{n}-{dim}.f2", n, dim)
    folder, of = bench.work / f"index-{n}-{dim}", f"made {n} {dim}"
    index = open_index(folder, of=of)
    if index is None:
        wall, used = time.perf_counter(), time.process_time()
        index = build_index(folder, lambda start, stop: x[start:stop], x.shape, of=of)
        bench.add(f"index of {n:,} × {dim}: building", [time.perf_counter() - wall], unit="s")
        bench.add("    its CPU time", [time.process_time() - used], unit="s")
    print(f"   {index.about}")
    generator = np.random.default_rng(2)
    queries = np.sort(generator.integers(0, n, QUERIES))
    wanted = exactly(x, queries)
    seconds, cpu, hits = [], [], []
    for row, near in zip(queries.tolist(), wanted, strict=True):
        wall, used = time.perf_counter(), time.process_time()
        found = index.nearest(np.asarray(x[row], np.float32), NEIGHBOURS + 1)
        seconds.append(time.perf_counter() - wall)
        cpu.append(time.process_time() - used)
        hits.append(len(near.intersection(found.rows.tolist())) / len(near))
    bench.add(
        f"index of {n:,} × {dim}: a search, p95",
        [1000 * s for s in seconds],
        at_most=100,
        unit="ms",
        value=p95(seconds),
    )
    bench.add("    its CPU time", [1000 * s for s in cpu], unit="ms")
    bench.add(f"    recall@{NEIGHBOURS} of {QUERIES} other queries", hits, at_least=0.95, value=statistics.mean(hits))
    bench.add("    bytes on disk a row", [sum(f.stat().st_size for f in folder.iterdir()) / n], unit="bytes")


def exactly(x: np.ndarray, queries: np.ndarray) -> list[set[int]]:
    """The 50 nearest others of some rows, by reading all."""
    wanted = np.asarray(x[queries], np.float32)
    far, near = np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
    for start in range(0, len(x), 2**14):
        rows = np.asarray(x[start : start + 2**14], np.float32)
        squared = (rows**2).sum(1) - 2 * wanted @ rows.T
        mine = np.flatnonzero((queries >= start) & (queries < start + len(rows)))
        squared[mine, queries[mine] - start] = np.inf
        far = np.hstack([far, squared])
        near = np.hstack([near, np.broadcast_to(np.arange(start, start + len(rows)), squared.shape)])
        best = np.argpartition(far, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
        far, near = np.take_along_axis(far, best, 1), np.take_along_axis(near, best, 1)
    return [set(one) for one in near.tolist()]


def peer(bench, n: int = 100_000, dim: int = 128) -> None:
    """usearch (HNSW), where it is installed: how fast it takes rows, and what it keeps in memory for each."""
    try:
        from usearch.index import Index
    except ImportError:
        print("   usearch is not installed, so it is not compared: pip install usearch")
        return
    x = made(bench.work / f"rows-{n}-{dim}.f2", n, dim)
    index = Index(ndim=dim, metric="l2sq", dtype="f16", connectivity=16, expansion_add=128, expansion_search=128)
    wall, used = time.perf_counter(), time.process_time()
    for start in range(0, n, 10_000):
        index.add(np.arange(start, min(start + 10_000, n)), x[start : start + 10_000], threads=os.cpu_count() or 1)
    bench.add(f"usearch, {n:,} × {dim}: building", [time.perf_counter() - wall], unit="s")
    bench.add("    rows a second of CPU", [n / (time.process_time() - used)], unit="1/s")
    bench.add("    bytes in memory a row", [index.memory_usage / n], unit="bytes")
    queries = np.sort(np.random.default_rng(2).integers(0, n, TIMES))
    hits, seconds = [], []
    for row, near in zip(queries.tolist(), exactly(x, queries), strict=True):
        begun = time.perf_counter()
        found = index.search(x[row], NEIGHBOURS + 1, threads=1)
        seconds.append(time.perf_counter() - begun)
        hits.append(len(near.intersection(found.keys.tolist())) / len(near))
    bench.add("    a search, p95", [1000 * s for s in seconds], unit="ms", value=p95(seconds))
    bench.add(f"    recall@{NEIGHBOURS}", hits, value=statistics.mean(hits))
    begun = time.perf_counter()
    build_index(bench.work / f"index-{n}-{dim}", lambda a, b: x[a:b], x.shape, of=f"made {n} {dim}")
    bench.add(f"ours, {n:,} × {dim}: building", [time.perf_counter() - begun], unit="s")
    indexed(bench, n, dim)


def run(bench) -> None:
    """All of it."""
    exact(bench)
    peer(bench)
    indexed(bench, int(os.environ.get("HANDLENS_SCALE_ROWS", "10_000_000")))
