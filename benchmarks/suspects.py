"""Whether labels that are wrong come first among suspects, beside the rankings of cleanlab; prints one table.

    python benchmarks/suspects.py [--data SHARED/data] [--work FOLDER] [--seeds 5] [--only cars,…] [--out FOLDER]

Someone labels 1,000 photos of a set one by one, 50 of them wrongly, and trains. `Collection.suspects` ranks the labels
by what models say that were trained without them; cleanlab ranks the same labels by the same probabilities. A ranking
is measured by the area under its ROC curve (AUROC): how often a wrong label comes before a right one. HANDLENS_PEERS
names the Python of another environment that has cleanlab 2; without it only Studio's ranking is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

import numpy as np
import report
from numpy.typing import NDArray
from people import Person
from person import Photos, fresh
from report import Bench
from scipy.special import softmax
from scipy.stats import rankdata

LABELS, WRONG = 1000, 50
FIRST = 0.15
"""The share of the labels that is looked through."""

Floats = NDArray[np.float64]


def label(person: Person) -> set[int]:
    """Label photos one by one, some of them wrongly; the ids of these."""
    ids = person.random.permutation(len(person.truth))[:LABELS]
    wrong = {int(i) for i in person.random.permutation(ids)[:WRONG]}
    for i in ids.tolist():
        name = str(person.truth[i])
        if i in wrong:
            name = str(person.random.choice([n for n in person.names if n != name]))
        person.label(np.array([i]), name, "click")
    return wrong


def auroc(doubt: Floats, wrong: NDArray[np.bool_]) -> float:
    """How often a wrong label is doubted more than a right one; equal doubts count half."""
    n = wrong.sum()
    return float((rankdata(doubt)[wrong].sum() - n * (n + 1) / 2) / (n * (~wrong).sum()))


def found_first(doubt: Floats, wrong: NDArray[np.bool_]) -> float:
    """The share of the wrong labels that are among the most doubted ones."""
    first = np.argsort(-doubt, kind="stable")[: round(FIRST * len(doubt))]
    return float(wrong[first].sum() / wrong.sum())


def cleanlab(given: NDArray[np.int64], p: Floats) -> dict[str, Floats]:
    """How much each ranking of cleanlab doubts each label."""
    peer = os.environ.get("HANDLENS_PEERS")
    if peer is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="handlens-suspects-") as scratch:
        np.savez(Path(scratch) / "labels.npz", given=given, p=p)
        script = Path(__file__).parent / "peers" / "cleanlab_rankings.py"
        out = subprocess.run([peer, script, Path(scratch) / "labels.npz"], capture_output=True, text=True, check=True)
    return {name: np.array(doubt) for name, doubt in json.loads(out.stdout).items()}


class Sets(Bench):
    """The sets of photos, each labelled by several people.

    Args:
        data, work: see `Photos`.
        seeds: how many people.
    """

    def __init__(self, data: Path, work: Path, seeds: int) -> None:
        super().__init__(data)
        self._work, self._seeds = work, seeds

    def measure(self, name: str) -> None:
        """Measure the rankings of a set."""
        ours: list[tuple[float, float]] = []
        theirs: dict[str, list[tuple[float, float]]] = {}
        for seed in range(self._seeds):
            with fresh(Photos(self.data, self._work, name), seed) as person:
                wrong_ids = label(person)
                person.collection.train()
                models = person.collection.parts.models
                model = models.get("quick")
                assert model is not None
                held_out, classes = models.held_out(model), models.classes(model)
                suspects = person.collection.suspects()
            assert held_out is not None
            wrong = np.isin(held_out.ids, list(wrong_ids))
            given = np.array([classes.index(label) for label in held_out.truth])
            places = {photo: place for place, photo in enumerate(suspects.index)}
            doubt = -np.array([places[photo] for photo in held_out.ids.tolist()], float)
            ours.append((auroc(doubt, wrong), found_first(doubt, wrong)))
            p = softmax(held_out.scores.astype(np.float64), axis=1)
            for ranking, doubt in cleanlab(given, p).items():
                theirs.setdefault(ranking, []).append((auroc(doubt, wrong), found_first(doubt, wrong)))
        at_least = 0.85 if name == "cars" else None
        self.add(f"{name}: AUROC of suspects", [a for a, _ in ours], value=mean(a for a, _ in ours))
        for ranking, found in theirs.items():
            self.add(f"{name}: AUROC of {ranking}", [a for a, _ in found], value=mean(a for a, _ in found))
        if theirs:
            best = max(mean(a for a, _ in found) for found in theirs.values())
            ratio = mean(a for a, _ in ours) / best
            self.add(f"{name}: AUROC of suspects over the best of cleanlab's", [ratio], at_least=1.0, unit="×")
        what = f"{name}: wrong labels found in the first {FIRST:.0%}"
        self.add(what, [f for _, f in ours], at_least=at_least, value=mean(f for _, f in ours))
        for ranking, found in theirs.items():
            self.add(f"{what}, {ranking}", [f for _, f in found], value=mean(f for _, f in found))


SECTIONS = {
    "cars": lambda sets: sets.measure("cars"),
    "flowers": lambda sets: sets.measure("flowers"),
    "digits": lambda sets: sets.measure("digits"),
}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--work", type=Path, default=report.ROOT / "benchmarks" / "work", help="prepared photos")
        parser.add_argument("--seeds", type=int, default=5, help="people who label each set")

    given = report.options(__doc__ or "", SECTIONS, more)
    if not (given.data / "cars_8000").is_dir():
        return report.fail(f"the benchmark needs cars_8000, flowers and weights in {given.data}; give --data")
    return report.run("suspects", Sets(given.data, given.work, given.seeds), SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
