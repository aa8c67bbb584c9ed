"""How accurate the quick model is, next to logistic regression on the same features; prints a table, writes it as JSON.

    python benchmarks/quick_model.py [--data SHARED/data] [--work FOLDER] [--seeds 5] [--only cars,mean] [--out FOLDER]

The labels are drawn at random within each class; what counts is the accuracy on all other photos, the mean over seeds.
The quick model is compared with the best of three logistic regressions of scikit-learn (C = 1) on standardised
features: of the last stage's means over the photo, of its means on a 3×3 grid, and of all layers side by side.
Prepared collections are kept in `--work`.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import report
from numpy.typing import NDArray
from person import NETWORK, SETS, Photos, fresh
from report import Bench
from sklearn.linear_model import LogisticRegression

from handlens.core.threads import one_blas_thread
from handlens.studio import Collection

NETWORKS = (NETWORK, "mobilenetv2_100")
A_CLASS = (5, 12, 25, 50)


class Comparison(Bench):
    """The prepared photos, how many seeds are run, and the advantage of the quick model in each cell so far."""

    def __init__(self, data: Path, work: Path, seeds: int) -> None:
        super().__init__(data)
        self.work, self.seeds = work, seeds
        self.advantages: list[float] = []


def compare(bench: Comparison, name: str) -> None:
    """Every network and number of labels on one set of photos."""
    for network in NETWORKS:
        photos = Photos(bench.data, bench.work, name, network)
        photos.prepare()
        for a_class in A_CLASS:
            runs = np.array([accuracies(photos, a_class, seed) for seed in range(bench.seeds)])
            ours, theirs = runs[:, 0], runs[:, 1:]
            best = theirs[:, theirs.mean(0).argmax()]
            bench.advantages.append(float((ours - best).mean()))
            what = f"{name}, {network}, {a_class} labels a class: quick model"
            bench.add(what, ours.tolist(), value=float(ours.mean()))
            bench.add("… less logistic regression", (ours - best).tolist(), at_least=-0.005, value=bench.advantages[-1])


def accuracies(photos: Photos, a_class: int, seed: int) -> list[float]:
    """The accuracy on the other photos of the quick model, and of logistic regression on three sets of features."""
    with fresh(photos, seed) as person:
        collection, truth = person.collection, person.truth
        drawn = label_at_random(collection, truth, a_class, seed)
        rest = np.setdiff1d(np.arange(len(truth)), drawn)
        collection.train()
        found = [float((collection.predictions()["predicted"].to_numpy() == truth)[rest].mean())]
        layers = [standardised(collection, layer) for layer in collection.layers]
        for x in ([layers[-2]], [layers[-1]], layers):
            found.append(float((logistic_regression(x, drawn, truth) == truth)[rest].mean()))
        return found


def label_at_random(collection: Collection, truth: NDArray[np.str_], a_class: int, seed: int) -> NDArray[np.int64]:
    """Label random photos of each class, at most half of them; gives their ids."""
    generator = np.random.default_rng(seed)
    drawn = []
    for name in np.unique(truth):
        own = np.flatnonzero(truth == name)
        drawn.append(generator.choice(own, min(a_class, len(own) // 2), replace=False))
        collection.label(drawn[-1], str(name))
    return np.concatenate(drawn)


def standardised(collection: Collection, layer: str) -> NDArray[np.float32]:
    """The standardised features [N, D] of a layer, by id."""
    parts = collection.parts
    maps = parts.layers.maps_of(parts.layers.get(layer))
    return parts.photos.by_id(maps.fit().scaling.apply(np.concatenate(list(maps.raw().blocks()))), missing=0.0)


@one_blas_thread()
def logistic_regression(
    layers: Sequence[NDArray[np.float32]], drawn: NDArray[np.int64], truth: NDArray[np.str_]
) -> NDArray[np.str_]:
    """What logistic regression predicts of each photo.

    It is fitted on coordinates in the space that the drawn rows span: the weights are a sum of these rows, and lengths
    are the same there, so that the predictions are those of all features.
    """
    products = sum((x @ x[drawn].T).astype(np.float64) for x in layers)
    values, vectors = np.linalg.eigh(products[drawn])
    kept = values > 1e-6 * values.max()
    coordinates = products @ (vectors[:, kept] / np.sqrt(values[kept]))
    model = LogisticRegression(C=1.0, max_iter=1000).fit(coordinates[drawn], truth[drawn])
    return np.asarray(model.predict(coordinates))


def mean(bench: Comparison) -> None:
    """The mean advantage over all cells."""
    bench.add("mean advantage", bench.advantages, at_least=0.02, value=statistics.mean(bench.advantages))


SECTIONS = {name: partial(compare, name=name) for name in SETS} | {"mean": mean}


def main() -> int:
    """Run the sets asked for, print the table, write it as JSON."""

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--work", type=Path, default=report.ROOT / "benchmarks" / "work", help="prepared photos")
        parser.add_argument("--seeds", type=int, default=5)

    given = report.options(__doc__ or "", SECTIONS, more)
    if not (given.data / "cars_8000").is_dir():
        return report.fail(f"the benchmark needs cars_8000, flowers and weights in {given.data}; give --data")
    return report.run("quick-model", Comparison(given.data, given.work, given.seeds), SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
