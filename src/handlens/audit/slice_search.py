"""The search of `weakest_slices`: attributes as codes, and the conditions whose rows have the highest error."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from handlens.audit.groups import DISTINCT, MISSING, Codes, ranges
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
    """A column as an attribute: numbers with many values in `bins` ranges; values of fewer than `size` rows as one."""
    dtype: Any = values.dtype
    is_range = dtype.kind in "iuf" and values.nunique() > DISTINCT
    if is_range:
        codes, labels = ranges(values, bins)
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
    return SliceAttribute(name, ["", *(labels[k] for k in often)], place[codes], is_range)


def find_slices(
    codes: Sequence[Codes], widths: Sequence[int], errors: Floats, *, size: int, depth: int, most: int
) -> tuple[list[tuple[Condition, ...]], int]:
    """The conditions of the slices, each the best one among the rows that are in no earlier slice.

    Args:
        codes: the value of each row in each attribute, [N] each.
        widths: how many values each attribute has.
        errors: how wrong the model is on each row, [N].
        size: the fewest rows of a slice.
        depth: the most conditions of a slice.
        most: the most slices.

    Returns:
        The conditions of each slice, and how many slices were compared in the first search.
    """
    price = 2 * np.log(max(sum(widths) - len(widths), 2))
    found: list[tuple[Condition, ...]] = []
    looked_at = 0
    rows = np.arange(len(errors))
    while len(found) < most and len(rows) >= 2 * size:
        best, count = _best([each[rows] for each in codes], widths, errors[rows], size=size, depth=depth, price=price)
        looked_at = looked_at or count
        if not best:
            break
        inside = rows[are_in(best, [each[rows] for each in codes])]
        while len(best) < depth:  # a part of it that is worse than its other rows
            of_inside = [each[inside] for each in codes]
            more, _ = _best(
                of_inside, widths, errors[inside], size=size, depth=depth - len(best), price=price, least=price
            )
            if not more:
                break
            best, inside = (*best, *more), inside[are_in(more, of_inside)]
        found.append(tuple(sorted(best)))
        rows = np.setdiff1d(rows, inside, assume_unique=True)
    return found, looked_at


def _best(
    codes: Sequence[Codes],
    widths: Sequence[int],
    errors: Floats,
    *,
    size: int,
    depth: int,
    price: float,
    least: float = 0.0,
) -> tuple[tuple[Condition, ...], int]:
    """The conditions of the slice with the highest score above `least`, () without one, and how many were compared."""
    best: tuple[Condition, ...] = ()
    best_score, count = least, 0
    for subset, joint, shape in _crossed(codes, widths, depth):
        gain, found = _gains(joint, int(np.prod(shape)), errors, size)
        values = np.stack(np.unravel_index(found, shape))
        real = (values != _RARE).all(0)
        count += int(real.sum())
        score = np.where(real, gain - price * len(subset), -np.inf)
        if len(score) and score.max() > best_score:
            best_score = float(score.max())
            best = tuple(zip(subset, map(int, values[:, score.argmax()]), strict=True))
    return best, count


def are_in(conditions: Sequence[Condition], codes: Sequence[Codes]) -> NDArray[np.bool_]:
    return np.logical_and.reduce([codes[attribute] == value for attribute, value in conditions])


def _crossed(
    codes: Sequence[Codes], widths: Sequence[int], depth: int
) -> Iterator[tuple[tuple[int, ...], Codes, tuple[int, ...]]]:
    """Each combination of attributes, with the joint code of each row and the number of values of each attribute."""
    for size in range(1, depth + 1):
        for subset in itertools.combinations(range(len(codes)), size):
            shape = tuple(widths[k] for k in subset)
            yield subset, np.ravel_multi_index([codes[k] for k in subset], shape), shape


def _gains(joint: Codes, width: int, errors: Floats, size: int) -> tuple[Floats, Codes]:
    """Values that at least `size` rows have: twice their log-likelihood ratio, 0 if they are not worse; and which."""
    if width > 8 * len(joint) + 1024:
        joint, kinds = pd.factorize(joint)
        kinds = np.asarray(kinds, np.int64)
    else:
        kinds = np.arange(width)
    n = np.bincount(joint, minlength=len(kinds))
    total = np.bincount(joint, errors, len(kinds))
    kept = np.flatnonzero((n >= size) & (n < len(joint)))
    n, total = n[kept].astype(np.float64), total[kept]
    rest, others = len(joint) - n, errors.sum() - total
    a, b = total / n, others / rest
    if are_rates(errors):
        overall = errors.mean()
        gain = 2 * (_likelihood(total, n) + _likelihood(others, rest) - _likelihood(errors.sum(), len(errors)))
        gain = gain if 0 < overall < 1 else np.zeros_like(a)
    else:
        squares = np.bincount(joint, errors**2, len(kinds))[kept]
        common = errors.var()
        of_a = (np.maximum(squares - n * a**2, 0) + 3 * common) / (n + 2) / n
        of_b = (np.maximum((errors**2).sum() - squares - rest * b**2, 0) + 3 * common) / (rest + 2) / rest
        gain = (a - b) ** 2 / (of_a + of_b) if common > 0 else np.zeros_like(a)
    return np.where(a > b, gain, 0.0), kinds[kept]


def _likelihood(hits: Any, of: Any) -> Any:
    """The highest log-likelihood of a rate, hits out of `of`."""
    return special.xlogy(hits, hits / of) + special.xlogy(of - hits, 1 - hits / of)


def are_rates(errors: Floats) -> bool:
    return bool(((errors == 0) | (errors == 1)).all())
