"""weakest_slices: where a model fails, as conditions on up to three attributes that a person can read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from handlens.audit.columns import check_complete, check_length, column, numbers
from handlens.audit.groups import MISSING, Codes, columns_of, ranges
from handlens.audit.intervals import Floats, difference_interval, mean_interval, normal, wilson
from handlens.audit.significance import holm
from handlens.errors import AuditError

DISTINCT = 12
"""Distinct numbers up to which each is a value of its own; more are cut into bins."""

SEARCHED = 2 / 3
"""The share of the rows that is searched; the others confirm what is found."""

_RARE = 0  # the code of values that too few rows have to make a slice

Condition = tuple[int, int]
"""An attribute, and a value of it, by their places."""


@dataclass(frozen=True)
class Slices:
    """The slices that were found and confirmed, the worst first; shows itself as a table in a notebook.

    Attributes:
        frame: a row a slice. `slice` names it; `conditions` is a dict of attribute → value or range; `n` counts all its
            rows. The rest is from rows that the search did not see: `error` with `low` and `high`, `rest` is the error
            of all others, `apart` is the error of its rows that are in no slice above, and `p` says how likely chance
            alone would make that as high, corrected for the slices that were tried.
        tried: how many slices the search put forward; those that the other rows did not confirm are left out.
        looked_at: how many slices were large enough to be compared.
    """

    frame: pd.DataFrame
    tried: int
    looked_at: int

    def _repr_html_(self) -> str:
        from handlens.audit.report.html import slices_html

        return slices_html(self)


def weakest_slices(
    features: Any,
    errors: Any,
    *,
    max_attributes: int = 3,
    min_size: int | None = None,
    bins: int = 4,
    most: int = 10,
    level: float = 0.05,
    ci: float = 0.95,
    seed: int = 0,
) -> Slices:
    """The slices of up to three attributes whose rows have the highest error, named and ranked.

    Two thirds of the rows, chosen at random, are searched, and the others confirm: a slice is told only if it is worse
    than the rest there too (p below `level` after Holm's correction), and its figures come from there, where the search
    could not choose them for being high.

    A slice is worth telling by how much better an error of its own explains the rows than one for all (twice the log
    likelihood ratio), less 2 ln(values) for each condition: so much the best of as many values gains by chance (Foster
    & George 1994), and a slice that is only its parent again does not gain it. A part of a slice that is worse
    than the rest of it takes its place, and rows of a slice that was found are set aside before the next is sought.

    Args:
        features: a frame or dict of columns to make slices of, values or numbers, [N]; columns need not be what the
            model saw. Values that fewer than `min_size` rows have make no slices, so columns of names do no harm.
        errors: how wrong the model is on each row, [N]: whether it is, or a loss; more is worse.
        max_attributes: conditions of a slice, from 1 to 3.
        min_size: rows that a slice has at least; a two hundredth of all, and no less than 30, unless given.
        bins: ranges that numbers are cut into, at their quantiles.
        most: slices to put forward at most.
        level: the chance that any slice is told although the model is equally good everywhere.
        ci: how often intervals hold what they estimate.
        seed: chooses the rows to search.

    Raises AuditError, naming the argument, for lengths that differ and for errors that are no numbers.
    """
    wrong = column(errors, "errors")
    check_complete(wrong, "errors")
    values = numbers(wrong, "errors")
    n = len(values)
    if not 1 <= max_attributes <= 3:
        raise AuditError(f"max_attributes must be from 1 to 3; {max_attributes!r} arrived")
    if bins < 2:
        raise AuditError(f"bins must be 2 or more; {bins!r} arrived")
    size = max(30, n // 200) if min_size is None else min_size
    if size < 2:
        raise AuditError(f"min_size must be 2 or more; {min_size!r} arrived")
    table = columns_of(features, "features")
    for name, given in table.items():
        check_length(given, f"features[{name!r}]", n, "errors")
    attributes = [_attribute(name, given, bins=bins, size=size) for name, given in table.items()]
    search = np.zeros(n, bool)
    search[np.random.default_rng(seed).permutation(n)[: round(n * SEARCHED)]] = True
    found, looked_at = _search(
        [attribute.codes[search] for attribute in attributes],
        [len(attribute.labels) for attribute in attributes],
        values[search],
        size=max(round(size * SEARCHED), 1),
        depth=max_attributes,
        most=most,
    )
    frame = _confirmed(attributes, found, values, ~search, level=level, ci=ci)
    return Slices(frame, len(found), looked_at)


@dataclass(frozen=True)
class _Attribute:
    name: str
    labels: list[str]  # of the codes; the first is that of rare values
    codes: Codes
    is_range: bool

    def says(self, code: int) -> str:
        label = self.labels[code]
        return f"{self.name} {label}" if self.is_range and label != MISSING else f"{self.name} = {label}"


def _attribute(name: str, values: pd.Series, *, bins: int, size: int) -> _Attribute:
    dtype: Any = values.dtype
    is_range = dtype.kind in "iuf" and values.nunique() > DISTINCT
    if is_range:
        codes, labels = ranges(values, bins)
    else:
        try:
            raw, kinds = pd.factorize(values)
        except TypeError as error:
            raise AuditError(f"features[{name!r}] must hold single values, such as text or numbers: {error}") from error
        codes, labels = np.asarray(raw, np.int64), [str(kind) for kind in kinds]
    codes = np.where(codes < 0, len(labels), codes)
    labels = [*labels, MISSING]
    often = np.flatnonzero(np.bincount(codes, minlength=len(labels)) >= size)
    place = np.full(len(labels), _RARE)
    place[often] = np.arange(1, len(often) + 1)
    return _Attribute(name, ["", *(labels[k] for k in often)], place[codes], is_range)


def _search(
    codes: Sequence[Codes], widths: Sequence[int], errors: Floats, *, size: int, depth: int, most: int
) -> tuple[list[tuple[Condition, ...]], int]:
    """The conditions of the slices, each the one that stands out most among the rows of none before it."""
    price = 2 * np.log(max(sum(widths) - len(widths), 2))
    found: list[tuple[Condition, ...]] = []
    looked_at = 0
    rows = np.arange(len(errors))
    while len(found) < most and len(rows) >= 2 * size:
        best, count = _best([each[rows] for each in codes], widths, errors[rows], size=size, depth=depth, price=price)
        looked_at = looked_at or count
        if not best:
            break
        inside = rows[_are_in(best, [each[rows] for each in codes])]
        while len(best) < depth:  # a part of it that is worse still, beside the rest of it
            of_inside = [each[inside] for each in codes]
            more, _ = _best(
                of_inside, widths, errors[inside], size=size, depth=depth - len(best), price=price, least=price
            )
            if not more:
                break
            best, inside = (*best, *more), inside[_are_in(more, of_inside)]
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
    """The conditions of the slice most worth telling, none if none is worth `least`, and how many were compared."""
    best: tuple[Condition, ...] = ()
    best_worth, count = least, 0
    for subset, joint, shape in _crossed(codes, widths, depth):
        gain, there = _standing_out(joint, int(np.prod(shape)), errors, size)
        values = np.stack(np.unravel_index(there, shape))
        real = (values != _RARE).all(0)
        count += int(real.sum())
        worth = np.where(real, gain - price * len(subset), -np.inf)
        if len(worth) and worth.max() > best_worth:
            best_worth = float(worth.max())
            best = tuple(zip(subset, map(int, values[:, worth.argmax()]), strict=True))
    return best, count


def _are_in(conditions: Sequence[Condition], codes: Sequence[Codes]) -> NDArray[np.bool_]:
    return np.logical_and.reduce([codes[attribute] == value for attribute, value in conditions])


def _crossed(
    codes: Sequence[Codes], widths: Sequence[int], depth: int
) -> Iterator[tuple[tuple[int, ...], Codes, tuple[int, ...]]]:
    """Each choice of attributes, the joint code of each row, and how many values each has."""
    for size in range(1, depth + 1):
        for subset in itertools.combinations(range(len(codes)), size):
            shape = tuple(widths[k] for k in subset)
            yield subset, np.ravel_multi_index([codes[k] for k in subset], shape), shape


def _standing_out(joint: Codes, width: int, errors: Floats, size: int) -> tuple[Floats, Codes]:
    """Twice the log likelihood ratio of each value of at least `size` rows that is worse than the rest, and which."""
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
    if _are_rates(errors):
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
    """The highest log likelihood of hits out of so many."""
    return special.xlogy(hits, hits / of) + special.xlogy(of - hits, 1 - hits / of)


def _are_rates(errors: Floats) -> bool:
    return bool(((errors == 0) | (errors == 1)).all())


def _confirmed(
    attributes: Sequence[_Attribute],
    found: Sequence[tuple[Condition, ...]],
    errors: Floats,
    held_out: NDArray[np.bool_],
    *,
    level: float,
    ci: float,
) -> pd.DataFrame:
    """The slices that are worse than the rest on the held-out rows, with their figures there."""
    covered = np.zeros(len(errors), bool)
    rows, chances = [], []
    for conditions in found:
        inside = _are_in(conditions, [attribute.codes for attribute in attributes])
        apart = inside & ~covered
        own, rest = errors[inside & held_out], errors[~inside & held_out]
        low, high = _interval(own, ci)
        rows.append(
            {
                "slice": " and ".join(attributes[k].says(value) for k, value in conditions),
                "conditions": {attributes[k].name: attributes[k].labels[value] for k, value in conditions},
                "n": int(inside.sum()),
                "share": inside.mean(),
                "error": own.mean() if len(own) else np.nan,
                "low": low,
                "high": high,
                "rest": rest.mean() if len(rest) else np.nan,
                "apart": errors[apart & held_out].mean() if (apart & held_out).any() else np.nan,
            }
        )
        chances.append(_chance(errors[apart & held_out], errors[~inside & ~covered & held_out]))
        covered |= inside
    frame = pd.DataFrame(rows, columns=["slice", "conditions", "n", "share", "error", "low", "high", "rest", "apart"])
    frame["p"] = holm(np.array(chances, np.float64))
    return frame[frame["p"] < level].reset_index(drop=True)


def _interval(errors: Floats, ci: float) -> tuple[float, float]:
    n = len(errors)
    if n and _are_rates(errors):
        low, high = wilson(errors.sum(), n, ci)
    elif n:
        mean = errors.mean()
        low, high = mean_interval(n, mean, ((errors - mean) ** 2).mean(), ((errors - mean) ** 3).mean(), ci)
    else:
        return float("nan"), float("nan")
    return float(low), float(high)


def _chance(own: Floats, rest: Floats) -> float:
    """How likely chance alone would make the mean of `own` as far above that of `rest`."""
    if len(own) < 2 or len(rest) < 2:
        return 1.0
    together = np.r_[own, rest]
    if _are_rates(together):
        from scipy import stats  # takes longer to load than all the rest

        return float(stats.hypergeom.sf(own.sum() - 1, len(together), together.sum(), len(own)))
    ci = 0.95
    sides = [(np.float64(x.mean()), tuple(map(np.float64, _interval(x, ci)))) for x in (own, rest)]
    (a, of_a), (b, of_b) = sides
    low, _ = difference_interval(a, of_a, b, of_b)  # type: ignore[arg-type]
    if not a > b or not a - b > low:
        return 1.0 if a <= b else 0.0
    return float(special.ndtr(-(a - b) / (a - b - low) * normal(ci)))
