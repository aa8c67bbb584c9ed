"""The search of `weakest_slices`: attributes as codes, and the conditions whose rows have the highest error."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from handlens.audit.groups import MISSING, Codes, measured_values, ranges
from handlens.audit.intervals import Floats
from handlens.errors import AuditError
from handlens.io.problems import reason_of

_RARE = 0  # the code of all values that too few rows have for a slice

Condition = tuple[int, int]
"""The positions of an attribute and of one of its values."""


@dataclass(frozen=True)
class SliceAttribute:
    """An attribute to make slices from: its values by code, and the code of each row, [N]; numbers are in ranges."""

    name: str
    labels: list[str]  # by code; the first one is for rare values
    codes: Codes
    is_range: bool

    def says(self, code: int) -> str:
        """The condition that the attribute has a value, as text."""
        label = self.labels[code]
        return f"{self.name} {label}" if self.is_range and label != MISSING else f"{self.name} = {label}"


def make_attribute(name: str, values: pd.Series, *, bins: int, size: int) -> SliceAttribute:
    """A column as an attribute: numbers, dates and durations with many values in ranges; rare values as one.

    Args:
        name, values: the column.
        bins: how many ranges.
        size: a value of fewer rows is rare.
    """
    measured = measured_values(values)
    if measured is not None:
        codes, labels = ranges(measured, bins)
    else:
        try:
            raw, kinds = pd.factorize(values)
        except TypeError as error:
            raise AuditError(
                f"features[{name!r}] must hold single values, such as text or numbers: {reason_of(error)}."
            ) from error
        codes, labels = np.asarray(raw, np.int64), [str(kind) for kind in kinds]
    codes = np.where(codes < 0, len(labels), codes)
    labels = [*labels, MISSING]
    often = np.flatnonzero(np.bincount(codes, minlength=len(labels)) >= size)
    place = np.full(len(labels), _RARE)
    place[often] = np.arange(1, len(often) + 1)
    return SliceAttribute(name, ["", *(labels[k] for k in often)], place[codes], measured is not None)


@dataclass(frozen=True)
class FoundSlices:
    """What a search found.

    Attributes:
        slices: the conditions of each slice.
        looked_at: how many slices were compared in the first search.
        kept: the attributes whose combinations of two, of three, … were compared in the first search.
    """

    slices: list[tuple[Condition, ...]]
    looked_at: int
    kept: list[Codes]


def find_slices(
    codes: Sequence[Codes],
    widths: Sequence[int],
    errors: Floats,
    *,
    size: int,
    depth: int,
    most: int,
    progress: Callable[[float], None],
) -> FoundSlices:
    """The conditions of the slices, each the best one among the rows that are in no earlier slice.

    Args:
        codes: the value of each row in each attribute, [N] each.
        widths: how many values each attribute has.
        errors: how wrong the model is on each row, [N].
        size: the fewest rows of a slice.
        depth: the most conditions of a slice.
        most: the most slices.
        progress: called with the share of the work that is done at most.
    """
    price = 2 * np.log(max(sum(widths) - len(widths), 2))
    found: list[tuple[Condition, ...]] = []
    first: _Search | None = None
    table, rows = np.stack(codes), np.arange(len(errors))
    while len(found) < most and len(rows) >= 2 * size:
        search = _Search(table[:, rows], widths, errors[rows], size=size, price=price)
        search.run(depth, lambda share: progress((len(found) + share) / most))
        first = first or search
        best = search.best
        if not best:
            break
        inside = rows[are_in(best, table[:, rows])]
        while len(best) < depth:  # a part of it that is worse than its other rows
            part = _Search(table[:, inside], widths, errors[inside], size=size, price=price, least=price)
            part.run(depth - len(best), lambda _: None)
            if not part.best:
                break
            best, inside = (*best, *part.best), inside[are_in(part.best, table[:, inside])]
        found.append(tuple(sorted(best)))
        rows = np.setdiff1d(rows, inside, assume_unique=True)
    return FoundSlices(found, first.count if first else 0, first.kept if first else [])


class _Search:
    """The best slice of some rows: every value of every attribute, then combinations of two, then of three.

    Many combinations are counted at once: each row has a number for what it has in the attributes before, and with it
    one for each value of all others.

    Attributes:
        best: the conditions of the slice with the highest score above `least`, () without one.
        count: how many slices were compared.
        kept: the attributes whose combinations of two, of three, … were compared.
    """

    def __init__(
        self, codes: Codes, widths: Sequence[int], errors: Floats, *, size: int, price: float, least: float = 0.0
    ) -> None:
        self.codes, self.widths, self.errors = codes, np.asarray(widths), errors
        self.size, self.price = size, price
        self.of_all = _Sums(len(errors), errors.sum(), (errors**2).sum(), errors.var(), are_rates(errors))
        self.best: tuple[Condition, ...] = ()
        self.best_score = least
        self.count = 0
        self.kept: list[Codes] = []
        self.scores = np.full(len(widths), -np.inf)  # the best one of a slice with this attribute

    def run(self, depth: int, progress: Callable[[float], None]) -> None:
        """Search slices of up to `depth` conditions."""
        every = np.arange(len(self.widths))
        self._compare((), every, np.arange(len(self.errors)), np.zeros(len(self.errors), np.int64), [()])
        for size in range(2, depth + 1):
            order = np.argsort(-self.scores, kind="stable")[: MOST_ATTRIBUTES[size]]
            self.kept.append(np.sort(order))
            prefixes = list(itertools.combinations(self.kept[-1], size - 1))
            for i, prefix in enumerate(prefixes):
                others = self.kept[-1][self.kept[-1] > prefix[-1]]
                if len(others):
                    self._extend(prefix, others)
                progress((size - 2 + (i + 1) / len(prefixes)) / (depth - 1))

    def _extend(self, prefix: tuple[int, ...], others: Codes) -> None:
        """Compare the slices of some attributes together with one other; only what enough rows have can be one."""
        shape = tuple(self.widths[list(prefix)])
        joint = np.ravel_multi_index([self.codes[k] for k in prefix], shape)
        joint[(self.codes[list(prefix)] == _RARE).any(0)] = 0
        places, values = pd.factorize(joint)
        often = np.bincount(places) >= self.size
        often &= (np.stack(np.unravel_index(values, shape)) != _RARE).all(0)
        rows = np.flatnonzero(often[places])
        number = np.cumsum(often) - 1
        conditions = [
            tuple(zip(prefix, map(int, found), strict=True))
            for found in np.stack(np.unravel_index(values[often], shape), 1)
        ]
        if len(rows):
            self._compare(prefix, others, rows, number[places[rows]], conditions)

    def _compare(
        self,
        prefix: tuple[int, ...],
        others: Codes,
        rows: Codes,
        before: Codes,
        conditions: list[tuple[Condition, ...]],
    ) -> None:
        """Compare the slices of the conditions that rows have, by number, and one value of one other attribute."""
        at_once = max(1, _BLOCK // len(rows))
        for start in range(0, len(others), at_once):
            part = others[start : start + at_once]
            ends = np.cumsum(self.widths[part])
            starts = ends - self.widths[part]
            joint = self.codes[np.ix_(part, rows)] + (starts[:, None] + before * ends[-1])
            cells = len(conditions) * ends[-1]
            n = np.bincount(joint.ravel(), minlength=cells)
            real = np.ones(ends[-1], bool)
            real[starts] = False  # the code of rare values
            compared = np.flatnonzero((n >= self.size) & (n < len(self.errors)) & np.tile(real, len(conditions)))
            self.count += len(compared)
            if not len(compared):
                continue
            errors = self.errors[rows]
            if self.of_all.are_rates:  # the few rows that are wrong tell it
                hits = np.bincount(joint[:, errors > 0].ravel(), minlength=cells)[compared]
                total = squares = np.asarray(hits, np.float64)
            else:
                weights = np.tile(errors, len(part))
                sums = [np.bincount(joint.ravel(), w, cells)[compared] for w in (weights, weights**2)]
                total, squares = (np.asarray(each, np.float64) for each in sums)
            gains = _gains(n[compared].astype(np.float64), total, squares, self.of_all)
            score = gains - self.price * (len(prefix) + 1)
            attribute = np.searchsorted(ends, compared % ends[-1], side="right")
            np.maximum.at(self.scores, part[attribute], score)
            for k in prefix:
                self.scores[k] = max(self.scores[k], score.max())
            if score.max() > self.best_score:
                self.best_score = float(score.max())
                top = int(score.argmax())
                value = int(compared[top] % ends[-1] - starts[attribute[top]])
                self.best = (*conditions[compared[top] // ends[-1]], (int(part[attribute[top]]), value))


MOST_ATTRIBUTES = {2: 200, 3: 50}
"""The most attributes of which all combinations of two and of three are compared: those with the worst slices."""
_BLOCK = 1 << 22


def are_in(conditions: Sequence[Condition], codes: Sequence[Codes] | Codes) -> NDArray[np.bool_]:
    """Whether each row has all of these values."""
    return np.logical_and.reduce([codes[attribute] == value for attribute, value in conditions])


@dataclass(frozen=True)
class _Sums:
    """The rows of a search together: how many, sums and variance of their errors, and whether these are 0 or 1."""

    n: int
    errors: float
    squares: float
    variance: float
    are_rates: bool


def _gains(n: Floats, total: Floats, squares: Floats, of_all: _Sums) -> Floats:
    """Twice the log-likelihood ratio of slices with n rows, 0 if they are not worse than all other rows."""
    rest, others = of_all.n - n, of_all.errors - total
    a, b = total / n, others / rest
    if of_all.are_rates:
        together = _likelihood(of_all.errors, of_all.n)
        gain = 2 * (_likelihood(total, n) + _likelihood(others, rest) - together)
        gain = gain if 0 < of_all.errors < of_all.n else np.zeros_like(a)
    else:
        common = of_all.variance
        of_a = (np.maximum(squares - n * a**2, 0) + 3 * common) / (n + 2) / n
        of_b = (np.maximum(of_all.squares - squares - rest * b**2, 0) + 3 * common) / (rest + 2) / rest
        gain = (a - b) ** 2 / (of_a + of_b) if common > 0 else np.zeros_like(a)
    return np.where(a > b, gain, 0.0)


def _likelihood(hits: Any, of: Any) -> Any:
    """The highest log-likelihood of a rate, hits out of `of`."""
    return special.xlogy(hits, hits / of) + special.xlogy(of - hits, 1 - hits / of)


def are_rates(errors: Floats) -> bool:
    return bool(((errors == 0) | (errors == 1)).all())
