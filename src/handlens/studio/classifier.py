"""From a few labels to a classifier over the features of all layers, and how it does on labels that it had not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handlens.core.products import product
from handlens.core.threads import one_blas_thread
from handlens.errors import Cancelled, TrainingError
from handlens.studio.calibration import CAUTION, CAUTION_WORTH, fair_weights, fit_temperature
from handlens.studio.discriminant import CV_FOLDS, Codes, Floats, folds
from handlens.studio.gestures import apart, gesture_folds
from handlens.studio.linear_models import Doubles, fit_mixture, inner_products
from handlens.studio.projections import Scaling

MOST = 3000
"""Labelled photos that a classifier learns from at most; of more, a random sample."""

TAKING_PART = 1500
"""Unlabelled photos are used for training until there are so many photos, labelled ones included."""

_ESTIMATING = 1000  # labelled photos that a classifier learns from at most to be tested on others


@dataclass(frozen=True)
class Classifier:
    """A linear classifier; softmax of its scores over the temperature gives probabilities.

    Attributes:
        weights: for the standardised features of each layer, float32 [D, C].
        bias: float32 [C].
        temperature: above 0.
    """

    weights: dict[str, Floats]
    bias: Floats
    temperature: float

    @one_blas_thread()
    def scores(self, features: dict[str, Floats]) -> Floats:
        """Scores [n, C] of rows with standardised features [n, D] of each layer."""
        return np.asarray(sum(product(features[layer], w) for layer, w in self.weights.items()) + self.bias, np.float32)

    def for_raw(self, scalings: dict[str, Scaling]) -> tuple[dict[str, Floats], Floats]:
        """The weights and the bias for features that are not standardised.

        Args:
            scalings: how the features of each layer were standardised.
        """
        weights, bias = {}, self.bias.copy()
        for layer, standardised in self.weights.items():
            scaling = scalings[layer]
            weights[layer] = np.ascontiguousarray(standardised * scaling.inverse[:, None])
            bias -= product(scaling.mean, weights[layer])
        return weights, bias


def check_labels(counts: dict[str, int], *, least: int = 1) -> None:
    """Check that there are two labels, and enough photos for each label that has any.

    Args:
        counts: labelled photos by the name of the label.
        least: photos that each label needs.

    Raises:
        TrainingError: there are fewer; the message says what is missing.
    """
    used = {name: count for name, count in counts.items() if count}
    if len(used) < 2:
        have, then = ("no labelled photo", "two kinds")
        if used:
            have, then = f"only “{next(iter(used))}”", "another kind too"
        raise TrainingError(f"training needs at least two labels; there is {have} so far. Label photos of {then}.")
    thin = [name for name, count in used.items() if count < least]
    if thin:
        names = ", ".join(f"“{name}”" for name in thin)
        raise TrainingError(f"each label needs at least {least} photos for this; {names} has fewer. Label a few more.")


@dataclass(frozen=True)
class Trained:
    """A fitted classifier, and how others like it did on labelled rows that were held out.

    Attributes:
        classifier: fitted on all labelled rows.
        rows, scores: labelled rows [m] that were held out by whole gestures, and their scores [m, C].
        checked_rows, checked_scores: the checked rows [k], held out in folds, and their scores [k, C].
        unlabelled_scores: if there are checked rows, those of the rows without a label that the same models gave; each
            row is dealt to one of them as a checked one is [u, C].
        whole_gestures: of the rows that can be held out by whole gestures, how many were predicted correctly, and how
            many were tested.
        each_label: the same with weights such that each class counts the same; see `fair_weights`.
        single_photos: without weights, for labelled rows in folds of single rows.
        one_gesture: classes that cannot be tested by whole gestures, as they have one only.
    """

    classifier: Classifier
    rows: NDArray[np.int64]
    scores: Floats
    checked_rows: NDArray[np.int64]
    checked_scores: Floats
    unlabelled_scores: Floats
    whole_gestures: tuple[int, int]
    each_label: tuple[float, float]
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
    share: float = 1.0,
    together: NDArray[np.integer] | None = None,
    report: Callable[[int, int], bool] | None = None,
) -> Trained:
    """Train on the labelled rows and, by self-training, on the others; see `fit_mixture`.

    Nothing is chosen by the labels but what is fitted to them, so a row that is held out has no part in its scores.

    Args:
        features: standardised features [n, D] of each layer.
        codes: classes [n], 0…C−1, each with at least one row; −1 for rows without a label.
        gestures: which rows were labelled together [n].
        checked: rows that were drawn for a spot check [n].
        seed: of the folds.
        share: of all photos without a label, the share (0–1) that is among the rows. A model is surer of a photo that
            took part in its self-training. So of the rows of a fold of checked ones, the same share takes part,
            without their labels: then their scores are like those of photos without a label.
        together: the same number for rows that are duplicates of each other [n]: none of them is tested by a model that
            learned the label of another one. All rows differ unless given.
        report: called with the models that are fitted and their total; if it returns True, training is cancelled.

    Raises:
        Cancelled: `report` returned True.

    Example:
        >>> codes = np.array([0, 0, 0, 1, 1, 1, -1, -1])
        >>> x = np.array([[0, 1], [1, 0], [1, 1], [8, 9], [9, 8], [9, 9], [0, 0], [8, 8]], np.float32)
        >>> one_by_one, unchecked = np.arange(8), np.zeros(8, bool)
        >>> trained = train_classifier({"a layer": x}, codes, gestures=one_by_one, checked=unchecked, seed=0)
        >>> trained.rows.tolist(), trained.scores.argmax(1).tolist()
        ([0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 1])
        >>> trained.classifier.scores({"a layer": x}).argmax(1)[-2:].tolist()
        [0, 1]
    """
    products, dims = inner_products(features), sum(x.shape[1] for x in features.values())
    together = np.arange(len(codes)) if together is None else together
    by_hand, drawn = (codes >= 0) & ~checked, (codes >= 0) & checked

    def tested(fold: NDArray[np.int64], *, share: float = 0.0) -> tuple[NDArray[np.int64], Floats]:
        return _held_out_scores(products, codes, fold, together, fitted, dims=dims, seed=seed, share=share)

    whole, single, check = (np.full(len(codes), -1) for _ in range(3))
    labelled = by_hand | drawn
    whole[labelled] = gesture_folds(codes[labelled], gestures[labelled], kept=drawn[labelled], seed=seed)
    several = by_hand & (np.bincount(codes[by_hand], minlength=int(codes.max()) + 1) > 1)[codes]
    single[several] = folds(codes[several], seed=seed)
    check[drawn] = folds(codes[drawn], seed=seed)
    if drawn.any():
        check[codes < 0] = np.random.default_rng(seed).permutation(int((codes < 0).sum())) % CV_FOLDS
    models, done = 1 + sum(len(np.unique(fold[fold >= 0])) for fold in (whole, single, check)), 0

    def fitted() -> None:
        nonlocal done
        done += 1
        if report and report(done, models):
            raise Cancelled("training was cancelled; the model in use is the one from before.")

    rows, scores = tested(whole)
    # A class whose other rows are all duplicates of a tested one was not there to be predicted.
    possible = np.isfinite(scores[np.arange(len(rows)), codes[rows]])
    rows, scores = rows[possible], scores[possible]
    single_rows, single_scores = tested(single)
    check_rows, check_scores = tested(check, share=share)
    of_checked = codes[check_rows] >= 0

    right, fair = scores.argmax(1) == codes[rows], fair_weights(codes[rows], np.arange(len(rows)))
    temperature = fit_temperature(scores, codes[rows], prior=CAUTION, worth=CAUTION_WORTH, together=gestures[rows])
    model = fit_mixture(products, codes, dims=dims)
    fitted()
    weights = {layer: np.asarray(product(x.T, model.coefficients.astype(np.float32))) for layer, x in features.items()}
    return Trained(
        Classifier(weights, model.bias.astype(np.float32), temperature),
        rows,
        scores,
        check_rows[of_checked],
        check_scores[of_checked],
        check_scores[~of_checked],
        whole_gestures=(int(right.sum()), len(rows)),
        each_label=(float(fair[right].sum()), float(fair.sum())),
        single_photos=(int((single_scores.argmax(1) == codes[single_rows]).sum()), len(single_rows)),
        one_gesture=np.unique(codes[by_hand & (whole < 0)]).tolist(),
    )


def _held_out_scores(
    products: Doubles,
    codes: Codes,
    fold: NDArray[np.int64],
    together: NDArray[np.integer],
    fitted: Callable[[], None],
    *,
    dims: int,
    seed: int,
    share: float,
) -> tuple[NDArray[np.int64], Floats]:
    """The rows that are in a fold [m], and their scores [m, C] by models that were fitted without their fold.

    A share of the rows of the fold takes part in self-training. Duplicates of its rows do not take part. The score of a
    class that has no other row is −inf; rows that no model could be fitted for are left out. After each fold,
    `fitted` is called.
    """
    taking_part = np.random.default_rng(seed).random(len(codes)) < share
    scores = np.full((len(codes), int(codes.max()) + 1), -np.inf, np.float32)
    for k in np.unique(fold[fold >= 0]):
        test = np.flatnonzero(fold == k)
        unlabelled = np.flatnonzero(np.where(fold == k, taking_part, codes < 0))
        rest = np.flatnonzero(apart((fold == k) & (codes >= 0), together) & (fold != k) & (codes >= 0))
        rest = rest[stratified_sample(codes[rest], _ESTIMATING, seed=seed)]
        train = np.concatenate([rest, unlabelled])
        present, inner = np.unique(codes[rest], return_inverse=True)
        if len(present) > 1:  # else all others are duplicates: no model can be fitted without them
            classes = np.concatenate([inner, np.full(len(unlabelled), -1)])
            model = fit_mixture(products[np.ix_(train, train)], classes, dims=dims)
            scores[np.ix_(test, present)] = model.scores(products[np.ix_(test, train)])
        fitted()
    rows = np.flatnonzero((fold >= 0) & np.isfinite(scores).any(1))
    return rows, scores[rows]


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
