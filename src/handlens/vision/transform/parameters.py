"""The parameters of a transform: each fixed, or drawn from a range for each picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from handlens.errors import DataError

Range = float | tuple[float, ...]
"""A number; or (low, high), from which a number is drawn for each picture. If a transform takes several numbers, each
is drawn separately, or a tuple gives all of them."""


@dataclass(frozen=True)
class ParameterRange:
    """The range that a parameter of a transform is drawn from; with `low` equal to `high` it is that number.

    Attributes:
        low, high: the ends of the range.
        count: how many numbers are drawn; several are given to the transform as a tuple.
        distribution: "uniform"; "log-uniform" (as likely between 1/2 and 1 as between 1 and 2); or "integers", both
            ends included.
        fixed: all `count` numbers, if they were given.

    Example:
        >>> ParameterRange(0.5, 2.0, distribution="log-uniform").at([0.5])
        1.0
        >>> ParameterRange(0, 3, distribution="integers").at([0.99])
        3.0
    """

    low: float
    high: float
    count: int = 1
    distribution: str = "uniform"
    fixed: tuple[float, ...] = ()

    def at(self, uniform: Sequence[float]) -> float | tuple[float, ...]:
        """The numbers for `count` uniform random numbers in [0, 1)."""
        if self.fixed:
            return self.fixed
        if self.count == 1:
            return self._one(uniform[0])
        return tuple(self._one(u) for u in uniform)

    def _one(self, u: float) -> float:
        if self.distribution == "log-uniform":
            return self.low * (self.high / self.low) ** u
        if self.distribution == "integers":
            return float(self.low + math.floor(u * (self.high - self.low + 1)))
        return self.low + u * (self.high - self.low)


def parameter_range(
    name: str,
    given: Range,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    open_ends: bool = False,
    count: int = 1,
    distribution: str = "uniform",
) -> ParameterRange:
    """A range, checked.

    Args:
        name: the parameter's name, for errors.
        given: what the caller gave.
        least, most: the bounds of the numbers.
        open_ends: exclude the bounds themselves.
        count, distribution: as in `ParameterRange`.

    Raises:
        DataError: `given` is not one or two numbers, is NaN, has its ends in the wrong order, or is out of bounds.
    """
    try:
        ends = tuple(float(end) for end in given) if isinstance(given, Sequence) else (float(given),) * 2
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} must be a number or a range (low, high); {given!r} arrived.") from error
    fixed = ends if count > 1 and len(ends) == count else ()
    if len(ends) != 2 and not fixed:
        several = f", or {count} numbers" if count > 1 else ""
        raise DataError(f"{name} must be a number or a range (low, high){several}; {given!r} arrived.")
    if not all(map(math.isfinite, ends)):
        raise DataError(f"{name} must be finite; {given!r} arrived.")
    low, high = (min(ends), max(ends)) if fixed else ends
    if low > high:
        raise DataError(f"{name} must be (low, high), the smaller number first; {given!r} arrived.")
    inside = least < low and high < most if open_ends else least <= low and high <= most
    if not inside:
        if math.isfinite(least) and math.isfinite(most):
            where = f"between {least:g} and {most:g}"
        else:
            bound, way = (least, "above") if math.isfinite(least) else (most, "below")
            where = f"{way} {bound:g}" if open_ends else f"{bound:g} or {'more' if way == 'above' else 'less'}"
        raise DataError(f"{name} must be {where}; {given!r} arrived.")
    if distribution == "integers" and not (low.is_integer() and high.is_integer()):
        raise DataError(f"{name} must be whole; {given!r} arrived.")
    return ParameterRange(low, high, count, distribution, fixed)


def position_ranges(row_pct: Range, col_pct: Range) -> dict[str, ParameterRange]:
    """The position of a part of a picture: 0 at the top or left, 1 at the bottom or right."""
    return {
        "row_pct": parameter_range("row_pct", row_pct, least=0, most=1),
        "col_pct": parameter_range("col_pct", col_pct, least=0, most=1),
    }
