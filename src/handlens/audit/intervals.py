"""Intervals: how far a number measured on a sample may lie from the one that it estimates.

Rates have Wilson's interval, means Student's corrected for skewness, and any other number the bootstrap's. The
interval of a difference or a ratio is put together from the intervals of its two sides, which for rates is
Newcombe's. All take arrays as well as numbers, and give nan where nothing can be said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
Interval = tuple[Floats, Floats]


def normal(level: float) -> float:
    """How many standard deviations to either side hold a share `level` of a normal distribution."""
    return float(special.ndtri((1 + level) / 2))


def wilson(hits: ArrayLike, of: ArrayLike, level: float = 0.95) -> Interval:
    """The interval of a rate, hits out of `of` (Wilson 1927); nan out of none.

    Counts may be fractions, as effective counts are.
    """
    x, n, z = np.asarray(hits, np.float64), np.asarray(of, np.float64), normal(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = x / n
        middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low, high = middle - half, middle + half
    # Where all or none are hits an end is 1 or 0 exactly, and rounding must not make it less or more.
    return np.where((x == 0) & (n > 0), 0.0, low), np.where((x == n) & (n > 0), 1.0, high)


def mean_interval(n: ArrayLike, mean: ArrayLike, m2: ArrayLike, m3: ArrayLike, level: float = 0.95) -> Interval:
    """The interval of a mean, from the mean squared and cubed distances m2 and m3 from it; nan of less than two.

    Student's t, bent for skewed values by the monotone transformation of Hall (1992), so that a long tail to the right
    stretches the interval to the right. Values that are all the same give a point.
    """
    n, mean, m2, m3 = (np.asarray(values, np.float64) for values in (n, mean, m2, m3))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(m2 * n / (n - 1))
        skew = np.where(m2 > 0, m3 / m2**1.5, 0.0) * np.sqrt(n * (n - 1)) / np.maximum(n - 2, 1)
        t = special.stdtrit(np.maximum(n - 1, 1), (1 + level) / 2)
        a = skew / np.sqrt(n)

        def unbent(value: Floats) -> Floats:
            bent = np.cbrt(1 + a * (value - a / 6)) - 1
            return np.where(np.abs(a) > 1e-8, 3 * bent / np.where(a == 0, 1, a), value)

        error = spread / np.sqrt(n)
        low, high = mean - error * unbent(t), mean - error * unbent(-t)
    known = n > 1
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def difference_interval(a: Floats, of_a: Interval, b: Floats, of_b: Interval) -> Interval:
    """The interval of a − b of two independent samples from those of a and b (Newcombe 1998; Zou & Donner 2008)."""
    (a_low, a_high), (b_low, b_high) = of_a, of_b
    return a - b - np.hypot(a - a_low, b_high - b), a - b + np.hypot(a_high - a, b - b_low)


def ratio_interval(a: Floats, of_a: Interval, b: Floats, of_b: Interval) -> Interval:
    """The interval of a / b of two independent samples, neither negative, from those of a and b (Donner & Zou 2012).

    The upper end is infinite where b may be 0; all is nan where b is 0.
    """
    (a_low, a_high), (b_low, b_high) = of_a, of_b
    with np.errstate(divide="ignore", invalid="ignore"):
        square = (a * b) ** 2
        down, up = a_low * (2 * a - a_low), b_low * (2 * b - b_low)
        under = a * b + np.sqrt(np.maximum(square - down * b_high * (2 * b - b_high), 0))
        over = a * b + np.sqrt(np.maximum(square - a_high * (2 * a - a_high) * up, 0))
        low = np.where(down <= 0, 0.0, down / under)
        high = np.where(up > 0, over / up, np.inf)
    unknown = ~(b > 0) | np.isnan(a) | np.isnan(a_low) | np.isnan(b_low)
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def bootstrap(
    measure: Callable[[NDArray[np.intp]], float],
    n: int,
    *,
    level: float = 0.95,
    draws: int = 1000,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """The interval of any number of n rows: `measure` is given the rows' positions, drawn with replacement.

    The quantiles lie as far out as Student's t does for n rows, since the plain ones are too narrow for few (the
    expanded percentile interval of Hesterberg 2015). Draws whose number is nan are left out; it is nan for less than
    two rows, and where the number is nan in more than one draw of ten.
    """
    if n < 2:
        return float("nan"), float("nan")
    found = np.array([measure(rng.integers(0, n, n)) for _ in range(draws)], np.float64)
    known = found[np.isfinite(found)]
    if len(known) < 0.9 * draws:
        return float("nan"), float("nan")
    tail: Any = special.ndtr(-np.sqrt(n / (n - 1)) * special.stdtrit(n - 1, (1 + level) / 2))
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)
