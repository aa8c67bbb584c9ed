"""Chance: whether it alone could make a gap as large as the one seen, when many groups are looked at.

Under the null hypothesis a group's rows are as good as any others, so the groups are dealt out anew to the rows that
the metric is about, and the largest gap of all groups and levels is kept (Westfall & Young 1993): a gap is beyond
chance if few deals have one as large. For rates a deal is a draw from the multivariate hypergeometric distribution,
which needs counts alone and is exact for groups of any size. What is not a sum over rows, such as the area under the
ROC curve, is judged by its intervals and corrected after Holm (1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import special

from handlens.audit.groups import Codes, Level
from handlens.audit.intervals import Floats, difference_interval, normal
from handlens.audit.metrics import Estimate

_AT_ONCE = 4_000_000  # numbers of one block of draws
_PRIOR = 3.0  # rows that the common variance counts for beside a group's own

_TIES = 1 - 1e-9  # deals that differ by rounding alone are as large


def of_rates(counts: Floats, levels: Sequence[Level], *, draws: int, rng: np.random.Generator) -> list[Floats]:
    """The corrected p of each group of each level, from the counts of each cell [cells, 2]: hits, and rows."""
    of = counts[:, 1].astype(np.int64)
    hits = int(counts[:, 0].sum())
    sizes = [level.total(counts[:, 1]) for level in levels]
    largest = []
    for block in _blocks(draws, len(of) + sum(map(len, sizes))):
        dealt = rng.multivariate_hypergeometric(of, hits, size=block, method="marginals")
        gaps = [_rate_gap(_by_level(dealt, level), size, hits) for level, size in zip(levels, sizes, strict=True)]
        largest.append(np.max([gap.max(1) for gap in gaps], axis=0))
    seen = [_rate_gap(level.total(counts[:, 0]), size, hits) for level, size in zip(levels, sizes, strict=True)]
    return _corrected(seen, np.concatenate(largest), sizes)


def of_means(
    values: Floats, cells: Codes, levels: Sequence[Level], *, draws: int, rng: np.random.Generator
) -> list[Floats]:
    """The corrected p of each group of each level, for the means of a number of each row [N]."""
    n_cells = len(levels[0].of_cell)
    x = values - values.mean()
    sizes = [level.total(np.bincount(cells, minlength=n_cells).astype(np.float64)) for level in levels]

    def gaps(of_rows: Codes) -> list[Floats]:
        sums = np.stack([np.bincount(of_rows, x, n_cells), np.bincount(of_rows, x * x, n_cells)], 1)
        return [_mean_gap(level.total(sums), size) for level, size in zip(levels, sizes, strict=True)]

    largest = [max(gap.max() for gap in gaps(rng.permutation(cells))) for _ in range(draws)]
    return _corrected(gaps(cells), np.array(largest), sizes)


def of_intervals(own: Sequence[Estimate], rest: Sequence[Estimate], level: float) -> list[Floats]:
    """The corrected p of each group of each level, from how far its difference to the rest is from 0."""
    raw = []
    for a, b in zip(own, rest, strict=True):
        gap = a.value - b.value
        low, high = difference_interval(a.value, (a.low, a.high), b.value, (b.low, b.high))
        reach = np.where(gap > 0, gap - low, high - gap)
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.where(gap == 0, 0, np.abs(gap) / reach) * normal(level)
        p = 2 * special.ndtr(-away)
        # Of two groups each is the other's rest: that is one comparison.
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


def _rate_gap(hits: Floats, of: Floats, total: int) -> Floats:
    """How unlike the rest each group is: twice the log likelihood ratio of a rate of its own, [… , groups].

    Its size means the same for large groups and small ones, much more than that of a difference over its error.
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


def _mean_gap(sums: Floats, of: Floats) -> Floats:
    """How many errors each group's mean is away from the rest's; a small group's variance leans on that of all."""
    n = of.sum()
    total = sums.sum(0)
    common = total[1] / max(n - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = []
        for size, (first, second) in ((of, sums.T), (n - of, (total - sums).T)):
            spread = np.maximum(second - first**2 / size, 0)
            parts.append((first / size, (spread + _PRIOR * common) / (size - 1 + _PRIOR) / size))
        (a, of_a), (b, of_b) = parts
        gap = np.abs(a - b) / np.sqrt(of_a + of_b)
    return np.where(np.isfinite(gap), gap, 0)


def _by_level(dealt: Codes, level: Level) -> Floats:
    """The sums over cells [draws, cells] for the groups of a level, [draws, groups]."""
    order = np.argsort(level.of_cell, kind="stable")
    groups, starts = np.unique(level.of_cell[order], return_index=True)
    found = np.zeros((len(dealt), len(level.labels)))
    found[:, groups] = np.add.reduceat(dealt[:, order], starts, axis=1)
    return found


def _corrected(seen: list[Floats], largest: Floats, sizes: list[Floats]) -> list[Floats]:
    ordered = np.sort(largest)
    found = []
    for gaps, of in zip(seen, sizes, strict=True):
        beyond = len(ordered) - np.searchsorted(ordered, gaps * _TIES, side="left")
        # A group of no rows, or of all of them, has nothing to be compared with.
        found.append(np.where((of > 0) & (of < of.sum()), (1 + beyond) / (1 + len(ordered)), np.nan))
    return found


def holm(p: Floats) -> Floats:
    """Each p corrected for all of them (Holm 1979)."""
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = np.empty_like(p)
    found[order] = np.minimum(steps, 1)
    return found


def _blocks(draws: int, width: int) -> Iterator[int]:
    size = max(1, _AT_ONCE // max(width, 1))
    for start in range(0, draws, size):
        yield min(size, draws - start)
