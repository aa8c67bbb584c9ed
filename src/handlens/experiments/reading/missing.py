"""Runs that ended without a number: how many there are, and what differences are worth in spite of them.

A run fails or is pruned because of its settings, so the runs that are left are better than all would have been. A
difference is therefore computed three times: from the runs that ended with a number; as if those missing in the cell
had ended like the worst run of the study; and as if those missing in the baseline had. The interval covers all three,
and the largest p-value counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from handlens.experiments.reading.paired import (
    AGAIN,
    CodedRuns,
    Codes,
    Estimates,
    Flags,
    Floats,
    compact,
    differences,
    seen_again,
)

WAITING = "waiting"

ONE_SEED = "All runs have one seed: how much another seed would change is not known."

FEW_SEEDS = (
    "Most combinations of some cells were compared with one seed: how much another seed would change there is not "
    "known."
)

BAD = ("failed", "pruned", "finished")
"""Missing because of how the training went; a finished run is missing if it has no number."""

WORDS = {
    "failed": "failed",
    "pruned": "pruned",
    "stopped": "stopped",
    "running": "running",
    "finished": "finished without a number",
}


@dataclass(frozen=True)
class Missing:
    """The runs that have no number.

    Attributes:
        bad: of each run, whether it is missing because of how its training went, [runs].
        count: of each cell, how many are missing, [cells].
        why: of each cell, the counts in words, [cells].
        total: the counts of all cells in words; empty if no run is missing.
    """

    bad: Flags
    count: Codes
    why: list[str]
    total: str


@dataclass(frozen=True)
class Difference:
    """The difference of each cell to the baseline, all arrays [cells].

    Attributes:
        value: cell minus baseline.
        low: the lower end of its 95 % interval, nan where there is nothing to tell chance by.
        high: the upper end.
        p: the probability of such a difference if the truth is 0.
        pairs: how many runs were compared with one of the same other choices, seed and split; 0 if as groups.
        notes: how they were compared, in sentences.
    """

    value: Floats
    low: Floats
    high: Floats
    p: Floats
    pairs: Codes
    notes: list[str] = field(default_factory=list)


def missing_of(status: pd.Series[str], runs: CodedRuns, cells: int) -> Missing:
    """Count the runs of each cell that have no number; those that wait have not begun and do not count."""
    without = ~np.isfinite(runs.value)
    counts = {
        words: np.bincount(runs.cell[without & (status == name).to_numpy()], minlength=cells)
        for name, words in WORDS.items()
    }
    bad = without & status.isin(BAD).to_numpy()
    of_cell = zip(*counts.values(), strict=True)
    why = [", ".join(f"{n} {words}" for n, words in zip(each, counts, strict=True) if n) for each in of_cell]
    total = ", ".join(f"{each.sum()} {words}" for words, each in counts.items() if each.any())
    return Missing(bad, np.sum(list(counts.values()), axis=0), why, total)


def difference_to(baseline: int, runs: CodedRuns, bad: Flags, cells: int, matched: Flags, direction: str) -> Difference:
    """The difference of each cell to the baseline, with an interval that holds in spite of the runs missing."""
    ended = np.isfinite(runs.value)
    if not ended.any():
        nothing = np.full(cells, np.nan)
        return Difference(nothing, nothing, nothing, nothing, np.zeros(cells, np.int64))
    worst = runs.value[ended].max() if direction == "minimize" else runs.value[ended].min()
    plain = differences(runs, cells, baseline, matched)
    sides = [bad & (runs.cell != baseline), bad & (runs.cell == baseline)]
    tried = [plain] + [differences(runs.filled(side, worst), cells, baseline, matched) for side in sides if side.any()]
    low, high, p = _covering(plain, tried)
    low[baseline] = high[baseline] = np.nan
    known = runs.where(ended)
    shared = _shared(known, baseline)
    pairs = np.where(matched, np.bincount(known.cell[shared], minlength=cells), 0)
    notes = _notes(matched, baseline, _on_seeds(known, low, matched, baseline, shared), bool(bad.any()))
    return Difference(plain.value, low, high, p, pairs, notes)


def _covering(plain: Estimates, tried: list[Estimates]) -> tuple[Floats, Floats, Floats]:
    """The interval that covers those of all estimates, and the largest p; 1 if their signs differ."""
    lows, highs = zip(*(each.interval() for each in tried), strict=True)
    low, high = np.fmin.reduce(lows), np.fmax.reduce(highs)
    p = np.fmax.reduce([each.p() for each in tried])
    signs = np.sign([each.value for each in tried])
    p = np.where((np.fmin.reduce(signs) < 0) & (np.fmax.reduce(signs) > 0), 1, p)
    unknown = np.isnan(plain.variance)
    return tuple(np.where(unknown, np.nan, each) for each in (low, high, p))  # type: ignore[return-value]


def _shared(runs: CodedRuns, baseline: int) -> Flags:
    """Which runs have a partner of the same other choices, seed and split in the baseline."""
    keys, _ = compact(runs.rest, runs.seed, runs.split)
    return np.isin(keys, keys[runs.cell == baseline])


def _notes(matched: Flags, baseline: int, seeds: list[str], some_bad: bool) -> list[str]:
    others = np.delete(matched, baseline)
    notes = []
    if others.any():
        notes.append("Pairs: each run is compared with the baseline's of the same other choices, seed and split.")
    if not others.all():
        notes.append(
            "Groups: the other choices differ from the baseline's, so the interval also allows for which ones were "
            "tried."
        )
    notes += seeds
    if some_bad:
        notes.append(
            "Runs that failed, were pruned or ended without a number may also have ended like the worst run of the "
            "study; the intervals and verdicts hold either way."
        )
    return notes


def _on_seeds(runs: CodedRuns, low: Floats, matched: Flags, baseline: int, shared: Flags) -> list[str]:
    """A sentence where an interval does not allow for seeds."""
    if len(np.unique(runs.seed)) == 1:
        return [ONE_SEED]
    of_pairs, of_groups = (seen_again(each, each.combination, len(low)) for each in (runs.where(shared), runs))
    again = np.where(matched, of_pairs, np.maximum(of_groups, of_groups[baseline]))
    return [FEW_SEEDS] if (np.isfinite(low) & (again < AGAIN)).any() else []
