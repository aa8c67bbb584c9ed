"""Kills, full disks, damaged and hostile files, crowds: counts what is lost, and prints a table for each section.

    python benchmarks/faults.py [--only labelling,flips] [--seed 0] [--share 1] [--work FOLDER] [--out FOLDER]

The sections are in the folder benchmarks/faults. `--share 0.05` does a twentieth of everything. What a section found is
written when it ends, with each try that went wrong; a campaign that was interrupted goes on after the sections that are
there already for the same commit, seed and share.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import report
from faults.campaign import Campaign
from faults.children import prepare_forking
from faults.sections import SECTIONS


def more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the full counts")
    parser.add_argument("--work", type=Path, help="an empty folder to work in; one that is removed unless given")


def main() -> int:
    given = report.options(__doc__ or "", SECTIONS, more)
    prepare_forking()
    work = given.work or Path(tempfile.mkdtemp(prefix="handlens-faults-"))
    name = f"faults-seed-{given.seed}-share-{given.share:g}"
    missed = 0
    try:
        for section in given.only:
            file = given.out / f"{name}-{section}.json"
            print(f"\n{section}, seed {given.seed}, share {given.share:g}", flush=True)
            if is_done(file):
                print(f"done already, see {file}")
                continue
            campaign, began = Campaign(work, seed=given.seed, share=given.share), time.monotonic()
            only = argparse.Namespace(only=[section], out=given.out)
            missed += report.run(name, campaign, {section: SECTIONS[section], "": print}, only)
            result = json.loads(file.read_text())
            result |= {"seconds": round(time.monotonic() - began, 1), "wrong": campaign.found.get(section, [])}
            file.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    finally:
        if not given.work:
            shutil.rmtree(work, ignore_errors=True)
    return 1 if missed else 0


def is_done(file: Path) -> bool:
    """Whether a result is that of the present commit."""
    git = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, cwd=report.ROOT, capture_output=True, text=True, check=False).stdout.strip()
    return file.exists() and json.loads(file.read_text()).get("commit") == commit


if __name__ == "__main__":
    sys.exit(main())
