"""Confirming: the combinations that a study picked are trained again, with seeds that had no part in picking them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from handlens.errors import ExperimentError
from handlens.experiments.reading.axes import in_frame
from handlens.experiments.reading.best import choices_of, complete
from handlens.experiments.reading.pivot import BETTER, numbers_of, pivot

CONFIRM = "confirm"

COLUMNS = (
    "count",
    "missing",
    "low",
    "high",
    "difference",
    "difference_low",
    "difference_high",
    "p",
    "p_adjusted",
    "verdict",
)
"""Those of a pivot table's cells."""


@dataclass(frozen=True)
class Confirmation:
    """What picked combinations came to with new seeds; it shows itself as a table with sentences.

    Attributes:
        frame: a row a combination, the best of the study first. Its number and choices; `picked`, the mean in the
            study, by which it was picked; `confirmed`, the mean with new seeds; `picked_difference`, the
            difference to the baseline in the study; then, for the new seeds, what a pivot table has: `count`,
            `missing`, `low`, `high`, `difference` (to the baseline), `difference_low`, `difference_high`, `p`,
            `p_adjusted` and `verdict`.
        baseline: the number of the combination that the others are compared with.
        direction: "minimize" or "maximize".
        notes: what a reader has to know, in sentences.
    """

    frame: pd.DataFrame
    baseline: int
    direction: str
    notes: list[str]

    def __repr__(self) -> str:
        table = self.frame.set_index("combination").T.to_string(na_rep="")
        return "\n".join([table, "", *self.notes])

    def _repr_html_(self) -> str:
        from html import escape

        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<div>{self.frame.to_html(index=False, na_rep='', float_format='{:.4g}'.format)}<ul>{notes}</ul></div>"


@np.errstate(over="ignore")
def picked(frame: pd.DataFrame, k: int, *, direction: str) -> list[int]:
    """The numbers of the k best combinations of those that have all their runs, the best first."""
    means = complete(frame)[0].mean(axis=1)
    return [int(number) for number in means.sort_values(ascending=direction == "minimize", kind="stable").index[:k]]


def number_of(frame: pd.DataFrame, choices: Sequence[str], baseline: int | Mapping[str, Any]) -> int:
    """The number of a combination that is given by its number or by its choices.

    Raises:
        ExperimentError: there is no such combination, or several.
    """
    table = frame.drop_duplicates("combination").set_index("combination")
    if not isinstance(baseline, Mapping):
        if isinstance(baseline, bool) or not isinstance(baseline, Real) or baseline not in table.index:
            raise ExperimentError(
                f"baseline must be the number of a combination, {table.index.min()} to {table.index.max()}, or a dict "
                f"of its choices; {baseline!r} arrived."
            )
        return int(baseline)
    wanted = {name: in_frame(value) for name, value in baseline.items()}
    made = {int(number): choices_of(frame, choices, int(number)) for number in table.index}
    found = [number for number, chosen in made.items() if wanted.items() <= chosen.items()]
    if len(found) > 1:  # Python calls True and 1 equal
        exact = [number for number in found if all(repr(made[number][name]) == repr(wanted[name]) for name in wanted)]
        found = exact or found
    if len(found) != 1:
        raise ExperimentError(
            f"baseline must name one combination of the study; {dict(baseline)!r} arrived, which {len(found)} have. "
            "Give its number, or the value of each choice."
        )
    return found[0]


def new_seeds(frame: pd.DataFrame, n: int) -> list[int]:
    """The first n seeds after those with which the study looked for good combinations."""
    first = int(frame.loc[frame["phase"] == "study", "seed"].max()) + 1
    return list(range(first, first + n))


def confirmation(
    frame: pd.DataFrame, choices: Sequence[str], combinations: Sequence[int], baseline: int, *, direction: str
) -> Confirmation:
    """The table of combinations that were trained again.

    Args:
        frame: a row a run, of both phases.
        choices: the names of its columns that are choices.
        combinations: those that were picked, the best first.
        baseline: the combination that the others are compared with.
        direction: whether less ("minimize") or more ("maximize") is better.
    """
    numbers = list(dict.fromkeys([*combinations, baseline]))
    study = frame[frame["phase"] == "study"]
    means = study.assign(value=numbers_of(study, "value")).groupby("combination")["value"].mean()
    new = (frame["phase"] == CONFIRM) & ~frame["seed"].isin(set(study["seed"]))  # the study may have had repeats since
    again = frame[new & frame["combination"].isin(numbers)].assign(phase="study")
    table = pivot(again, choices, "combination", direction=direction, baseline=baseline)
    cells = table.cells.set_index("combination")
    rows = []
    for number in numbers:
        cell = cells.loc[number].to_dict()
        row = {"combination": number, **choices_of(frame, choices, number)}
        row |= {"picked": means.get(number, float("nan")), "confirmed": cell["mean"]}
        row |= {"picked_difference": row["picked"] - means.get(baseline, float("nan"))}
        rows.append(row | {name: cell[name] for name in COLUMNS})
    found = pd.DataFrame(rows)
    return Confirmation(found, baseline, direction, [*_sentences(found, baseline), *table.notes])


def _sentences(found: pd.DataFrame, baseline: int) -> list[str]:
    """What came of the best one, and which are better than the baseline."""
    first = found.iloc[0]
    number = first["combination"]
    others = found[found["combination"] != baseline]
    better = others.loc[others["verdict"] == BETTER, "combination"].tolist()
    if number != baseline:
        notes = [
            f"Combination {number}, the best of the study, differed there from combination {baseline} by "
            f"{first['picked_difference']:.4g}, and with new seeds by {first['difference']:.4g}."
        ]
    else:
        notes = [
            f"Combination {number}, the best of the study, was picked with {first['picked']:.4g} and has "
            f"{first['confirmed']:.4g} with new seeds. These may be easier or harder for all combinations: a baseline "
            "tells."
        ]
    if better:
        notes.append(f"Better than combination {baseline} beyond chance: {', '.join(map(str, better))}.")
    elif len(others):
        notes.append(f"Nothing here is better than combination {baseline} beyond chance.")
    return notes
