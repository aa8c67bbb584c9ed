"""How long a pivot table of 10,000 runs takes, and reading these from the record."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import report
from faults.campaign import Campaign

from handlens.experiments import Study
from handlens.experiments.reading import pivot as pivots

sys.path.append(str(report.ROOT))

from tests.experiments.made_studies import make_study

RUNS, SEEDS, EPOCHS = 10_000, 4, 15


def pivot(campaign: Campaign) -> None:
    """Time pivot tables of several shapes, and `Study.frame`."""
    random = campaign.random("pivot")
    combinations = [_combination(random) for _ in range(RUNS // SEEDS)]
    folder = campaign.folder("pivot")
    make_study(
        folder,
        combinations,
        lambda choices, _: choices["ps"] + choices["rate"] + random.standard_normal(),
        seeds=range(SEEDS),
        epochs=EPOCHS,
    )
    study = Study(folder, "made")
    frame = study.frame()
    few = {"ps": 0.0, "layers": [200, 100]}
    tables: dict[str, dict[str, Any]] = {
        "6 cells, paired with a baseline": {"rows": "ps", "columns": "layers", "baseline": few},
        "12 cells, a learning rate in ranges": {"rows": "rate", "columns": "ps"},
        "30 cells, medians, with a baseline": {
            "rows": ["ps", "layers"],
            "columns": "n",
            "aggregate": "median",
            "baseline": few | {"n": 1},
        },
        "2,500 cells, each combination": {"rows": "combination", "baseline": 0},
    }
    for what, wanted in tables.items():
        seconds = _times(
            lambda wanted=wanted: pivots.pivot(frame, study.choices, **wanted), campaign.count(10, least=3)
        )
        campaign.add(f"pivot of 10,000 runs: {what}", seconds, at_most=0.3, unit="s")
    campaign.add("Study.frame of 10,000 runs × 15 epochs", _times(study.frame, 3), unit="s")
    campaign.add("Study.pivot of 10,000 runs, with reading them", _times(lambda: study.pivot("ps"), 3), unit="s")


def _combination(random: np.random.Generator) -> dict[str, Any]:
    return {
        "ps": [0.0, 0.1, 0.5][random.integers(3)],
        "layers": [[200, 100], [1000, 500]][random.integers(2)],
        "n": int(random.integers(1, 6)),
        "rate": float(10 ** random.uniform(-4, -1)),
    }


def _times(call: Callable[[], Any], times: int) -> list[float]:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return found
