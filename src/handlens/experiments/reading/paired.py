"""Differences between cells of runs and a baseline cell, with intervals that hold for new seeds.

Two kinds of chance are in a difference. Seeds: all combinations are trained with the same ones, so a run is compared
with the baseline's run of the same seed and split, and a seed that is good for both cancels. And, in a random search,
which other choices a cell happened to draw.

- *Pairs*: if both cells have the same other choices, as in a grid, each run also has a partner in these. The mean of
  the differences varies with seeds and splits alone, and its interval is Student's over the pairs (seed, split). With
  one seed on one split it is Student's over the other choices.
- *Groups*: otherwise combinations are a sample, and the variance is that of two crossed factors, combinations and
  seeds: that between combinations (Welch's), plus what the differences of the seeds vary more than single runs explain.
  The degrees of freedom of the first are Satterthwaite's (1946); an interval reaches as far as both parts together
  (Banerjee 1961).

All cells are computed at once, without loops over runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Flags = NDArray[np.bool_]

LEVEL = 0.05
"""Intervals have 95 % confidence, and a verdict is wrong in 5 % of studies at most."""

UPPER = 1 - LEVEL / 2
"""The quantile that is the upper end of an interval."""

MATCHED = 0.8
"""The share of the combinations of both cells that must have a partner for these to be compared as pairs."""

AGAIN = 0.25
"""The share of a cell that must be trained with several seeds for these to count as chance."""

APART = 0.34
"""The share of two cells that may be of other seeds where their combinations are compared as groups."""

SWEEPS = 5
"""How often units and seeds are taken off each other; once is exact where each unit has the same seeds."""

ROUNDING = 1e-12
"""The share of the largest value below which a difference is rounding."""

LEAST_DF = 0.8
"""Degrees of freedom below which there is no interval: those of two clusters of which one weighs twice the other."""


@dataclass(frozen=True)
class CodedRuns:
    """Runs as numbers: of each its value, its cell, and what it is paired by; all arrays are [runs].

    Attributes:
        value: nan where the run has none.
        cell: from 0.
        combination: from 0.
        rest: the values of the other choices, as one number from 0.
        seed: from 0.
        split: from 0.
    """

    value: Floats
    cell: Codes
    combination: Codes
    rest: Codes
    seed: Codes
    split: Codes

    def where(self, rows: Flags | Codes) -> CodedRuns:
        """Some of the runs."""
        return CodedRuns(**{name: column[rows] for name, column in vars(self).items()})

    def filled(self, rows: Flags, value: float) -> CodedRuns:
        """The same runs, some of them with another value."""
        return replace(self, value=np.where(rows, value, self.value))


@dataclass(frozen=True)
class Estimates:
    """An estimate for each cell with its variance and degrees of freedom; nan where there is none; arrays [cells]."""

    value: Floats
    variance: Floats
    df: Floats

    def interval(self) -> tuple[Floats, Floats]:
        """The two ends of the 95 % interval."""
        reach = special.stdtrit(self.df, UPPER) * np.sqrt(self.variance)
        return self.value - reach, self.value + reach

    def varying(self, largest: Floats) -> Estimates:
        """These, without a variance where it is zero but for rounding; `largest` is the largest value of each, [cells].

        Seeds that all give the same do not tell what another would: accuracies of few items are often equal.
        """
        with np.errstate(invalid="ignore"):
            none = np.sqrt(self.variance) <= ROUNDING * largest
        return replace(self, variance=np.where(none, np.nan, self.variance))

    def p(self) -> Floats:
        """The probability of a value at least as far from 0 if the truth is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(self.value == 0, 0, np.abs(self.value) / np.sqrt(self.variance))
        return np.where(np.isnan(self.variance), np.nan, 2 * special.stdtr(self.df, -t))

    def chosen(self, rows: Flags, others: Estimates) -> Estimates:
        """These estimates where `rows` is True, and `others` elsewhere."""
        pairs = zip(vars(self).values(), vars(others).values(), strict=True)
        return Estimates(*(np.where(rows, own, other) for own, other in pairs))


def are_matched(planned: CodedRuns, cells: int, baseline: int) -> Flags:
    """Which cells have the same other choices as the baseline, whether or not the runs ended well; [cells]."""
    _, firsts = compact(planned.cell, planned.rest)
    cell, rest = planned.cell[firsts], planned.rest[firsts]
    known = np.isin(rest, rest[cell == baseline])
    own, shared = np.bincount(cell, minlength=cells), np.bincount(cell, known, minlength=cells)
    return (shared >= MATCHED * own) & (shared >= MATCHED * own[baseline]) & (own > 0)


def is_grid(planned: CodedRuns, cells: int) -> bool:
    """Whether all cells have the same other choices."""
    _, firsts = compact(planned.cell, planned.rest)
    return len(firsts) == cells * (planned.rest.max() + 1) if len(firsts) else False


def differences(runs: CodedRuns, cells: int, baseline: int, matched: Flags) -> Estimates:
    """The difference of each cell to the baseline.

    Args:
        runs: those that have a value; others are left out.
        cells: how many there are.
        baseline: one of them.
        matched: which cells are compared as pairs.

    Returns:
        The mean difference, cell minus baseline; nan where no two runs can be compared, and without a variance where
        nothing tells how much of it is chance.
    """
    known = runs.where(np.isfinite(runs.value))
    found = paired(known, cells, baseline).chosen(matched, grouped(known, cells, baseline))
    most = largest(known, cells)
    return found.varying(np.maximum(most, most[baseline]))


def largest(runs: CodedRuns, cells: int) -> Floats:
    """The size of the largest value of each cell."""
    found = np.zeros(cells)
    np.maximum.at(found, runs.cell, np.abs(runs.value))
    return found


def paired(runs: CodedRuns, cells: int, baseline: int) -> Estimates:
    """The mean of the differences between runs with the same other choices, seed and split."""
    ids, firsts = compact(runs.cell, runs.rest, runs.seed, runs.split)
    pairs = replace(runs.where(firsts), value=means(ids, runs.value))
    keys, _ = compact(pairs.rest, pairs.seed, pairs.split)
    partner = np.full(len(keys), np.nan)
    own = pairs.cell == baseline
    partner[keys[own]] = pairs.value[own]
    pairs = replace(pairs, value=pairs.value - partner[keys])
    pairs = pairs.where(np.isfinite(pairs.value))
    return of_grid(pairs, cells).chosen(seen_again(pairs, pairs.rest, cells) >= AGAIN, of_sample(pairs, cells))


def of_grid(runs: CodedRuns, cells: int) -> Estimates:
    """The mean of each cell if its other choices are fixed, and only seeds and splits vary.

    Other choices that were trained once do not tell how much seeds matter; the rest speaks for them.
    """
    unit, share = _shares(runs, runs.rest, cells)
    mean = _sums(runs.cell, share * runs.value, cells)
    every = _cube(runs, share, cells)
    runs = runs.where(np.bincount(unit)[unit] > 1)
    unit, share = _shares(runs, runs.rest, cells)
    scores = _cube(runs, share * (runs.value - means(unit, runs.value)[unit]), cells, every.shape)
    shares = _cube(runs, share, cells, every.shape)
    variance, df = over_seeds(scores, shares)
    return Estimates(mean, variance * _wider(every, shares), df)


def seen_again(runs: CodedRuns, units: Codes, cells: int) -> Floats:
    """The share of the units of each cell that were trained with several seeds or splits."""
    unit, share = _shares(runs, units, cells)
    return np.asarray(np.bincount(runs.cell, share * (np.bincount(unit)[unit] > 1), cells), np.float64)


def of_sample(runs: CodedRuns, cells: int) -> Estimates:
    """The mean of each cell if only its other choices vary: Student's over them."""
    unit, share = _shares(runs, runs.rest, cells)
    mean = _sums(runs.cell, share * runs.value, cells)
    return Estimates(mean, *_between(runs, unit, share, mean, cells))


def grouped(runs: CodedRuns, cells: int, baseline: int | None) -> Estimates:
    """The difference of the means over combinations, which are a sample; without a baseline the means themselves."""
    unit, share = _shares(runs, runs.combination, cells)
    mean = _sums(runs.cell, share * runs.value, cells)
    between, df = _between(runs, unit, share, mean, cells)
    if baseline is not None:
        mean = mean - mean[baseline]
        df = _welch(between, df, baseline)
        between = between + between[baseline]
    return Estimates(mean, *together((between, df), _more_of_seeds(runs, cells, baseline)))


def _welch(variance: Floats, df: Floats, baseline: int) -> Floats:
    """Satterthwaite's degrees of freedom of the difference of each cell to the baseline.

    They are at most those of cells of the same spread: few combinations that happen to be alike do not tell that their
    cell varies less.
    """

    def of_two(each: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            squares = np.where(each > 0, each**2 / df, 0)
            return (each + each[baseline]) ** 2 / (squares + squares[baseline])

    return np.fmin(of_two(variance), of_two(1 / (df + 1)))


def _more_of_seeds(runs: CodedRuns, cells: int, baseline: int | None) -> tuple[Floats, Floats]:
    """What the means, or their differences, vary more for other seeds than single runs explain, and its df.

    Only combinations that were trained more than once tell. It is nan where many were, and yet it is not known, and
    where a cell and the baseline have so different seeds that these may be what differs.
    """
    unit, share = _shares(runs, runs.combination, cells)
    every, seen = _cube(runs, share, cells), seen_again(runs, runs.combination, cells)
    runs = runs.where(np.bincount(unit)[unit] > 1)
    unit, share = _shares(runs, runs.combination, cells)
    of_block, alone = two_way(runs, unit)
    single = _single(runs, unit, share * alone, cells)
    scores = _cube(runs, share * of_block, cells, every.shape)
    shares = _cube(runs, share, cells, every.shape)
    apart, of_all = np.zeros(cells), (np.zeros(cells), np.ones(cells))
    if baseline is not None:
        apart = np.abs(every - every[baseline]).sum((1, 2)) / 2
        of_all = _more_in_all(scores, shares, single)
        single = single + single[baseline]
        scores, shares = scores - scores[baseline], (shares + shares[baseline]) / 2
        every, seen = (every + every[baseline]) / 2, np.maximum(seen, seen[baseline])
    of_seeds, df = over_seeds(scores, shares)
    with np.errstate(invalid="ignore", divide="ignore"):
        more = np.where(of_seeds > single, of_seeds - single, 0)
        # Two seeds alone are often close to each other by chance; all cells together say more.
        by_all = (df < 2) & (_reach(of_all[1]) * of_all[0] > _reach(df) * more)
        more, df = np.where(by_all, of_all[0], more), np.where(by_all, of_all[1], df)
        more = more * _wider(every, shares)
    more = np.where(np.isnan(of_seeds), np.where(seen < AGAIN, 0, np.nan), more)
    return np.where(apart > APART, np.nan, more), df


def _more_in_all(scores: Floats, shares: Floats, single: Floats) -> tuple[Floats, Floats]:
    """What differences of cells vary more for other seeds than single runs explain, on average over all cells."""
    known = np.isfinite(single)
    of_seeds, df = over_seeds(scores - scores[known].sum(0) / max(known.sum(), 1), shares)
    known &= np.isfinite(of_seeds)
    n = int(known.sum())
    more = 2 * (of_seeds[known].sum() / (n - 1) - single[known].mean()) if n > 1 else 0
    return np.full(len(scores), max(more, 0)), np.full(len(scores), (n - 1) * df[known].mean() if n > 1 else 1)


def _wider(every: Floats, shares: Floats) -> Floats:
    """How much more a sum over seeds varies with the shares that all runs have than with those of some."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((every**2).sum((1, 2)) / (shares**2).sum((1, 2)), np.float64)


def over_seeds(scores: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """The variance of sums of scores [cells, seeds, splits] for new seeds and splits, and its degrees of freedom.

    With several of both, these are two crossed factors: what single scores vary counts once, and what seeds, and
    splits, vary more than these explain is added. The reach of the interval is put together in the same way.
    """
    of_all, df_all = _clustered_rows(scores.reshape(len(scores), -1), shares.reshape(len(scores), -1))
    if min(scores.shape[1:]) < 2:
        return of_all, df_all
    of_seeds, df_seeds = _clustered_rows(scores.sum(2), shares.sum(2))
    of_splits, df_splits = _clustered_rows(scores.sum(1), shares.sum(1))
    has_seed, has_split = shares.sum(2, keepdims=True) > 0, shares.sum(1, keepdims=True) > 0  # others may have more
    there = has_seed & has_split
    seeds, splits = has_seed.sum(1, keepdims=True), has_split.sum(2, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        of_seed, of_split = scores.sum(2, keepdims=True) / splits, scores.sum(1, keepdims=True) / seeds
        mean = scores.sum((1, 2), keepdims=True) / (seeds * splits)
        alone = np.where(there, scores - of_seed - of_split + mean, 0)
        df_alone = ((seeds - 1) * (splits - 1)).ravel().astype(np.float64)
        single = (alone**2).sum((1, 2)) * (seeds * splits).ravel() / df_alone
    parts = (
        (np.maximum(of_seeds - single, 0), df_seeds),
        (np.maximum(of_splits - single, 0), df_splits),
        (single, df_alone),
    )
    variance, df = together(*parts)
    one_way = np.isnan(of_seeds + of_splits)
    return np.where(one_way, of_all, variance), np.where(one_way, df_all, df)


def together(*parts: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """The sum of independent variances, and the degrees of freedom with which an interval reaches far enough.

    Its reach is that of the parts, put together as their standard errors are (Banerjee 1961), which is at least as far
    as it has to be, whichever of the parts is the large one.
    """
    variance = np.sum([part for part, _ in parts], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = np.sum([np.where(part > 0, _reach(df) * part, 0 * part) for part, df in parts], axis=0)
        df = np.where(variance > 0, special.stdtridf(UPPER, np.sqrt(squares / variance)), np.inf)
    return variance, df


def _reach(df: Floats) -> Floats:
    """The square of how many standard errors an interval reaches."""
    return np.asarray(special.stdtrit(df, UPPER) ** 2, np.float64)


def clustered(cell: Codes, scores: Floats, shares: Floats, cells: int) -> tuple[Floats, Floats]:
    """The variance of the sums of scores in each cell, whose clusters are independent, and its degrees of freedom.

    `shares` says how much each cluster weighs in its cell; they sum to 1 there. For n clusters of the same share this
    is the usual variance of a mean, with n - 1 degrees of freedom; nan where it would have fewer than `LEAST_DF`, as
    for one cluster.
    """
    second, third = np.bincount(cell, shares**2, cells), np.bincount(cell, shares**3, cells)
    left = second - 2 * third + second**2  # of `second`, after the cell's mean was taken off the scores
    with np.errstate(invalid="ignore", divide="ignore"):
        known = (left > 1e-9 * second) & (1 / second - 1 > LEAST_DF - 1e-9)
        variance = np.where(known, np.bincount(cell, scores**2, cells) * second / left, np.nan)
        return variance, np.where(known, 1 / second - 1, np.nan)


def _clustered_rows(scores: Floats, shares: Floats) -> tuple[Floats, Floats]:
    cell = np.repeat(np.arange(len(scores)), scores.shape[1])
    return clustered(cell, scores.ravel(), shares.ravel(), len(scores))


def _between(runs: CodedRuns, unit: Codes, share: Floats, mean: Floats, cells: int) -> tuple[Floats, Floats]:
    """The variance of the cells' means for new units, and its degrees of freedom."""
    of_unit = np.zeros(unit.max(initial=-1) + 1, np.int64)
    of_unit[unit] = runs.cell
    scores = share * (runs.value - mean[runs.cell])
    return clustered(of_unit, totals(unit, scores), totals(unit, share), cells)


def two_way(runs: CodedRuns, unit: Codes) -> tuple[Floats, Floats]:
    """What the seed and split of each run add to its unit in its cell, and what neither explains: two-way analysis."""
    block, _ = compact(runs.cell, runs.seed, runs.split)
    of_block, alone = np.zeros(len(block)), runs.value
    for _ in range(SWEEPS):
        alone = alone - means(unit, alone)[unit]
        more = means(block, alone)[block]
        of_block, alone = of_block + more, alone - more
    return of_block, alone


def _single(runs: CodedRuns, unit: Codes, alone: Floats, cells: int) -> Floats:
    """The variance of the cells' means that comes from single runs: what neither unit nor seed explains."""
    blocks = np.bincount(runs.cell[compact(runs.cell, runs.seed, runs.split)[1]], minlength=cells)
    units = np.bincount(runs.cell[compact(unit)[1]], minlength=cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = blocks * units / ((blocks - 1) * (units - 1))
        return _sums(runs.cell, alone**2, cells) * factor


def _shares(runs: CodedRuns, units: Codes, cells: int) -> tuple[Codes, Floats]:
    """Of each run the unit of its cell, and its share of the cell's mean: all units count the same there."""
    unit, firsts = compact(runs.cell, units)
    of_cell = np.bincount(runs.cell[firsts], minlength=cells)
    return unit, 1 / (np.bincount(unit)[unit] * of_cell[runs.cell])


def _sums(cell: Codes, values: Floats, cells: int) -> Floats:
    """The sum in each cell; nan where it is empty."""
    return np.where(np.bincount(cell, minlength=cells) > 0, np.bincount(cell, values, cells), np.nan)


def _cube(runs: CodedRuns, values: Floats, cells: int, shape: tuple[int, ...] | None = None) -> Floats:
    """Sums by cell, seed and split."""
    shape = shape or (cells, runs.seed.max(initial=0) + 1, runs.split.max(initial=0) + 1)
    at = np.ravel_multi_index((runs.cell, runs.seed, runs.split), shape)
    return totals(at, values, int(np.prod(shape))).reshape(shape)


def compact(*codes: Codes) -> tuple[Codes, Codes]:
    """One number from 0 for each different tuple of codes, and where each is met first.

    Example:
        >>> ids, firsts = compact(np.array([5, 5, 2, 5]), np.array([0, 1, 0, 0]))
        >>> ids.tolist(), firsts.tolist()
        ([1, 2, 0, 1], [2, 0, 1])
    """
    key = codes[0].astype(np.int64)
    for more in codes[1:]:
        key = key * (more.max(initial=0) + 1) + more
        _, key = np.unique(key, return_inverse=True)
    _, firsts, ids = np.unique(key, return_index=True, return_inverse=True)
    return ids, firsts


def totals(ids: Codes, values: Floats, least: int = 0) -> Floats:
    """The sum of the values of each id, for `least` ids or more."""
    return np.asarray(np.bincount(ids, values, least), np.float64)


def means(ids: Codes, values: Floats) -> Floats:
    """The mean of the values of each id."""
    return np.bincount(ids, values) / np.bincount(ids)
