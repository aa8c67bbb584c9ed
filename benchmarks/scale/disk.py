"""Disk: what a photo takes, what half precision costs, and prepare() over the bare forward pass.

The photos are those of `cars_8000`, and for the accuracy those of `cars` and `flowers`. After each thousand
photos of prepare() the network alone describes as many, so that both run under the same load.
"""

from __future__ import annotations

import csv
import tempfile
import time
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from report import Bench

from handlens.studio import Collection, feature_file
from handlens.studio.features import backbone_extractor
from handlens.studio.features.backbones import AT_ONCE
from handlens.studio.preparation_run import BATCH
from handlens.studio.progress import Progress

NETWORK = "mobilenetv2_100"
EACH = 1000
"""Photos after which prepare() and the network alone take turns."""

LABELS, SEEDS = (5, 12, 25), 5


def weights_of(bench: Bench) -> Path:
    """The file of the network's weights."""
    return bench.data / "weights" / f"{NETWORK}.imagenet.safetensors"


def unpacked(bench: Bench, name: str, to: Path) -> Path:
    """A folder with the photos of a data set."""
    if (bench.data / name / "images").is_dir():
        return bench.data / name / "images"
    with zipfile.ZipFile(bench.data / name / "photos.zip") as archive:
        archive.extractall(to / name)
    return to / name


class Clock:
    """Seconds that pass, and those of the processor, from now on."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def add(self, to: dict[str, list[float]], what: str) -> None:
        """Note both."""
        wall, cpu = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        to[f"{what} wall"].append(wall)
        to[what].append(cpu)


def read_ahead() -> None:
    """Wait until no other thread works: photos are read ahead while the network describes those before them."""
    cpu = -1.0
    while time.process_time() - cpu > 0.005:
        cpu = time.process_time()
        time.sleep(0.02)


def preparing(bench: Bench, scratch: Path) -> None:
    """Time and disk of 8,000 photos."""
    images = unpacked(bench, "cars_8000", scratch)
    extractor = backbone_extractor(NETWORK, weights=weights_of(bench))
    pictures = torch.zeros(BATCH, extractor.size, extractor.size, 3, dtype=torch.uint8).random_(255)
    extractor(pictures)
    folder = scratch / "collection"
    spent: dict[str, list[float]] = {"prepare wall": [], "prepare": [], "bare wall": [], "bare": []}
    with Collection.create(folder, images=images, backbone=NETWORK, weights=weights_of(bench)) as c:
        clock, before = Clock(), 0

        def reached(now: Progress) -> None:
            nonlocal clock, before
            if now.phase != "features" or (now.done < before + EACH and now.done < now.total):
                return
            read_ahead()
            clock.add(spent, "prepare")
            clock, count, before = Clock(), now.done - before, now.done
            for part in pictures[torch.arange(count) % BATCH].split(AT_ONCE):
                extractor._run(part)
            clock.add(spent, "bare")
            clock = Clock()

        c.prepare(progress=reached)
        clock.add(spent, "prepare")
        for kind in ("prepare", "prepare wall"):  # what follows the last photo belongs to the last thousand
            spent[kind][-2:] = [sum(spent[kind][-2:])]
        n = len(c.paths)
        thumbnails, generator = c.parts.photos.thumbnails, np.random.default_rng(0)
        rates = []
        for _ in range(5):
            rows, started = generator.integers(0, n, 2000), time.perf_counter()
            thumbnails.tiles_of(rows)
            rates.append(2000 / (time.perf_counter() - started))
    for unit, kind in (("CPU", ""), ("wall", " wall")):
        ratios = [a / b for a, b in zip(spent["prepare" + kind], spent["bare" + kind], strict=True)]
        what = f"prepare() over the bare forward pass, {n:,} photos, {unit}"
        value = sum(spent["prepare" + kind]) / sum(spent["bare" + kind])
        bench.add(what, ratios, at_most=1.15, unit="×", value=value)
    for kind in ("prepare", "bare"):
        bench.add(f"… CPU a photo, {kind}", [1000 * sum(spent[kind]) / n], unit="ms")
    kinds = {"features": "sources", "thumbnails": "thumbs", "tiles": "tiles"}
    files = [file for file in folder.rglob("*") if file.is_file() and "extractor" not in file.parts]
    taken = {file: file.stat().st_blocks * 512 for file in files}
    bench.add(f"disk a photo, {NETWORK}", [sum(taken.values()) / n / 1000], at_most=20, unit="kB")
    for what, part in kinds.items():
        own = [size for file, size in taken.items() if part in str(file.relative_to(folder))]
        bench.add(f"… {what}", [sum(own) / n / 1000], unit="kB")
    bench.add("tiles of random photos a second", rates, at_least=20_000, unit="")


def accuracy(bench: Bench, scratch: Path) -> None:
    """The quick model on features in half precision and in float32, on the photos without a label."""
    for name in ("cars", "flowers"):
        images = unpacked(bench, name, scratch)
        with (bench.data / name / "labels.csv").open(newline="", encoding="utf-8") as file:
            truth_of = {row[0]: row[1] for row in list(csv.reader(file))[1:]}
        found: dict[str, dict[int, list[float]]] = {}
        for kept in ("float16", "float32"):
            fits = feature_file.fits_half if kept == "float16" else mock.Mock(return_value=False)
            with (
                mock.patch.object(feature_file, "fits_half", fits),
                Collection.create(
                    scratch / f"{name} {kept}", images=images, backbone=NETWORK, weights=weights_of(bench)
                ) as c,
            ):
                c.prepare()
                truth = np.array([truth_of[path] for path in c.paths])
                found[kept] = {m: [on_the_rest(c, truth, m, seed) for seed in range(SEEDS)] for m in LABELS}
        for m in LABELS:
            whole, half = (np.array(found[kept][m]) for kept in ("float32", "float16"))
            what = f"{name}, {m} labels a class: accuracy {whole.mean():.4f} in float32, {half.mean():.4f} in float16"
            lost = float(abs(whole.mean() - half.mean()))
            bench.add(f"{what}; difference", np.abs(whole - half).tolist(), at_most=0.003, value=lost)


def on_the_rest(c: Collection, truth: np.ndarray, a_class: int, seed: int) -> float:
    """The accuracy on the photos without a label, after labelling so many of each class at random."""
    for name in c.label_names:
        c.delete(name)
    generator, drawn = np.random.default_rng(seed), []
    for name in np.unique(truth):
        drawn.append(generator.choice(np.flatnonzero(truth == name), a_class, replace=False))
        c.label(drawn[-1], str(name))
    c.train()
    rest = np.setdiff1d(np.arange(len(truth)), np.concatenate(drawn))
    return float((c.predictions()["predicted"].to_numpy()[rest] == truth[rest]).mean())


def run(bench: Bench) -> None:
    """Both parts."""
    with tempfile.TemporaryDirectory(prefix="handlens-bench-") as scratch:
        preparing(bench, Path(scratch))
        accuracy(bench, Path(scratch))
