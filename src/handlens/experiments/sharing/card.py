"""What a model card says of the study that a model's settings come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from handlens.errors import ExperimentError
from handlens.experiments.drawing.scales import text_of
from handlens.experiments.reading.best import choices_of
from handlens.experiments.reading.confirm import CONFIRM, Confirmation


def how_chosen(
    frame: pd.DataFrame,
    confirmed: Confirmation,
    *,
    name: str,
    metric: str,
    choices: Sequence[str],
    combination: int | None = None,
) -> dict[str, str]:
    """Facts for a model card, each by its name; `Study.how_chosen` says more.

    Args:
        frame: a row a run, as `Study.frame` gives it.
        confirmed: what the study's `confirm` gave.
        name, metric, choices: of the study.
        combination: the one that the model has; the best of the study unless given.

    Raises:
        ExperimentError: this combination was not confirmed.
    """
    rows = confirmed.frame.set_index("combination")
    number = int(rows.index[0]) if combination is None else combination
    if number not in rows.index:
        raise ExperimentError(
            f"combination must be one that was confirmed, {', '.join(map(str, rows.index))}; {number!r} arrived."
        )
    row = rows.loc[[number]].to_dict("records")[0]
    tried = frame[(frame["phase"] == "study") & (frame["status"] != "waiting")]
    missing = int((tried["status"] != "finished").sum())
    made = ", ".join(f"{one} = {text_of(value)}" for one, value in choices_of(frame, choices, number).items())
    facts = {
        "study": name,
        "tried": f"{tried['combination'].nunique():,} combinations in {len(tried):,} runs"
        + (f", of which {missing:,} did not finish" if missing else ""),
        "chosen": f"combination {number}: {made}" if made else f"combination {number}",
        f"mean {metric} when it was picked": f"{row['picked']:.4g}, which is too good, because it was picked for it",
        f"mean {metric} with new seeds": f"{row['confirmed']:.4g}{_interval(row['low'], row['high'])}, of "
        f"{row['count']} runs{_seeds(frame, number)}"
        + (f"; {row['missing']} more did not finish" if row["missing"] else ""),
    }
    if number != confirmed.baseline:
        against = f"{row['difference']:+.4g}{_interval(row['difference_low'], row['difference_high'])}"
        facts[f"difference to combination {confirmed.baseline}"] = f"{against}: {row['verdict']}"
    return facts


def _seeds(frame: pd.DataFrame, number: int) -> str:
    """The seeds that a combination was confirmed with."""
    confirmed = frame[(frame["phase"] == CONFIRM) & (frame["combination"] == number)]
    seeds = sorted(map(int, set(confirmed["seed"])))
    return f", with the seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _interval(low: float, high: float) -> str:
    return f" (95 % interval {low:.4g} to {high:.4g})" if np.isfinite([low, high]).all() else ""
