"""Kills, full disks, damaged and hostile files, crowds: counts what is lost, and prints a table for each section.

    python benchmarks/faults.py [--only labelling,flips] [--seed 0] [--share 1] [--work FOLDER] [--out FOLDER]

The sections are in the folder benchmarks/faults. `--share 0.05` does a twentieth of everything. What a section found is
written when it ends, with each try that went wrong; a campaign that was interrupted goes on after the sections that are
there already for the same commit, seed and share.
"""

from __future__ import annotations

import sys

from faults.campaign import run
from faults.children import prepare_forking
from faults.sections import SECTIONS

if __name__ == "__main__":
    prepare_forking()
    sys.exit(run("faults", __doc__ or "", SECTIONS))
