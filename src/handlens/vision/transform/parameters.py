"""The numbers of a transform: each fixed, or drawn anew for every picture from a range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from handlens.errors import DataError

Range = float | tuple[float, ...]
"""A number; or (low, high): a number between the two, drawn for each picture. Where a transform takes several numbers
each is drawn by itself, or a tuple gives them all."""


@dataclass(frozen=True)
class ParameterRange:
    """Where a transform's number comes from; `low` equal to `high` is that number and needs no chance.

    Attributes:
        count: how many numbers are drawn; more than one is given to the transform as a tuple.
        spread: "even" over the range, "log" (as likely between 1/2 and 1 as between 1 and 2), or "whole" numbers,
            both ends included.
        fixed: all `count` numbers, where they were given.
    """

    low: float
    high: float
    count: int = 1
    distribution: str = "uniform"
    fixed: tuple[float, ...] = ()

    def at(self, chances: Sequence[float]) -> float | tuple[float, ...]:
        """The numbers for `count` even chances in [0, 1)."""
        if self.fixed:
            return self.fixed
        if self.count == 1:
            return self._one(chances[0])
        return tuple(self._one(chance) for chance in chances)

    def _one(self, chance: float) -> float:
        if self.distribution == "log-uniform":
            return self.low * (self.high / self.low) ** chance
        if self.distribution == "integers":
            return float(self.low + math.floor(chance * (self.high - self.low + 1)))
        return self.low + chance * (self.high - self.low)


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
    """A checked range.

    Args:
        name: what the numbers are called, for the error.
        given: as the caller wrote it.
        least, most: the numbers must lie between them; `open_ends` leaves the two themselves out.

    Raises:
        DataError: not a number or two, NaN, the wrong way around, or out of bounds.
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
        raise DataError(f"{name} must be (low, high), the lower end first; {given!r} arrived.")
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
    """Where in a picture a part of it lies: 0 at the top or left, 1 at the bottom or right. Raises as `span` does."""
    return {
        "row_pct": parameter_range("row_pct", row_pct, least=0, most=1),
        "col_pct": parameter_range("col_pct", col_pct, least=0, most=1),
    }
