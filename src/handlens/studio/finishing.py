"""Finishing: the model labels the rest, as far as the spot check certifies how many of all labels are wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError, TrainingError
from handlens.studio.labels import Labels
from handlens.studio.models.checked import confidence
from handlens.studio.models.model import Model
from handlens.studio.models.registry import Models
from handlens.studio.origins import Certificate, Origin, certified
from handlens.studio.pac_labels import fewest_checks, pac_labels
from handlens.studio.photos import Photos
from handlens.studio.spot_check import Check, SpotCheck


@dataclass(frozen=True)
class Finished:
    """What `finish` labelled, or would label.

    Attributes:
        ids: the photos that get the label that the model predicts, int64 [n].
        names: their labels.
        left: number of photos that are left for the person.
        bound: at most this share of all labels is wrong, with `confidence`; None if nothing is labelled.
        sure_from: the least probability of a prediction that becomes a label; None if nothing is labelled.
        checked: answers of the spot check that this rests on.
        fewest: checked photos without which nothing can be certified.
        more_checks: how many more checks are needed, or are expected to label more; None if no number is.
        waiting: photos of the spot check that wait for an answer.
        withdrawn: ids of the photos that lose the label that an earlier finish gave, as it cannot be certified so.
        error, confidence: what was asked for.
    """

    ids: NDArray[np.int64]
    names: list[str]
    left: int
    bound: float | None
    sure_from: float | None
    checked: int
    fewest: int
    more_checks: int | None
    waiting: int
    withdrawn: NDArray[np.int64]
    error: float
    confidence: float

    @property
    def sentence(self) -> str:
        """What it means, as a sentence."""
        if self.checked < self.fewest:
            wait = "1 photo waits" if self.waiting == 1 else f"{self.waiting:,} photos wait"
            then = f"Finish the check first: {wait}." if self.waiting else f"Check {self.more_checks:,} more."
            return (
                f"At least {self.fewest:,} random photos must be checked before labels can be certified with at most "
                f"{100 * self.error:g} % wrong; so far {self.checked:,}. {then}"
            )
        rest = {0: "no photo is left", 1: "1 photo is left for you"}.get(
            self.left, f"{self.left:,} photos are left for you"
        )
        lost, more = "", ""
        if len(self.withdrawn):
            lose = "1 label" if len(self.withdrawn) == 1 else f"{len(self.withdrawn):,} labels"
            lost = f" It takes back {lose} that an earlier finish gave."
        if self.more_checks and self.left:
            checks = "1 more check is" if self.more_checks == 1 else f"{self.more_checks:,} more checks are"
            more = f" {checks} expected to label more."
        if not len(self.ids):
            why = more or " The model is wrong too often: label more photos, and train again."
            return f"No label can be certified with at most {100 * self.error:g} % of all labels wrong.{lost}{why}"
        get = "1 photo gets" if len(self.ids) == 1 else f"{len(self.ids):,} photos get"
        return (
            f"{get} the label that the model predicts, and {rest}: with {100 * self.confidence:g} % confidence at most "
            f"{100 * self.error:g} % of all labels are wrong.{lost}{more}"
        )


class Finishing:
    """Labels the rest, with a certificate; see `Collection.finish`."""

    def __init__(self, photos: Photos, labels: Labels, models: Models, spot_check: SpotCheck) -> None:
        self._photos, self._labels, self._models, self._spot_check = photos, labels, models, spot_check

    @property
    def count(self) -> int:
        """Number of photos that have a label that `finish` gave."""
        return self._labels.finished

    def plan(self, *, error: float, confidence: float) -> Finished:
        """What `finish` would do."""
        _check(error, confidence)
        return self._models.with_model(lambda model: self._plan(model, error, confidence))[0]

    def finish(self, *, error: float, confidence: float) -> Finished:
        """Label the photos of the plan in one change, which `undo` takes back."""
        _check(error, confidence)

        def plan_with(model: Model) -> tuple[Finished, Check, str | None]:
            plan, check = self._plan(model, error, confidence)
            return plan, check, self._models.hash_of(model) if len(plan.ids) else None

        while True:
            plan, check, by = self._models.with_model(plan_with)
            if plan.checked < plan.fewest:
                raise TrainingError(plan.sentence)
            # Labels of an earlier finish that do not fit the plan now are taken off in the same change.
            groups: list[tuple[NDArray[np.int64], str | None]] = [(plan.withdrawn, None)] if len(plan.withdrawn) else []
            names = np.array(plan.names, object)
            groups += [(plan.ids[names == name], name) for name in dict.fromkeys(plan.names)]
            origin = Origin("finish", "certified", Certificate(plan.error, plan.confidence, plan.checked), by)
            text = f"finish: label {len(plan.ids):,} photos as predicted"
            # If a label has changed since the plan was made, it is made again.
            if not groups or self._labels.assign_many(groups, origin=origin, text=text, version=check.labels.version):
                return plan

    def _plan(self, model: Model, error: float, sure: float) -> tuple[Finished, Check]:
        check = self._spot_check.now()
        if check.withheld:
            raise TrainingError(check.withheld)
        if check.waiting and not check.open.any():
            raise TrainingError(
                "the only photos that are left wait for an answer in the spot check. Answer them first."
            )
        if not check.open.any():
            raise TrainingError("a person has labelled or checked every photo, so nothing is left to label.")
        found, populations = self._models.checked(model, check), [r.population for r in check.rounds if r.current]
        # Of a photo that could not be drawn, the check says nothing.
        open = np.flatnonzero(np.logical_and.reduce([check.open, *populations]))
        scores = self._models.scores(model)[open]
        codes = self._models.codes(model, check.labels)
        # Not predicted yet, or predicted as a label that was deleted since.
        predicted = codes[np.nan_to_num(scores).argmax(1)]
        known = np.isfinite(scores).all(1) & (predicted >= 0)
        open, scores, predicted = open[known], scores[known], predicted[known]
        if not len(open):
            raise TrainingError(
                "no photo that is left has a prediction that could become its label. Prepare the photos, and train "
                "again."
            )
        if not len(found.ids) and any(len(r.ids) for r in check.rounds):
            raise TrainingError(
                "what the model said of the checked photos before it learned from them cannot be read. Train again."
            )
        population = int(np.logical_or.reduce(populations).sum()) if populations else len(open)
        # Of photos that were looked for, the random sample says nothing: all counts are of the sample.
        sampled, by_person = self._photos.register.sampled, check.labels.by_person >= 0
        labelled, left = int((by_person & sampled).sum()), int((self._photos.usable & sampled & ~by_person).sum())
        # Where the person was unsure, the prediction may be wrong, so it counts as wrong.
        unsure = np.concatenate([np.empty(0, np.int64), *(r.unsure for r in check.rounds if r.current)])
        scores_unsure = self._models.scores(model)[unsure]
        scores_unsure = scores_unsure[np.isfinite(scores_unsure).all(1)]
        n = int(found.current.sum()) + len(scores_unsure)
        fewest = fewest_checks(population, labelled - n, error=error, sure=sure)
        if found.current.sum() < fewest:
            nothing, waiting = np.empty(0, np.int64), len(check.waiting)
            sure_of = int(found.current.sum())
            more = fewest - sure_of
            return Finished(nothing, [], left, None, None, sure_of, fewest, more, waiting, nothing, error, sure), check
        # What is predicted as a label that was deleted gets no label, so it gets no wrong one.
        right = found.right | (codes[found.predicted] < 0)
        # The order of the photos must not depend on the answers, so probabilities are those of training here.
        best = pac_labels(
            np.append(right[found.current], np.zeros(len(scores_unsure), bool)),
            confidence(np.concatenate([found.scores[found.current], scores_unsure]), 1.0),
            confidence(scores, 1.0),
            population=population,
            labelled=labelled,
            error=error,
            sure=sure,
        )
        calibrated = confidence(scores[best.chosen], found.temperature)
        finished = Finished(
            ids=open[best.chosen],
            names=[check.labels.names[code] for code in predicted[best.chosen]],
            left=left - int(best.chosen.sum()),
            bound=best.bound,
            sure_from=float(calibrated.min()) if len(calibrated) else None,
            checked=n,
            fewest=fewest,
            more_checks=best.more_checks,
            waiting=len(check.waiting),
            withdrawn=np.setdiff1d(np.flatnonzero(certified(check.labels.origins)), open[best.chosen]),
            error=float(error),
            confidence=float(sure),
        )
        return finished, check


def _check(error: float, sure: float) -> None:
    for name, value, least in (("error", error, 0), ("confidence", sure, 0.5)):
        if isinstance(value, bool) or not isinstance(value, int | float | np.floating) or not least < value < 1:
            raise CollectionError(f"{name} must be between {least} and 1; {value!r} arrived.")
