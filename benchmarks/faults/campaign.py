"""How much a campaign does, with which seed, what came of each try, and the command that runs its sections."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import report

OURS = "our error"
RAW = "raw error"
CRASH = "crash"
HANG = "hang"
BAD = (RAW, CRASH, HANG)
"""Outcomes that are never right, whatever was tried."""

KEPT = 20
"""Tries of one kind of outcome that are listed; the others are only counted."""


class Campaign(report.Bench):
    """The figures of a campaign, its random numbers, and a folder to work in.

    Args:
        work: a folder for what is made and harmed; each section has one of its own in it.
        seed: of all random choices. The same seed tries the same, but a kill comes when it comes.
        share: of the full counts that is done; 1 for all.
        real: the folder with real photos and tables, for sections that need them.

    Attributes:
        found: for each section the tries that went wrong, with what happened.
    """

    def __init__(self, work: Path, *, seed: int = 0, share: float = 1.0, real: Path | None = None) -> None:
        super().__init__(work)
        self.seed, self.share, self.real = seed, share, real
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


def run(name: str, description: str, sections: Mapping[str, Section]) -> int:
    """Run the sections that the command line names, each in a campaign of its own; 1 if a figure missed its bar.

    What a section found is written when it ends. A section whose result is there for the same commit, seed and share
    is not run again.
    """
    given = report.options(description, sections, _more)
    work = given.work or Path(tempfile.mkdtemp(prefix=f"handlens-{name}-"))
    name = f"{name}-seed-{given.seed}-share-{given.share:g}"
    missed = 0
    try:
        for section in given.only:
            file = given.out / f"{name}-{section}.json"
            print(f"\n{section}, seed {given.seed}, share {given.share:g}", flush=True)
            if _is_done(file):
                print(f"done already, see {file}")
                continue
            campaign = Campaign(work, seed=given.seed, share=given.share, real=given.data)
            began = time.monotonic()
            only = argparse.Namespace(only=[section], out=given.out)
            missed += report.run(name, campaign, {section: sections[section], "": print}, only)
            result = json.loads(file.read_text())
            result |= {"seconds": round(time.monotonic() - began, 1), "wrong": campaign.found.get(section, [])}
            file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    finally:
        if not given.work:
            shutil.rmtree(work, ignore_errors=True)
    return 1 if missed else 0


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the full counts")
    parser.add_argument("--work", type=Path, help="an empty folder to work in; one that is removed unless given")


def _is_done(file: Path) -> bool:
    """Whether a result is that of the present commit."""
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, cwd=report.ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return file.exists() and json.loads(file.read_text()).get("commit") == commit
