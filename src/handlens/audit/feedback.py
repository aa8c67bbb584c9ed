"""simulate_feedback: what becomes of a small gap between groups when a recommender learns from what it caused.

The example is the lesson's, of a site that recommends meetups: whoever is shown one may go, whoever went is shown more,
and who finds few of their own kind there comes less often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from handlens.errors import AuditError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Policy = Callable[[pd.DataFrame], Any]

COLUMNS = ("size", "interest", "attended")

MEETUP = pd.DataFrame(
    {"size": [1000, 1000], "interest": [0.5, 0.5], "attended": [45.0, 55.0]}, index=pd.Index(["women", "men"])
)
"""Two groups as large and as interested as each other, of which 45 and 55 people happened to come the first time."""


def recommend_by_attendance(groups: pd.DataFrame) -> pd.Series:
    """The naive policy: each group gets its share of the latest attendance as its share of the places."""
    total = groups["came"].sum()
    return groups["came"] / total if total else groups["size"] / groups["size"].sum()


def recommend_equally(groups: pd.DataFrame) -> pd.Series:
    """The product decision: everybody is as likely to be shown it, whichever group they are in."""
    return groups["size"] / groups["size"].sum()


class Feedback:
    """What came of a policy.

    Attributes:
        frame: a row a round and group: round (0 is before the policy), group, shown and came in people, share of
            those who came, and rate, came per member of the group.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    @property
    def gap(self) -> pd.Series:
        """For each round the largest less the smallest rate of the groups: 0 where all come as often."""
        rates = self.frame.groupby("round")["rate"]
        return (rates.max() - rates.min()).rename("gap")

    def plot(self, ax: Axes | None = None, *, title: str | None = None) -> Axes:
        """Draw each group's share of those who came, by round."""
        from handlens.audit.report.plot import plot_feedback

        return plot_feedback(self, ax, title=title)

    def __repr__(self) -> str:
        gap = self.gap
        return f"Feedback: the gap goes from {gap.iloc[0]:.1%} to {gap.iloc[-1]:.1%} in {len(gap) - 1} rounds"


def simulate_feedback(
    policy: Policy,
    population: pd.DataFrame | Mapping[str, Mapping[str, float]] | None = None,
    rounds: int = 20,
    *,
    places: int = 200,
    discomfort: float = 1.0,
    seed: int | None = None,
) -> Feedback:
    """Let a policy recommend something to groups of people, round after round, and see who comes.

    In each round the policy says which share of the places each group gets. Of a group's n people who are shown it,
    n · interest · welcome come. The welcome is 1 where a group made up its share of the people or more among those
    who came the last time, and falls with what was missing: 1 − discomfort · (1 − share of those who came / share of
    the people), not below 0. This is a model to think with, and no forecast.

    Args:
        policy: takes a frame with a row a group — size, came (in the latest round), attended (in all), shown (in
            all), by the group's name — and returns the share of the places for each, in that order or by name:
            numbers from 0 on that add up to 1 at most. It is not told the interest, which nobody can observe.
        population: a frame with a row a group, or a mapping of such rows: size, its people; interest, the share of
            them that would come if shown and welcome, 0–1; attended, who came before. `MEETUP` unless given.
        rounds: how many.
        places: how many people are shown it each round; a group that gets more places than it has people leaves the
            rest empty.
        discomfort: how much it keeps people away to be few, from 0, not at all.
        seed: makes each person decide by chance, repeatably; unless given, the expected numbers are followed exactly.

    Raises:
        AuditError: naming the argument that is not this, or what was wrong with what the policy returned.
    """
    people = _population(population)
    for name, value in (("rounds", rounds), ("places", places)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise AuditError(f"{name} must be a whole number, 1 or more; {value!r} arrived")
    if isinstance(discomfort, bool) or not isinstance(discomfort, (int, float)) or not 0 <= discomfort < np.inf:
        raise AuditError(f"discomfort must be a number, 0 or more; {discomfort!r} arrived")
    if not callable(policy):
        raise AuditError(f"policy must be a function of the groups; {type(policy).__name__} arrived")
    rng = None if seed is None else np.random.default_rng(seed)
    size, interest = people["size"].to_numpy(float), people["interest"].to_numpy(float)
    came = people["attended"].to_numpy(float)
    attended, shown_in_all = came.copy(), np.zeros(len(people))
    history = [_round(0, people.index, size, np.zeros(len(people)), came)]
    for number in range(1, rounds + 1):
        seen = pd.DataFrame(
            {"size": size, "came": came, "attended": attended, "shown": shown_in_all}, index=people.index
        )
        shown = np.minimum(_shares(policy(seen), people.index) * places, size)
        chance = interest * _welcome(came, size, discomfort)
        if rng is None:
            came = shown * chance
        else:
            shown = np.floor(shown + 1e-9)
            came = rng.binomial(shown.astype(int), chance).astype(float)
        attended, shown_in_all = attended + came, shown_in_all + shown
        history.append(_round(number, people.index, size, shown, came))
    return Feedback(pd.concat(history, ignore_index=True))


def _welcome(came: np.ndarray, size: np.ndarray, discomfort: float) -> np.ndarray:
    if not came.sum():
        return np.ones(len(came))
    missing = 1 - (came / came.sum()) / (size / size.sum())
    return np.clip(1 - discomfort * np.maximum(missing, 0), 0, 1)


def _round(number: int, groups: pd.Index, size: np.ndarray, shown: np.ndarray, came: np.ndarray) -> pd.DataFrame:
    total = came.sum()
    share = came / total if total else np.full(len(came), np.nan)
    columns = {"round": number, "group": groups, "shown": shown, "came": came, "share": share, "rate": came / size}
    return pd.DataFrame(columns)


def _population(population: pd.DataFrame | Mapping[str, Mapping[str, float]] | None) -> pd.DataFrame:
    if population is None:
        return MEETUP
    if not isinstance(population, pd.DataFrame):
        if not isinstance(population, Mapping) or not all(isinstance(row, Mapping) for row in population.values()):
            raise AuditError(
                f"population must be a frame or a mapping of rows by group; {type(population).__name__} arrived"
            )
        population = pd.DataFrame.from_dict(dict(population), orient="index")
    missing = [name for name in COLUMNS if name not in population]
    if missing:
        raise AuditError(f"population must have the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}")
    if len(population) < 2 or not population.index.is_unique:
        raise AuditError(
            f"population must have two groups or more, of distinct names; {list(population.index)} arrived"
        )
    for name, least, most in (("size", 1, np.inf), ("interest", 0, 1), ("attended", 0, np.inf)):
        values = pd.to_numeric(population[name], errors="coerce").to_numpy(float, na_value=np.nan)
        good = np.isfinite(values) & (values >= least) & (values <= most)
        if not good.all():
            limits = f"from {least:g} to {most:g}" if np.isfinite(most) else f"of {least:g} or more"
            raise AuditError(
                f"population's {name} must be numbers {limits}; {population[name][~good].iloc[0]!r} arrived for "
                f"{population.index[~good][0]!r}"
            )
    return population


def _shares(returned: Any, groups: pd.Index) -> np.ndarray:
    """The policy's word for each group, checked."""
    if isinstance(returned, Mapping):
        returned = pd.Series(dict(returned))
    if isinstance(returned, pd.Series):
        missing = [name for name in groups if name not in returned.index]
        if missing:
            raise AuditError(f"policy must return a share for each group; missing: {missing}")
        returned = returned.loc[list(groups)]
    try:
        shares = np.asarray(returned, float)
    except (TypeError, ValueError):
        shares = np.full(0, np.nan)
    if shares.shape != (len(groups),):
        raise AuditError(f"policy must return a number for each of {len(groups)} groups; {returned!r} arrived")
    if not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() > 1 + 1e-9:
        raise AuditError(f"policy must return shares from 0 on that add up to 1 at most; {shares.tolist()} arrived")
    return shares
