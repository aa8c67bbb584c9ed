"""Whether Studio finds the duplicates that a collection has, and takes no other photos for them; prints one table.

    python benchmarks/duplicates.py [--data SHARED/data] [--work FOLDER] [--seeds 2] [--only cars,…] [--out FOLDER]

For each seed, 1,500 photos of a set are drawn, copies of 300 of them are made, and all of these are put into one
collection: cropped, compressed, resized, with other colours, all of it at once, and mirrored. A mirrored photo is not a
duplicate. A set may hold duplicates of its own, which count as errors here: all pairs that are found without being made
are listed in `others.csv` in the folder of the collection, to be looked at.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import sys
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import report
from person import NETWORK, SETS, Photos
from PIL import Image, ImageEnhance
from report import Bench

from handlens.studio import Collection

PHOTOS, COPIES = 1500, 300
Random = np.random.Generator


def cropped(photo: Image.Image, random: Random) -> Image.Image:
    """Without up to a tenth of each side."""
    width, height = photo.size
    less = random.uniform(0, 0.1, 2) * (width, height)
    left, top = (round(float(edge)) for edge in random.uniform(0, 1, 2) * less)
    return photo.crop((left, top, left + width - round(less[0]), top + height - round(less[1])))


def coloured(photo: Image.Image, random: Random) -> Image.Image:
    """With other brightness and contrast (± 20 %), saturation (± 30 %) and hue (± 10°)."""
    for enhance, most in ((ImageEnhance.Brightness, 0.2), (ImageEnhance.Contrast, 0.2), (ImageEnhance.Color, 0.3)):
        photo = enhance(photo).enhance(1 + random.uniform(-most, most))
    shift = round(random.uniform(-7, 7))
    hue, saturation, value = photo.convert("HSV").split()
    turned = Image.fromarray((np.asarray(hue, np.int16) + shift).astype(np.uint8))
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def resized(photo: Image.Image, factor: float) -> Image.Image:
    """With so many times the width and height."""
    return photo.resize((round(photo.width * factor), round(photo.height * factor)), Image.Resampling.BICUBIC)


CHANGES: dict[str, Callable[[Image.Image, Random], Image.Image]] = {
    "cropped": cropped,
    "compressed": lambda photo, _: photo,
    "half": lambda photo, _: resized(photo, 0.5),
    "larger": lambda photo, _: resized(photo, 1.5),
    "coloured": coloured,
    "all at once": lambda photo, random: resized(coloured(cropped(photo, random), random), random.uniform(0.5, 1.5)),
    "mirrored": lambda photo, _: photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
}


def write(source: Path, folder: Path, seed: int) -> dict[str, tuple[str, str]]:
    """Put photos and copies of some of them into a folder; which photo each copy is of, and how it was changed."""
    random = np.random.default_rng(seed)
    files = sorted(file for file in source.iterdir() if file.suffix in (".jpg", ".png"))
    chosen = [files[i] for i in np.sort(random.choice(len(files), PHOTOS, replace=False))]
    for file in chosen:
        shutil.copy(file, folder / file.name)
    made = {}
    for i, of in enumerate(random.choice(PHOTOS, COPIES, replace=False)):
        change = list(CHANGES)[i % len(CHANGES)]
        with Image.open(chosen[of]) as photo:
            copy = CHANGES[change](photo.convert("RGB"), random)
        name = f"copy-{i:03d}.{'jpg' if change in ('compressed', 'all at once') else 'png'}"
        copy.save(folder / name, quality=40)  # of no effect for PNG
        made[name] = chosen[of].name, change
    return made


class Sets(Bench):
    """The sets of photos, with a folder for collections of them.

    Args:
        data: the folder of the data.
        work: the folder of prepared collections, as that of `person.py`.
        seeds: how many collections of each set.
    """

    def __init__(self, data: Path, work: Path, seeds: int) -> None:
        super().__init__(data)
        self.work, self.seeds = work, seeds

    def search(self, name: str) -> None:
        """Make the collections of one set, and compare what is found with what was made."""
        photos = Photos(self.data, self.work, name)
        photos.prepare()
        found: dict[str, list[float]] = {change: [] for change in CHANGES}
        right, pairs, seconds = 0, 0, []
        for seed in range(self.seeds):
            folder = self.work / "duplicates" / f"{name}-{seed}"
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "photos").mkdir(parents=True)
            made = write(self.work / "photos" / name, folder / "photos", seed)
            weights = self.data / "weights" / f"{NETWORK}.imagenet.safetensors"
            with Collection.create(
                folder / "collection", images=folder / "photos", backbone=NETWORK, weights=weights
            ) as collection:
                collection.prepare()
                started = time.perf_counter()
                table = collection.duplicates()
                seconds.append(time.perf_counter() - started)
                # A file with the bytes of another one is not in the collection: the other one stands for it.
                kept = {out.path: out.reason.removeprefix("the same file as ") for out in collection.left_out}
            group = dict(zip(table["path"], table["group"], strict=True))
            original = {path: kept.get(of, of) for path, (of, change) in made.items() if change != "mirrored"}
            for path, (of, change) in made.items():
                if path not in kept:
                    found[change].append(group.get(path, -1) == group.get(kept.get(of, of), -2))
            others = []
            for _, members in table.groupby("group"):
                for one, other in combinations(members["path"], 2):
                    pairs += 1
                    if original.get(one, one) == original.get(other, other):
                        right += 1
                    else:
                        others.append((one, other))
            with (folder / "others.csv").open("w", newline="") as file:
                csv.writer(file).writerows(others)
        of_seeds = f"seeds 0–{self.seeds - 1}"
        mirrored = found.pop("mirrored")
        every = [one for runs in found.values() for one in runs]
        self.add(f"{name}: made copies that are found ({of_seeds})", every, at_least=0.95, value=float(np.mean(every)))
        for change, runs in found.items():
            self.add(f"… {change}", runs, value=float(np.mean(runs)))
        self.add("… mirrored, taken for duplicates", mirrored, at_most=0, value=float(np.mean(mirrored)))
        self.add("… pairs that were made, of those found", [right / pairs], unit=f"of {pairs}")
        self.add("… seconds", seconds, unit="s")

    def whole(self, name: str) -> None:
        """How long the search takes in a whole set, and how many groups it finds there."""
        photos = Photos(self.data, self.work, name)
        with Collection.open(photos.folder) as collection:
            for kept in (photos.folder / "cache").glob("duplicates-*"):
                kept.unlink()
            started = time.perf_counter()
            table = collection.duplicates()
            seconds = time.perf_counter() - started
            photos_in_all = len(collection.paths)
        self.add(f"{name}: groups in the whole set", [float(table["group"].nunique())])
        limit = 30 * max(1.0, photos_in_all / 10_000)
        self.add(f"… seconds, {photos_in_all:,} photos", [seconds], at_most=limit, unit="s")


def of_set(name: str) -> Callable[[Sets], None]:
    """The section of a set."""

    def section(bench: Sets) -> None:
        bench.search(name)
        bench.whole(name)

    return section


SECTIONS = {name: of_set(name) for name in SETS}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--work", type=Path, default=report.ROOT / "benchmarks" / "work", help="prepared photos")
        parser.add_argument("--seeds", type=int, default=2, help="collections of each set")

    given = report.options(__doc__ or "", SECTIONS, more)
    if not (given.data / "cars_8000").is_dir():
        return report.fail(f"the benchmark needs cars_8000, flowers and weights in {given.data}; give --data")
    return report.run("duplicates", Sets(given.data, given.work, given.seeds), SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
