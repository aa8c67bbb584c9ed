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
    """Photos by id, int64 [m], with the labels that they had, [m], and the predicted ones, [m]."""

    ids: NDArray[np.int64]
    truth: list[str]
    predicted: list[str]


def held_out_to_json(
    record: ModelRecord, ids: Sequence[int] | NDArray[np.integer], truth: Any, predicted: Any
) -> dict[str, Any]:
    """Class codes [m] of the photos `ids` as plain JSON, marked as belonging to a model's training run."""
    columns = {"ids": ids, "truth": truth, "predicted": predicted}
    return {"of": record.run} | {name: np.asarray(values).tolist() for name, values in columns.items()}


def held_out_from_json(kept: object, record: ModelRecord, classes: list[str]) -> HeldOut | None:
    """What `held_out_to_json` gave, with the class names `classes`; None if it belongs to another training run."""
    if not isinstance(kept, dict) or kept.get("of") != record.run:
        return None
    truth, predicted = ([classes[code] for code in kept[name]] for name in ("truth", "predicted"))
    return HeldOut(np.array(kept["ids"], np.int64), truth, predicted)
