"""What a model predicted of labelled photos that it had not seen: its accuracy is estimated on these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.studio.models.record import ModelRecord


@dataclass(frozen=True)
class HeldOut:
    """What a model predicted of m labelled photos that it had not seen.

    Attributes:
        ids: the photos, int64 [m].
        truth: their labels when the model was trained.
        predicted: the labels that were predicted.
    """

    ids: NDArray[np.int64]
    truth: list[str]
    predicted: list[str]


def held_out_to_json(
    record: ModelRecord, ids: Sequence[int] | NDArray[np.integer], truth: Any, predicted: Any
) -> dict[str, Any]:
    """Class codes [m] of the photos `ids` as plain JSON, marked as belonging to a model's training run."""
    columns = {"ids": ids, "truth": truth, "predicted": predicted}
    return {"of": record.run} | {name: np.asarray(values).tolist() for name, values in columns.items()}


def held_out_from_json(
    kept: dict[str, Any] | None, record: ModelRecord, classes: list[str], *, photos: int
) -> HeldOut | None:
    """What `held_out_to_json` gave, with the class names `classes`.

    None if it is damaged, belongs to another training run, or is about other ids than those of the first `photos`.
    """
    if kept is None or kept.get("of") != record.run:
        return None
    try:
        ids = np.array(kept["ids"], np.int64)
        truth, predicted = ([classes[code] for code in kept[name]] for name in ("truth", "predicted"))
    except (KeyError, TypeError, ValueError, IndexError):
        return None
    fits = ids.shape == (len(truth),) == (len(predicted),) and np.all((ids >= 0) & (ids < photos))
    return HeldOut(ids, truth, predicted) if fits else None
