"""Experiments: what a study loses when it is killed, what recording costs, and how honest and how quick reading it is.

    python benchmarks/experiments.py [--only kills,nodes] [--seed 0] [--share 1] [--work FOLDER] [--out FOLDER]

The sections are in the folder benchmarks/experiments. `--share 0.05` does a twentieth of everything that is counted.
What a section found is written when it ends; a campaign that was interrupted goes on after the sections that are there
already for the same commit, seed and share.
"""

from __future__ import annotations

import sys

from experiments.sections import SECTIONS
from faults.campaign import run

if __name__ == "__main__":
    sys.exit(run("experiments", __doc__ or "", SECTIONS))
