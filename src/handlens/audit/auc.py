"""The area under the ROC curve of each group and of the rest, with intervals from the rows' placements."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from handlens.audit.intervals import Floats, normal, wilson
from handlens.audit.metrics import Estimate

STEPS = 2048
"""Ranks of scores that the variance of the rest is worked out on; its value is exact."""

FEW = 5
"""Rows of the rarer class at which the expected variance counts as much as the measured one."""


class Areas:
    """The areas of groups of rows with these scores; ties count half."""

    def __init__(self, score: Floats, truth: NDArray[np.bool_], level: float) -> None:
        self.level = level
        order = np.argsort(score, kind="stable")
        self.order, self.truth = order, truth[order]
        ordered = score[order]
        new = np.empty(len(score), bool)
        new[:1] = True
        np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
        self.rank = np.cumsum(new) - 1  # of each row in order; equal scores share one
        counts = np.bincount(self.rank)
        ends = np.cumsum(counts)
        middle = ends - counts / 2
        self.step = np.minimum(self.rank, STEPS - 1)
        if len(counts) > STEPS:
            self.step = (middle * (STEPS / len(score))).astype(np.int64)[self.rank]

    def groups(self, codes: NDArray[np.int64], n_groups: int) -> tuple[Estimate, Estimate]:
        """The areas within each group, and within all rows that are not in it."""
        codes = codes[self.order]
        whole = np.zeros(len(codes), np.int64)
        of_all, wins_all, _ = self._placed(whole, 1)
        counts, wins, variance = self._placed(codes, n_groups)
        own = self._estimate(counts, wins, variance)
        # A pair of the rest is a pair of all rows that has neither its positive nor its negative in the group.
        above = self._wins_over_all(codes, n_groups)
        rest_counts = of_all - counts
        rest_wins = wins_all - above + wins
        return own, self._estimate(rest_counts, rest_wins, self._rest_variance(codes, n_groups))

    def _placed(self, codes: NDArray[np.int64], n_groups: int) -> tuple[Floats, Floats, Floats]:
        """Positives and negatives [G, 2], pairs won [G], and the variance of the area [G], of each group."""
        small = codes.astype(np.min_scalar_type(n_groups))
        by = np.argsort(small, kind="stable")  # by group, and within it by score
        group, rank, truth = codes[by], self.rank[by], self.truth[by]
        n_positive = np.bincount(group, truth, n_groups)
        counts = np.stack([n_positive, np.bincount(group, minlength=n_groups) - n_positive], 1)
        first = np.r_[True, (group[1:] != group[:-1]) | (rank[1:] != rank[:-1])]
        starts = np.flatnonzero(first)
        run = np.cumsum(first) - 1
        positives = np.r_[0, np.cumsum(truth)]
        negatives = np.arange(len(positives)) - positives
        ends = np.r_[starts[1:], len(group)]
        at = np.cumsum(counts.sum(1)) - counts.sum(1)  # where each group starts
        at = at.astype(np.int64)[group[starts]]
        # For each run of equal scores: negatives below, and positives above, within the group, ties half.
        below = (negatives[starts] + negatives[ends]) / 2 - negatives[at]
        over = n_positive[group[starts]] - ((positives[starts] + positives[ends]) / 2 - positives[at])
        placement = np.where(truth, below[run], over[run])
        key = 2 * group.astype(np.int64) + ~truth
        wins = np.bincount(key, placement, 2 * n_groups).reshape(-1, 2)
        with np.errstate(divide="ignore", invalid="ignore"):
            placement = placement / counts[group, 1 * truth]
            mean = wins / (counts * counts[:, ::-1])
            square = np.bincount(key, (placement - mean[group, 1 * ~truth]) ** 2, 2 * n_groups).reshape(-1, 2)
            variance = (square / (counts - 1) / counts).sum(1)
        return counts, np.asarray(wins[:, 0], np.float64), variance

    def _wins_over_all(self, codes: NDArray[np.int64], n_groups: int) -> Floats:
        """Pairs won that have their positive in the group, and those that have their negative in it."""
        counts = np.bincount(self.rank)
        positive = np.bincount(self.rank, self.truth)
        negative = counts - positive
        below = np.cumsum(negative) - negative / 2
        over = positive.sum() - (np.cumsum(positive) - positive / 2)
        placed = np.where(self.truth, below[self.rank], over[self.rank])
        return np.asarray(np.bincount(codes, placed, n_groups), np.float64)

    def _rest_variance(self, codes: NDArray[np.int64], n_groups: int) -> Floats:
        found = np.empty(n_groups)
        key = 2 * self.step + self.truth
        whole = np.bincount(key, minlength=2 * STEPS).reshape(STEPS, 2).astype(np.float64)
        table = np.bincount(codes * (2 * STEPS) + key, minlength=n_groups * 2 * STEPS).reshape(n_groups, STEPS, 2)
        for g in range(n_groups):
            negative, positive = (whole - table[g]).T
            m, n = positive.sum(), negative.sum()
            if m < 2 or n < 2:
                found[g] = np.nan
                continue
            below = (np.cumsum(negative) - negative / 2) / n
            over = (m - np.cumsum(positive) + positive / 2) / m
            area = below @ positive / m
            spread = [(below - area) ** 2 @ positive / (m - 1) / m, (over - area) ** 2 @ negative / (n - 1) / n]
            found[g] = sum(spread)
        return found

    def _estimate(self, counts: Floats, wins: Floats, variance: Floats) -> Estimate:
        """Wilson's interval of as many rows as would give a rate the area's variance.

        The variance is DeLong's (1988), drawn towards that of Hanley & McNeil (1982) where there are few positive or
        negative rows: alone, the first is 0 where all pairs are won, and too small for few rows.
        """
        m, n = counts.T
        fewest, z = np.minimum(m, n), normal(self.level)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where((m > 0) & (n > 0), wins / (m * n), np.nan)
            inside = (value * fewest + z * z / 2) / (fewest + z * z)
            pairs = 1 + ((m + n) / 2 - 1) * ((1 - inside) / (2 - inside) + inside / (1 + inside))
            expected = m * n / pairs
            measured = value * (1 - value) / variance
            measured = np.where((variance > 0) & (measured > 0) & np.isfinite(measured), measured, expected)
            trust = fewest / (fewest + FEW)
            effective = np.where(fewest > 0, np.exp(trust * np.log(measured) + (1 - trust) * np.log(expected)), np.nan)
        low, high = wilson(value * effective, effective, self.level)
        return Estimate(fewest, value, low, high)
