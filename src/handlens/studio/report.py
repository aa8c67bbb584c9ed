"""What a person is told of a model: how accurate it is, as far as that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.audit.intervals import wilson

ENOUGH = 10
"""A class with fewer labelled photos than this is thin."""

AT_LEAST = 10
"""Checked photos from which an accuracy is shown; fewer only if there are no more."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class TrainingReport:
    """How accurate a model is, from photos that were drawn at random and labelled blind (`draw_spot_check`).

    Attributes:
        accuracy: the share (0–1) of the photos that nobody has labelled yet that the model predicts correctly, of those
            that a person can tell; estimated from the spot check, None until enough photos are checked.
        interval: its 95 % interval; None as the accuracy.
        guess: without a check, a low and a high guess of the accuracy: from holding out whole gestures, or from how
            sure the model is of the other photos if that is less, and from holding out single photos. None if some
            label comes from one gesture only, and once there is a check.
        reason: why there is no accuracy, as a sentence; "" if there is one.
        checked: answers of the spot check that count: of each draw complete blocks of 30 in the order of drawing, and
            all once none of its photos waits; those of which the person was unsure left out.
        unsure: how many these are. The accuracy says nothing about such photos: `accuracy_of_all`.
        unlabelled: photos that the accuracy is about.
        per_class: a row for each label that the model knows, as it is called now, and one for labels that were merged
            since; with the columns `count` (labelled photos that it learned from), `thin` (few of them), and of the
            checked photos `said` (predicted as the label), `right` (of these), `precision` with its interval `low` to
            `high`; missing where none was checked.
        confusion: counts of photos by true label (rows) and predicted label (columns), with the labels of `per_class`:
            checked photos and labelled ones, each predicted by a model that had not seen it nor others of its gesture.
        calibration_error: how far probabilities are from the share that is right, expected calibration error (0–1)
            over the checked photos, beyond what chance explains; None before a check.
        n_labelled: labelled photos that the model learned from.
        n_by_model: photos with a certified label that it learned from besides, a fine-tuned network only.
        n_photos: photos of the collection that can be read.
        layers: ids of the layers that the quick model uses, also as a part of both; empty for a fine-tuned one.
        labels_version: the number of the change after which the labels that persons gave first were those that it was
            trained on.
        seconds: how long training took.
        warnings: sentences for the user; one says in which range photos of more than 8 bits were seen.
        network: the network that was fine-tuned, None for the quick model.
        outcome: whether the latest training helped, of whichever model, on photos that no model had seen, as a
            sentence; "" if there is only one model.

    Example:
        >>> photo = np.array([0])
        >>> report = TrainingReport(
        ...     accuracy=0.8,
        ...     interval=(0.63, 0.9),
        ...     guess=None,
        ...     reason="",
        ...     checked=30,
        ...     unsure=2,
        ...     unlabelled=170,
        ...     per_class=per_class_table(["cat", "dog"], [12, 18], photo, photo == 0),
        ...     confusion=confusion_table(["cat", "dog"], photo, photo),
        ...     calibration_error=0.05,
        ...     n_labelled=30,
        ...     n_photos=200,
        ...     layers=["patches/fine/what"],
        ...     labels_version=3,
        ...     seconds=0.4,
        ... )
        >>> report.per_class.loc["cat", ["count", "said", "right"]].tolist()
        [12, 1, 1]
        >>> low, high = report.accuracy_of_all
        >>> round(low, 2), round(high, 2)
        (0.75, 0.81)
    """

    accuracy: float | None
    interval: Interval | None
    guess: Interval | None
    reason: str
    checked: int
    unsure: int
    unlabelled: int
    per_class: pd.DataFrame
    confusion: pd.DataFrame
    calibration_error: float | None
    n_labelled: int
    n_photos: int
    layers: list[str]
    labels_version: int
    seconds: float
    warnings: list[str] = field(default_factory=list)
    network: str | None = None
    n_by_model: int = 0
    outcome: str = ""

    @property
    def accuracy_of_all(self) -> Interval | None:
        """The accuracy if the model were wrong, and if it were right, wherever a person is unsure; None without one."""
        if self.accuracy is None:
            return None
        share = self.unsure / (self.checked + self.unsure)
        return self.accuracy * (1 - share), self.accuracy * (1 - share) + share


def per_class_table(
    names: Sequence[str], counts: Sequence[int], predicted: NDArray[np.integer], right: NDArray[np.bool_]
) -> pd.DataFrame:
    """The table `per_class` of a report.

    Args:
        names: the classes.
        counts: labelled photos of each.
        predicted: the classes that were predicted of the checked photos, int [m].
        right: whether these are right, bool [m].

    Example:
        >>> table = per_class_table(["cat", "dog"], [12, 4], np.array([0, 0, 0]), np.array([True, False, False]))
        >>> table[["count", "thin", "said", "right"]].to_numpy().tolist()
        [[12, False, 3, 1], [4, True, 0, 0]]
    """
    rows = []
    for code, (name, count) in enumerate(zip(names, counts, strict=True)):
        said = int((predicted == code).sum())
        correct = int(right[predicted == code].sum())
        low, high = wilson(correct, said) if said else (np.nan, np.nan)
        precision = correct / said if said else np.nan
        rows.append((name, count, count < ENOUGH, said, correct, precision, float(low), float(high)))
    columns = ["label", "count", "thin", "said", "right", "precision", "low", "high"]
    return pd.DataFrame(rows, columns=columns).set_index("label")


def confusion_table(names: Sequence[str], truth: NDArray[np.integer], predicted: NDArray[np.integer]) -> pd.DataFrame:
    """Counts of photos by true class (rows) and predicted class (columns); without those of none of the classes.

    Example:
        >>> confusion_table(["cat", "dog"], np.array([0, 0, 1, -1]), np.array([0, 1, 1, 0])).to_numpy().tolist()
        [[1, 1], [0, 1]]
    """
    counts = np.zeros((len(names), len(names)), np.int64)
    known = truth >= 0
    np.add.at(counts, (truth[known], predicted[known]), 1)
    return pd.DataFrame(counts, index=pd.Index(names, name="label"), columns=pd.Index(names, name="predicted"))
