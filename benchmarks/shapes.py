"""A U-Net and a net of points learn drawn shapes: how well and how fast, beside what needs no learning; one table.

    python benchmarks/shapes.py [--seeds 3] [--data SHARED/data] [--only masks,points] [--out FOLDER]

Each picture, 64 × 64, has a disc, a square and a triangle of random sizes, places, turns and colours on a
background of noise and shades; colours do not tell shapes apart. Masks have four classes; the points are the three
centres. The U-Net and the net of points, of `unet_learner` and `create_cnn`, have the body of MobileNetV2 with its
weights. They learn from 1,200 pictures and are measured on 400 others, drawn with another seed, that nothing was
chosen on. Trivial answers stand beside: background everywhere, and the mean of each training point.

Time is that of training with its validation, from files, on a machine that may do other work: the time of its
processors, by which it would take half as long on two idle ones, is printed too.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import report
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from report import Bench

from handlens.studio.features.precision import device, half_precision
from handlens.vision import (
    PointsItemList,
    SegmentationItemList,
    create_cnn,
    dice,
    dihedral,
    imagenet_stats,
    pixel_accuracy,
    point_distance,
    unet_learner,
)

SIDE = 64
CLASSES = ["background", "disc", "square", "triangle"]
TRAIN, TEST = 1200, 400
MASK_EPOCHS, POINT_EPOCHS = 6, 8
ARCH = "mobilenetv2_035"
WEIGHTS = "mobilenetv2_035.imagenet_notop.safetensors"
PRECISION = "bf16" if half_precision(device()) else "fp32"

Floats = NDArray[np.float64]


def drawn(random: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Floats]:
    """A picture [64, 64, 3], its mask [64, 64], and the centres (y, x) of its disc, square and triangle."""
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    shade = random.uniform(-40, 40, 2) @ np.stack([rows, columns]).reshape(2, -1) / SIDE
    picture = random.uniform(60, 200, 3) + shade.reshape(SIDE, SIDE, 1)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    radii = random.uniform(7, 11.5, 3)
    centres = _apart(random, radii)
    for code, ((y, x), radius) in enumerate(zip(centres, radii, strict=True), 1):
        angle = random.uniform(0, 2 * np.pi)
        inside = _inside(code, rows - y, columns - x, radius, angle)
        mask[inside] = code
        colour = picture[inside].mean(0)
        picture[inside] = (colour + random.choice([-1, 1], 3) * random.uniform(45, 90, 3)).clip(0, 255)
    picture = picture + random.normal(0, 12, picture.shape)
    return picture.clip(0, 255).astype(np.uint8), mask, centres


def _apart(random: np.random.Generator, radii: Floats) -> Floats:
    """Centres of shapes that lie in the picture and do not touch."""
    while True:
        centres = random.uniform(radii.max() + 1, SIDE - radii.max() - 1, (3, 2))
        gaps = [np.linalg.norm(centres[i] - centres[j]) - radii[i] - radii[j] for i, j in ((0, 1), (0, 2), (1, 2))]
        if min(gaps) > 1:
            return centres


def _inside(code: int, y: Floats, x: Floats, radius: float, angle: float) -> NDArray[np.bool_]:
    """Which pixels lie in a shape around (0, 0) whose corners, or edge, are `radius` away."""
    if code == 1:
        return np.hypot(y, x) <= radius
    corners = {2: 4, 3: 3}[code]
    sides = angle + 2 * np.pi * np.arange(corners) / corners
    return np.all([y * np.sin(s) + x * np.cos(s) <= radius * np.cos(np.pi / corners) for s in sides], axis=0)


def draw(folder: Path, count: int, seed: int) -> dict[str, Floats]:
    """Draw pictures and masks into a folder; the centres by the names of the pictures."""
    random = np.random.default_rng(seed)
    points = {}
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    for i in range(count):
        picture, mask, centres = drawn(random)
        name = f"{seed}_{i:04}.png"
        Pillow.fromarray(picture).save(folder / name)
        Pillow.fromarray(mask).save(folder / "masks" / name)
        points[name] = centres
    return points


class Shapes(Bench):
    """Drawn pictures, and which seeds are measured."""

    def __init__(self, data: Path, seeds: int) -> None:
        super().__init__(data)
        self.seeds = seeds

    def masks(self) -> None:
        """A U-Net from weights of a classifier, all layers trained."""
        found, times = [], []
        for seed in range(self.seeds):
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                for drawing, count in ((seed, TRAIN), (1000 + seed, TEST)):
                    draw(root, count, drawing)
                items = SegmentationItemList.from_folder(root, recurse=False)
                split = items.split_by_idx(_of_seed(items, 1000 + seed))
                data = split.label_from_func(lambda file: file.parent / "masks" / file.name, classes=CLASSES)
                bunch = data.transform(_tfms(), size=SIDE, tfm_y=True).databunch(bs=32).normalize(imagenet_stats)
                learn = unet_learner(
                    bunch, ARCH, weights=self.weights, metrics=[pixel_accuracy, dice], precision=PRECISION, seed=seed
                )
                learn.unfreeze()
                times.append(_timed(lambda: learn.fit_one_cycle(MASK_EPOCHS, slice(2e-3, 6e-3), seed=seed)))  # noqa: B023
                _, accuracy, overlap = learn.validate()
                right = torch.cat([targets.flatten() for _, targets in bunch.valid_dl])
            found.append((accuracy, overlap, float((right == 0).float().mean())))
        self.add("masks: pixel accuracy of a U-Net", [a for a, _, _ in found], at_least=0.95)
        self.add("masks: its Dice, mean of the classes", [d for _, d, _ in found])
        self.add("masks: pixel accuracy of background everywhere", [b for _, _, b in found])
        self._add_times(f"masks: {MASK_EPOCHS} epochs", times)

    def points(self) -> None:
        """Three points from weights of a classifier, all layers trained."""
        found, times = [], []
        for seed in range(self.seeds):
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                points = draw(root, TRAIN, seed) | draw(root, TEST, 1000 + seed)
                items = PointsItemList.from_folder(root, recurse=False)
                split = items.split_by_idx(_of_seed(items, 1000 + seed))
                data = split.label_from_func(lambda file: points[file.name])  # noqa: B023
                bunch = data.transform(_tfms(), size=SIDE, tfm_y=True).databunch(bs=32).normalize(imagenet_stats)
                distance = partial(point_distance, size=(SIDE, SIDE))
                learn = create_cnn(bunch, ARCH, weights=self.weights, metrics=distance, precision=PRECISION, seed=seed)
                learn.unfreeze()
                times.append(_timed(lambda: learn.fit_one_cycle(POINT_EPOCHS, slice(2e-3, 6e-3), seed=seed)))  # noqa: B023
                predicted, right = learn.get_preds()
                mean = bunch.train_ds.y.data.mean(0, keepdim=True) / SIDE * 2 - 1
            found.append((distance(predicted, right), distance(mean.expand_as(right), right)))
        self.add("points: mean distance", [d for d, _ in found], at_most=2, unit="px")
        self.add("points: mean distance of the mean points", [m for _, m in found], unit="px")
        self._add_times(f"points: {POINT_EPOCHS} epochs", times)

    @property
    def weights(self) -> Path:
        return self.data / "weights" / WEIGHTS

    def _add_times(self, what: str, times: list[tuple[float, float]]) -> None:
        self.add(f"{what}, wall clock", [wall / 60 for wall, _ in times], at_most=3, unit="min")
        self.add(f"{what}, time of processors over two", [busy / 120 for _, busy in times], at_most=3, unit="min")


def _tfms() -> Any:
    return [dihedral()], []  # the shapes are those that they are in all eight ways


def _of_seed(items: Any, seed: int) -> list[int]:
    return [i for i, file in enumerate(items.items) if file.name.startswith(f"{seed}_")]


def _timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the clock, and of the processors, of this process and those that it started."""

    def busy() -> float:
        # Workers are counted when they end, which they do in `call` only as far as it lets go of them.
        return sum(
            resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )

    started, before = time.perf_counter(), busy()
    call()
    return time.perf_counter() - started, busy() - before


SECTIONS = {"masks": Shapes.masks, "points": Shapes.points}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--seeds", type=int, default=3, help="drawings and trainings")

    given = report.options(__doc__ or "", SECTIONS, more)
    bench = Shapes(given.data, given.seeds)
    if not bench.weights.is_file():
        return report.fail(f"the benchmark needs {bench.weights}; give --data")
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    return report.run("shapes", bench, SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
