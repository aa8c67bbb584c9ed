"""How accurate the models are, from the spot checks, and which is better on the same photos."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from handlens.errors import CollectionError, TrainingError
from handlens.studio.calibration import fit_temperature
from handlens.studio.discriminant import Floats
from handlens.studio.estimates import (
    Estimate,
    estimate_accuracy,
    estimate_difference,
    expected_calibration_error,
    guess_accuracy,
)
from handlens.studio.labels import Labels
from handlens.studio.models.model import NO_MODEL, Model, ModelKind
from handlens.studio.models.registry import KINDS, Models
from handlens.studio.photos import Photos
from handlens.studio.report import AT_LEAST, TrainingReport, confusion_table, per_class_table
from handlens.studio.spot_check import Check, SpotCheck

Ids = NDArray[np.int64]

CHANGED = 0.1
"""A draw counts while at most this share of the photos that it was drawn from is labelled otherwise since."""

ENOUGH_CHECKED = 30
"""Checked photos from which a report by subgroups is about these, and not about the labelled ones."""

NONE = "none of the labels"
"""The truth of a photo that shows none of the labels."""


@dataclass(frozen=True)
class Checked:
    """What a model says of the checked photos that count, and what they are.

    Attributes:
        ids: the photos, in the order of drawing, int64 [n].
        truth: positions in `LabelState.table`, negative for none of these; int64 [n].
        scores: the scores of the classes by a model that had not seen the photo's label, float32 [n, C].
        predicted: the classes that they give, int64 [n].
        right: whether those are the truth, bool [n].
        confidence: their probabilities, calibrated on these very photos, float64 [n].
        rounds: the draw of each photo, int64 [n].
    """

    ids: Ids
    truth: Ids
    scores: Floats
    predicted: Ids
    right: NDArray[np.bool_]
    confidence: NDArray[np.float64]
    rounds: Ids


@dataclass(frozen=True)
class PairedComparison:
    """Two models on the same checked photos.

    Attributes:
        better, other: the more accurate one, and the other one.
        difference: how much larger the share of the photos is that `better` predicts correctly, with its 95 % interval.
        n: photos that both were tested on.
    """

    better: ModelKind
    other: ModelKind
    difference: Estimate
    n: int

    @property
    def sentence(self) -> str:
        """What it means, as a sentence."""
        names = f"{KINDS[self.better].title.lower()} model", f"{KINDS[self.other].title.lower()} one"
        points = f"{100 * self.difference.value:.0f} points (of 100)"
        if self.difference.value == 0:
            return f"On the same {self.n} checked photos both models are right equally often."
        more = (
            f"On the same {self.n} checked photos the {names[0]} is right more often than the {names[1]}, by {points}"
        )
        low, high = (f"{100 * end:.0f}" for end in (self.difference.low, self.difference.high))
        if self.difference.low <= 0:
            return f"{more}; chance could explain that (between {low} and {high})."
        return f"{more} (between {low} and {high})."


class Evaluation:
    """Reports on the models of a collection."""

    def __init__(self, photos: Photos, labels: Labels, models: Models, spot_check: SpotCheck) -> None:
        self._photos, self._labels, self._models, self._spot_check = photos, labels, models, spot_check

    @property
    def reports(self) -> dict[ModelKind, TrainingReport]:
        """The report of each model that there is."""
        return {kind: self.report(model) for kind, model in self._models.all.items()}

    def report(self, model: Model) -> TrainingReport:
        """All that is known of a model."""
        check = self._spot_check.now()
        training, names = model.record.training, self._models.classes(model)
        found = self.checked(model, check)
        estimate = self._estimate(model, check, found)
        guess = None
        if estimate is None and not training.one_gesture:
            guess = guess_accuracy(training.whole_gestures, training.single_photos)
        truth, predicted, _ = self._tested(model, found)
        unlabelled = int((self._photos.usable & (check.labels.codes < 0)).sum())
        return TrainingReport(
            accuracy=None if estimate is None else estimate.value,
            interval=None if estimate is None else (estimate.low, estimate.high),
            guess=guess,
            reason="" if estimate is not None else self._reason(model, check, len(found.ids), names, unlabelled),
            checked=len(found.ids),
            unlabelled=unlabelled,
            per_class=per_class_table(names, training.counts, found.predicted, found.right),
            confusion=confusion_table(names, truth, predicted),
            calibration_error=None if estimate is None else _calibration_error(found),
            n_labelled=sum(training.counts),
            n_photos=training.n_photos,
            layers=training.layers,
            labels_version=training.labels_version,
            seconds=training.seconds,
            warnings=training.warnings,
            network=training.network,
        )

    def checked(self, model: Model, check: Check) -> Checked:
        """What a model says of the checked photos that count."""
        ids = np.concatenate([np.empty(0, np.int64), *(r.ids for r in check.rounds)])
        truth = np.concatenate([np.empty(0, np.int64), *(r.codes for r in check.rounds)])
        rounds = np.repeat(np.arange(len(check.rounds)), [len(r.ids) for r in check.rounds])
        scores = self._models.blind_scores(model, ids)
        known = np.isfinite(scores).all(1)  # a photo that was just added is not predicted yet
        ids, truth, rounds, scores = ids[known], truth[known], rounds[known], scores[known]
        predicted = scores.argmax(1)
        right = (truth >= 0) & (self._models.codes(model)[predicted] == truth)
        confidence = softmax(scores.astype(np.float64) / self._models.temperature(model), axis=1).max(1, initial=0)
        return Checked(ids, truth, scores, predicted, right, confidence, rounds)

    def confused(self, label: str, predicted: str) -> Ids:
        """The photos of one cell of the confusion table of the model in use; see `Collection.confused`."""
        model = self._models.in_use
        if model is None:
            raise TrainingError(NO_MODEL)
        names = self._models.classes(model)
        for name in (label, predicted):
            if name not in names:
                raise CollectionError(f"the model knows the labels {', '.join(names)}; “{name}” arrived.")
        truth, said, ids = self._tested(model, self.checked(model, self._spot_check.now()))
        return ids[(truth == names.index(label)) & (said == names.index(predicted))]

    def blind_predictions(self, model: Model) -> tuple[list[str], list[str], Ids] | None:
        """Truth, prediction and id of photos that a model had not seen: checked ones if there are enough, or labelled.

        None if neither are known.
        """
        check = self._spot_check.now()
        found = self.checked(model, check)
        if len(found.ids) >= ENOUGH_CHECKED:
            names = [*check.labels.names, NONE]  # −1 picks the last
            classes = self._models.classes(model)
            return [names[code] for code in found.truth], [classes[code] for code in found.predicted], found.ids
        held_out = self._models.held_out(model)
        return None if held_out is None else (held_out.truth, held_out.predicted, held_out.ids)

    def compare(self) -> PairedComparison | None:
        """The two models on the same checked photos; None unless there are two and enough photos are checked."""
        models = list(self._models.all.values())
        check = self._spot_check.now()
        found = [self.checked(model, check) for model in models]
        if len(models) != 2:
            return None
        a, b = found
        both = np.intersect1d(a.ids, b.ids)
        if len(both) < AT_LEAST:
            return None
        right_a, right_b = (f.right[np.isin(f.ids, both)] for f in found)
        first, second = (0, 1) if right_a.sum() >= right_b.sum() else (1, 0)
        rights = right_a, right_b
        difference = estimate_difference(rights[first], rights[second], population=int(check.open.sum()) + len(both))
        if difference is None:
            return None
        return PairedComparison(models[first].kind, models[second].kind, difference, len(both))

    # --- inside ----------------------------------------------------------------------------------

    def _estimate(self, model: Model, check: Check, found: Checked) -> Estimate | None:
        """The accuracy on the photos that nobody has labelled, None if too few are checked."""
        scores = self._models.scores(model)[check.open]
        scores = scores[np.isfinite(scores).all(1)]
        others = softmax(scores.astype(np.float64) / self._models.temperature(model), axis=1).max(1, initial=0)
        by_hand = (check.labels.codes >= 0) & ~check.open & ~check.drawn
        fresh = [
            i for i, r in enumerate(check.rounds) if (r.population & by_hand).sum() <= CHANGED * r.population.sum()
        ]
        counts = np.isin(found.rounds, fresh)
        if counts.sum() < min(AT_LEAST, counts.sum() + len(others)):
            return None
        return estimate_accuracy(found.right[counts], found.confidence[counts], others)

    def _reason(self, model: Model, check: Check, counted: int, names: list[str], unlabelled: int) -> str:
        """Why there is no accuracy."""
        if not unlabelled:
            return "Every photo has a label, so there is nothing left to predict."
        if counted >= AT_LEAST:
            return "Many photos were labelled since the check, so it does not tell about the rest. Check 30 more."
        if check.waiting and check.answered:
            return f"The check is not finished: {len(check.waiting)} photos wait for an answer."
        if check.unsure and not counted:
            return "You were unsure of each checked photo, so nothing is known yet. Check more photos."
        if counted:
            return f"Only {counted} photos are checked; at least {AT_LEAST} are needed. Check 30 random photos."
        reason = "Nothing is checked yet. Check 30 random photos to know how often the model is right."
        single = [names[code] for code in model.record.training.one_gesture]
        if single:
            shown = ", ".join(f"“{name}”" for name in single[:5]) + (" and others" if len(single) > 5 else "")
            reason += f" There is not even a guess: {shown} come from one gesture each, so they resemble each other."
        return reason

    def _tested(self, model: Model, found: Checked) -> tuple[Ids, Ids, Ids]:
        """True class, predicted class and id of checked photos, and of labelled ones that were held out."""
        parts = [(self._classes(model, found.truth), found.predicted, found.ids)]
        held_out = self._models.held_out(model)
        if held_out is not None:
            names = {name: code for code, name in enumerate(self._models.classes(model))}
            rest = ~held_out.checked & ~np.isin(held_out.ids, found.ids)
            truth = np.array([names[name] for name in held_out.truth], np.int64)
            predicted = np.array([names[name] for name in held_out.predicted], np.int64)
            parts.append((truth[rest], predicted[rest], held_out.ids[rest]))
        truth, predicted, ids = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return truth, predicted, ids

    def _classes(self, model: Model, truth: Ids) -> Ids:
        """Positions in `LabelState.table` as classes of the model, −1 for what it does not know."""
        place = {int(code): i for i, code in enumerate(self._models.codes(model)) if code >= 0}
        return np.array([place.get(int(code), -1) for code in truth], np.int64)


def _calibration_error(found: Checked) -> float:
    """The calibration error on the checked photos, each fifth calibrated on the others."""
    fold = np.arange(len(found.ids)) % 5
    confidence = np.empty(len(fold))
    target = np.where(found.right, found.predicted, -1)
    for k in np.unique(fold):
        rest = fold != k
        temperature = fit_temperature(found.scores[rest], target[rest], prior=1.0)
        confidence[~rest] = softmax(found.scores[~rest].astype(np.float64) / temperature, axis=1).max(1)
    return expected_calibration_error(confidence, found.right)
