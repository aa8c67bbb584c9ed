"""Confidence intervals of rates, means, differences, ratios, and, with the bootstrap, of any number.

Rates have Wilson's interval, means Student's corrected for skewness. The interval of a difference or a ratio is
computed from the intervals of its two sides; for rates this is Newcombe's. All take numbers or arrays, and give nan
where there is no interval.
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
    """The number of standard deviations on both sides of the mean that hold a share `level` of a normal distribution.

    Example:
        >>> round(normal(0.95), 2)
        1.96
    """
    return float(special.ndtri((1 + level) / 2))


def wilson(hits: ArrayLike, of: ArrayLike, level: float = 0.95) -> Interval:
    """The confidence interval of a rate, hits out of `of` (Wilson 1927).

    Args:
        hits, of: counts, which may be fractions as effective counts are.
        level: the confidence level.

    Returns:
        Its low and its high end; nan if `of` is 0.

    Example:
        >>> low, high = wilson(8, 10)
        >>> round(float(low), 3), round(float(high), 3)
        (0.49, 0.943)
    """
    x, n, z = np.asarray(hits, np.float64), np.asarray(of, np.float64), normal(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = x / n
        middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    low, high = middle - half, middle + half
    # If all or none are hits, one end is exactly 1 or 0, and rounding must not change it.
    return np.where((x == 0) & (n > 0), 0.0, low), np.where((x == n) & (n > 0), 1.0, high)


def mean_interval(n: ArrayLike, mean: ArrayLike, m2: ArrayLike, m3: ArrayLike, level: float = 0.95) -> Interval:
    """The confidence interval of a mean: Student's t, corrected for skewness by Hall's transformation (1992).

    A long tail to the right stretches the interval to the right. Values that are all equal give a point.

    Args:
        n: the number of values.
        mean: their mean.
        m2, m3: the mean of their squared and of their cubed distances from it.
        level: the confidence level.

    Returns:
        Its low and its high end; nan for fewer than two values.
    """
    n, mean, m2, m3 = (np.asarray(values, np.float64) for values in (n, mean, m2, m3))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(m2 * n / (n - 1))
        skew = np.where(m2 > 0, m3 / m2**1.5, 0.0) * np.sqrt(n * (n - 1)) / np.maximum(n - 2, 1)
        t = special.stdtrit(np.maximum(n - 1, 1), (1 + level) / 2)
        a = skew / np.sqrt(n)

        def inverse(value: Floats) -> Floats:
            root = np.cbrt(1 + a * (value - a / 6)) - 1
            return np.where(np.abs(a) > 1e-8, 3 * root / np.where(a == 0, 1, a), value)

        error = spread / np.sqrt(n)
        low, high = mean - error * inverse(t), mean - error * inverse(-t)
    known = n > 1
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def difference_interval(a: Floats, of_a: Interval, b: Floats, of_b: Interval) -> Interval:
    """The interval of a − b for independent samples, from those of a and b (Newcombe 1998; Zou & Donner 2008)."""
    (a_low, a_high), (b_low, b_high) = of_a, of_b
    return a - b - np.hypot(a - a_low, b_high - b), a - b + np.hypot(a_high - a, b - b_low)


def ratio_interval(a: Floats, of_a: Interval, b: Floats, of_b: Interval) -> Interval:
    """The interval of a / b for independent samples, from those of a and b (Donner & Zou 2012).

    Neither a nor b may be negative. The high end is infinite if b may be 0; both ends are nan if b is 0.
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
    """The bootstrap interval of any number that is computed from n rows.

    It is the expanded percentile interval of Hesterberg (2015): its quantiles are widened as Student's t is for n rows,
    because plain ones are too narrow for few rows.

    Args:
        measure: takes the positions of the rows of one sample, [n], drawn with replacement, and returns the number.
        n: the rows.
        level: the confidence level.
        draws: the samples; those whose number is not finite are left out.
        rng: makes the samples.

    Returns:
        The low and the high end; nan for fewer than two rows, and if more than a tenth of the samples is left out.
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
