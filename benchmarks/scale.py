"""A million photos on one machine, and many more on many: bars of scale; prints one table and writes it as JSON.

    python benchmarks/scale.py [--data SHARED/data] [--work FOLDER] [--only search,everything] [--out FOLDER]

Each section is a file in benchmarks/scale/ with a function `run(bench)`. Photos and features are made, unless a section
says otherwise; what takes long to make is kept in `--work`.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import report
from report import Bench

HERE = Path(__file__).resolve().parent / "scale"


class Scale(Bench):
    """The figures, and a folder that keeps what takes long to make."""

    def __init__(self, data: Path, work: Path) -> None:
        super().__init__(data)
        self.work = work


def section(name: str, bench: Scale) -> None:
    """Run one file of benchmarks/scale/."""
    spec = importlib.util.spec_from_file_location(f"scale_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.run(bench)


SECTIONS: dict[str, Callable[[Scale], None]] = {
    file.stem: partial(section, file.stem) for file in sorted(HERE.glob("*.py"))
}


def main() -> int:
    """Run the sections asked for, print the table, write it as JSON."""
    work = report.ROOT / "benchmarks" / "work" / "scale"

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--work", type=Path, default=work, help="folder that keeps what takes long to make")

    given = report.options(__doc__ or "", SECTIONS, more)
    given.work.mkdir(parents=True, exist_ok=True)
    return report.run("scale", Scale(given.data, given.work), SECTIONS, given)


if __name__ == "__main__":
    sys.exit(main())
