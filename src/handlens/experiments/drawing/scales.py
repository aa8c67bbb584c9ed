"""Where values lie in pictures of a study, and how they are written: scales, the places of choices, and texts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.experiments.reading.axes import NOT_ASKED, axis_of

Floats = NDArray[np.float64]
Key = tuple[Any, ...]

WIDE = 20
"""A scale whose ends are further apart than this factor is logarithmic, where all values are above 0."""


@dataclass(frozen=True)
class Scale:
    """The range of values that is drawn, which one run that exploded does not stretch.

    Attributes:
        low, high: its ends; what lies outside is cut off, and marked.
        log: whether it is logarithmic.
    """

    low: float
    high: float
    log: bool

    @classmethod
    def of(cls, groups: Iterable[Floats]) -> Scale:
        """The scale for some groups of values, such as curves: the ends of all but those that lie far out.

        A group lies far out if its end is further from the middle half of all ends than three times what that half
        spans (Tukey 1977), and than the whole of the other groups.
        """
        found = [group[np.isfinite(group)] for group in groups]
        found = [group for group in found if len(group)]
        if not found:
            return cls(0.0, 1.0, False)
        lows, highs = np.array([group.min() for group in found]), np.array([group.max() for group in found])
        positive = bool(lows.min() > 0)
        low, high = -_top(-lows, -highs), _top(highs, lows)
        return cls(low, high, positive and high / low > WIDE)

    @property
    def seen(self) -> tuple[float, float]:
        """The ends of an axis that shows it, with a little room beyond its own."""
        if self.log:
            room = (self.high / self.low) ** 0.05
            return self.low / room, self.high * room
        room = 0.05 * (self.high - self.low) or 0.05 * abs(self.high) or 1.0
        return self.low - room, self.high + room

    def position(self, values: Any) -> Floats:
        """Where values lie, from 0 at the lower end to 1 at the upper end; outside below 0 or above 1."""
        values = np.asarray(values, float)
        if self.high == self.low:
            return np.full(values.shape, 0.5) + np.sign(values - self.low)
        if self.log:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.log(values / self.low) / math.log(self.high / self.low)
        return (values - self.low) / (self.high - self.low)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """The positions and texts of some round numbers on it."""
        numbers = self.numbers
        return list(zip(map(float, self.position(numbers)), number_texts(numbers), strict=True))

    @property
    def numbers(self) -> list[float]:
        """Some round numbers on it."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        if self.log:
            decades = math.log10(self.high / self.low)
            subs = (1.0,) if decades > 2 else (1.0, 3.0) if decades > 1 else (1.0, 2.0, 5.0)
            ticks = LogLocator(subs=subs).tick_values(self.low, self.high)
        else:
            ticks = MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        if self.low == self.high:
            ticks = [self.low]
        return [float(tick) for tick in ticks if self.low <= tick <= self.high]


def _top(highs: Floats, lows: Floats) -> float:
    """The highest of `highs` that does not lie far out; the ends of the same groups on the other side are `lows`."""
    first, third = np.quantile(highs, [0.25, 0.75])
    span = max(3 * (third - first), third - np.quantile(lows, 0.25))
    return float(highs[highs <= third + span].max())


FEW = 8
"""A choice with at most so many values is drawn as levels at equal distances; numbers with more, to scale."""

MISSING = -0.12
"""Where runs lie that were not asked for a choice, on an axis from 0 to 1."""


@dataclass(frozen=True)
class ChoicePlace:
    """Where the values of one choice lie on an axis from 0 to 1.

    Attributes:
        positions: of each row of the frame; rows with the same level lie beside each other, by their combination.
        ticks: the position and the text of each level, or of round numbers.
        levels: the position of each level, and the rows that have it; empty for numbers that are drawn to scale.
    """

    positions: Floats
    ticks: list[tuple[float, str]]
    levels: list[tuple[float, NDArray[np.int64]]]

    @classmethod
    def of(cls, frame: pd.DataFrame, name: str, *, log: bool = False) -> ChoicePlace:
        """The place of a choice; `log` for numbers whose logarithm is drawn to scale."""
        axis = axis_of(frame, name, cut=False)
        known = [label for label in axis.labels if label is not NOT_ASKED]
        asked = axis.codes < len(known)
        positions = np.full(len(frame), MISSING)
        rows = [np.flatnonzero(axis.codes == code) for code in range(len(axis.labels))]
        if len(known) > FEW and all(isinstance(value, int | float) for value in known):
            scale = Scale(float(known[0]), float(known[-1]), log and known[0] > 0)
            positions[asked] = scale.position(np.array(known, float)[axis.codes[asked]])
            ticks, levels = scale.ticks, []
        else:
            at = [(code + 0.5) / len(known) for code in range(len(known))]
            ticks = [(place, text_of(value)) for place, value in zip(at, known, strict=True)]
            levels = list(zip(at, rows, strict=False))
            for place, own in levels:
                positions[own] = place + _side_by_side(frame["combination"].to_numpy()[own], 0.6 / len(known))
        if len(known) < len(axis.labels):
            positions[rows[-1]] += _side_by_side(frame["combination"].to_numpy()[rows[-1]], 0.08)
            ticks.append((MISSING, NOT_ASKED))
        return cls(positions, ticks, levels)


def _side_by_side(combinations: NDArray[Any], room: float) -> Floats:
    """A distance from the middle for each run, the same for those of one combination, at equal distances otherwise."""
    different, order = np.unique(combinations, return_inverse=True)
    return ((order + 0.5) / len(different) - 0.5) * room


def text_of(value: Any) -> str:
    """A choice's value as people write it."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(text_of, value))}]"
    return str(value)


def number_text(value: float) -> str:
    """A number with four digits that count; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.4g}"


def number_texts(numbers: Sequence[float]) -> list[str]:
    """Numbers with as many digits as it takes to tell them apart, four or more."""
    texts: list[str] = []
    for digits in range(4, 18):
        texts = [f"{number:.{digits}g}" for number in numbers]
        if len(set(texts)) == len(set(numbers)):
            break
    return texts
