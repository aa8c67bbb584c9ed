"""What a model said of labelled photos that it had not seen: the evidence that its accuracy is estimated on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class HeldOut:
    """Photos by id, int64 [m], with the labels they had, [m], and those predicted, [m]."""

    ids: NDArray[np.int64]
    truth: list[str]
    predicted: list[str]


def packed_held_out(
    report: dict[str, Any], ids: Sequence[int] | NDArray[np.integer], truth: Any, predicted: Any
) -> dict[str, Any]:
    """Class codes [m] of the photos `ids` as plain JSON, with the mark of the kept report that they belong to."""
    return {"of": _mark(report)} | {
        name: np.asarray(values).tolist() for name, values in (("ids", ids), ("truth", truth), ("predicted", predicted))
    }


def unpacked_held_out(kept: object, report: dict[str, Any], classes: list[str]) -> HeldOut | None:
    """What `packed_held_out` gave, its classes called `classes`; None if it belongs to another report, or is none."""
    if not isinstance(kept, dict) or kept.get("of") != _mark(report):
        return None
    truth, predicted = ([classes[code] for code in kept[name]] for name in ("truth", "predicted"))
    return HeldOut(np.array(kept["ids"], np.int64), truth, predicted)


def _mark(report: dict[str, Any]) -> list[float]:
    """Tells one training run from another."""
    return [report["labels_version"], report["seconds"]]
