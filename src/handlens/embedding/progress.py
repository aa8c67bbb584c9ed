"""How far a run is, while its units are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace

from handlens.embedding.work import UnitDone


@dataclass(frozen=True)
class EmbedProgress:
    """How far a run is.

    Attributes:
        done: photos that are done or left out, of this run and those before it.
        total: how many there are; None while tar archives are still to be read.
        left_out: how many of them are left out.
        units, all_units: units of work that are done, and all of them.
        rate: photos a second in this run; None while unknown.
        seconds_left: until all is done; None while unknown.

    Example:
        >>> EmbedProgress(done=500, total=1000, rate=50.0, seconds_left=10.0).share
        0.5
    """

    done: int = 0
    total: int | None = None
    left_out: int = 0
    units: int = 0
    all_units: int = 0
    rate: float | None = None
    seconds_left: float | None = None

    @property
    def share(self) -> float:
        """The share of all that is done, 0–1."""
        return self.done / self.total if self.total else self.units / max(1, self.all_units)


def follow(
    before: EmbedProgress,
    done: Generator[UnitDone, None, None],
    progress: Callable[[EmbedProgress], None] | None,
) -> None:
    """Work until all units are done, and say how far it is.

    Args:
        before: what earlier runs did.
        done: what comes of each unit.
        progress: called now, and after each unit.
    """
    now, started = before, time.monotonic()
    if progress:
        progress(now)
    with closing(done):
        for unit in done:
            photos, seconds = now.done + unit.photos + unit.left_out, time.monotonic() - started
            now = replace(now, done=photos, left_out=now.left_out + unit.left_out, units=now.units + 1)
            left = seconds * (now.all_units - now.units) / (now.units - before.units)
            now = replace(now, rate=(photos - before.done) / seconds if seconds else None, seconds_left=left)
            if progress:
                progress(now)
