"""How often the intervals of a pivot table hold the truth, and how often it calls a setting better that is not.

Studies are simulated in which all settings are equally good, so every difference to the baseline is 0 in truth. An
interval is right if it holds 0. A study is wrong if its table has a "better" anywhere. What varies between designs:

- a grid, whose cells have the same other choices, or a random search, whose other choices matter much;
- how many seeds and splits, and how much a seed changes all runs, or the runs of one setting alone;
- cells of different size and spread, and values with heavy tails (Student's t with 3 degrees of freedom) or skewed
  ones (log-normal);
- combinations that were trained with one seed where others have several, and runs that somebody stopped;
- runs that fail because they are bad. Here the truth is the mean of all runs, those that failed included, which no
  method can know: an interval may only be too wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import report
from faults.campaign import Campaign

from handlens.experiments.reading.missing import difference_to
from handlens.experiments.reading.paired import CodedRuns, are_matched
from handlens.experiments.reading.pivot import BETTER, verdicts

STUDIES = 1000


@dataclass(frozen=True)
class Design:
    """How a study is simulated; spreads are in units of the noise of a single run.

    Attributes:
        what: in words.
        sizes: combinations in each cell.
        seeds, splits: how many.
        grid: whether the cells have the same other choices.
        others: the spread that the other choices make.
        of_seed: the spread that a seed makes in all runs.
        of_setting: what it makes in the runs of one setting.
        of_split: what a split makes in the runs of one setting.
        spreads: of the noise of a single run, in each cell, and in a random search also of the other choices.
        tails: degrees of freedom of Student's t; 0 for normal values.
        skewed: whether values are log-normal.
        again: the share of the combinations of a cell that were trained with all seeds; the others have one.
        stopped: the share of runs that do not have a number, whatever it would have been.
        fails: the share of runs that fail, all of them among the worse half.
    """

    what: str
    sizes: Sequence[int] = (10, 10, 10, 10)
    seeds: int = 3
    splits: int = 1
    grid: bool = False
    others: float = 3.0
    of_seed: float = 1.0
    of_setting: float = 0.0
    of_split: float = 0.0
    spreads: Sequence[float] = field(default=())
    tails: int = 0
    skewed: bool = False
    again: float = 1.0
    stopped: float = 0.0
    fails: float = 0.0

    def study(self, random: np.random.Generator) -> tuple[CodedRuns, np.ndarray]:
        """The runs of one study, and which of them failed."""

        def noise(*shape: int) -> np.ndarray:
            if self.tails:
                return random.standard_t(self.tails, shape) / np.sqrt(self.tails / (self.tails - 2))
            if self.skewed:
                return (random.lognormal(size=shape) - np.exp(0.5)) / np.sqrt(np.e * (np.e - 1))
            return random.standard_normal(shape)

        a = np.repeat(np.arange(len(self.sizes)), self.sizes)
        n = len(a)
        b = np.concatenate([np.arange(size) for size in self.sizes]) if self.grid else np.arange(n)
        of_others = noise(b.max() + 1)[b]
        spread = np.asarray(self.spreads or np.ones(len(self.sizes)))[a]
        values = (
            (self.others * (1 if self.grid else spread) * of_others)[:, None, None]
            + self.of_seed * noise(self.seeds, 1)
            + self.of_setting * noise(len(self.sizes), self.seeds, 1)[a]
            + self.of_split * noise(len(self.sizes), 1, self.splits)[a]
            + spread[:, None, None] * noise(n, self.seeds, self.splits)
        )
        places = np.concatenate([np.arange(size) / size for size in self.sizes])
        values[places >= self.again, 1:] = np.nan
        if self.stopped:
            values[random.random(values.shape) < self.stopped] = np.nan
        number, seed, split = (each.ravel() for each in np.indices(values.shape))
        lost = (values.ravel() > np.nanmedian(values)) & (random.random(values.size) < 2 * self.fails)
        flat = np.where(lost, np.nan, values.ravel())
        return CodedRuns(flat, a[number], number, b[number], seed, split), lost


GRID = Design("grid 4 × 3, 3 seeds", sizes=(3, 3, 3, 3), grid=True)
SEARCH = Design("random search, 40 combinations, 3 seeds")

DESIGNS = (
    GRID,
    replace(GRID, what="grid 4 × 3, 5 seeds", seeds=5),
    replace(GRID, what="grid 4 × 3, 3 seeds that matter much, to each setting", of_seed=10, of_setting=2),
    replace(GRID, what="grid 4 × 3, 3 seeds, settings of unequal spread", spreads=(1, 0.3, 3, 1), others=1),
    replace(GRID, what="grid 4 × 3, 3 seeds, heavy tails", tails=3),
    replace(GRID, what="grid 4 × 3, one seed", seeds=1, others=1),
    replace(GRID, what="grid 4 × 3, 3 seeds × 3 splits that matter", splits=3, of_split=1, of_setting=1),
    SEARCH,
    replace(SEARCH, what="random search, 40 combinations, 5 seeds", seeds=5),
    replace(SEARCH, what="random search, 3 seeds that matter to each setting", others=1, of_setting=1),
    replace(SEARCH, what="random search, cells of 25, 10, 5 and 5", sizes=(25, 10, 5, 5), of_seed=5),
    replace(
        SEARCH, what="random search, unequal cells of unequal spread", sizes=(20, 10, 5, 5), spreads=(1, 0.3, 3, 1)
    ),
    replace(SEARCH, what="random search, heavy tails", tails=3),
    replace(SEARCH, what="random search, other choices that do not matter", others=0),
    replace(SEARCH, what="random search, one seed", seeds=1),
    replace(GRID, what="grid 4 × 3, 2 seeds", seeds=2),
    replace(
        GRID, what="grid 4 × 3, 5 seeds that matter to each setting, 20 % stopped", seeds=5, of_setting=1, stopped=0.2
    ),
    replace(
        GRID,
        what="grid 4 × 10, 3 seeds that matter to each setting, 40 % trained with all",
        sizes=(10,) * 4,
        of_setting=1,
        again=0.4,
    ),
    replace(GRID, what="grid 4 × 3, 5 seeds, skewed values", seeds=5, skewed=True),
    replace(GRID, what="grid 4 × 3, one seed × 5 splits that matter", seeds=1, splits=5, of_split=1),
    replace(SEARCH, what="random search, 2 seeds", seeds=2),
    replace(SEARCH, what="random search, 2 seeds that matter to each setting", seeds=2, others=1, of_setting=1),
    replace(SEARCH, what="random search, 3 seeds that matter much to each setting", others=1, of_setting=3),
    replace(
        SEARCH,
        what="random search, 3 seeds that matter to each setting, 40 % trained with all",
        others=1,
        of_setting=2,
        again=0.4,
    ),
    replace(SEARCH, what="random search, 3 seeds, 20 % stopped", stopped=0.2),
    replace(SEARCH, what="random search, cells of 30, 3, 4 and 5", sizes=(30, 3, 4, 5)),
    replace(SEARCH, what="random search, cells of 30, 2, 2 and 2", sizes=(30, 2, 2, 2)),
    replace(SEARCH, what="random search, ten cells of 4", sizes=(4,) * 10),
    replace(SEARCH, what="random search, skewed values, cells of 25, 5, 5 and 5", sizes=(25, 5, 5, 5), skewed=True),
    replace(
        SEARCH,
        what="random search, skewed values, unequal cells of unequal spread",
        sizes=(20, 10, 5, 5),
        spreads=(1, 0.3, 3, 1),
        skewed=True,
    ),
    replace(GRID, what="grid 4 × 3, 3 seeds, 10 % of the runs failed, bad ones", fails=0.1),
    replace(SEARCH, what="random search, 3 seeds, 20 % of the runs failed, bad ones", fails=0.2),
)


def coverage(campaign: Campaign) -> None:
    """Simulate each design, and count what its intervals and verdicts are worth."""
    studies = campaign.count(STUDIES)
    for design in DESIGNS:
        random = campaign.random(f"coverage {design.what}")
        held, shown, wrong, cells = 0, 0, 0, len(design.sizes)
        for _ in campaign.tries("coverage", range(studies), studies):
            runs, lost = design.study(random)
            matched = are_matched(runs, cells, 0)
            found = difference_to(0, runs, lost, cells, matched, "minimize")
            low, high = found.low[1:], found.high[1:]
            shown += int(np.isfinite(low).sum())
            held += int(((low <= 0) & (high >= 0)).sum())
            wrong += bool((verdicts(found, 0, "minimize")[1] == BETTER).any())
        within(
            campaign, f"{design.what}: intervals that hold the truth", 100 * held / shown, 100 if design.fails else 97
        )
        campaign.add(f"{design.what}: studies with a false “better”", [100 * wrong / studies], at_most=5, unit="%")
        missed = 1 - shown / (studies * (cells - 1))
        if missed:
            campaign.total(f"{design.what}: cells without an interval", 100 * missed, unit="%")


def within(campaign: Campaign, what: str, measured: float, top: float) -> None:
    """Record a share that must be at least 93 % and at most `top`."""
    reached = 93 <= measured <= top
    campaign.figures.append(report.Figure(what, f"93 – {top} %", measured, "%", reached, (measured, measured)))
    print(campaign.figures[-1], flush=True)
