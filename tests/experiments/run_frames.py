"""Frames of runs as `Study.frame` gives them, made from choices and values directly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd


def frame_of(
    combinations: Sequence[Mapping[str, Any]],
    value: Callable[[Mapping[str, Any], int], float],
    *,
    seeds: Sequence[int] = (0, 1, 2),
    splits: Sequence[int] = (0,),
    phase: str = "study",
) -> pd.DataFrame:
    """A row for each combination, seed and split, all finished; `value(choices, seed)` is what each ends with."""
    rows = [
        {
            "combination": number,
            "phase": phase,
            "seed": seed,
            "split": split,
            "status": "finished",
            "value": value(choices, seed),
            **choices,
        }
        for number, choices in enumerate(combinations)
        for seed in seeds
        for split in splits
    ]
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="run"))
