"""How accurate the models are, from the spot checks, and which is better on the same photos."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from handlens.errors import ArtifactError, CollectionError, TrainingError
from handlens.io.problems import reason_of
from handlens.studio.calibration import fit_temperature
from handlens.studio.estimates import (
    Estimate,
    calibration_error_beyond_chance,
    estimate_accuracy,
    estimate_difference,
    guess_accuracy,
)
from handlens.studio.labels import LabelState
from handlens.studio.models.checked import SHARPER, Checked, Ids, confidence, confidences, unchecked
from handlens.studio.models.held_out import HeldOut
from handlens.studio.models.model import NAMES, NO_MODEL, Model, ModelKind
from handlens.studio.models.registry import Models
from handlens.studio.report import AT_LEAST, TrainingReport, confusion_table, per_class_table
from handlens.studio.spot_check import BLOCK, Check, SpotCheck

DOUBT = 1.3
"""The temperature, over that of training, at which the mean confidence is a low guess of the accuracy."""

ENOUGH_CHECKED = 30
"""Checked photos from which a report by subgroups is about these, and not about the labelled ones."""

NONE = "none of the labels"
"""The truth of a photo that shows none of the labels."""


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
        better, other = NAMES[self.better], NAMES[self.other]
        points = f"{100 * self.difference.value:.0f}" if self.difference.value >= 0.005 else "less than 1"
        if self.difference.value == 0:
            return f"On the same {self.n} checked photos {better} and {other} are right equally often."
        more = (
            f"On the same {self.n} checked photos {better} {'are' if self.better == 'both' else 'is'} right more often "
            f"than {other}, by "
            f"{points} {'point' if points in ('1', 'less than 1') else 'points'} of 100"
        )
        low, high = (f"{100 * end:.0f}".replace("-", "−") for end in (self.difference.low, self.difference.high))
        if self.difference.low <= 0:
            return f"{more}; chance could explain that (between {low} and {high})."
        return f"{more} (between {low} and {high})."


class Evaluation:
    """Reports on the models of a collection."""

    def __init__(self, models: Models, spot_check: SpotCheck) -> None:
        self._models, self._spot_check = models, spot_check
        self._reports: dict[ModelKind, tuple[Check, tuple[str, int], TrainingReport]] = {}

    @property
    def reports(self) -> dict[ModelKind, TrainingReport]:
        """The report of each model that there is."""
        return {kind: self.report(model) for kind, model in self._models.all.items()}

    def report(self, model: Model) -> TrainingReport:
        """All that is known of a model; without an accuracy, and with the reason, if the model is damaged."""
        check, key = self._spot_check.now(), (model.version, model.predicted)
        kept = self._reports.get(model.kind)
        if kept is None or kept[0] is not check or kept[1] != key:
            kept = self._reports[model.kind] = (check, key, self._report(model, check))
        report = kept[2]
        per_class, confusion = report.per_class.copy(), report.confusion.copy()
        return replace(report, per_class=per_class, confusion=confusion, outcome=self._models.outcome)

    def confused(self, label: str, predicted: str) -> Ids:
        """The photos of one cell of the confusion table of the model in use; see `Collection.confused`."""
        model, check = self._models.in_use, self._spot_check.now()
        if model is None:
            raise TrainingError(NO_MODEL)
        rows = self._rows(model, check.labels)
        names = rows.names
        for name in (label, predicted):
            if name not in names:
                raise CollectionError(f"the model knows the labels {', '.join(names)}; “{name}” arrived.")
        truth, said, ids = self._tested(model, rows, self._models.checked(model, check))
        return ids[(truth == names.index(label)) & (said == names.index(predicted))]

    def blind_predictions(self, model: Model) -> tuple[list[str], list[str], Ids] | None:
        """Truth, prediction and id of photos that a model had not seen: checked ones if there are enough, or labelled.

        None if neither are known.
        """
        check = self._spot_check.now()
        found, rows = self._models.checked(model, check), self._rows(model, check.labels)
        if len(found.ids) >= ENOUGH_CHECKED:
            names = [*check.labels.names, NONE]  # −1 picks the last
            said = rows.of_class[found.predicted]
            return [names[code] for code in found.truth], [rows.names[row] for row in said], found.ids
        held_out = self._models.held_out(model)
        if held_out is None:
            return None
        truth, predicted = self._held_out_rows(model, rows, held_out)
        return [rows.names[row] for row in truth], [rows.names[row] for row in predicted], held_out.ids

    def comparisons(self) -> list[PairedComparison]:
        """The model in use and each other one on the same checked photos; none of these if too few are checked."""
        used, check = self._models.in_use, self._spot_check.now()
        others = [model for kind, model in self._models.all.items() if used and kind != used.kind]
        found = [self._compared(used, other, check) for other in others if used]
        return [comparison for comparison in found if comparison is not None]

    # --- inside ----------------------------------------------------------------------------------

    def _compared(self, used: Model, other: Model, check: Check) -> PairedComparison | None:
        """Two models on the same checked photos; None if too few are checked, or a model is damaged."""
        models = used, other
        try:
            a, b = (self._models.checked(model, check) for model in models)
        except ArtifactError:
            return None
        ids, of_a, of_b = np.intersect1d(a.ids[a.current], b.ids[b.current], return_indices=True)
        if len(ids) < AT_LEAST:
            return None
        rights = a.right[a.current][of_a], b.right[b.current][of_b]
        first, second = (0, 1) if rights[0].sum() >= rights[1].sum() else (1, 0)
        difference = estimate_difference(rights[first], rights[second], population=int(check.open.sum()) + len(ids))
        if difference is None:
            return None
        return PairedComparison(models[first].kind, models[second].kind, difference, len(ids))

    def _report(self, model: Model, check: Check) -> TrainingReport:
        training, rows = model.record.training, self._rows(model, check.labels)
        left = int(check.open.sum())
        try:
            found = self._models.checked(model, check)
            estimate, doubted = self._estimate(model, check, found), self._doubted(model, check)
            one_gesture = list(dict.fromkeys(rows.names[rows.of_class[i]] for i in training.one_gesture))
            reason = "" if estimate else self._reason(model, check, found, left, one_gesture)
        except ArtifactError as error:
            found, estimate, doubted = unchecked(len(rows.of_class)), None, 1.0
            reason = f"The model cannot be used: {reason_of(error)}. Train again."
        guess = None
        if estimate is None and left and not training.one_gesture:
            guess = guess_accuracy(training.whole_gestures, training.single_photos, training.each_label)
        if guess is not None:
            guess = min(guess[0], doubted), guess[1]
        counts = np.zeros(len(rows.names), np.int64)
        np.add.at(counts, rows.of_class, training.counts)
        said = rows.of_class[found.predicted[found.current]]
        truth, predicted, _ = self._tested(model, rows, found)
        return TrainingReport(
            accuracy=estimate.value if estimate else None,
            interval=(estimate.low, estimate.high) if estimate else None,
            guess=guess,
            reason=reason,
            checked=len(said),
            unsure=_unsure(check),
            unlabelled=left,
            per_class=per_class_table(rows.names, counts.tolist(), said, found.right[found.current]),
            confusion=confusion_table(rows.names, truth, predicted),
            calibration_error=_calibration_error(found) if estimate else None,
            n_labelled=sum(training.counts),
            n_by_model=training.by_model,
            n_photos=training.n_photos,
            layers=training.layers,
            labels_version=training.labels_version,
            seconds=training.seconds,
            warnings=training.warnings,
            network=training.network,
        )

    def _doubted(self, model: Model, check: Check) -> float:
        """The mean confidence on the photos without a label, at a temperature that doubts it; 1 without such photos."""
        scores = self._models.scores(model)[check.open]
        sure = confidence(scores[np.isfinite(scores).all(1)], DOUBT)
        return float(sure.mean()) if len(sure) else 1.0

    def _estimate(self, model: Model, check: Check, found: Checked) -> Estimate | None:
        """The accuracy on the photos that no person has labelled or checked, None if too few are checked."""
        scores = self._models.scores(model)[check.open]
        left = confidences(scores[np.isfinite(scores).all(1)])
        n, n_left = int(found.current.sum()), left.n if left else 0
        if left is None or n < min(AT_LEAST, n + n_left):
            return None
        training, held_out = model.record.training, self._models.held_out(model)
        sure, expected = confidence(found.scores[found.current], SHARPER), np.full(n, left.mean)
        learned, sampled = np.zeros(n, bool), 0.0
        if training.drawn and held_out is not None:
            learned = np.isin(found.ids[found.current], held_out.ids[held_out.checked])
            of_them = held_out.unlabelled
            if of_them is None:
                sure[learned] = expected[learned]  # nothing to compare with, so that they explain nothing
            else:
                expected[learned] = of_them.mean
                sampled = float(learned.mean() ** 2 * of_them.variance * max(1 / of_them.n - 1 / n_left, 0.0))
        return estimate_accuracy(
            found.right[found.current],
            sure,
            expected,
            n_left,
            sampled=sampled,
            moved=check.moved,
            added=check.added,
            taught=int(learned.sum()) / max(int(learned.sum()), sum(training.counts), 1),
        )

    def _reason(self, model: Model, check: Check, found: Checked, left: int, one_gesture: list[str]) -> str:
        """Why there is no accuracy."""
        counted, answered = int(found.current.sum()), sum(len(r.ids) for r in check.rounds)
        if not left and not check.waiting:
            return "A person has labelled or checked every photo, so nothing is left to predict."
        if check.withheld:
            return check.withheld
        if check.waiting and (check.answered or not left):
            wait = "1 photo waits" if len(check.waiting) == 1 else f"{len(check.waiting):,} photos wait"
            in_blocks = check.answered + len(check.waiting) > BLOCK
            when = f" Answers count {BLOCK} at a time, in the order of drawing." if in_blocks else ""
            return f"The check is not finished: {wait} for an answer.{when}"
        if answered and not len(found.ids):
            if model.record.training.drawn and self._models.held_out(model) is None:
                return (
                    "The model has learned from checked photos, and what it said of them before cannot be read. Train "
                    "again."
                )
            return "The checked photos are not predicted yet. Prepare the photos, or wait a moment."
        if len(found.ids) > counted:
            return (
                "Many photos were labelled or added since the check, so it does not tell about the rest. Check 30 more."
            )
        unsure = _unsure(check)
        if unsure and not counted:
            return (
                "You were unsure of each checked photo, so nothing is known yet. Decide what such photos are, for "
                "example a label of their own, and check more."
            )
        if counted:
            photos = "1 photo is" if counted == 1 else f"{counted} photos are"
            beside = f", and you were unsure of {unsure:,} more" if unsure else ""
            return f"Only {photos} checked{beside}; at least {AT_LEAST} are needed. Check 30 random photos."
        reason = "Nothing is checked yet. Check 30 random photos to know how often the model is right."
        if one_gesture:
            shown = ", ".join(f"“{name}”" for name in one_gesture[:5]) + (" and others" if len(one_gesture) > 5 else "")
            reason += f" There is not even a guess, because all photos of a label were selected together: {shown}."
        return reason

    def _tested(self, model: Model, rows: _TableRows, found: Checked) -> tuple[Ids, Ids, Ids]:
        """True row, predicted row and id of checked photos, and of labelled ones that were held out."""
        truth = np.array([rows.of_code.get(int(code), -1) for code in found.truth], np.int64)
        parts = [(truth, rows.of_class[found.predicted], found.ids)]
        held_out = self._models.held_out(model)
        if held_out is not None:
            rest = ~held_out.checked & ~np.isin(held_out.ids, found.ids)
            truth, predicted = self._held_out_rows(model, rows, held_out)
            parts.append((truth[rest], predicted[rest], held_out.ids[rest]))
        truth, predicted, ids = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return truth, predicted, ids

    def _held_out_rows(self, model: Model, rows: _TableRows, held_out: HeldOut) -> tuple[Ids, Ids]:
        """True row and predicted row of labelled photos that were held out."""
        row_of = dict(zip(self._models.classes(model), rows.of_class.tolist(), strict=True))
        truth, predicted = (
            np.array([row_of[name] for name in names], np.int64) for names in (held_out.truth, held_out.predicted)
        )
        return truth, predicted

    def _rows(self, model: Model, labels: LabelState) -> _TableRows:
        names: list[str] = []
        of_class: list[int] = []
        of_code: dict[int, int] = {}
        for code, name in zip(self._models.codes(model, labels).tolist(), model.record.names, strict=True):
            row = of_code.get(code, len(names))
            of_class.append(row)
            if row < len(names):
                continue
            if code >= 0:
                of_code[code], name = row, labels.names[code]
            else:
                while name in names or name in labels.names:
                    name += " (deleted)"
            names.append(name)
        return _TableRows(names, np.array(of_class, np.int64), of_code)


@dataclass(frozen=True)
class _TableRows:
    """The rows of a model's tables: its classes as their labels are now, one for those that were merged.

    Attributes:
        names: what each is called now; a deleted label as it was called.
        of_class: the row of each class of the model, int64 [C].
        of_code: the row of each position in `LabelState.table` that has one.
    """

    names: list[str]
    of_class: Ids
    of_code: dict[int, int]


def _unsure(check: Check) -> int:
    """Of how many photos of the draws that tell about the rest the person was unsure."""
    return sum(len(r.unsure) for r in check.rounds if r.current)


def _calibration_error(found: Checked) -> float:
    """The calibration error on the checked photos, each fifth calibrated on the others."""
    fold = np.arange(len(found.ids)) % 5
    sure = np.empty(len(fold))
    target = np.where(found.right, found.predicted, -1)
    for k in np.unique(fold):
        rest = fold != k
        sure[~rest] = confidence(found.scores[~rest], fit_temperature(found.scores[rest], target[rest], prior=1.0))
    return calibration_error_beyond_chance(sure, found.right)
