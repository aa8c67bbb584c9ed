"""weakest_slices: where a model fails, as readable conditions on up to three attributes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from handlens.audit.columns import check_complete, check_length, column, numbers, share
from handlens.audit.groups import Codes, columns_of
from handlens.audit.intervals import Floats, difference_interval, mean_interval, normal, wilson
from handlens.audit.significance import holm
from handlens.audit.slice_search import Condition, SliceAttribute, are_in, are_rates, find_slices, make_attribute
from handlens.core.checks import whole
from handlens.core.progress import slow_bar
from handlens.errors import AuditError

SEARCHED = 2 / 3
"""The share of the rows that is searched; the other rows confirm what is found."""


FEW = 10
"""Attributes that were left out that are named."""


@dataclass(frozen=True)
class Slices:
    """The slices that were found and confirmed, the worst first; shows itself as a table in a notebook.

    Attributes:
        frame: a row for each slice. `slice` names it, `conditions` is a dict of attribute → value or range, `n` and
            `share` are its rows. The other columns are computed from rows that the search did not see: `error` with
            its interval `low` and `high`, `rest`, the error of all other rows, `apart`, the error of its rows that
            are in no slice above it, and `p`, the probability that `apart` would be so high by chance, corrected for
            the number of slices that were tried.
        tried: how many slices the search put forward; those that the other rows did not confirm are left out.
        looked_at: how many slices were large enough to be compared.
        left_out: which combinations of attributes were not compared because there are too many; empty if all were.

    Example:
        >>> camera = np.repeat(["a", "b"], 500)
        >>> wrong = np.r_[np.arange(500) % 2 == 0, np.zeros(500, bool)]
        >>> weakest_slices({"camera": camera}, wrong).frame[["slice", "n"]].to_numpy().tolist()
        [['camera = a', 500]]
    """

    frame: pd.DataFrame
    tried: int
    looked_at: int
    left_out: str = ""

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
    """Find the slices of up to three attributes whose rows have the highest error, named and ranked.

    Two thirds of the rows, chosen at random, are searched, and the other rows confirm: a slice is reported only if it
    is worse than the rest there too (p below `level` after Holm's correction). Its numbers come from these rows, so the
    search could not select it for high ones.

    Slices are ranked by how much better the rows are explained if the slice has an error of its own (twice the
    log-likelihood ratio), minus 2 ln(values) for each condition: that is what the best of so many values gains by
    chance (Foster & George 1994), and what a slice must gain over one with fewer conditions. A part of a slice that is
    worse than its other rows replaces it, and the rows of a slice that was found are removed before the next search.

    Of more than 50 attributes, combinations of three are compared only for the 50 with the worst slices so far, and of
    more than 200, combinations of two only for 200: a warning and `left_out` say which attributes these leave out. A
    search that takes more than a second shows a bar on a terminal or in a notebook.

    Args:
        features: a frame or dict of columns to make slices from, values, numbers, dates or durations, [N]; they need
            not be inputs of the model. Values that fewer than `min_size` rows have make no slices, so identifiers can
            be given too.
        errors: how wrong the model is on each row, [N]: True or False, or a loss; more is worse.
        max_attributes: the most conditions of a slice, from 1 to 3.
        min_size: the fewest rows of a slice; 0.5 % of all rows, but not less than 30, unless given.
        bins: ranges that numbers, dates and durations are cut into, at their quantiles.
        most: the most slices that the search puts forward.
        level: the probability that a slice is reported although the model is equally good everywhere.
        ci: the confidence level of the intervals.
        seed: chooses the rows that are searched.

    Returns:
        A `Slices`, whose `frame` has a row for each slice.

    Raises:
        AuditError: naming the argument, for columns of different lengths, and for errors that are not numbers.

    Example:
        >>> camera = np.repeat(["a", "b"], 500)
        >>> wrong = np.r_[np.arange(500) % 2 == 0, np.zeros(500, bool)]
        >>> found = weakest_slices({"camera": camera}, wrong)
        >>> found.frame["conditions"].tolist()
        [{'camera': 'a'}]
    """
    wrong = column(errors, "errors")
    check_complete(wrong, "errors")
    values = numbers(wrong, "errors")
    n = len(values)
    max_attributes = whole(max_attributes, "max_attributes", AuditError)
    if max_attributes > 3:
        raise AuditError(f"max_attributes must be from 1 to 3; {max_attributes!r} arrived.")
    bins, most = whole(bins, "bins", AuditError, least=2), whole(most, "most", AuditError)
    level, ci, seed = share(level, "level"), share(ci, "ci"), whole(seed, "seed", AuditError, least=0)
    size = max(30, n // 200) if min_size is None else whole(min_size, "min_size", AuditError, least=2)
    table = columns_of(features, "features")
    for name, given in table.items():
        check_length(given, f"features[{name!r}]", n, "errors")
    attributes = [make_attribute(name, given, bins=bins, size=size) for name, given in table.items()]
    search = np.zeros(n, bool)
    search[np.random.default_rng(seed).permutation(n)[: round(n * SEARCHED)]] = True
    with slow_bar("searching for slices") as progress:
        found = find_slices(
            [attribute.codes[search] for attribute in attributes],
            [len(attribute.labels) for attribute in attributes],
            values[search],
            size=max(round(size * SEARCHED), 1),
            depth=max_attributes,
            most=most,
            progress=progress,
        )
    frame = _confirmed(attributes, found.slices, values, ~search, level=level, ci=ci)
    left_out = _left_out([attribute.name for attribute in attributes], found.kept)
    if left_out:
        warnings.warn(f"weakest_slices: {left_out}", UserWarning, stacklevel=2)
    return Slices(frame, len(found.slices), found.looked_at, left_out)


def _left_out(names: Sequence[str], kept: Sequence[Codes]) -> str:
    """Which attributes were left out of combinations of two and of three."""
    parts = []
    for size, attributes in zip(("two", "three"), kept, strict=False):
        others = [name for k, name in enumerate(names) if k not in set(attributes.tolist())]
        if others:
            more = f" and {len(others) - FEW:,} more" if len(others) > FEW else ""
            parts.append(
                f"combinations of {size} were compared for {len(attributes)} of {len(names):,} attributes only, those "
                f"with the worst slices; left out: {', '.join(others[:FEW])}{more}"
            )
    return "; ".join(parts)


def _confirmed(
    attributes: Sequence[SliceAttribute],
    found: Sequence[tuple[Condition, ...]],
    errors: Floats,
    held_out: NDArray[np.bool_],
    *,
    level: float,
    ci: float,
) -> pd.DataFrame:
    """The slices that are worse than the rest on the held-out rows, with their numbers there."""
    covered = np.zeros(len(errors), bool)
    rows, p_values = [], []
    for conditions in found:
        inside = are_in(conditions, [attribute.codes for attribute in attributes])
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
        p_values.append(_p_value(errors[apart & held_out], errors[~inside & ~covered & held_out]))
        covered |= inside
    frame = pd.DataFrame(rows, columns=["slice", "conditions", "n", "share", "error", "low", "high", "rest", "apart"])
    frame["p"] = holm(np.array(p_values, np.float64))
    return frame[frame["p"] < level].reset_index(drop=True)


def _interval(errors: Floats, ci: float) -> tuple[float, float]:
    n = len(errors)
    if n and are_rates(errors):
        low, high = wilson(errors.sum(), n, ci)
    elif n:
        mean = errors.mean()
        low, high = mean_interval(n, mean, ((errors - mean) ** 2).mean(), ((errors - mean) ** 3).mean(), ci)
    else:
        return float("nan"), float("nan")
    return float(low), float(high)


def _p_value(own: Floats, rest: Floats) -> float:
    """The probability that the mean of `own` would be so far above that of `rest` by chance."""
    if len(own) < 2 or len(rest) < 2:
        return 1.0
    together = np.r_[own, rest]
    if are_rates(together):
        from scipy import stats  # takes longer to load than all the rest

        return float(stats.hypergeom.sf(own.sum() - 1, len(together), together.sum(), len(own)))
    ci = 0.95
    sides = [(np.float64(x.mean()), tuple(map(np.float64, _interval(x, ci)))) for x in (own, rest)]
    (a, of_a), (b, of_b) = sides
    low, _ = difference_interval(a, of_a, b, of_b)  # type: ignore[arg-type]
    if not a > b or not a - b > low:
        return 1.0 if a <= b else 0.0
    return float(special.ndtr(-(a - b) / (a - b - low) * normal(ci)))
