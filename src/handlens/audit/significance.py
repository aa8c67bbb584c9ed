"""Significance tests: p-values of the differences between groups and the rest, corrected for the number of groups.

Under the null hypothesis a metric does not depend on the group. So the groups are permuted among the rows that the
metric is computed from, and the largest difference over all groups and levels is kept (Westfall & Young 1993): a
difference is significant if few permutations have one as large. For rates, a permutation is a draw from the
multivariate hypergeometric distribution, which needs the counts only and is exact for groups of any size. A metric that
is not a sum over rows, such as the area under the ROC curve, is tested by its confidence intervals, with Holm's
correction (1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import special

from handlens.audit.estimates import GroupEstimates
from handlens.audit.groups import Codes, Level
from handlens.audit.intervals import Floats, difference_interval, normal

_BLOCK = 4_000_000  # numbers that are drawn at a time
_PRIOR_ROWS = 3.0  # the weight, in rows, of the variance of all rows beside that of a group's own

_TIES = 1 - 1e-9  # a permutation whose difference is smaller by rounding errors only counts as equal


def of_rates(counts: Floats, levels: Sequence[Level], *, draws: int, rng: np.random.Generator) -> list[Floats]:
    """The corrected p-values of each level's groups, for a rate; `counts` are hits and rows by cell, [cells, 2]."""
    of = counts[:, 1].astype(np.int64)
    hits = int(counts[:, 0].sum())
    sizes = [level.total(counts[:, 1]) for level in levels]
    largest = []
    for block in _blocks(draws, len(of) + sum(map(len, sizes))):
        permuted = rng.multivariate_hypergeometric(of, hits, size=block, method="marginals")
        of_levels = [_by_level(permuted, level) for level in levels]
        differences = [_rate_difference(each, size, hits) for each, size in zip(of_levels, sizes, strict=True)]
        largest.append(np.max([difference.max(1) for difference in differences], axis=0))
    of_levels = [level.total(counts[:, 0]) for level in levels]
    observed = [_rate_difference(each, size, hits) for each, size in zip(of_levels, sizes, strict=True)]
    return _corrected(observed, np.concatenate(largest), sizes)


def of_means(
    values: Floats, cells: Codes, levels: Sequence[Level], *, draws: int, rng: np.random.Generator
) -> list[Floats]:
    """The corrected p-values of each level's groups, for the mean of one number per row, [N]."""
    n_cells = len(levels[0].of_cell)
    x = values - values.mean()
    sizes = [level.total(np.bincount(cells, minlength=n_cells).astype(np.float64)) for level in levels]

    def differences(of_rows: Codes) -> list[Floats]:
        sums = np.stack([np.bincount(of_rows, x, n_cells), np.bincount(of_rows, x * x, n_cells)], 1)
        return [_mean_difference(level.total(sums), size) for level, size in zip(levels, sizes, strict=True)]

    largest = [max(difference.max() for difference in differences(rng.permutation(cells))) for _ in range(draws)]
    return _corrected(differences(cells), np.array(largest), sizes)


def of_intervals(own: Sequence[GroupEstimates], rest: Sequence[GroupEstimates], ci: float) -> list[Floats]:
    """The corrected p-values of each level's groups, from the confidence intervals of differences to the rest."""
    raw = []
    for a, b in zip(own, rest, strict=True):
        difference = a.value - b.value
        low, high = difference_interval(a.value, (a.low, a.high), b.value, (b.low, b.high))
        reach = np.where(difference > 0, difference - low, high - difference)
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.where(difference == 0, 0, np.abs(difference) / reach) * normal(ci)
        p = 2 * special.ndtr(-away)
        # If there are two groups, each is the other's rest, which makes one comparison.
        known = np.flatnonzero(~np.isnan(p))
        raw.append((p, known[:1] if len(known) == 2 else known))
    of_all = holm(np.concatenate([p[kept] for p, kept in raw]))
    corrected = []
    for (p, kept), part in zip(raw, np.split(of_all, np.cumsum([len(kept) for _, kept in raw])[:-1]), strict=True):
        found = np.full_like(p, np.nan)
        found[kept] = part
        if len(kept) == 1:
            found[~np.isnan(p)] = part
        corrected.append(found)
    return corrected


def _rate_difference(hits: Floats, of: Floats, total: int) -> Floats:
    """How different each group's rate is from the rest's: twice the log-likelihood ratio, [… , groups].

    Unlike a difference divided by its standard error it means nearly the same for large and for small groups.
    """
    n = of.sum()
    missed, others = of - hits, total - hits
    rest = n - of - others
    observed = (hits, missed, others, rest)
    expected = (of * total / n, of * (n - total) / n, (n - of) * total / n, (n - of) * (n - total) / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        return 2 * sum(
            (special.xlogy(o, np.where(o > 0, o / e, 1)) for o, e in zip(observed, expected, strict=True)),
            start=np.zeros_like(hits, np.float64),
        )


def _mean_difference(sums: Floats, of: Floats) -> Floats:
    """The standard errors between each group's mean and the rest's; variances are shrunk towards that of all rows."""
    n = of.sum()
    total = sums.sum(0)
    common = total[1] / max(n - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = []
        for size, (first, second) in ((of, sums.T), (n - of, (total - sums).T)):
            spread = np.maximum(second - first**2 / size, 0)
            parts.append((first / size, (spread + _PRIOR_ROWS * common) / (size - 1 + _PRIOR_ROWS) / size))
        (a, of_a), (b, of_b) = parts
        difference = np.abs(a - b) / np.sqrt(of_a + of_b)
    return np.where(np.isfinite(difference), difference, 0)


def _by_level(permuted: Codes, level: Level) -> Floats:
    """The sums over cells [draws, cells] for the groups of a level, [draws, groups]."""
    order = np.argsort(level.of_cell, kind="stable")
    groups, starts = np.unique(level.of_cell[order], return_index=True)
    found = np.zeros((len(permuted), len(level.labels)))
    found[:, groups] = np.add.reduceat(permuted[:, order], starts, axis=1)
    return found


def _corrected(observed: list[Floats], largest: Floats, sizes: list[Floats]) -> list[Floats]:
    """The share of permutations whose largest difference is as large as the observed one of each group."""
    ordered = np.sort(largest)
    found = []
    for differences, of in zip(observed, sizes, strict=True):
        beyond = len(ordered) - np.searchsorted(ordered, differences * _TIES, side="left")
        # A group of no rows, or of all of them, cannot be compared with the rest.
        found.append(np.where((of > 0) & (of < of.sum()), (1 + beyond) / (1 + len(ordered)), np.nan))
    return found


def holm(p: Floats) -> Floats:
    """The p-values corrected for their number (Holm 1979).

    Example:
        >>> holm(np.array([0.01, 0.5, 0.02])).tolist()
        [0.03, 0.5, 0.04]
    """
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = np.empty_like(p)
    found[order] = np.minimum(steps, 1)
    return found


def _blocks(draws: int, width: int) -> Iterator[int]:
    size = max(1, _BLOCK // max(width, 1))
    for start in range(0, draws, size):
        yield min(size, draws - start)
