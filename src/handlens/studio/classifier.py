"""From a handful of labels to a classifier over the layers' features, and an estimate of how right it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from handlens.core.threads import one_blas_thread
from handlens.errors import TrainingError
from handlens.studio.separation import (
    Codes,
    Discriminant,
    Floats,
    balanced_accuracy,
    cross_validated_logits,
    fit_discriminant,
    folds,
)

ENOUGH = 10
"""Labelled photos a class from which a class no longer counts as thin."""

LAYERS = 3
"""Layers whose scores are added up."""

ROUNDS = (0.2, 0.4, 0.6, 0.8)
"""Shares of the photos predicted as a class that join in, round by round."""

TAKING_PART = 800
"""Photos, labelled and not, up to which unlabelled ones take part in training."""

_CHOOSING = 200  # labelled photos that the choice of layers looks at
_ESTIMATING = 1500  # labelled photos that the accuracy is estimated on

HAND_PICKED = (
    "The labels were picked by hand, not at random: the easy photos tend to be picked first, "
    "so this estimate is too optimistic. Expect less on the photos that are still unlabelled."
)


@dataclass(frozen=True)
class TrainingReport:
    """What a training run gave.

    `accuracy` is the cross-validated share of labelled photos predicted rightly (0–1), `interval`
    its 95 % Wilson interval; `per_class` has a row a class (count, correct, recall, thin);
    `confusion` counts true classes (rows) against predicted ones (columns); `layers` are the layers
    the model looks at; `warnings` are sentences for the person. `network` is the one that was fine-tuned,
    None for a model over layers' features; a fine-tuned one is tested on photos held out, once.
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
    """A sum of the discriminants of a few layers; `temperature` turns its scores into probabilities."""

    discriminants: dict[str, Discriminant]
    temperature: float


def check_labels(counts: dict[str, int]) -> None:
    """Raise TrainingError, saying what is missing, unless two labels have two photos each."""
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
    """The layers by how well each tells the labelled rows (codes ≥ 0) apart under cross-validation, best first."""
    labelled = np.flatnonzero(codes >= 0)
    rows = labelled[stratified_sample(codes[labelled], _CHOOSING, seed=seed)]
    picked = np.unique(codes[rows], return_inverse=True)[1]
    fold = folds(picked, seed=seed)
    quality = {
        layer: layer_quality(cross_validated_logits(x[rows], picked, fold), picked) for layer, x in features.items()
    }
    return sorted(quality, key=lambda layer: quality[layer], reverse=True)


def layer_quality(scores: Floats, codes: Codes) -> tuple[float, float]:
    """Balanced accuracy of the scores, and to break ties how sure they are of the right class."""
    finite = np.where(np.isfinite(scores), scores, -1e6).astype(np.float32)
    sure = softmax(finite / max(float(np.abs(finite[np.isfinite(scores)]).mean()), 1e-6), axis=1)
    return round(balanced_accuracy(scores, codes), 6), float(sure[np.arange(len(codes)), codes].mean())


@one_blas_thread()
def fit_layers(
    features: dict[str, Floats], codes: Codes, *, seed: int, rounds: Sequence[float] = ROUNDS
) -> dict[str, Discriminant]:
    """Discriminants of the three best layers, whose scores add up.

    `features` are standardised, [n, D] a layer; `codes` [n] are classes 0…C−1, or −1 for photos
    without a label. These take part by self-training: in each of the `rounds` the given share of
    the photos predicted as a class, those it is surest of, joins the labelled ones (Scudder 1965;
    the share of each class, so that an easy class does not crowd out a hard one).
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
    """The codes, and for unlabelled rows the class predicted where it is among the surest `share` of its class."""
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
    """The added scores [n, C] of the layers."""
    return np.asarray(sum(d.logits(features[layer]) for layer, d in fitted.items()), np.float32)


@one_blas_thread()
def cross_validate(
    features: dict[str, Floats], codes: Codes, *, seed: int, rounds: Sequence[float] = ROUNDS
) -> tuple[NDArray[np.int64], Floats]:
    """Cross-validated scores of the whole recipe: labelled rows [m] and their scores [m, C].

    Layers are ranked again inside each fold, and the held-out photos take no part in self-training:
    otherwise the scores would be too optimistic. A class absent from a fold's training photos scores −inf there.
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
    """A fitted classifier with the evidence for it: cross-validated scores [m, C] of the labelled rows [m]."""

    classifier: Classifier
    rows: NDArray[np.int64]
    scores: Floats


@one_blas_thread()
def train_classifier(features: dict[str, Floats], codes: Codes, *, seed: int) -> Trained:
    """Train with and without the unlabelled photos and keep what cross-validates better.

    `features` are standardised, [n, D] a layer; codes [n] are 0…C−1, or −1 without a label.
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
    """At most about `most` rows, at random, each class kept in proportion and with at least 2 where it has them."""
    if len(codes) <= most:
        return np.arange(len(codes))
    generator = np.random.default_rng(seed)
    keep = []
    for code in np.unique(codes):
        members = generator.permutation(np.flatnonzero(codes == code))
        keep.append(members[: max(2, round(len(members) * most / len(codes)))])
    return np.sort(np.concatenate(keep))


def fit_temperature(scores: Floats, codes: Codes) -> float:
    """The divisor of the scores under which the cross-validated log loss is least (Guo et al. 2017)."""
    finite = np.where(np.isfinite(scores), scores, -1e6).astype(np.float64)
    candidates = np.geomspace(0.05, 50, 61) * max(float(np.abs(finite[np.isfinite(scores)]).mean()), 1e-9)
    rows = np.arange(len(codes))
    losses = []
    for t in candidates:
        z = finite / t
        z = z - z.max(1, keepdims=True)
        log_p = z[rows, codes] - np.log(np.exp(z).sum(1))
        # A class never seen in a fold would lose without bound; it says nothing about the temperature.
        losses.append(-np.maximum(log_p, -20).mean())
    return float(candidates[int(np.argmin(losses))])


def report_tables(
    names: list[str], counts: list[int], truth: Codes, predicted: Codes
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The per-class and confusion tables from true and predicted codes of the same rows."""
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
