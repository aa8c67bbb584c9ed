"""What a model said of labelled photos that it had not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handlens.studio.discriminant import Floats
from handlens.studio.models.record import ModelRecord


class Confidences(NamedTuple):
    """How sure models were of a sample of the photos without a label.

    Attributes:
        mean, variance: of the probabilities (0–1) of their predictions.
        n: number of photos; these are dealt out to the models.
    """

    mean: float
    variance: float
    n: int


@dataclass(frozen=True)
class Tested:
    """What a model, or one like it that was trained without them, said of m labelled photos.

    Attributes:
        ids: the photos, int64 [m].
        truth: their class codes when the model was trained, int64 [m].
        scores: the log probability of each class, up to a constant, float32 [m, C].
        checked: which of them were drawn for a spot check, bool [m].
        unlabelled: how sure the models that were tested on checked photos were of photos without a label.
    """

    ids: NDArray[np.int64]
    truth: NDArray[np.int64]
    scores: Floats
    checked: NDArray[np.bool_]
    unlabelled: Confidences | None = None


@dataclass(frozen=True)
class HeldOut:
    """What a model predicted of m labelled photos that it had not seen.

    Attributes:
        ids: the photos, int64 [m].
        truth: their labels when the model was trained.
        predicted: the labels that were predicted.
        scores: the log probability of each class, up to a constant, float32 [m, C]; NaN from versions that did not
            keep them.
        checked: which of the photos were drawn for a spot check, bool [m].
        unlabelled: how sure the models that were tested on checked photos were of photos without a label; None if that
            is not known.
    """

    ids: NDArray[np.int64]
    truth: list[str]
    predicted: list[str]
    scores: Floats
    checked: NDArray[np.bool_]
    unlabelled: Confidences | None = None


def held_out_to_json(record: ModelRecord, tested: Tested) -> dict[str, Any]:
    """What a model said of labelled photos as plain JSON, marked as belonging to the model's training run."""
    return {
        "of": record.run,
        "ids": tested.ids.tolist(),
        "truth": tested.truth.tolist(),
        "predicted": tested.scores.argmax(1).tolist(),
        "scores": np.nan_to_num(tested.scores.astype(np.float64), neginf=LOWEST).round(4).tolist(),
        "checked": tested.checked.tolist(),
        "unlabelled": tested.unlabelled,
    }


LOWEST = -1e4
"""The score that is kept of a class that a model did not know."""


def held_out_from_json(
    kept: dict[str, Any] | None, record: ModelRecord, classes: Sequence[str], *, photos: int
) -> HeldOut | None:
    """What `held_out_to_json` gave, with the class names `classes`.

    None if it is damaged, belongs to another training run, or is about other ids than those of the first `photos`.
    """
    if kept is None or kept.get("of") != record.run:
        return None
    try:
        ids = np.array(kept["ids"], np.int64)
        truth, predicted = ([classes[code] for code in kept[name]] for name in ("truth", "predicted"))
        unknown = np.full((len(ids), len(classes)), np.nan)
        scores = np.array(kept.get("scores", unknown), np.float32).reshape(unknown.shape)
        checked = np.array(kept.get("checked", [False] * len(ids)), bool)
        unlabelled = _confidences(kept.get("unlabelled"))
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    fits = ids.shape == (len(truth),) == (len(predicted),) == checked.shape and np.all((ids >= 0) & (ids < photos))
    return HeldOut(ids, truth, predicted, scores, checked, unlabelled) if fits else None


def _confidences(kept: Any) -> Confidences | None:
    if kept is None:
        return None
    mean, variance, n = kept
    found = Confidences(float(mean), float(variance), int(n))
    if not (0 <= found.mean <= 1 and 0 <= found.variance <= 1 and found.n > 0):
        raise ValueError(f"{found} are not confidences")
    return found


def held_out_of_both(quick: HeldOut, tuned: HeldOut, scores: Floats, classes: Sequence[str]) -> HeldOut:
    """What an ensemble predicted of labelled photos that neither of its models had seen.

    These are the photos that both were tested on, with the same label, and all checked ones: of these a model had seen
    no label unless it was tested on them.

    Args:
        quick, tuned: what its two models predicted.
        scores: of the ensemble by photo id, float32 [N, C].
        classes: the C classes.
    """
    truth = dict(zip(quick.ids.tolist(), quick.truth, strict=True))
    truths = dict(zip(tuned.ids.tolist(), tuned.truth, strict=True))
    checked = {*quick.ids[quick.checked].tolist(), *tuned.ids[tuned.checked].tolist()}
    both = {photo for photo in truth.keys() & truths.keys() if truth[photo] == truths[photo]}
    either = {**truths, **truth}
    ids = np.array(sorted(photo for photo in both | checked if np.isfinite(scores[photo]).all()), np.int64)
    predicted = [classes[code] for code in scores[ids].argmax(1)]
    return HeldOut(ids, [either[i] for i in ids.tolist()], predicted, scores[ids], np.isin(ids, list(checked)))
