"""How far long work of a collection is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from handlens.errors import Cancelled, HandlensError

PreparingPhase = Literal["idle", "reading", "fitting", "features", "predicting", "done", "cancelled", "failed"]
TuningPhase = Literal["idle", "loading", "head", "whole", "predicting", "done", "cancelled", "failed"]


@dataclass(frozen=True)
class Progress:
    """How far preparing is.

    `done` of `total` photos, at `rate` photos a second; `seconds_left` is None while unknown.
    """

    running: bool = False
    phase: PreparingPhase = "idle"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    error: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class FineTuningProgress:
    """How far fine-tuning is.

    `share` is 0–1 of the current phase (training as a whole, or predicting) and `seconds_left` the time to its end,
    None while unknown; `loss` is the running training loss, `accuracy` (0–1) that on the held-out photos after the
    latest epoch.
    """

    running: bool = False
    phase: TuningPhase = "idle"
    network: str | None = None
    epoch: int = 0
    epochs: int = 0
    share: float = 0.0
    seconds_left: float | None = None
    loss: float | None = None
    accuracy: float | None = None
    error: str | None = None


def ended_by(error: BaseException, work: str) -> dict[str, Any]:
    """The phase, and the sentence for the person, after an error ended `work`, such as "preparing"."""
    if isinstance(error, Cancelled):
        return {"phase": "cancelled"}
    if isinstance(error, HandlensError):
        return {"phase": "failed", "error": str(error)}
    if isinstance(error, Exception):
        return {"phase": "failed", "error": f"{work} stopped unexpectedly: {error}"}
    return {"phase": "failed"}  # the program itself is ending
