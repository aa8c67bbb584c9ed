"""The map of neighbours: 100,000 made photos of 480 features, and how well 25,000 real-like ones are arranged.

The real-like features are those of the last layer of MobileNetV2 of all photos of cars, cars_8000 and flowers, and of
random crops of these (70–90 % of each side, half of them mirrored), which the network sees as new photos. The made ones
lie between two of these and are spread over 480 columns. Peers are read from `umap.npy` and `pacmap.npy` in `--work`,
[25,000, 2], if they are there: `benchmarks/peers/maps.py` computes them from `components.npy`.
"""

from __future__ import annotations

import io
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handlens.errors import Cancelled
from handlens.studio.feature_rows import FeatureRows
from handlens.studio.layer_maps import LayerMaps
from handlens.studio.nearest import nearest
from handlens.studio.neighbour_embedding import SAMPLE, neighbour_embedding
from handlens.studio.projections import NEIGHBOURS, Scaling, principal_components

REAL, MADE, DIM = 25_000, 100_000, 480
TESTED = 1000
"""Photos whose neighbours are compared with those among all features."""


def run(bench: Any) -> None:
    """Quality first, then time and memory."""
    x = real_like(bench.data, bench.work / "neighbours.npy")
    quality(bench, x)
    size(bench, x)


def quality(bench: Any, x: NDArray[np.float32]) -> None:
    """Trustworthiness (Venna & Kaski 2001) and the share of neighbours that are kept, and those of others."""
    scaling = Scaling.of(x)
    z = principal_components(x[::5], scaling, k=50, seed=0)(x)
    np.save(bench.work / "components.npy", z)
    rows = np.random.default_rng(1).permutation(len(x))[:TESTED]
    ranks = ranks_of(scaling.apply(x), rows)
    shown: list[NDArray[np.float32]] = []
    places = neighbour_embedding(z, seed=0, show=shown.append)
    chosen = np.random.default_rng(0).permutation(len(z))[:SAMPLE]
    before = shown[0][chosen][nearest(z, 5, seed=0, among=z[chosen])].mean(1)
    before[chosen] = shown[0][chosen]
    maps = {"a sample, others at the mean of five": before, "first view": shown[0], "all photos": places}
    for peer in ("umap", "pacmap"):
        if (bench.work / f"{peer}.npy").exists():
            maps[peer] = np.load(bench.work / f"{peer}.npy")
    found = {name: {k: scores(ranks, xy, rows, k) for k in (10, 30)} for name, xy in maps.items()}
    bar = max(found["a sample, others at the mean of five"][10][0] + 0.05, found.get("umap", {10: (0.0, 0)})[10][0])
    for name, by_k in found.items():
        for k, (trust, kept) in by_k.items():
            least = bar if (name, k) == ("all photos", 10) else None
            bench.add(f"trustworthiness, k = {k}: {name}", [trust], at_least=least)
            bench.add(f"neighbours kept, k = {k}: {name}", [kept])


def size(bench: Any, x: NDArray[np.float32]) -> None:
    """Time, memory, and how long cancelling takes, with features on disk."""
    file = bench.work / "made.npy"
    made = np.lib.format.open_memmap(file, "w+", np.float16, (MADE, DIM))
    random = np.random.default_rng(0)
    turn = random.normal(size=(x.shape[1], DIM)).astype(np.float32) / np.sqrt(x.shape[1])
    for start in range(0, MADE, 5000):
        pair, share = random.integers(0, len(x), (2, 5000)), random.uniform(0, 0.5, (5000, 1)).astype(np.float32)
        made[start : start + 5000] = ((1 - share) * x[pair[0]] + share * x[pair[1]]) @ turn
    made.flush()
    del made
    stored = np.load(file, mmap_mode="r")
    for name in bench.work.glob("neighbours-*"):
        name.unlink()
    maps = LayerMaps(lambda: FeatureRows(stored), lambda: MADE, lambda n: n, cache=bench.work, name="made", seed=0)
    first: list[float] = []
    started, before = time.perf_counter(), anonymous()
    peak, over = [before], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    cpu = time.process_time()
    maps.rows_of(NEIGHBOURS, better=lambda: first.append(time.perf_counter() - started))
    took, cpu = time.perf_counter() - started, time.process_time() - cpu
    over.set()
    watcher.join()
    bench.add(f"neighbours of {MADE:,} × {DIM}: to the first view", [first[0]], unit="s")
    bench.add(f"neighbours of {MADE:,} × {DIM}: to the end", [took], at_most=600, unit="s")
    bench.add("… of processor time", [cpu], unit="s")
    gigabytes = [(peak[0] - before) / 1e9]
    bench.add("… anonymous memory above that before, sampled each 20 ms", gigabytes, at_most=1.5, unit="GB")
    maps.forget()
    waits = [cancelled(maps, share) for share in (0.1, 0.45, 0.6, 0.8)]
    bench.add("… from cancelling to the end", waits, at_most=1, unit="s", value=max(waits))
    file.unlink()


def cancelled(maps: LayerMaps, share: float) -> float:
    """Seconds from a request to stop, made by another thread after a share of the steps, to the end."""
    reached, stop = threading.Event(), threading.Event()
    asked: list[float] = []

    def ask() -> None:
        reached.wait()
        time.sleep(0.05)  # anywhere within a step
        asked.append(time.perf_counter())
        stop.set()

    def report(done: int, total: int) -> bool:
        if done >= share * total:
            reached.set()
        return stop.is_set()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        maps.rows_of(NEIGHBOURS, report=report)
    except Cancelled:
        return time.perf_counter() - asked[0]
    finally:
        reached.set()
        thread.join()
    raise RuntimeError("the map was made before it was cancelled")


def anonymous() -> int:
    """Bytes of this process that are in memory and not those of files (RssAnon of Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("RssAnon")).split()[1])


def ranks_of(x: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int32]:
    """The place of each row of x in the order of distances from each of `rows`, 0 for the row itself: [m, n]."""
    found = np.empty((len(rows), len(x)), np.int32)
    norms = (x**2).sum(1)
    for i, row in enumerate(rows):
        distance = norms - 2 * x @ x[row]
        distance[row] = -np.inf
        found[i, np.argsort(distance, kind="stable")] = np.arange(len(x))
    return found


def scores(ranks: NDArray[np.int32], xy: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> tuple[float, float]:
    """Trustworthiness of a map for some rows, and the share of their k neighbours on it that are neighbours."""
    found = np.empty((len(rows), k), np.int32)
    for i, row in enumerate(rows):
        distance = ((xy - xy[row]) ** 2).sum(1)
        distance[row] = np.inf
        found[i] = ranks[i, np.argpartition(distance, k)[:k]]
    n = len(xy)
    beyond = np.maximum(found - k, 0).sum()
    return float(1 - 2 * beyond / (len(rows) * k * (2 * n - 3 * k - 1))), float((found <= k).mean())


def real_like(data: Path, file: Path) -> NDArray[np.float32]:
    """Features of 25,000 photos and crops of photos, in a random order: computed once, and kept."""
    if file.exists():
        return np.load(file)
    import torch

    from handlens.studio.features import backbone_extractor
    from handlens.studio.pictures import square

    extractor = backbone_extractor("mobilenetv2_100", weights=data / "weights/mobilenetv2_100.imagenet.safetensors")
    contents = [path.read_bytes() for path in sorted((data / "cars" / "images").glob("*.jpg"))]
    for name in ("cars_8000", "flowers"):
        with zipfile.ZipFile(data / name / "photos.zip") as archive:
            contents += [archive.read(at) for at in sorted(archive.namelist()) if at.endswith(".jpg")]
    random = np.random.default_rng(0)
    again = random.permutation(len(contents))[: REAL - len(contents)]
    jobs = [(i, False) for i in range(len(contents))] + [(int(i), True) for i in again]
    jobs = [jobs[i] for i in random.permutation(len(jobs))]
    parts = []
    for start in range(0, len(jobs), 64):
        pictures = [Image.open(io.BytesIO(contents[i])).convert("RGB") for i, _ in jobs[start : start + 64]]
        for at, (_, crop) in enumerate(jobs[start : start + 64]):
            if crop:
                pictures[at] = cropped(pictures[at], random)
        batch = np.stack([square(picture, extractor.size) for picture in pictures])
        parts.append(extractor(torch.from_numpy(batch))[-2].numpy())  # the last "what"
        print(f"\r{start:,} of {len(jobs):,} photos", end="", file=sys.stderr)
    found = np.concatenate(parts)
    np.save(file, found)
    return found


def cropped(picture: Image.Image, random: np.random.Generator) -> Image.Image:
    """A random part of a picture, mirrored half of the time."""
    share = random.uniform(0.7, 0.9)
    wide, high = picture.width * share, picture.height * share
    left, top = random.uniform(0, picture.width - wide), random.uniform(0, picture.height - high)
    part = picture.crop((int(left), int(top), int(left + wide), int(top + high)))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else part
