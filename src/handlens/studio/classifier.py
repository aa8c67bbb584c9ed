"""From a few labels to a classifier over the features of several layers, and an estimate of its accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from handlens.core.threads import one_blas_thread
from handlens.errors import TrainingError
from handlens.studio.discriminant import (
    Codes,
    Discriminant,
    Floats,
    balanced_accuracy,
    cross_validated_logits,
    fit_discriminant,
    folds,
)

ENOUGH = 10
"""A class with fewer labelled photos than this is thin."""

LAYERS = 3
"""The scores of so many layers, the best ones, are added."""

ROUNDS = (0.2, 0.4, 0.6, 0.8)
"""Self-training: the share of the photos predicted as a class that is used for training, in each round."""

TAKING_PART = 800
"""Unlabelled photos are used for training until there are so many photos, labelled ones included."""

_CHOOSING = 200  # layers are chosen by the scores of at most about so many labelled photos
_ESTIMATING = 1500  # the accuracy is estimated on at most about so many labelled photos

HAND_PICKED = (
    "The labels were picked by hand, not at random: the easy photos tend to be picked first, "
    "so this estimate is too optimistic. Expect less on the photos that are still unlabelled."
)


@dataclass(frozen=True)
class TrainingReport:
    """How accurate a model is, estimated when it was trained.

    Attributes:
        accuracy: the share of labelled photos that are predicted correctly (0–1): by cross-validation for the quick
            model, on photos that were held out once for a fine-tuned one.
        interval: the 95 % Wilson interval of the accuracy.
        per_class: a row for each class, with the columns `count`, `correct`, `recall` and `thin`.
        confusion: counts of photos by true class (rows) and predicted class (columns).
        n_labelled: labelled photos that the model was trained and tested on.
        n_photos: photos of the collection that can be read.
        layers: ids of the layers that the quick model uses; empty for a fine-tuned one.
        labels_version: the version of the labels that it was trained on.
        seconds: how long training took.
        warnings: sentences for the user.
        network: the network that was fine-tuned, None for the quick model.

    Example:
        >>> per_class, confusion = report_tables(["cat", "dog"], [2, 1], np.array([0, 0, 1]), np.array([0, 1, 1]))
        >>> report = TrainingReport(2 / 3, (0.21, 0.94), per_class, confusion, 3, 10, ["patches/fine/where"], 5, 0.1)
        >>> report.confusion.loc["cat"].tolist()
        [1, 1]
    """

    accuracy: float
    interval: tuple[float, float]
    per_class: pd.DataFrame
    confusion: pd.DataFrame
    n_labelled: int
    n_photos: int
    layers: list[str]
    labels_version: int
    seconds: float
    warnings: list[str] = field(default_factory=list)
    network: str | None = None


@dataclass(frozen=True)
class Classifier:
    """The sum of the discriminants of a few layers; softmax of the scores over `temperature` gives probabilities."""

    discriminants: dict[str, Discriminant]
    temperature: float


def check_labels(counts: dict[str, int]) -> None:
    """Check that there are two labels, and two photos for each label that has any.

    Args:
        counts: labelled photos by the name of the label.

    Raises:
        TrainingError: there are fewer; the message says what is missing.
    """
    used = {name: count for name, count in counts.items() if count}
    if len(used) < 2:
        have = f"only “{next(iter(used))}”" if used else "no labelled photo"
        raise TrainingError(
            f"training needs at least two labels; there is {have} so far. Label photos of another kind too."
        )
    thin = [name for name, count in used.items() if count < 2]
    if thin:
        names = ", ".join(f"“{name}”" for name in thin)
        raise TrainingError(
            f"each label needs at least 2 photos to learn from; {names} has only one. Label a few more."
        )


@one_blas_thread()
def rank_layers(features: dict[str, Floats], codes: Codes, *, seed: int) -> list[str]:
    """The names of the layers, those first that separate the labelled rows (codes ≥ 0) best in cross-validation."""
    labelled = np.flatnonzero(codes >= 0)
    rows = labelled[stratified_sample(codes[labelled], _CHOOSING, seed=seed)]
    picked = np.unique(codes[rows], return_inverse=True)[1]
    fold = folds(picked, seed=seed)
    quality = {
        layer: layer_quality(cross_validated_logits(x[rows], picked, fold), picked) for layer, x in features.items()
    }
    return sorted(quality, key=lambda layer: quality[layer], reverse=True)


def layer_quality(scores: Floats, codes: Codes) -> tuple[float, float]:
    """Balanced accuracy of scores [n, C], and to break ties the mean probability that they give the right class."""
    finite = np.where(np.isfinite(scores), scores, -1e6).astype(np.float32)
    sure = softmax(finite / max(float(np.abs(finite[np.isfinite(scores)]).mean()), 1e-6), axis=1)
    return round(balanced_accuracy(scores, codes), 6), float(sure[np.arange(len(codes)), codes].mean())


@one_blas_thread()
def fit_layers(
    features: dict[str, Floats], codes: Codes, *, seed: int, rounds: Sequence[float] = ROUNDS
) -> dict[str, Discriminant]:
    """Fit the discriminants of the three best layers, whose scores are added.

    Photos without a label are used by self-training (Scudder 1965): in each round, the given share of the photos
    predicted as a class, those with the largest margins, are trained on as if they had that label. It is a share of
    each class, so that an easy class does not crowd out a difficult one.

    Args:
        features: standardised features [n, D] for each layer.
        codes: classes [n], 0…C−1, or −1 for photos without a label.
        seed: makes the choice of layers repeatable.
        rounds: shares (0–1), one for each round; none for no self-training.
    """
    layers = rank_layers(features, codes, seed=seed)[:LAYERS]

    def fit(target: Codes) -> dict[str, Discriminant]:
        rows = target >= 0
        return {layer: fit_discriminant(features[layer][rows], target[rows]) for layer in layers}

    fitted = fit(codes)
    for share in rounds:
        fitted = fit(_joined(sum_scores(fitted, features), codes, share))
    return fitted


def _joined(scores: Floats, codes: Codes, share: float) -> NDArray[np.int64]:
    """The codes, and the predicted class for unlabelled rows: of each class, the `share` with the largest margins."""
    predicted = scores.argmax(1)
    two = np.partition(scores, -2, axis=1)[:, -2:]
    sure = two[:, 1] - two[:, 0]
    target = np.array(codes, np.int64)
    for c in range(scores.shape[1]):
        candidates = np.flatnonzero((codes < 0) & (predicted == c))
        surest = candidates[np.argsort(-sure[candidates], kind="stable")]
        target[surest[: int(share * len(surest))]] = c
    return target


@one_blas_thread()
def sum_scores(fitted: dict[str, Discriminant], features: dict[str, Floats]) -> Floats:
    """The sum [n, C] of the scores of the layers."""
    return np.asarray(sum(d.logits(features[layer]) for layer, d in fitted.items()), np.float32)


@one_blas_thread()
def cross_validate(
    features: dict[str, Floats], codes: Codes, *, seed: int, rounds: Sequence[float] = ROUNDS
) -> tuple[NDArray[np.int64], Floats]:
    """Cross-validated scores of the whole procedure: choosing layers, self-training, fitting.

    Layers are chosen again in each fold, and held-out photos are not used for self-training: otherwise the estimate
    would be optimistic.

    Args:
        features, codes, seed, rounds: as in `fit_layers`.

    Returns:
        the labelled rows that were held out in turn [m], and their scores [m, C]; −inf for a class that no training
        photo of the fold has.
    """
    labelled = np.flatnonzero(codes >= 0)
    rows = labelled[stratified_sample(codes[labelled], _ESTIMATING, seed=seed)]
    fold = folds(codes[rows], seed=seed)
    pool = np.flatnonzero(codes < 0)
    scores = np.full((len(rows), int(codes.max()) + 1), -np.inf, np.float32)
    for k in np.unique(fold):
        train, test = np.concatenate([rows[fold != k], pool]), rows[fold == k]
        present = np.unique(codes[rows[fold != k]])
        inner = np.where(codes[train] >= 0, np.searchsorted(present, codes[train]), -1)
        fitted = fit_layers({name: x[train] for name, x in features.items()}, inner, seed=seed + 1, rounds=rounds)
        scores[np.ix_(fold == k, present)] = sum_scores(fitted, {name: features[name][test] for name in fitted})
    return rows, scores


@dataclass(frozen=True)
class Trained:
    """A fitted classifier, and the cross-validated scores [m, C] of the labelled rows [m]."""

    classifier: Classifier
    rows: NDArray[np.int64]
    scores: Floats


@one_blas_thread()
def train_classifier(features: dict[str, Floats], codes: Codes, *, seed: int) -> Trained:
    """Train with and without the unlabelled photos, and keep what is more accurate in cross-validation.

    Args:
        features, codes, seed: as in `fit_layers`.

    Example:
        >>> codes = np.array([0, 0, 0, 1, 1, 1, -1, -1])
        >>> x = np.array([[0, 1], [1, 0], [1, 1], [8, 9], [9, 8], [9, 9], [0, 0], [8, 8]], np.float32)
        >>> trained = train_classifier({"a layer": x}, codes, seed=0)
        >>> trained.rows.tolist(), trained.scores.argmax(1).tolist()
        ([0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 1])
        >>> sum_scores(trained.classifier.discriminants, {"a layer": x}).argmax(1)[-2:].tolist()
        [0, 1]
    """
    rows, scores = cross_validate(features, codes, seed=seed, rounds=())
    rounds: Sequence[float] = ()
    if (codes < 0).any():
        _, joined = cross_validate(features, codes, seed=seed)
        if (joined.argmax(1) == codes[rows]).sum() >= (scores.argmax(1) == codes[rows]).sum():
            scores, rounds = joined, ROUNDS
    fitted = fit_layers(features, codes, seed=seed, rounds=rounds)
    return Trained(Classifier(fitted, fit_temperature(scores, codes[rows])), rows, scores)


def stratified_sample(codes: Codes, most: int, *, seed: int) -> NDArray[np.int64]:
    """At most about `most` random rows, each class in proportion to its size, and at least two where it has two."""
    if len(codes) <= most:
        return np.arange(len(codes))
    generator = np.random.default_rng(seed)
    keep = []
    for code in np.unique(codes):
        members = generator.permutation(np.flatnonzero(codes == code))
        keep.append(members[: max(2, round(len(members) * most / len(codes)))])
    return np.sort(np.concatenate(keep))


def fit_temperature(scores: Floats, codes: Codes) -> float:
    """The divisor of the cross-validated scores [m, C] for which their log loss is least (Guo et al. 2017)."""
    finite = np.where(np.isfinite(scores), scores, -1e6).astype(np.float64)
    candidates = np.geomspace(0.05, 50, 61) * max(float(np.abs(finite[np.isfinite(scores)]).mean()), 1e-9)
    rows = np.arange(len(codes))
    losses = []
    for t in candidates:
        log_p = log_softmax(finite / t, axis=1)[rows, codes]
        # A class that no training photo of the fold has would make the loss infinite for every temperature.
        losses.append(-np.maximum(log_p, -20).mean())
    return float(candidates[int(np.argmin(losses))])


def report_tables(
    names: list[str], counts: list[int], truth: Codes, predicted: Codes
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables `per_class` and `confusion` of a TrainingReport.

    Args:
        names: the classes.
        counts: labelled photos of each class.
        truth, predicted: classes [m] of the photos that were tested.
    """
    c = len(names)
    confusion = np.zeros((c, c), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    tested = confusion.sum(1)
    per_class = pd.DataFrame(
        {
            "count": counts,
            "correct": np.diag(confusion),
            "recall": np.divide(np.diag(confusion), tested, out=np.full(c, np.nan), where=tested > 0),
            "thin": [count < ENOUGH for count in counts],
        },
        index=pd.Index(names, name="label"),
    )
    index = pd.Index(names, name="label")
    return per_class, pd.DataFrame(confusion, index=index, columns=pd.Index(names, name="predicted"))
