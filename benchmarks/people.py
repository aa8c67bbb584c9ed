"""Simulated people who label a collection. Each has a fixed habit; what it draws at random depends on a seed alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from handlens.studio import Collection
from handlens.studio.origins import Gesture, Origin

Ids = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

AT_ONCE = 15
"""Photos that a lasso takes, or that are labelled of those found to be similar."""

BATCH = 24
"""Photos that are labelled between two trainings, one by one."""

CENTRES = 40
"""Places on a map that a person looks at before choosing the purest one."""

GRID = 3
"""Photos predicted alike that the page shows as a grid; fewer are named one by one."""

FADED = 0.9
"""From this probability on a photo looks sure."""


class Person:
    """Someone who labels a collection in rounds.

    Args:
        collection: an open, prepared collection.
        truth: what each photo shows, str [N] by id.
        seed: of all random choices.
    """

    def __init__(self, collection: Collection, truth: NDArray[np.str_], seed: int) -> None:
        self.collection, self.truth = collection, truth
        self.random = np.random.default_rng(seed)

    @cached_property
    def names(self) -> list[str]:
        """The classes, in the order in which this person cares for them."""
        return [str(name) for name in self.random.permutation(np.unique(self.truth))]

    @property
    def unlabelled(self) -> NDArray[np.bool_]:
        """The photos without a label, bool [N]."""
        return self.collection.labels.isna().to_numpy()

    def label(self, ids: Ids, name: str, gesture: Gesture) -> None:
        """Give photos a label by hand, as one gesture."""
        if len(ids):
            self.collection.parts.labels.assign(ids, name, origin=Origin(gesture, "by hand"))

    def check(self, n: int) -> Ids:
        """Answer n drawn photos with the truth: none of the labels where no label is called so. Gives their ids."""
        drawn = self.collection.draw_spot_check(n)
        for photo in drawn:
            name = str(self.truth[photo])
            self.collection.answer_spot_check(int(photo), name if name in self.collection.label_names else None)
        return drawn

    def best_map(self) -> tuple[str, str]:
        """The map that a person would take: of the best score, or to begin with, where the classes are purest."""
        maps = self.collection.scores()["maps"]
        scores = {(a, b): s for a, found in maps.items() for b, s in found.items() if s is not None}
        if not scores:
            scores = {place: self.purity(*place) for place in self.maps()}
        return max(scores, key=lambda place: scores[place])

    def maps(self) -> list[tuple[str, str]]:
        """The first principal components of each layer, and the neighbour maps that are computed."""
        parts = self.collection.parts
        found = [(layer.id, "pca-1-2") for layer in self.collection.layers]
        near = [layer for layer in self.collection.layers if parts.layers.maps_of(layer).has_neighbours]
        return [*found, *((layer.id, "neighbours") for layer in near)]

    def purity(self, layer: str, projection: str) -> float:
        """The share of each class in its purest square, averaged over the classes (0–1)."""
        xy = self.collection.map(layer, projection)
        squares = {name: self.square(xy, name) for name in self.names}
        return float(np.mean([(self.truth[ids] == name).mean() for name, ids in squares.items()]))

    def square(self, xy: Floats, name: str) -> Ids:
        """The photos in the purest square of a class, of some that this person looks at."""
        own = np.flatnonzero(self.unlabelled & (self.truth == name) & np.isfinite(xy).all(1))
        centres = self.random.permutation(own)[:CENTRES]
        return purest_square(xy, self.truth == name, self.unlabelled, centres, AT_ONCE)


def purest_square(xy: Floats, wanted: NDArray[np.bool_], free: NDArray[np.bool_], centres: Ids, count: int) -> Ids:
    """Of the squares around some photos with `count` free photos each, the one with the largest share of wanted ones.

    Args:
        xy: places on a map [N, 2].
        wanted, free: bool [N].
        centres: ids of photos on the map.
        count: how many photos a square holds.

    Returns:
        The ids in it, int64 [count], the innermost first; empty without a centre.
    """
    there = np.flatnonzero(free & np.isfinite(xy).all(1))
    if not len(centres) or not len(there):
        return np.empty(0, np.int64)
    k = np.arange(1, min(count, len(there)) + 1)
    inside = there[cKDTree(xy[there]).query(xy[centres], k=k, p=np.inf)[1]]
    return np.asarray(inside[wanted[inside].mean(1).argmax()], np.int64)


# --- what people pick: ids, the name they give them, and the gesture ------------------------------

Picks = Iterator[tuple[Ids, str, Gesture]]
Pick = Callable[[Person], Picks]


def lasso(person: Person) -> Picks:
    """The purest square of each class on the best map."""
    xy = person.collection.map(*person.best_map())
    for name in person.names:
        yield person.square(xy, name), name, "lasso"


def similar(person: Person) -> Picks:
    """For each class those next to a good example of it, as the grid shows them."""
    layer, projection = person.best_map()
    for name in person.names:
        origins = person.collection.origins
        own = (origins["label"] == name) & (origins["kind"] == "by hand") & (person.truth == name)
        good = np.flatnonzero(own)
        if len(good) and person.unlabelled.any():
            example = int(person.random.choice(good))
            found = person.collection.similar([example], layer=layer, projection=projection)["id"].to_numpy()
            yield found[person.unlabelled[found]][:AT_ONCE], name, "similar"


def at_random(person: Person) -> Picks:
    """Photos drawn at random from all, one by one."""
    chosen = person.random.permutation(np.flatnonzero(person.unlabelled))[: AT_ONCE * len(person.names)]
    for photo in chosen:
        yield np.array([photo]), str(person.truth[photo]), "click"


def typical(person: Person) -> Picks:
    """Typical photos of each class, one by one: of the 60 in the middle of the class on the best map."""
    xy = person.collection.map(*person.best_map())
    for name in person.names:
        own = np.flatnonzero(person.unlabelled & (person.truth == name) & np.isfinite(xy).all(1))
        if len(own):
            middle = own[np.abs(xy[own] - np.median(xy[own], axis=0)).max(1).argsort()][: 4 * AT_ONCE]
            for photo in person.random.permutation(middle)[:AT_ONCE]:
                yield np.array([photo]), name, "click"


def drawn(count: int) -> Pick:
    """Picks so many photos at random from all, one by one."""

    def pick(person: Person) -> Picks:
        for photo in person.random.permutation(np.flatnonzero(person.unlabelled))[:count]:
            yield np.array([photo]), str(person.truth[photo]), "click"

    return pick


def suggested(count: int) -> Pick:
    """Picks so many of the photos that `Collection.next` gives, as the page asks for them."""

    def pick(person: Person) -> Picks:
        yield from asked(person, person.collection.next(count))

    return pick


def asked(person: Person, ids: Ids) -> Picks:
    """Photos that the page asks for: those predicted alike are confirmed together, the others named one by one."""
    said = predicted(person)
    names, sizes = np.unique(said[ids], return_counts=True)
    for name in names[(sizes >= GRID) & (names != "")]:
        group = ids[said[ids] == name]
        right = person.truth[group] == name
        yield group[right], str(name), "review"
        for photo in group[~right]:
            yield np.array([photo]), str(person.truth[photo]), "review"
        ids = ids[said[ids] != name]
    for photo in ids:
        yield np.array([photo]), str(person.truth[photo]), "review"


def predicted(person: Person) -> NDArray[np.str_]:
    """The prediction of each photo, str [N]; "" where there is none."""
    if person.collection.report is None:
        return np.full(len(person.truth), "")
    return person.collection.predictions()["predicted"].fillna("").to_numpy(str)


def imbalanced(person: Person) -> Picks:
    """Many photos of two classes and two of each other one, one by one."""
    for i, name in enumerate(person.names):
        own = np.flatnonzero(person.unlabelled & (person.truth == name))
        for photo in person.random.permutation(own)[: 4 * AT_ONCE if i < 2 else 2]:
            yield np.array([photo]), name, "click"


def of_each(count: int) -> Pick:
    """Picks so many random photos of each class, one by one."""

    def pick(person: Person) -> Picks:
        for name in person.names:
            own = np.flatnonzero(person.unlabelled & (person.truth == name))
            for photo in person.random.permutation(own)[:count]:
                yield np.array([photo]), name, "click"

    return pick


def boxes(person: Person) -> Picks:
    """Two boxes somewhere on a map, called a and b."""
    maps = person.maps()
    xy = person.collection.map(*maps[person.random.integers(len(maps))])
    everything = np.ones(len(xy), bool)
    for name in ("a", "b"):
        centre = person.random.choice(np.flatnonzero(np.isfinite(xy).all(1)), 1)
        yield purest_square(xy, everything, person.unlabelled, centre, 4 * AT_ONCE), name, "box"


# --- habits ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Habit:
    """How a person labels.

    Attributes:
        rounds: what is picked in each round.
        careful: throw photos out of a pick that do not show what it is named.
        slips: the share of photos picked one by one that get a wrong name.
    """

    rounds: tuple[Pick, ...]
    careful: bool = False
    slips: float = 0.0

    def label(self, person: Person, pick: Pick) -> None:
        """Label one round."""
        for ids, name, gesture in pick(person):
            kept = ids[person.truth[ids] == name] if self.careful else ids
            slip = len(ids) == 1 and person.random.random() < self.slips
            others = [other for other in person.names if other != name]
            person.label(kept, str(person.random.choice(others)) if slip else name, gesture)


HABITS = {
    "lasso": Habit((lasso, similar, similar)),
    "careful lasso": Habit((lasso, similar, similar), careful=True),
    "lasso again": Habit((lasso, lasso, lasso)),
    "random": Habit((at_random,) * 3),
    "clicks": Habit((typical,) * 3),
    "sloppy": Habit((at_random,) * 3, slips=0.1),
    "imbalanced": Habit((imbalanced,) * 3),
    "fifty of each": Habit((of_each(50),)),
    "hundred of each": Habit((of_each(100),)),
    "boxes": Habit((boxes,) * 3),
    "batches at random": Habit((drawn(BATCH),) * 10),
    "what is suggested": Habit((suggested(BATCH),) * 10),
    "lasso, then what is suggested": Habit((lasso, *(suggested(BATCH),) * 5)),
}


# --- from nothing to the end ----------------------------------------------------------------------

MOST, WORTH = 0.8, 120
"""The share that finishing should label, and the checks that the page asks for until it does."""

PAGE = 60
"""Photos on a page where the predictions of one label are confirmed."""


def whole(person: Person, *, batches: int = 8, checks: int = 240, error: float = 0.05) -> dict[str, Any]:
    """From the first label to the last: suggested batches, pages of each label, a check, finishing, and the rest.

    Returns:
        the gestures (each a key, a click or a lasso) and, of all labels, the share that is wrong.
    """
    collection = person.collection
    gestures = 1  # the key that suggests
    for _ in range(batches):
        gestures += answer(person, collection.next(BATCH)) + 1  # a key trains and suggests the next
        collection.train()
    gestures += 1 + confirm(person, pages=2) + 1  # closes the batch; trains
    collection.train()
    gestures += answered(person, checks)
    for _ in range(4):
        plan = collection.plan_finish(error=error)
        # As the advice says: a few more checks, if then most can be labelled.
        if len(plan.ids) >= MOST * (len(plan.ids) + plan.left) or not 0 < (plan.more_checks or 0) <= WORTH:
            break
        gestures += answered(person, 30)
    collection.finish(error=error)
    gestures += 2  # the button, and the one of the dialog
    gestures += confirm(person)
    labels = collection.labels
    wrong = float((labels.to_numpy() != person.truth)[labels.notna()].mean())
    return {"gestures": gestures, "wrong": wrong, "left": int(labels.isna().sum())}


def answered(person: Person, checks: int) -> int:
    """Answer so many checks and train again; the number of gestures."""
    person.check(checks)
    person.collection.train()
    return checks + -(-checks // 30) + 2  # a key each; each round is asked for; the last one is closed; trains


def answer(person: Person, ids: Ids) -> int:
    """Label photos as the page asks for them; the number of gestures."""
    gestures = 0
    for photos, name, _ in asked(person, ids):
        gestures += give(person, photos, name)
    return gestures


def confirm(person: Person, pages: int | None = None) -> int:
    """Confirm so many pages of the predictions of each label, or all; the number of gestures."""
    said, table = predicted(person), person.collection.predictions()
    sure = table["probability"].to_numpy(np.float64)
    gestures = 0
    for name in person.collection.label_names:
        ids = np.flatnonzero(person.unlabelled & (said == name))
        ids = ids[sure[ids].argsort(kind="stable")]
        for page in [ids[at : at + PAGE] for at in range(0, len(ids), PAGE)][:pages]:
            right = person.truth[page] == name
            for photo in page[~right]:  # pointed at
                gestures += give(person, np.array([photo]), str(person.truth[photo]))
            gestures += give(person, page[right], name)
        gestures += 3 if len(ids) else 0  # opens the dialog, chooses the label, closes it
    return gestures


def give(person: Person, photos: Ids, name: str) -> int:
    """Label photos; the number of gestures: Enter or the key of a label, or the letters of another one and Enter."""
    gestures = 1 if name in person.collection.label_names[:9] else len(name) + 1
    person.label(photos, name, "review")
    return gestures


# --- what is seen ---------------------------------------------------------------------------------


def live(person: Person, habit: Habit, *, checks: int) -> list[dict[str, Any]]:
    """Label, train and check round after round; what the product says and what is true, after each step."""
    looks = []
    for number, pick in enumerate(habit.rounds):
        habit.label(person, pick)
        person.collection.train()
        looks.append({"round": number, "step": "trained", **look(person)})
        if checks:
            person.check(checks)
            looks.append({"round": number, "step": "checked", **look(person)})
    return looks


def look(person: Person) -> dict[str, Any]:
    """What the report and the predictions say, and what is true of the photos without a label."""
    report, table = person.collection.report, person.collection.predictions()
    assert report is not None
    rest = person.unlabelled & table["predicted"].notna().to_numpy()
    right = (table["predicted"].to_numpy() == person.truth)[rest]
    sure = table["probability"].to_numpy(np.float64)[rest]
    faded = sure >= FADED
    return {
        "labelled": report.n_labelled,
        "checked": report.checked,
        "accuracy": report.accuracy,
        "interval": report.interval,
        "guess": report.guess,
        "reason": report.reason,
        "truth": float(right.mean()),
        "ece": calibration_error(sure, right),
        "faded": float(faded.mean()),
        "faded right": float(right[faded].mean()) if faded.any() else None,
        "mean": float(sure.mean()),
        "seconds": report.seconds,
    }


def calibration_error(sure: Floats, right: NDArray[np.bool_], bins: int = 10) -> float:
    """How far probabilities are from the share that is right, over bins of equal width by how many photos they hold."""
    which = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [(which == b).mean() * abs(sure[which == b].mean() - right[which == b].mean()) for b in np.unique(which)]
    return float(sum(gaps))
