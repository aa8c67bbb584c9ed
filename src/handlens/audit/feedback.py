"""simulate_feedback: how a small gap between groups grows if a recommender learns from what it caused.

The example is the lesson's, a site that recommends meetups: people who are shown one may go, those who went are shown
more, and those who find few people of their own group there come less often.
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
"""Two groups of equal size and interest, of which 45 and 55 people happened to come the first time."""


def recommend_by_attendance(groups: pd.DataFrame) -> pd.Series:
    """A naive policy: each group gets the share of the places that it had of the latest attendance.

    Args:
        groups: see `simulate_feedback`.

    Returns:
        The share of the places for each group.

    Example:
        >>> recommend_by_attendance(pd.DataFrame({"size": [50, 50], "came": [1, 3]})).tolist()
        [0.25, 0.75]
    """
    total = groups["came"].sum()
    return groups["came"] / total if total else groups["size"] / groups["size"].sum()


def recommend_equally(groups: pd.DataFrame) -> pd.Series:
    """A product decision: everybody has the same probability of being shown it, whatever their group.

    Args:
        groups: see `simulate_feedback`.

    Returns:
        The share of the places for each group.

    Example:
        >>> recommend_equally(pd.DataFrame({"size": [60, 40], "came": [1, 3]})).tolist()
        [0.6, 0.4]
    """
    return groups["size"] / groups["size"].sum()


class Feedback:
    """The result of `simulate_feedback`.

    Attributes:
        frame: a row for each round and group: round (0 is before the policy), group, shown and came (people), share
            (of those who came), and rate (came per member of the group).

    Example:
        >>> simulate_feedback(recommend_equally, rounds=2).gap.round(4).tolist()
        [0.01, 0.005, 0.0026]
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    @property
    def gap(self) -> pd.Series:
        """For each round the largest minus the smallest rate of the groups: 0 if all come equally often."""
        rates = self.frame.groupby("round")["rate"]
        return (rates.max() - rates.min()).rename("gap")

    def plot(self, ax: Axes | None = None, *, title: str | None = None) -> Axes:
        """Draw each group's share of those who came, by round.

        Args:
            ax: where to draw; a new figure unless given.
            title: of the plot.

        Returns:
            The matplotlib axes.
        """
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
    """Let a policy recommend something to groups of people, round after round, and record who comes.

    In each round the policy says which share of the places each group gets. If n people of a group are shown it,
    n · interest · welcome of them come. The welcome is 1 if the group's share of those who came last time was at least
    its share of the population; otherwise it is 1 − discomfort · (1 − share of those who came / share of the
    population), but not below 0. This is a model for thinking, not a forecast.

    Args:
        policy: takes a frame with a row for each group, by name, and the columns size, came (in the latest round),
            attended (in total) and shown (in total); returns the share of the places for each group, in that order or
            by name: numbers of 0 or more whose sum is 1 or less. It does not get the interest, which nobody can
            observe.
        population: a frame with a row for each group, or a mapping of such rows: size, its people; interest, the
            share of them that would come if shown and welcome, 0–1; attended, the people who came before. `MEETUP`
            unless given.
        rounds: how many rounds.
        places: how many people are shown it in each round; a group with more places than people leaves some empty.
        discomfort: how much being few keeps people away; 0 is not at all.
        seed: makes each person decide at random, repeatably; unless given, the expected numbers are used.

    Returns:
        The numbers of each round, see `Feedback`.

    Raises:
        AuditError: naming the argument that is wrong, or what was wrong with the shares that the policy returned.

    Example:
        >>> simulate_feedback(recommend_equally, rounds=12)
        Feedback: the gap goes from 1.0% to 0.0% in 12 rounds
    """
    people = _population(population)
    for name, value in (("rounds", rounds), ("places", places)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise AuditError(f"{name} must be a whole number, 1 or more; {value!r} arrived.")
    if isinstance(discomfort, bool) or not isinstance(discomfort, (int, float)) or not 0 <= discomfort < np.inf:
        raise AuditError(f"discomfort must be a number, 0 or more; {discomfort!r} arrived.")
    if not callable(policy):
        raise AuditError(f"policy must be a function of the groups; {type(policy).__name__} arrived.")
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
                f"population must be a frame or a mapping of rows by group; {type(population).__name__} arrived."
            )
        population = pd.DataFrame.from_dict(dict(population), orient="index")
    missing = [name for name in COLUMNS if name not in population]
    if missing:
        raise AuditError(f"population must have the columns {', '.join(COLUMNS)}; missing: {', '.join(missing)}.")
    if len(population) < 2 or not population.index.is_unique:
        raise AuditError(
            f"population must have two groups or more, of distinct names; {list(population.index)} arrived."
        )
    for name, least, most in (("size", 1, np.inf), ("interest", 0, 1), ("attended", 0, np.inf)):
        values = pd.to_numeric(population[name], errors="coerce").to_numpy(float, na_value=np.nan)
        good = np.isfinite(values) & (values >= least) & (values <= most)
        if not good.all():
            limits = f"from {least:g} to {most:g}" if np.isfinite(most) else f"of {least:g} or more"
            raise AuditError(
                f"population's {name} must be numbers {limits}; {population[name][~good].iloc[0]!r} arrived for "
                f"{population.index[~good][0]!r}."
            )
    return population


def _shares(returned: Any, groups: pd.Index) -> np.ndarray:
    """The shares that a policy returned, checked, in the order of the groups."""
    if isinstance(returned, Mapping):
        returned = pd.Series(dict(returned))
    if isinstance(returned, pd.Series):
        missing = [name for name in groups if name not in returned.index]
        if missing:
            raise AuditError(f"policy must return a share for each group; missing: {missing}.")
        returned = returned.loc[list(groups)]
    try:
        shares = np.asarray(returned, float)
    except (TypeError, ValueError):
        shares = np.full(0, np.nan)
    if shares.shape != (len(groups),):
        raise AuditError(f"policy must return a number for each of {len(groups)} groups; {returned!r} arrived.")
    if not np.isfinite(shares).all() or (shares < 0).any() or shares.sum() > 1 + 1e-9:
        raise AuditError(f"policy must return shares of 0 or more whose sum is 1 or less; {shares.tolist()} arrived.")
    return shares
