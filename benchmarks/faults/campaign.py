"""How much a campaign does, with which seed, and what came of each try."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from report import Bench

OURS = "our error"
RAW = "raw error"
CRASH = "crash"
HANG = "hang"
BAD = (RAW, CRASH, HANG)
"""Outcomes that are never right, whatever was tried."""

KEPT = 20
"""Tries of one kind of outcome that are listed; the others are only counted."""


class Campaign(Bench):
    """The figures of a campaign, its random numbers, and a folder to work in.

    Args:
        work: a folder for what is made and harmed; each section has one of its own in it.
        seed: of all random choices. The same seed tries the same, but a kill comes when it comes.
        share: of the full counts that is done; 1 for all.

    Attributes:
        found: for each section the tries that went wrong, with what happened.
    """

    def __init__(self, work: Path, *, seed: int = 0, share: float = 1.0) -> None:
        super().__init__(work)
        self.seed, self.share = seed, share
        self.found: dict[str, list[str]] = {}

    def count(self, full: int, *, least: int = 1) -> int:
        """How often something is tried that is tried `full` times in the whole campaign."""
        return max(least, round(full * self.share))

    def random(self, section: str) -> np.random.Generator:
        """The random numbers of a section, the same whichever other sections run."""
        return np.random.default_rng([self.seed, *section.encode()])

    def folder(self, section: str) -> Path:
        """An empty folder for a section."""
        folder = self.data / section
        folder.mkdir(parents=True)
        return folder

    def wrong(self, section: str, what: str) -> None:
        """Keep what went wrong in a try, to be read and tried again."""
        kept = self.found.setdefault(section, [])
        if len(kept) < 10 * KEPT:
            kept.append(what)
        print(f"   ✗ {section}: {what}"[:600], flush=True)

    def tries(self, section: str, items: Iterable[Any], total: int) -> Iterator[Any]:
        """The items, with the time that is left on the terminal."""
        began, shown = time.monotonic(), 0.0
        for done, item in enumerate(items):
            now = time.monotonic()
            if sys.stderr.isatty() and now - shown > 2 and done:
                left = (now - began) / done * (total - done)
                print(f"\r{section}: {done:,} of {total:,}, {left:,.0f} s left  ", end="", file=sys.stderr)
                shown = now
            yield item
        if shown:
            print("\r" + " " * 79 + "\r", end="", file=sys.stderr)

    def total(self, what: str, number: float, *, at_most: float | None = None, unit: str = "") -> None:
        """Record one number, against its bar if it has one."""
        self.add(what, [float(number)], at_most=at_most, unit=unit)

    def outcomes(self, counted: Counter[str], *, never: Iterable[str] = BAD) -> None:
        """Record how often each outcome came, with those that may never come."""
        never = tuple(never)
        for outcome in never:
            self.total(f"… {outcome}", counted[outcome], at_most=0)
        for outcome, times in counted.most_common():
            if outcome not in never:
                self.total(f"… {outcome}", times)


Section = Callable[[Campaign], None]
