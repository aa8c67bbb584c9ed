"""Whether fine-tuning helps with few labels, and whether Studio knows; prints a table, writes it as JSON.

    python benchmarks/fine_tuning.py [--data SHARED/data] [--work FOLDER] [--seeds 2] [--minutes 2] [--only cars,…]

Someone labels random photos of each class, checks 100 photos drawn at random, trains, and fine-tunes. What counts is
the accuracy on the photos without a label, of the first 1,000 in random order: of the quick model, of the fine-tuned
one, of both together, and of the one that is put in use. The time limit counts seconds of the processor, so that other
work on the machine changes nothing. “Luck” decides again with some of the checked photos, many times; “certified”
fine-tunes again after `finish`. Prepared collections are kept in `--work`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import report
import torch
from numpy.typing import NDArray
from people import Habit, Person, of_each
from person import SETS, Photos, fresh
from report import Bench

from handlens.studio.models import fine_tune
from handlens.studio.models.fine_tuned import FineTunedModel
from handlens.studio.models.model import ModelKind
from handlens.studio.models.same_photos import SamePhotos

A_CLASS = (5, 12, 25)
CHECKS = 100
PREDICTED = 1000
KINDS: tuple[ModelKind, ...] = ("quick", "fine-tuned", "both")
WORSE = 0.01

Rights = dict[ModelKind, NDArray[np.bool_]]
Accuracies = dict[ModelKind, float]


class Tuning(Bench):
    """The prepared photos, how many seeds are run and for how long, and the runs so far.

    Attributes:
        runs: of each run the accuracies, and which checked photos each model predicts correctly.
    """

    def __init__(self, data: Path, work: Path, *, seeds: range, minutes: float) -> None:
        super().__init__(data)
        self.work, self.seeds, self.minutes = work, seeds, minutes
        self.runs: list[tuple[Accuracies, Rights]] = []


def compare(bench: Tuning, name: str) -> None:
    """Every number of labels on one set of photos."""
    photos = Photos(bench.data, bench.work, name)
    photos.prepare()
    for a_class in A_CLASS:
        used = []
        first = len(bench.runs)
        for seed in bench.seeds:
            with fresh(photos, seed) as person:
                used.append(tuned(bench, person, a_class))
        runs = [shares for shares, _ in bench.runs[first:]]
        what = f"{name}, {a_class} labels a class"
        for kind in KINDS:
            bench.add(f"{what}: {kind}" if kind == "quick" else f"… {kind}", [run[kind] for run in runs])
        gains = [run[kind] - run["quick"] for run, kind in zip(runs, used, strict=True)]
        bench.add(f"… put in use ({', '.join(used)}) less quick", gains, at_least=-WORSE)


def tuned(bench: Tuning, person: Person, a_class: int) -> ModelKind:
    """Label, check, train and fine-tune; adds a run, and gives the model that is put in use."""
    collection = person.collection
    prepare(person, a_class)
    rest = some(person)
    fine_tuned(bench, person)
    used = collection.model
    assert used is not None
    models, check = collection.parts.models, collection.spot_check
    rights: Rights = {}
    for kind in KINDS:
        collection.use_model(kind)
        model = models.in_use
        assert model is not None
        rights[kind] = models.checked(model, check).right
    bench.runs.append((accuracies(person, rest), rights))
    return used


def prepare(person: Person, a_class: int) -> None:
    """Label, check, and train the quick model with the answers."""
    Habit(()).label(person, of_each(a_class))
    person.collection.train()
    person.check(CHECKS)
    person.collection.train()


def fine_tuned(bench: Tuning, person: Person) -> None:
    """Fine-tune; of the other photos only some are predicted."""
    photos, kinds = person.collection.parts.photos, person.collection.origins["kind"]
    by_person = (kinds.notna() & (kinds != "certified")).to_numpy()
    needed = np.flatnonzero(by_person | np.isin(np.arange(len(person.truth)), photos.order[:PREDICTED]))
    with predicting_only({photos.file(int(i)) for i in needed}):
        print(f"   {person.collection.fine_tune(minutes=bench.minutes).outcome}", flush=True)


def some(person: Person) -> NDArray[np.bool_]:
    """The photos without a label among those that are predicted, bool [N]."""
    photos = person.collection.parts.photos
    return person.unlabelled & np.isin(np.arange(len(person.truth)), photos.order[:PREDICTED])


def accuracies(person: Person, rest: NDArray[np.bool_]) -> Accuracies:
    """How many of these photos each model predicts correctly."""
    found: Accuracies = {}
    for kind in KINDS:
        person.collection.use_model(kind)
        predicted = person.collection.predictions()["predicted"].to_numpy()
        found[kind] = float((predicted == person.truth)[rest].mean())
    return found


def certified(bench: Tuning) -> None:
    """What a fine-tuned network gains from the labels that the quick model gave, with a certificate."""
    for name, a_class in (("cars", 12), ("digits", 5)):
        photos = Photos(bench.data, bench.work, name)
        photos.prepare()
        gains: dict[ModelKind, list[float]] = {kind: [] for kind in KINDS}
        for seed in bench.seeds:
            with fresh(photos, seed) as person:
                prepare(person, a_class)
                rest = some(person)
                fine_tuned(bench, person)
                before = accuracies(person, rest)
                person.collection.use_model("quick")
                person.collection.finish()
                fine_tuned(bench, person)
                after = accuracies(person, rest)
            for kind in KINDS:
                gains[kind].append(after[kind] - before[kind])
        for kind in KINDS[1:]:
            bench.add(f"{name}, {a_class} labels a class, with certified labels too: gain of {kind}", gains[kind])


@contextmanager
def predicting_only(files: set[Path]) -> Iterator[None]:
    """Fine-tuned models predict only these files, which saves minutes."""
    predict = FineTunedModel._predict

    def only(model: FineTunedModel, learner: Any, everything: list[Path | None], step: Any) -> None:
        predict(model, learner, [file if file in files else None for file in everything], step)

    FineTunedModel._predict = only  # type: ignore[method-assign]
    try:
        yield
    finally:
        FineTunedModel._predict = predict  # type: ignore[method-assign]


def luck(bench: Tuning) -> None:
    """How often the model that is put in use is worse than the quick one, with the rule and without it."""
    for n in (30, 60, CHECKS):
        by_rule, by_count = [], []
        for shares, rights in bench.runs:
            for rows in samples(len(rights["quick"]), n):
                same = SamePhotos({kind: right[rows] for kind, right in rights.items()}, "fine-tuned", checked=True)
                most = max(same.right, key=lambda kind: (int(same.right[kind].sum()), kind == "quick"))
                by_rule.append(shares[same.best("quick")] - shares["quick"])
                by_count.append(shares[most] - shares["quick"])
        for rule, gains in (("the most right", by_count), ("clearly better", by_rule)):
            worse = float(np.mean(np.array(gains) < -WORSE))
            what = f"{n} checked, {rule}: share of choices that lose over 1 point"
            bench.add(what, [worse], at_most=0.05 if rule == "clearly better" else None)
            bench.add("… mean gain", gains, value=float(np.mean(gains)))


def samples(n: int, size: int, *, draws: int = 100) -> Iterator[NDArray[np.int64]]:
    """Random positions below n, without repetition; one sample if that is all."""
    generator = np.random.default_rng(0)
    for _ in range(draws if size < n else 1):
        yield generator.permutation(n)[:size]


SECTIONS = {name: partial(compare, name=name) for name in SETS} | {"luck": luck, "certified": certified}


def main() -> int:
    """Run the sets asked for, print the table, write it as JSON."""

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--work", type=Path, default=report.ROOT / "benchmarks" / "work", help="prepared photos")
        parser.add_argument("--seeds", type=int, default=2)
        parser.add_argument("--first", type=int, default=0, help="the first seed")
        parser.add_argument("--minutes", type=float, default=2.0)

    given = report.options(__doc__ or "", SECTIONS, more)
    if not (given.data / "cars_8000").is_dir():
        return report.fail(f"the benchmark needs cars_8000, flowers and weights in {given.data}; give --data")
    torch.set_num_threads(1)
    fine_tune.time = SimpleNamespace(monotonic=time.process_time)  # type: ignore[attr-defined]
    bench = Tuning(given.data, given.work, seeds=range(given.first, given.first + given.seeds), minutes=given.minutes)
    return report.run("fine-tuning", bench, SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
