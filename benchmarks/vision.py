"""Every figure that the vision half promises, measured on real photos; prints one table, writes JSON.

    python benchmarks/vision.py [--data SHARED/data] [--only transforms,…] [--out benchmarks/results]

HANDLENS_PEERS names the Python of another environment that has albumentations 2.0.8, fastai 2.8, kornia and
torchvision; without it the figures beside them are left out, and the table says so.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
import report
import torch
from PIL import Image as Pillow
from report import Bench
from vision_heatmap import heat_maps
from vision_loading import loading
from vision_training import finetune, overhead

from handlens.vision import Augment, Image, get_transforms, open_image, rotate, zoom
from handlens.vision.transform import Transform
from handlens.vision.transform.homography import inverse_map_of_corners
from handlens.vision.transform.plan import Plan

PEERS = ("albumentations", "torchvision", "kornia", "fastai")
SCRIPT = Path(__file__).parent / "peers" / "augmenting.py"
ROUNDS = 5
PICTURES = 64
HEIGHT, WIDTH, SIZE = 375, 500, 224


class Vision(Bench):
    """Photos of the cars at 500×375, decoded and as JPEG files of quality 90, and the other libraries."""

    def __init__(self, data: Path, scratch: Path, leaving: ExitStack) -> None:
        super().__init__(data)
        self.scratch = scratch
        self.leaving = leaving

    @cached_property
    def photos(self) -> list[np.ndarray]:
        """As they are on disk, evenly taken from all classes."""
        files = sorted((self.data / "cars" / "images").glob("*.jpg"))
        return [open_image(file).pixels for file in files[:: len(files) // PICTURES][:PICTURES]]

    @cached_property
    def pictures(self) -> np.ndarray:
        """Uint8 [N, 375, 500, 3]; written to the scratch folder for the others, and as files."""
        resized = [cv2.resize(photo, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) for photo in self.photos]
        np.save(self.scratch / "pictures.npy", np.stack(resized))
        for i, picture in enumerate(resized):
            Pillow.fromarray(picture).save(self.scratch / f"{i:03}.jpg", quality=90)
        return np.stack(resized)

    @cached_property
    def peers(self) -> Peers | None:
        """The other libraries, in a process of their own that stays warm."""
        if "HANDLENS_PEERS" not in os.environ:
            print("left out: the other libraries, because HANDLENS_PEERS names no Python that has them")
            return None
        self.pictures  # noqa: B018 — written for them
        return self.leaving.enter_context(Peers(os.environ["HANDLENS_PEERS"], self.scratch))


class Peers:
    """A process that answers commands with JSON; see peers/augmenting.py."""

    def __init__(self, python: str, scratch: Path) -> None:
        command = [python, str(SCRIPT), str(scratch)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words: object) -> dict[str, float]:
        """What it answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(*words, file=self.process.stdin, flush=True)
        answer: dict[str, float] = json.loads(self.process.stdout.readline())
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.communicate()


def transforms(bench: Vision) -> None:
    """The lesson's transforms on decoded pictures, beside the other libraries."""
    images = [Image.from_pixels(picture) for picture in bench.pictures]
    beside_peers(bench, "transforms", "decoded 500×375 to 224²", lambda augment: list(map(augment, images)), 2)


def files(bench: Vision) -> None:
    """The same from JPEG files."""
    bench.pictures  # noqa: B018 — written as files
    paths = sorted(bench.scratch.glob("*.jpg"))

    def once(augment: Augment) -> None:
        for path in paths:
            augment(open_image(path, at_least=(SIZE, SIZE)))

    beside_peers(bench, "files", "the same from JPEG files", once, 1.5)


def beside_peers(bench: Vision, what: str, title: str, once: Callable[[Augment], Any], bar: float) -> None:
    """Images a second on one core, ours and each peer's in turn, ROUNDS times."""
    training, _ = get_transforms(
        max_rotate=20, max_zoom=1.3, max_lighting=0.4, max_warp=0.4, p_affine=1.0, p_lighting=1.0
    )
    augment = Augment(training, size=SIZE)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    once(augment)
    for name in PEERS if bench.peers else ():
        bench.peers.ask(what, name, 1)
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in (PEERS if bench.peers else ())}
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(8):
            once(augment)
        ours.append(8 * PICTURES / (time.perf_counter() - started))
        for name, found in theirs.items():
            answer = bench.peers.ask(what, name, 4 if name == "albumentations" else 1)
            found.append(answer["images"] / answer["seconds"])
    bench.add(f"{title}, one core", ours, unit="images/s")
    for name, found in theirs.items():
        bench.add(f"… by {name}", found, unit="images/s")
    if theirs:
        best = max(theirs, key=lambda name: statistics.median(theirs[name]))
        ratios = [a / b for a, b in zip(ours, theirs[best], strict=True)]
        bench.add(f"… over {best}, the fastest of them", ratios, at_least=bar, unit="×")


# ------------------------------------------------------------------------------------------- sharpness


def sharpness(bench: Vision) -> None:
    """What is left of the detail after a warp, a turn and a zoom of the lesson's strength, and back again.

    The way there is one map of ours, and one of each step of the others'; the way back its exact inverse, done in
    the same manner, at the picture's own size. Gradient energy is the sum of the squared differences to the right and
    lower neighbour; its mean after, over before, on the pixels that stay in the frame both ways. As sharpening alone
    would raise it, the error against the original is told as well.
    """
    small = min(photo.shape[0] for photo in bench.photos)
    native = np.stack([photo[:small, :250] for photo in bench.photos if photo.shape[1] >= 250])
    for title, material, bar in (("at 500×375", bench.pictures, 1.15), ("at the photos' own size", native, None)):
        moves = lessons_moves(len(material), *material.shape[1:3])
        kept = {"handlens": measured(material, moves, there_and_back(material, moves))}
        if bench.peers:
            np.save(bench.scratch / "material.npy", material)
            (bench.scratch / "moves.json").write_text(json.dumps(moves))
            for name in PEERS:
                bench.peers.ask("there_and_back", name)
                kept[name] = measured(material, moves, np.load(bench.scratch / f"{name}.npy"))
        for name, (energy, error) in kept.items():
            bench.add(f"gradient energy kept {title}, {name}", energy)
            bench.add("… with an error (root mean square) of", error, unit="levels")
        if bench.peers:
            best = max(PEERS, key=lambda name: statistics.mean(kept[name][0]))
            ratio = statistics.mean(kept["handlens"][0]) / statistics.mean(kept[best][0])
            bench.add(f"gradient energy kept {title}, ours over {best}'s, the best", [ratio], at_least=bar, unit="×")


def lessons_moves(count: int, height: int, width: int) -> list[dict[str, Any]]:
    """For each picture: where its corners go (pixels), degrees counter-clockwise, and zoom about the middle."""
    rng = np.random.default_rng(6)
    moves = []
    for _ in range(count):
        top, bottom, left, right = rng.uniform(-0.4, 0.4, 4)
        corners = [(-1 - top, -1 - left), (1 + top, -1 - right), (1 + bottom, 1 + right), (-1 - bottom, 1 + left)]
        inside = [((x + 1) * width / 2, (y + 1) * height / 2) for x, y in corners]
        moves.append({"corners": inside, "degrees": rng.uniform(-20, 20), "zoom": rng.uniform(1, 1.3)})
    return moves


def ours(move: dict[str, Any], height: int, width: int) -> Augment:
    """The move as transforms."""
    around = [(2 * x / width - 1, 2 * y / height - 1) for x, y in move["corners"]]
    lookup = inverse_map_of_corners(around[0], around[1], around[3], around[2])
    warp = Transform("warp", lambda plan: plan.move(lookup))
    return Augment([warp, rotate(move["degrees"]), zoom(move["zoom"])])


def there_and_back(material: np.ndarray, moves: list[dict[str, Any]]) -> np.ndarray:
    """Each picture moved and moved back by us."""
    results = []
    for picture, move in zip(material, moves, strict=True):
        size = picture.shape[:2]
        augment = ours(move, *size)
        matrix = augment.plan(size, [0.0] * 9)[0].matrix
        inverse = np.linalg.inv(matrix)
        back = Augment([Transform("back", partial(Plan.move, lookup=inverse))])
        results.append(back(augment(Image.from_pixels(picture))).pixels)
    return np.stack(results).astype(np.float32)


def measured(material: np.ndarray, moves: list[dict[str, Any]], again: np.ndarray) -> tuple[list[float], list[float]]:
    """For each picture the share of the gradient energy that is kept, and the root mean square error."""
    energies, errors = [], []
    for picture, move, result in zip(material.astype(np.float64), moves, again.astype(np.float64), strict=True):
        stays = staying(move, *picture.shape[:2])
        if stays.sum() < 1000:
            continue
        energies.append(float(gradients(result)[stays].mean() / gradients(picture)[stays].mean()))
        errors.append(float(np.sqrt(((result - picture) ** 2)[:-1, :-1][stays].mean())))
    return energies, errors


def gradients(picture: np.ndarray) -> np.ndarray:
    """Squared differences to the right and lower neighbour, summed over channels: [H - 1, W - 1]."""
    right, down = np.diff(picture, axis=1)[:-1], np.diff(picture, axis=0)[:, :-1]
    return (right**2 + down**2).sum(axis=-1)


def staying(move: dict[str, Any], height: int, width: int, margin: int = 5) -> np.ndarray:
    """Which pixels (without the last row and column) lie well inside the frame before, between and after the steps."""
    y, x = np.mgrid[: height - 1, : width - 1] + 0.5
    places = np.stack([2 * x / width - 1, 2 * y / height - 1, np.ones_like(x)], axis=-1)
    around = [(2 * a / width - 1, 2 * b / height - 1) for a, b in move["corners"]]
    warp = np.linalg.inv(inverse_map_of_corners(around[0], around[1], around[3], around[2]))
    whole = np.linalg.inv(ours(move, height, width).plan((height, width), [0.0] * 9)[0].matrix)
    stays = np.ones(x.shape, bool)
    for matrix in (np.eye(3), warp, whole):
        found = places @ matrix.T
        at = np.abs(found[..., :2] / found[..., 2:]) < 1 - 2 * margin / np.array([width, height])
        stays &= at.all(axis=-1) & (found[..., 2] > 0)
    return stays


SECTIONS = {
    "transforms": transforms,
    "files": files,
    "sharpness": sharpness,
    "loading": loading,
    "heatmap": heat_maps,
    "overhead": overhead,
    "finetune": finetune,
}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""
    given = report.options(__doc__ or "", SECTIONS)
    if not (given.data / "cars").is_dir():
        return report.fail(f"the benchmark needs the photos in {given.data / 'cars'}; give --data")
    with tempfile.TemporaryDirectory(prefix="handlens-bench-") as scratch, ExitStack() as leaving:
        return report.run("vision", Vision(given.data, Path(scratch), leaving), SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
