"""How far a run is, while its units are done."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from time import monotonic

from handlens.embedding.attempts import UnitPart
from handlens.embedding.work import UnitDone


@dataclass(frozen=True)
class EmbedProgress:
    """How far a run is.

    Attributes:
        done: photos that are done or left out, of this run and those before it.
        total: how many there are; None while tar archives are still to be read.
        left_out: how many of them are left out.
        units, all_units: units of work that are done, and all of them.
        begun: how much of the units is done that are being done, as a sum of shares.
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
    begun: float = 0.0
    rate: float | None = None
    seconds_left: float | None = None

    @property
    def share(self) -> float:
        """The share of all that is done, 0–1."""
        return self.done / self.total if self.total else (self.units + self.begun) / max(1, self.all_units)


OFTEN = 0.5
"""Seconds after which it is looked how far the units are that are being done."""


def follow(
    before: EmbedProgress,
    done: Generator[UnitDone | None, None, None],
    progress: Callable[[EmbedProgress], None] | None,
    parts: Callable[[], Mapping[int, UnitPart]] = dict,
) -> None:
    """Work until all units are done, and say how far it is.

    Args:
        before: what earlier runs did.
        done: what comes of each unit, and None now and then while nothing does.
        progress: called now, after each unit, and as photos of units are done.
        parts: how far the units are that are being done.
    """
    followed = _Followed(before)
    if progress:
        progress(before)
    looked = monotonic()
    with closing(done):
        for unit in done:
            if unit is not None:
                followed.end(unit)
            elif progress is None or monotonic() - looked < OFTEN:
                continue
            looked = monotonic()
            was, now = followed.now, followed.look(parts())
            if progress and (unit is not None or now.done > was.done):
                progress(now)


class _Followed:
    """How far a run is, from what came of its units and how far others are.

    The rate is of the photos of this run alone: what earlier attempts at a unit had committed does not count.
    """

    def __init__(self, before: EmbedProgress) -> None:
        self.now = self._ended = before
        self._started = monotonic()
        self._done: set[int] = set()
        self._first: dict[int, UnitPart] = {}  # of units, when they were seen first
        self._photos, self._units = 0, 0.0  # of this run, of units that ended

    def end(self, unit: UnitDone) -> None:
        """A unit is done."""
        photos, ended = unit.photos + unit.left_out, self._ended
        earlier = self._first[unit.unit].first if unit.unit in self._first else 0
        self._done.add(unit.unit)
        self._photos += photos - earlier
        self._units += 1 - earlier / max(1, photos)
        self._ended = replace(
            ended, done=ended.done + photos, left_out=ended.left_out + unit.left_out, units=ended.units + 1
        )

    def look(self, parts: Mapping[int, UnitPart]) -> EmbedProgress:
        """How far it is, with the units that are being done."""
        running = {number: part for number, part in parts.items() if number not in self._done}
        for number, part in running.items():
            self._first.setdefault(number, part)
        ended, seconds = self._ended, monotonic() - self._started
        photos = self._photos + sum(part.done - part.first for part in running.values())
        units = self._units + sum(part.share * (1 - part.first / max(1, part.done)) for part in running.values())
        now = replace(
            ended,
            done=ended.done + sum(part.done for part in running.values()),
            begun=sum(part.share for part in running.values()),
            rate=photos / seconds if seconds else None,
        )
        gained = photos / now.total if now.total else units / max(1, now.all_units)
        self.now = replace(now, seconds_left=seconds * (1 - now.share) / gained if gained else None)
        return self.now
