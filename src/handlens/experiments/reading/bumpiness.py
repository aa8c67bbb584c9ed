"""How bumpy a training was: how much its validation curve went the wrong way, compared with its range.

The bumpiness of the values y₁ … yₙ of a curve of which less is better is

    (max(y₂ - y₁, 0) + … + max(yₙ - yₙ₋₁, 0)) / (max y - min y)

A curve that only falls has 0. One that only rises, or falls and rises again all the way, has 1; one that goes up and
down again and again has more. If more is better, the falls are counted in place of the rises.

A curve without changes has 0. One epoch has no bumpiness, nor has a curve with an epoch that is not a number: nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LARGE = 2.0**500


def bumpiness(curve: Sequence[float], direction: str = "minimize") -> float:
    """The bumpiness of one curve; nan for fewer than two epochs, and for values that are not finite.

    Args:
        curve: a value an epoch.
        direction: "minimize" if less is better, as for losses; otherwise "maximize".

    Example:
        >>> bumpiness([5.0, 3.0, 4.0, 1.0]), bumpiness([5.0, 3.0, 2.0, 1.0])
        (0.25, 0.0)
    """
    runs = pd.Series(np.zeros(len(curve), np.int64))
    return float(bumpiness_of(runs, np.asarray(curve, np.float64), direction).get(0, np.nan))


def bumpiness_of(runs: pd.Series[Any], values: NDArray[np.float64], direction: str = "minimize") -> pd.Series[Any]:
    """The bumpiness of many curves at once.

    Args:
        runs: the run of each epoch; the epochs of a run lie together, in their order.
        values: of each epoch.
        direction: whether less or more is better.

    Returns:
        One number a run, by its id.
    """
    ids = runs.to_numpy()
    if not len(ids):
        return pd.Series([], pd.Index([], dtype=np.int64), dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    if (np.abs(values) > LARGE).any():
        values = values / LARGE  # it is the same in any unit, and differences of these may not be floats
    starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
    steps = np.diff(values, prepend=values[0]) * (1 if direction == "minimize" else -1)
    wrong_way = np.maximum(steps, 0)
    wrong_way[starts] = 0
    rises = np.add.reduceat(wrong_way, starts)
    span = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
    epochs = np.diff(np.r_[starts, len(ids)])
    found = np.divide(rises, span, out=np.zeros(len(starts)), where=span != 0)
    return pd.Series(np.where(epochs < 2, np.nan, found), ids[starts])
