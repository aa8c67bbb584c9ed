"""How far fine-tuning has come, as the page and Python are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Phase = Literal["idle", "loading", "head", "whole", "predicting", "done", "cancelled", "failed"]


@dataclass(frozen=True)
class FineTuning:
    """How far fine-tuning has come.

    `share` is 0–1 of the phase at hand (training as a whole, or predicting), `seconds_left` of it, None while unknown;
    `loss` is the running one of training, `accuracy` (0–1) that on the held-out photos after the latest epoch.
    """

    running: bool = False
    phase: Phase = "idle"
    network: str | None = None
    epoch: int = 0
    epochs: int = 0
    share: float = 0.0
    seconds_left: float | None = None
    loss: float | None = None
    accuracy: float | None = None
    error: str | None = None
