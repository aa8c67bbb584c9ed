"""How far Studio's numbers can be trusted, by simulated people with fixed habits; prints one table, writes it as JSON.

    python benchmarks/person.py [--data SHARED/data] [--work FOLDER] [--quick] [--only headline,…] [--out FOLDER]

The people label the photos of `cars_8000`, of `flowers`, and the digits that come with Studio, whose truth is known,
and answer spot checks with it. Features are computed once and kept in `--work`; each run labels a fresh copy of the
collection, whose seed is the run's. Every figure names its seeds, and the same seeds give the same runs.
`--quick` takes far fewer runs: only to see that all works.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import math
import multiprocessing
import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import report
import threads
from numpy.typing import NDArray
from people import HABITS, Person, live, look, whole
from report import Bench

from handlens.audit.intervals import wilson
from handlens.errors import TrainingError
from handlens.studio import Collection
from handlens.studio.builtin import truth, write_builtin

SETS = ("cars", "flowers", "digits")
NETWORK = "tf_efficientnet_lite0"
LASSOS = ("lasso", "careful lasso", "lasso again")
OTHERS = ("random", "clicks", "sloppy", "imbalanced")

Look = dict[str, Any]


# --- collections ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Photos:
    """A set of photos with their truth, and the collection of them in the folder for such collections."""

    data: Path
    work: Path
    name: str
    network: str = NETWORK

    @property
    def folder(self) -> Path:
        """The prepared collection, which is never labelled itself."""
        return self.work / (self.name if self.network == NETWORK else f"{self.name}-{self.network}")

    def prepare(self) -> None:
        """Write the photos and compute their features and neighbour maps, unless that is done."""
        photos = self.work / "photos" / self.name
        if not (self.folder / "collection.json").exists():
            weights = self.data / "weights" / f"{self.network}.imagenet.safetensors"
            if not photos.exists():
                self._write(photos)
            Collection.create(self.folder, images=photos, backbone=self.network, weights=weights).close()
        with Collection.open(self.folder) as collection:
            collection.prepare()
            for layer in collection.layers[-4:]:
                collection.map(layer, "neighbours")

    def truth(self, paths: Sequence[str]) -> NDArray[np.str_]:
        """What each photo shows."""
        if self.name == "digits":
            return np.array(truth("digits"))
        with (self._source / "labels.csv").open(newline="") as file:
            known = dict(list(csv.reader(file))[1:])
        return np.array([known[path] for path in paths])

    @property
    def _source(self) -> Path:
        return self.data / {"cars": "cars_8000"}.get(self.name, self.name)

    def _write(self, folder: Path) -> None:
        if self.name == "digits":
            write_builtin("digits", folder)
        else:
            with zipfile.ZipFile(self._source / "photos.zip") as archive:
                archive.extractall(folder)


@contextmanager
def fresh(photos: Photos, seed: int, *, start: Path | None = None) -> Iterator[Person]:
    """Someone with a copy of a collection, without labels unless it is a copy of `start`; deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="handlens-person-") as scratch:
        folder = Path(scratch) / "collection"
        copy(start or photos.folder, folder, seed)
        with Collection.open(folder) as collection:
            yield Person(collection, photos.truth(collection.paths), seed)


def copy(collection: Path, to: Path, seed: int) -> None:
    """Copy a closed collection and give it another seed; the features are shared, since nothing changes them."""
    shutil.copytree(collection, to, ignore=lambda folder, _: ["cache"] if Path(folder) == collection else [])
    (to / "cache").symlink_to((collection / "cache").resolve())
    manifest = json.loads((to / "collection.json").read_text())
    (to / "collection.json").write_text(json.dumps(manifest | {"seed": seed}))


# --- what the workers do --------------------------------------------------------------------------


def life(photos: Photos, habit: str, checks: int, seed: int) -> list[Look]:
    """One person with one collection, from the first label to the last check."""
    with fresh(photos, seed) as person:
        looks = live(person, HABITS[habit], checks=checks)
    return [{"set": photos.name, "habit": habit, "seed": seed, **seen} for seen in looks]


def trained(photos: Photos, habit: str, rounds: int, folder: Path, seed: int) -> None:
    """Keep a collection that a person has labelled and trained, as a start for checks."""
    with fresh(photos, seed) as person:
        for pick in HABITS[habit].rounds[:rounds]:
            HABITS[habit].label(person, pick)
        person.collection.train()
        source = person.collection.folder
        person.collection.close()
        copy(source, folder, seed)


def checked(photos: Photos, start: Path, seed: int) -> list[Look]:
    """What 30, then 100, then 200 checks say of one model; the truth, and the width of Wilson's interval."""
    looks = []
    with fresh(photos, seed, start=start) as person:
        answered: list[bool] = []
        predicted = person.collection.predictions()["predicted"].to_numpy()
        for n in (30, 100, 200):
            drawn = person.check(n - len(answered))
            answered += [bool(predicted[photo] == person.truth[photo]) for photo in drawn]
            low, high = wilson(sum(answered), len(answered))
            looks.append({"set": photos.name, "n": n, "wilson": float(high - low), **look(person)})
    return looks


def finished(photos: Photos, start: Path, checks: int, error: float, seed: int) -> Look:
    """What `finish` labels after so many checks, and which share of all labels is wrong then."""
    with fresh(photos, seed, start=start) as person:
        person.check(checks)
        before = person.unlabelled
        try:
            done = person.collection.finish(error=error)
        except TrainingError as refused:
            return {"set": photos.name, "refused": str(refused), "wrong": 0.0, "labelled": 0.0, "bound": None}
        labels = person.collection.labels.to_numpy()
        wrong = int((labels[done.ids] != person.truth[done.ids]).sum())
        return {
            "set": photos.name,
            "refused": "",
            "wrong": wrong / int(person.collection.labels.notna().sum()),
            "labelled": len(done.ids) / int(before.sum()),
            "bound": done.bound,
        }


def done(photos: Photos, seed: int) -> Look:
    """Someone who labels a whole collection, with few gestures."""
    with fresh(photos, seed) as person:
        return whole(person)


def _call(task: tuple[Callable[..., Any], tuple[Any, ...]]) -> Any:
    function, given = task
    return function(*given)


# --- the bench ------------------------------------------------------------------------------------


class People(Bench):
    """The sets of photos, so many processes that people live in, and the lives that are known already.

    Args:
        data: the folder of the data.
        work: the folder of prepared collections.
        scale: the share of the full number of runs that is made.
        processes: that run at a time.
    """

    def __init__(self, data: Path, work: Path, scratch: Path, *, scale: float, processes: int) -> None:
        super().__init__(data)
        self.scratch, self.scale = scratch, scale
        self.sets = [Photos(data, work, name) for name in SETS]
        for photos in self.sets:
            photos.prepare()
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[variable] = "1"
        self._pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))
        self._lives: dict[tuple[str, int], list[Look]] = {}

    def many(self, full: float) -> int:
        """How many runs are made instead of the full number."""
        return max(1, math.ceil(full * self.scale))

    def run(self, function: Callable[..., Any], given: Iterable[tuple[Any, ...]]) -> list[Any]:
        """Call a function with each of many arguments, in the processes."""
        return list(self._pool.map(_call, [(function, arguments) for arguments in given]))

    def lives(self, habits: Sequence[str], *, checks: int, full: int) -> list[Look]:
        """What people with each habit saw; at least `full` runs in all, on every set."""
        runs = self.many(full / len(habits) / len(self.sets))
        for habit in habits:
            if (habit, checks) not in self._lives:
                first = 1000 * list(HABITS).index(habit)
                print(
                    f"   {habit}, {checks} checks a round: seeds {first} to {first + runs - 1} on each set", flush=True
                )
                found = self.run(life, itertools.product(self.sets, [habit], [checks], range(first, first + runs)))
                self._lives[habit, checks] = list(itertools.chain(*found))
        return list(itertools.chain(*(self._lives[habit, checks] for habit in habits)))

    def starts(
        self, habit: str, rounds: int, seeds: Sequence[int], *, sets: Sequence[Photos] | None = None
    ) -> list[tuple[Photos, Path]]:
        """Collections that are labelled and trained, one for each set and seed."""
        folders = [
            (photos, habit, rounds, self.scratch / f"{photos.name}-{habit}-{rounds}-{seed}", seed)
            for photos in sets or self.sets
            for seed in seeds
        ]
        self.run(trained, [task for task in folders if not task[3].exists()])
        return [(task[0], task[3]) for task in folders]


# --- figures --------------------------------------------------------------------------------------


def headline(bench: People) -> None:
    """Whether the accuracy that is shown, and the guess without a check, hold the truth."""
    looks = bench.lives(LASSOS, checks=30, full=200)
    unchecked = bench.lives(LASSOS, checks=0, full=99)
    shown = [seen for seen in looks if seen["accuracy"] is not None]
    coverage(bench, "headline of lasso people, rounds of 30 checks: holds the truth", shown, "interval", at_least=0.93)
    for photos in bench.sets:
        some = [seen for seen in shown if seen["set"] == photos.name]
        coverage(bench, f"… {photos.name}", some, "interval")
    others = bench.lives(OTHERS, checks=30, full=48)
    coverage(bench, "… other people", [s for s in others if s["accuracy"] is not None], "interval")
    boxes = bench.lives(["boxes"], checks=0, full=30)
    without = [seen for seen in (*looks, *unchecked, *others, *boxes) if not seen["checked"]]
    wrong = float(sum(seen["accuracy"] is not None for seen in without))
    bench.add(f"headlines without a check, of {len(without):,} looks", [wrong], at_most=0)
    guessed = [seen for seen in unchecked if seen["guess"]]
    coverage(bench, "guess without a check, lasso people: holds the truth", guessed, "guess", at_least=0.80)
    widths = [seen["guess"][1] - seen["guess"][0] for seen in guessed]
    if widths:
        bench.add(f"… its width; {len(guessed)} of {len(unchecked)} looks show one", widths)
    rest = [seen for seen in bench.lives(OTHERS, checks=0, full=48) if seen["guess"]]
    coverage(bench, "… other people", rest, "guess")
    arbitrary = [seen["faded"] for seen in boxes]
    bench.add("two arbitrary boxes, no check: share of photos that looks sure", arbitrary, at_most=0.05)


def coverage(bench: People, what: str, looks: Sequence[Look], ends: str, *, at_least: float | None = None) -> None:
    """Add the share of looks whose interval holds the truth; its spread is over people."""
    by_person: dict[tuple[str, str, int], list[bool]] = {}
    for seen in looks:
        low, high = seen[ends]
        person = seen["set"], seen["habit"], seen["seed"]
        by_person.setdefault(person, []).append(low - 1e-9 <= seen["truth"] <= high + 1e-9)
    if by_person:
        each = [float(np.mean(held)) for held in by_person.values()]
        share = float(np.mean(list(itertools.chain(*by_person.values()))))
        bench.add(f"{what} ({len(each)} people, {len(looks)} looks)", each, at_least=at_least, value=share)


def intervals(bench: People) -> None:
    """Coverage and width after 30, 100 and 200 checks of the same models."""
    starts = [start for habit in ("lasso", "random") for start in bench.starts(habit, 2, [0])]
    seeds = range(bench.many(150))
    looks = list(itertools.chain(*bench.run(checked, ((*start, seed) for start in starts for seed in seeds))))
    for n, narrower in ((30, 1.0), (100, 0.95), (200, 0.92)):
        some = [seen for seen in looks if seen["n"] == n and seen["interval"]]
        held = [float(low - 1e-9 <= seen["truth"] <= high + 1e-9) for seen in some for low, high in [seen["interval"]]]
        share = float(np.mean(held))
        what = f"interval from {n} checks ({len(starts)} models × {len(seeds)} seeds from 0)"
        bench.add(f"{what}: coverage, at least", held, at_least=0.93, value=share)
        bench.add("… at most", held, at_most=0.975, value=share)
        ours = [seen["interval"][1] - seen["interval"][0] for seen in some]
        plain = [seen["wilson"] for seen in some]
        bench.add("… mean width over Wilson's", [sum(ours) / sum(plain)], at_most=narrower, unit="×")


def calibration(bench: People) -> None:
    """How far probabilities are from the share that is right, and whether photos that look sure are right."""
    cells = {}
    for habit in (*LASSOS, *OTHERS):
        kind = LASSOS if habit in LASSOS else OTHERS
        full = 200 if kind is LASSOS else 48
        looks = [seen for seen in bench.lives(kind, checks=30, full=full) if seen["habit"] == habit]
        for photos in bench.sets:
            some = [s["ece"] for s in looks if s["set"] == photos.name and s["labelled"] >= 100 and s["checked"] >= 60]
            cells[habit, photos.name] = some
    errors = list(itertools.chain(*cells.values()))
    means = {cell: float(np.mean(some)) for cell, some in cells.items() if some}
    worst = max(means, key=lambda cell: means[cell])
    what = "calibration error (ECE) on unlabelled photos, ≥ 100 labels and ≥ 60 checks"
    bench.add(f"{what}, mean", errors, at_most=0.06, value=float(np.mean(errors)))
    bench.add(f"… worst habit and set ({' on '.join(worst)})", cells[worst], at_most=0.12, value=means[worst])
    for checks in (30, 0):
        looks = [*bench.lives(LASSOS, checks=checks, full=200 if checks else 99)]
        looks += bench.lives(OTHERS, checks=checks, full=48)
        faded = [s for s in looks if s["faded right"] is not None and (s["checked"] > 0) == (checks > 0)]
        right = [s["faded right"] for s in faded]
        weights = [s["faded"] for s in faded]
        share = float(np.average(right, weights=weights))
        what = f"photos that look sure (≥ 90 %) that are right, {'with' if checks else 'without'} a check"
        bench.add(what, right, at_least=0.88, value=share)


def finish(bench: People) -> None:
    """What finishing at 5 % labels, and how often more of it is wrong."""
    starts = bench.starts("fifty of each", 1, [0, 1])
    seeds = range(bench.many(100))
    ended = bench.run(finished, ((*start, 400, 0.05, seed) for start in starts for seed in seeds))
    over = [float(done["wrong"] > 0.05) for done in ended]
    what = f"finish at 5 %, 400 checks: more than 5 % wrong ({len(starts)} models × {len(seeds)} seeds from 0)"
    bench.add(what, over, at_most=0.06, value=float(np.mean(over)))
    for photos in bench.sets:
        some = [done for done in ended if done["set"] == photos.name]
        bench.add(f"… {photos.name}: wrong of all labels", [done["wrong"] for done in some])
        bar = 0.75 if photos.name == "cars" else None
        bench.add("… labelled by the model, of those without a label", [s["labelled"] for s in some], at_least=bar)


def suggestions(bench: People) -> None:
    """Whether photos that are suggested teach more than photos at random."""
    at_random, followed = (curves(bench, habit) for habit in ("batches at random", "what is suggested"))
    for photos in bench.sets:
        plain, ours = at_random[photos.name], followed[photos.name]
        counts = [count for count in ours if count in plain]
        gains = [float(np.mean(ours[count]) - np.mean(plain[count])) for count in counts]
        what = f"{photos.name}: accuracy with suggested photos over random ones, {counts[0]} to {counts[-1]} labels"
        bench.add(f"{what}, least", gains, at_least=-0.01, value=min(gains))
        needed = [labels_to(0.9, of_kind) for of_kind in (ours, plain)]
        if all(needed):
            bench.add("… labels to 90 % over random's", [needed[0] / needed[1]], at_most=0.75, unit="×")


def guided(bench: People) -> None:
    """Whether people who begin with a lasso for each class catch up by following the guidance."""
    at_random, after_lasso = (curves(bench, habit) for habit in ("batches at random", "lasso, then what is suggested"))
    for photos in bench.sets:
        plain, ours = at_random[photos.name], after_lasso[photos.name]
        seeds = range(min(len(seen) for seen in (*plain.values(), *ours.values())))
        gains = [accuracy_at(180, ours, seed) - accuracy_at(180, plain, seed) for seed in seeds]
        what = f"{photos.name}: accuracy at 180 labels, a lasso each and then suggested photos, over random photos"
        bench.add(f"{what} ({len(gains)} people)", gains, at_least=-0.01, value=float(np.mean(gains)))


def accuracy_at(labels: int, curve: dict[int, list[float]], person: int) -> float:
    """A person's accuracy at so many labels, interpolated."""
    counts = sorted(curve)
    return float(np.interp(labels, counts, [curve[count][person] for count in counts]))


def gestures(bench: People) -> None:
    """How many keys, clicks and lassos it takes from nothing to a finished collection."""
    cars = bench.sets[0]
    ended = bench.run(done, ((cars, seed) for seed in range(bench.many(5))))
    what = f"{cars.name}: gestures from nothing to finished at 5 % ({len(ended)} people)"
    bench.add(what, [float(seen["gestures"]) for seen in ended], at_most=900)
    bench.add("… wrong of all labels", [seen["wrong"] for seen in ended], at_most=0.05)
    bench.add("… photos without a label", [float(seen["left"]) for seen in ended], at_most=0)


def curves(bench: People, habit: str) -> dict[str, dict[int, list[float]]]:
    """By set and number of labels the true accuracy of each person."""
    found: dict[str, dict[int, list[float]]] = {photos.name: {} for photos in bench.sets}
    for seen in bench.lives([habit], checks=0, full=5 * len(bench.sets)):
        found[seen["set"]].setdefault(seen["labelled"], []).append(seen["truth"])
    return found


def labels_to(accuracy: float, curve: dict[int, list[float]]) -> float | None:
    """From how many labels on the mean accuracy is reached, interpolated; None if it is not."""
    counts = sorted(curve)
    means = [float(np.mean(curve[count])) for count in counts]
    for (n0, a0), (n1, a1) in itertools.pairwise([(0, 0.0), *zip(counts, means, strict=True)]):
        if a1 >= accuracy:
            return n0 + (n1 - n0) * (accuracy - a0) / (a1 - a0)
    return None


def speed(bench: People) -> None:
    """Training with 800 labels, on a machine that may be idle, and beside processes that keep all cores busy."""
    [(_, folder)] = bench.starts("hundred of each", 1, [0], sets=bench.sets[:1])
    for busy in (0, os.cpu_count() or 1):
        with threads.spinning(busy):
            runs = [threads.trained(str(folder)) for _ in range(bench.many(5))]
        if busy:
            bench.add("… processor time beside busy processes", [run["cpu"] for run in runs], at_most=6, unit="s")
        else:
            bench.add("train, 800 labels of cars", [run["wall"] for run in runs], at_most=3, unit="s")


SECTIONS = {
    "headline": headline,
    "intervals": intervals,
    "calibration": calibration,
    "finish": finish,
    "speed": speed,
    "suggestions": suggestions,
    "guided": guided,
    "gestures": gestures,
}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--work", type=Path, default=report.ROOT / "benchmarks" / "work", help="prepared photos")
        parser.add_argument("--quick", action="store_true", help="a few runs of each kind")
        parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)

    given = report.options(__doc__ or "", SECTIONS, more)
    if not (given.data / "cars_8000").is_dir():
        return report.fail(f"the benchmark needs cars_8000, flowers and weights in {given.data}; give --data")
    scale = 0.03 if given.quick else 1.0
    with tempfile.TemporaryDirectory(prefix="handlens-person-") as scratch:
        bench = People(given.data, given.work, Path(scratch), scale=scale, processes=given.processes)
        return report.run("person", bench, SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
