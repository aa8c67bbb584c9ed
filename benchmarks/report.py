"""What every benchmark prints and writes: a table of figures against their bars, and the same as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Figure:
    """One line of the table; `spread` is (least, most) of the runs behind the median."""

    what: str
    bar: str
    measured: float
    unit: str
    reached: bool
    spread: tuple[float, float]

    def __str__(self) -> str:
        mark = "✓" if self.reached else "✗"
        spread = f"({self.spread[0]:.4g} – {self.spread[1]:.4g})"
        return f"{mark}  {self.what:<74} {self.bar:>12}   {self.measured:.4g} {self.unit} {spread}"


class Bench:
    """The data, and the figures found so far."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.figures: list[Figure] = []

    def add(
        self,
        what: str,
        runs: list[float],
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        unit: str = "",
        value: float | None = None,
    ) -> None:
        """Record a figure: the median of the runs unless `value` is given, against its bar if it has one."""
        measured = statistics.median(runs) if value is None else value
        bar, reached = "", True
        if at_least is not None:
            bar, reached = f"≥ {at_least:g}", measured >= at_least
        elif at_most is not None:
            bar, reached = f"≤ {at_most:g}", measured <= at_most
        figure = Figure(what, f"{bar} {unit if bar else ''}".strip(), measured, unit, reached, (min(runs), max(runs)))
        self.figures.append(figure)
        print(figure, flush=True)


Sections = Mapping[str, Callable[[Any], None]]


def options(
    description: str, sections: Sections, more: Callable[[argparse.ArgumentParser], None] | None = None
) -> argparse.Namespace:
    """The options that every benchmark has: --data, --only and --out, and those that `more` adds."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(os.environ.get("HANDLENS_SHARED", ROOT.parent / "shared"))
    parser.add_argument("--data", type=Path, default=shared / "data")
    parser.add_argument("--only", default=",".join(sections), help="sections: " + ", ".join(sections))
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results")
    if more:
        more(parser)
    given = parser.parse_args()
    given.only = given.only.split(",")
    unknown = [name for name in given.only if name not in sections]
    if unknown:
        parser.error(f"there is no section {', '.join(unknown)}; the sections are {', '.join(sections)}")
    return given


def run(name: str, bench: Bench, sections: Sections, given: argparse.Namespace) -> int:
    """Run the sections asked for, write the table as JSON; returns how many figures missed their bar."""
    for section in given.only:
        sections[section](bench)
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    result = {
        "commit": commit,
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "figures": [asdict(figure) for figure in bench.figures],
    }
    given.out.mkdir(parents=True, exist_ok=True)
    which = "all" if given.only == list(sections) else "-".join(given.only)
    (given.out / f"{name}-{which}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    missed = [figure for figure in bench.figures if not figure.reached]
    reached = len(bench.figures) - len(missed)
    print(f"\n{reached} of {len(bench.figures)} reached   ({result['machine']}, commit {commit})")
    return len(missed)


def fail(text: str) -> int:
    """Say why the benchmark cannot run."""
    print(text, file=sys.stderr)
    return 2
