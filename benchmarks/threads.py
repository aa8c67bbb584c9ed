"""What Studio's training takes beside other work: processor time with its limit on threads, and with one thread at all.

    python benchmarks/threads.py [--data SHARED/data] [--only made,cars] [--out benchmarks/results]

`made` trains on made-up features of 2,250 photos, as many columns as MobileNetV2 has in its stages; `cars` trains a
collection of 2,250 photos of cars_8000, which it prepares first. Each measurement is a process of its own, with nothing
else to do and with two processes beside it that keep two cores busy. The bars are those of the busy machine.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import report
from report import Bench

from handlens.studio import Collection
from handlens.studio.classifier import train_classifier

PHOTOS = 2250
STAGES = (16, 24, 32, 96, 320)
"""Channels of MobileNetV2's stages; of each there is a layer of means, and one of means on a 3×3 grid."""

RUNS = 5
NETWORK = "mobilenetv2_100"
ONE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def made(bench: Bench) -> None:
    """Made-up features: eight classes, one of them harder to tell apart in each layer."""
    measure(bench, "made", "2,250 made-up photos")


def cars(bench: Bench) -> None:
    """Photos of cars with their true labels."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "collection"
        prepared_cars(bench.data, Path(scratch) / "photos", folder)
        measure(bench, str(folder), "2,250 photos of cars")


def measure(bench: Bench, what: str, title: str) -> None:
    """Ours and one thread in turn, first on a machine that may be idle, then beside two busy processes."""
    for busy in (False, True):
        beside = "busy" if busy else "not busy"
        with spinning(2 if busy else 0):
            pairs = [(trained(what), trained(what, threads="one")) for _ in range(RUNS)]
            ours, one = ([pair[i] for pair in pairs] for i in (0, 1))
            bench.add(f"train, {title}, {beside}: processor time", [run["cpu"] for run in ours], unit="s")
            bench.add("… with one thread at all (OMP_NUM_THREADS=1 and so on)", [run["cpu"] for run in one], unit="s")
            ratios = [a["cpu"] / b["cpu"] for a, b in pairs]
            bench.add("… ours over one thread", ratios, at_most=1.5 if busy else None, unit="×")
            bench.add("… time, ours", [run["wall"] for run in ours], unit="s")
            bench.add("… time, one thread", [run["wall"] for run in one], unit="s")
            free = trained(what, threads="two")
            bench.add("… processor time with two threads of BLAS instead, once", [free["cpu"]], unit="s")
            bench.add("… time with two threads of BLAS instead, once", [free["wall"]], unit="s")


def trained(what: str, *, threads: str = "ours") -> dict[str, float]:
    """Seconds that training takes in a process of its own, with the threads that "ours", "one" or "two" stands for."""
    environment = {name: value for name, value in os.environ.items() if name not in ONE}
    if threads == "one":
        environment |= ONE
    command = [sys.executable, __file__, "--train", what, threads]
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def train(what: str, threads: str) -> None:
    """In a process of its own: train once to warm up, once by the clocks, and print the seconds."""
    with training(what) as run:
        if threads == "two":
            with_two_threads(lambda: print(json.dumps(timed(run))))
        else:
            run()
            print(json.dumps(timed(run)))


@contextmanager
def training(what: str) -> Iterator[Callable[[], Any]]:
    """What trains a model on made-up features, or that of the collection in a folder."""
    if what == "made":
        features, codes = made_features()
        one_by_one, checked = np.arange(PHOTOS), np.zeros(PHOTOS, bool)
        yield lambda: train_classifier(features, codes, gestures=one_by_one, checked=checked, seed=0)
    else:
        with Collection.open(what) as collection:
            yield collection.train


def with_two_threads(work: Callable[[], None]) -> None:
    """Work in another thread than the one that set the number of threads: threadpoolctl then lets nobody change it."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(2, user_api="blas"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """Seconds of all processors, and by the clock."""
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    work()
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "wall": wall}


def made_features() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Standardised features [2250, D] by layer, and the classes of the photos."""
    random = np.random.default_rng(0)
    codes = np.arange(PHOTOS) % 8
    features = {}
    for stage, channels in enumerate(STAGES):
        for cells in (1, 9):
            places = random.standard_normal((8, channels * cells), np.float32)
            noise = random.standard_normal((PHOTOS, channels * cells), np.float32)
            features[f"{stage}/{cells}"] = noise + places[codes] * (1.5 / channels**0.5)
    return features, codes


def prepared_cars(data: Path, photos: Path, folder: Path) -> None:
    """A prepared collection of 2,250 photos, all labelled."""
    with (data / "cars_8000" / "labels.csv").open(newline="") as file:
        labels = dict(list(csv.reader(file))[1 : PHOTOS + 1])
    with zipfile.ZipFile(data / "cars_8000" / "photos.zip") as archive:
        archive.extractall(photos, members=list(labels))
    weights = data / "weights" / "mobilenetv2_100.imagenet.safetensors"
    with Collection.create(folder, images=photos, backbone=NETWORK, weights=weights) as collection:
        collection.prepare()
        for name in sorted(set(labels.values())):
            collection.label([i for i, path in enumerate(collection.paths) if labels[path] == name], name)


@contextmanager
def spinning(count: int) -> Iterator[None]:
    """So many processes that do nothing but keep a core busy."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


SECTIONS = {"made": made, "cars": cars}


def main() -> int:
    if sys.argv[1:2] == ["--train"]:
        train(*sys.argv[2:])
        return 0
    given = report.options(__doc__ or "", SECTIONS)
    if "cars" in given.only and not (given.data / "cars_8000").is_dir():
        return report.fail(f"needs cars_8000 and weights in {given.data}; --data names another folder.")
    report.run("threads", Bench(given.data), SECTIONS, given)
    return 0


if __name__ == "__main__":
    sys.exit(main())
