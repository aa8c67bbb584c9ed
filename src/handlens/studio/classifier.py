"""From a few labels to a classifier over the features of several layers, and an estimate of its accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from handlens.core.threads import one_blas_thread
from handlens.errors import TrainingError
from handlens.studio.calibration import fit_temperature
from handlens.studio.discriminant import (
    Codes,
    Discriminant,
    Floats,
    balanced_accuracy,
    cross_validated_logits,
    fit_discriminant,
    folds,
)

LAYERS = 3
"""The scores of so many layers, the best ones, are added."""

ROUNDS = (0.2, 0.4, 0.6, 0.8)
"""Self-training: the share of the photos predicted as a class that is used for training, in each round."""

TAKING_PART = 800
"""Unlabelled photos are used for training until there are so many photos, labelled ones included."""

_CHOOSING = 200  # layers are chosen by the scores of at most about so many labelled photos
_ESTIMATING = 1500  # the accuracy is estimated on at most about so many labelled photos


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
    features: dict[str, Floats],
    codes: Codes,
    rows: NDArray[np.int64],
    fold: NDArray[np.int64],
    *,
    seed: int,
    rounds: Sequence[float] = ROUNDS,
) -> Floats:
    """Cross-validated scores of the whole procedure: choosing layers, self-training, fitting.

    Layers are chosen again in each fold, and held-out photos are not used for self-training: otherwise the estimate
    would be optimistic.

    Args:
        features, codes, seed, rounds: as in `fit_layers`.
        rows: labelled rows that are held out in turn [m].
        fold: the fold of each [m].

    Returns:
        scores [m, C]; −inf for a class that no training photo of the fold has.
    """
    scores = np.full((len(rows), int(codes.max()) + 1), -np.inf, np.float32)
    for k in np.unique(fold):
        test = rows[fold == k]
        train = np.setdiff1d(np.arange(len(codes)), test)
        present = np.unique(codes[train][codes[train] >= 0])
        if len(present) < 2:
            continue
        inner = np.where(codes[train] >= 0, np.searchsorted(present, codes[train]), -1)
        fitted = fit_layers({name: x[train] for name, x in features.items()}, inner, seed=seed + 1, rounds=rounds)
        scores[np.ix_(fold == k, present)] = sum_scores(fitted, {name: features[name][test] for name in fitted})
    return scores


@dataclass(frozen=True)
class Trained:
    """A fitted classifier, and how it did on labelled rows that were held out.

    Attributes:
        classifier: fitted on all labelled rows.
        rows, scores: labelled rows [m] that were held out by whole gestures, and their scores [m, C].
        checked_rows, checked_scores: the checked rows [k], held out in folds, and their scores [k, C].
        whole_gestures: of the rows, how many were predicted correctly, and how many tested, by whole gestures.
        single_photos: the same in folds of single rows.
        one_gesture: classes that have one gesture only.
    """

    classifier: Classifier
    rows: NDArray[np.int64]
    scores: Floats
    checked_rows: NDArray[np.int64]
    checked_scores: Floats
    whole_gestures: tuple[int, int]
    single_photos: tuple[int, int]
    one_gesture: list[int]


@one_blas_thread()
def train_classifier(
    features: dict[str, Floats],
    codes: Codes,
    *,
    gestures: NDArray[np.integer],
    checked: NDArray[np.bool_],
    seed: int,
) -> Trained:
    """Train with and without the unlabelled photos, and keep what is more accurate in cross-validation.

    Args:
        features, codes, seed: as in `fit_layers`.
        gestures: which rows were labelled together [n].
        checked: rows that were drawn for a spot check [n].

    Example:
        >>> codes = np.array([0, 0, 0, 1, 1, 1, -1, -1])
        >>> x = np.array([[0, 1], [1, 0], [1, 1], [8, 9], [9, 8], [9, 9], [0, 0], [8, 8]], np.float32)
        >>> one_by_one, unchecked = np.arange(8), np.zeros(8, bool)
        >>> trained = train_classifier({"a layer": x}, codes, gestures=one_by_one, checked=unchecked, seed=0)
        >>> trained.rows.tolist(), trained.scores.argmax(1).tolist()
        ([0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 1])
        >>> sum_scores(trained.classifier.discriminants, {"a layer": x}).argmax(1)[-2:].tolist()
        [0, 1]
    """
    labelled = np.flatnonzero((codes >= 0) & ~checked)
    rows = labelled[stratified_sample(codes[labelled], _ESTIMATING, seed=seed)] if len(labelled) else labelled
    ordinary = folds(codes[rows], seed=seed)
    whole = np.unique(gestures[rows], return_inverse=True)[1] % 5
    fitted = fit_layers(features, codes, seed=seed)
    single = cross_validate(features, codes, rows, ordinary, seed=seed)
    grouped = cross_validate(features, codes, rows, whole, seed=seed)
    checks = np.flatnonzero((codes >= 0) & checked)
    checked_scores = cross_validate(features, codes, checks, np.arange(len(checks)) % 5, seed=seed)
    one = [int(c) for c in np.unique(codes[codes >= 0]) if len(np.unique(gestures[rows][codes[rows] == c])) < 2]
    return Trained(
        Classifier(fitted, fit_temperature(single, codes[rows])),
        rows,
        grouped,
        checks,
        checked_scores,
        (int((grouped.argmax(1) == codes[rows]).sum()), len(rows)),
        (int((single.argmax(1) == codes[rows]).sum()), len(rows)),
        one,
    )


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
