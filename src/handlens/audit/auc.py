"""The area under the ROC curve (AUC) of each group and of its rest, the rows outside the group, with intervals.

A pair is a positive and a negative row; it is ranked correctly if the positive row has the higher score, and counts
half if both are the same. The placement of a row is the share of its pairs that are ranked correctly. The variance of
the placements gives that of the AUC (DeLong, DeLong & Clarke-Pearson 1988).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from handlens.audit import significance
from handlens.audit.estimates import GroupedRows, GroupEstimates, LevelEstimate
from handlens.audit.groups import Codes
from handlens.audit.intervals import Floats, normal, wilson
from handlens.audit.outcomes import Booleans
from handlens.core.products import product

BINS = 2048
"""Bins of scores from which the variance of the rest's AUC is computed; the AUC itself is exact."""

FEW = 5
"""Rows of the rarer class at which the variance of Hanley & McNeil has the same weight as that of DeLong."""


@dataclass(frozen=True)
class AreaUnderCurve:
    """How often a positive row has a higher score than a negative one; ties count half. Its test compares intervals.

    Args:
        if_no_positive, if_no_negative: the reason that is shown where a group has no such rows, so that its AUC is
            undefined.
    """

    if_no_positive: str
    if_no_negative: str

    def measure(self, data: GroupedRows) -> list[LevelEstimate]:
        """See `Estimator`."""
        outcomes: Any = data.outcomes
        auc = GroupedAuc(outcomes.score, outcomes.positive, data.ci)
        found = []
        for level in data.levels:
            codes, n_groups = level.of_cell[data.grouping.cells], len(level.labels)
            positives = np.bincount(codes, outcomes.positive, n_groups)
            undefined = [self.if_no_positive if n == 0 else self.if_no_negative for n in positives]
            found.append(LevelEstimate(*auc.of_groups(codes, n_groups), undefined))
        return found

    def p_values(self, data: GroupedRows, measured: list[LevelEstimate]) -> list[Floats]:
        """See `Estimator`."""
        return significance.of_intervals([m.groups for m in measured[1:]], [m.rest for m in measured[1:]], data.ci)


class GroupedAuc:
    """The AUC of groups of rows, computed from one sorting of all rows.

    Args:
        score: of each row, [N].
        truth: whether each row is positive, [N].
        ci: the confidence level of the intervals.
    """

    def __init__(self, score: Floats, truth: Booleans, ci: float) -> None:
        self.ci = ci
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
        self.bin = np.minimum(self.rank, BINS - 1)  # of each row in order: one for each rank, if there are few
        if len(counts) > BINS:
            self.bin = (middle * (BINS / len(score))).astype(np.int64)[self.rank]

    def of_groups(self, codes: Codes, n_groups: int) -> tuple[GroupEstimates, GroupEstimates]:
        """The AUC within each group, and within all rows outside it.

        Args:
            codes: the group of each row, [N].
            n_groups: how many groups there are, G.

        Returns:
            Two estimates of [G] values: of the groups, and of the rest of each.
        """
        codes = codes[self.order]
        one_group = np.zeros(len(codes), np.int64)
        all_counts, all_wins, _ = self._wins(one_group, 1)
        counts, wins, variance = self._wins(codes, n_groups)
        of_groups = self._estimate(counts, wins, variance)
        # The pairs of the rest are all pairs except those with their positive or their negative row in the group.
        rest_counts = all_counts - counts
        rest_wins = all_wins - self._wins_over_all(codes, n_groups) + wins
        return of_groups, self._estimate(rest_counts, rest_wins, self._rest_variance(codes, n_groups))

    def _wins(self, codes: Codes, n_groups: int) -> tuple[Floats, Floats, Floats]:
        """Of each group: positives and negatives [G, 2], pairs ranked correctly [G], the variance of its AUC [G]."""
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
        group_starts = (np.cumsum(counts.sum(1)) - counts.sum(1)).astype(np.int64)
        at = group_starts[group[starts]]
        # For each run of equal scores in a group: the group's negatives below and positives above; ties count half.
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

    def _wins_over_all(self, codes: Codes, n_groups: int) -> Floats:
        """For each group [G]: the correctly ranked pairs of all rows of which one row is in the group.

        A pair with both rows in the group is counted twice.
        """
        counts = np.bincount(self.rank)
        positive = np.bincount(self.rank, self.truth)
        negative = counts - positive
        below = np.cumsum(negative) - negative / 2
        over = positive.sum() - (np.cumsum(positive) - positive / 2)
        placed = np.where(self.truth, below[self.rank], over[self.rank])
        return np.asarray(np.bincount(codes, placed, n_groups), np.float64)

    def _rest_variance(self, codes: Codes, n_groups: int) -> Floats:
        """The variance of the AUC within all rows outside each group [G], from a histogram of the scores."""
        found = np.empty(n_groups)
        key = 2 * self.bin + self.truth
        whole = np.bincount(key, minlength=2 * BINS).reshape(BINS, 2).astype(np.float64)
        table = np.bincount(codes * (2 * BINS) + key, minlength=n_groups * 2 * BINS).reshape(n_groups, BINS, 2)
        for g in range(n_groups):
            negative, positive = (whole - table[g]).T
            m, n = positive.sum(), negative.sum()
            if m < 2 or n < 2:
                found[g] = np.nan
                continue
            below = (np.cumsum(negative) - negative / 2) / n
            over = (m - np.cumsum(positive) + positive / 2) / m
            auc = product(below, positive) / m
            of_positives = product((below - auc) ** 2, positive) / (m - 1) / m
            of_negatives = product((over - auc) ** 2, negative) / (n - 1) / n
            found[g] = of_positives + of_negatives
        return found

    def _estimate(self, counts: Floats, wins: Floats, variance: Floats) -> GroupEstimates:
        """The AUC with Wilson's interval of a rate that has the same value and variance.

        The variance is DeLong's (1988), shrunk towards that of Hanley & McNeil (1982) where positive or negative rows
        are few: by itself DeLong's is 0 where all pairs are ranked correctly, and too small for few rows.
        """
        m, n = counts.T
        fewest, z = np.minimum(m, n), normal(self.ci)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where((m > 0) & (n > 0), wins / (m * n), np.nan)
            inside = (value * fewest + z * z / 2) / (fewest + z * z)
            pairs = 1 + ((m + n) / 2 - 1) * ((1 - inside) / (2 - inside) + inside / (1 + inside))
            expected = m * n / pairs
            measured = value * (1 - value) / variance
            measured = np.where((variance > 0) & (measured > 0) & np.isfinite(measured), measured, expected)
            weight = fewest / (fewest + FEW)
            effective = np.where(
                fewest > 0, np.exp(weight * np.log(measured) + (1 - weight) * np.log(expected)), np.nan
            )
        low, high = wilson(value * effective, effective, self.ci)
        return GroupEstimates(fewest, value, low, high)
