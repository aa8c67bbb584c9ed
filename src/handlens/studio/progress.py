"""How far long work of a collection is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from handlens.errors import Cancelled, HandlensError
from handlens.io.problems import reason_of

PreparingPhase = Literal["idle", "reading", "fitting", "features", "predicting", "done", "cancelled", "failed"]
SearchPhase = Literal["idle", "searching", "done", "cancelled", "failed"]
ScanPhase = Literal["idle", "looking", "done", "cancelled", "failed"]
TuningPhase = Literal["idle", "loading", "head", "last", "whole", "predicting", "done", "cancelled", "failed"]


@dataclass(frozen=True)
class Progress:
    """How far preparing is.

    Attributes:
        running: whether it is under way.
        phase: what it does now, or how it ended.
        done, total: photos; `rate` is photos a second.
        seconds_left: None while unknown.
        error: why it failed, a full sentence; None if it did not.
        source: the name of the source whose features are computed, None in other phases.

    Example:
        >>> progress = Progress(running=True, phase="features", done=50, total=200, rate=25.0, seconds_left=6.0)
        >>> progress.done / progress.total
        0.25
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

    Attributes:
        running: whether it is under way.
        phase: what it does now, or how it ended; in training first the "head", then the "last" layers, then the "whole"
            network.
        network: the title of the network that is trained.
        epoch, epochs: the current epoch, counted from 1, and how many there will be.
        share: how much is done, 0–1, of training (the last layers, then all) or of predicting.
        seconds_left: until the end of training or of predicting; None while unknown.
        loss: the running mean of the training loss.
        accuracy: on the held-out photos after the latest epoch, 0–1.
        error: why it failed, a full sentence; None if it did not.
        outcome: once it is done, whether it helps, as a sentence; "" if there is no other model.

    Example:
        >>> FineTuningProgress(running=True, phase="head", epoch=1, epochs=10, share=0.05).accuracy is None
        True
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
    outcome: str = ""


@dataclass(frozen=True)
class SearchProgress:
    """How far the search for duplicates is.

    Attributes:
        running: whether it is under way.
        phase: what it does now, or how it ended.
        done, total: steps.
        seconds_left: None while unknown.
        error: why it failed, a full sentence; None if it did not.

    Example:
        >>> SearchProgress(running=True, phase="searching", done=50, total=200).seconds_left is None
        True
    """

    running: bool = False
    phase: SearchPhase = "idle"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class ScanProgress:
    """How far looking for what has changed in the folder of photos is.

    Attributes:
        running: whether it is under way.
        phase: what it does now, or how it ended.
        done, total: files; as many are expected as there are photos.
        seconds_left: None while unknown.
        error: why it failed, a full sentence; None if it did not.

    Example:
        >>> ScanProgress(running=True, phase="looking", done=50, total=200).seconds_left is None
        True
    """

    running: bool = False
    phase: ScanPhase = "idle"
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class GatheringProgress:
    """How far copying photos into a collection's own folder is.

    Attributes:
        files, total: files looked at, of those that the source means; a file may hold many photos.
        photos: that were copied in this run.
        left_out: files and parts of files that cannot be used.
        file: the path or address of the one that is looked at.
        share: how much is done, 0–1; files count the same, and parts of a file as shares of it.
        seconds_left: None while unknown.

    Example:
        >>> GatheringProgress(files=1, total=2, photos=12, file="report.pdf").left_out
        0
    """

    files: int = 0
    total: int = 0
    photos: int = 0
    left_out: int = 0
    file: str = ""
    share: float = 0.0
    seconds_left: float | None = None


def ended_by(error: BaseException, work: str) -> dict[str, Any]:
    """The phase, and the sentence for the person, after an error ended `work`, such as "preparing"."""
    if isinstance(error, Cancelled):
        return {"phase": "cancelled"}
    if isinstance(error, HandlensError):
        return {"phase": "failed", "error": str(error)}
    if isinstance(error, Exception):
        return {"phase": "failed", "error": f"{work} stopped unexpectedly: {reason_of(error)}."}
    return {"phase": "failed"}  # the program itself is ending
