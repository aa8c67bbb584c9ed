"""subgroups: every metric for everyone and for each group, with confidence intervals and comparisons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from handlens.audit.columns import check_complete, check_length, column, share
from handlens.audit.comparison import comparison
from handlens.audit.estimates import GroupedRows, LevelEstimate
from handlens.audit.groups import Level, make_groups
from handlens.audit.metrics import Metric
from handlens.audit.options import choose_metrics
from handlens.core.checks import whole
from handlens.errors import AuditError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVERYONE = "all"
"""The name of the group that holds every row."""


def subgroups(
    y_true: Any,
    y_pred: Any,
    groups: Any,
    *,
    metrics: Sequence[str | Callable[..., float]] | Mapping[str, Callable[..., float]] | None = None,
    score: Any = None,
    positive: Any = None,
    ci: float = 0.95,
    small: int = 30,
    bins: int = 4,
    max_attributes: int = 3,
    draws: int = 1000,
    seed: int = 0,
) -> Subgroups:
    """Compute every metric for everyone and for each group, and compare each group with the best one and the rest.

    Args:
        y_true: the true classes or numbers, [N]: a list, array, series, one-column frame or tensor.
        y_pred: the predicted classes or numbers, [N], in the same terms; classes, not their probabilities.
        groups: the group of each row: one column, or a frame or dict of several attributes, whose intersections are
            computed too. Numbers with more than 12 distinct values are cut into `bins` ranges with equally many rows;
            missing values are a group called "missing".
        metrics: names ("error", "accuracy", "tpr", "fpr", "fnr", "precision", "selection_rate", "auc", "calibration",
            "mean_error", "mae", "rmse", "rmspe") and functions of your own, (y_true, y_pred) → number, for which less
            is better unless they are marked with `higher_is_better`; or a dict of such functions. All metrics that
            apply unless given.
        score: the predicted probability of the positive class, [N], for "auc" and "calibration".
        positive: the class that "tpr" and the like are about; the second of two unless given.
        ci: the confidence level of the intervals, between 0 and 1.
        small: groups of fewer rows are marked as small: shown, but not named best or worst beside larger ones.
        bins: ranges that an attribute of numbers is cut into, at its quantiles.
        max_attributes: how many attributes are combined at most.
        draws: bootstrap samples for functions of your own, and permutations of significance tests (ten times as many
            for rates, whose permutations are fast).
        seed: makes the random draws repeatable.

    Returns:
        A `Subgroups`, whose `frame` has a row for each group and metric.

    Raises:
        AuditError: naming the argument, for columns of different lengths, missing values, text where numbers are
            needed, probabilities outside 0–1, attributes with more than 1,000 distinct values, and more than 20,000
            groups.

    Example:
        >>> audit = subgroups([1, 1, 0, 0], [1, 0, 0, 0], ["a", "b", "a", "b"], metrics=["error"])
        >>> audit.frame[["group", "n", "value"]].to_numpy().tolist()
        [['all', 4, 0.25], ['a', 2, 0.0], ['b', 2, 0.5]]
    """
    truth, predicted = column(y_true, "y_true"), column(y_pred, "y_pred")
    n = len(truth)
    if not n:
        raise AuditError("y_true must have rows; it is empty.")
    check_length(predicted, "y_pred", n, "y_true")
    check_complete(truth, "y_true")
    check_complete(predicted, "y_pred")
    ci = share(ci, "ci")
    bins, draws = whole(bins, "bins", AuditError, least=2), whole(draws, "draws", AuditError, least=100)
    max_attributes = whole(max_attributes, "max_attributes", AuditError)
    small, seed = whole(small, "small", AuditError, least=0), whole(seed, "seed", AuditError, least=0)
    scores = None if score is None else column(score, "score")
    if scores is not None:
        check_length(scores, "score", n, "y_true")
        check_complete(scores, "score")
    chosen = choose_metrics(truth, predicted, scores, metrics=metrics, positive=positive)
    grouping = make_groups(groups, n=n, bins=bins, max_attributes=max_attributes)
    everyone = Level((), [EVERYONE], np.zeros(grouping.n_cells, np.int64))
    levels = [everyone, *grouping.levels]
    data = GroupedRows(chosen.outcomes, truth, predicted, grouping, levels, ci, draws, seed)
    return Subgroups(chosen.metrics, data, positive=chosen.positive, small=small)


class Subgroups:
    """The result of `subgroups`: prints as sentences, and shows itself as tables in a notebook.

    Attributes:
        frame: a row for each group and metric, those of everyone first; docs/audit.md explains its columns.
        metrics: the definition of each metric, by name.
        positive: the class that "tpr" and the like are about; None without one.
        small: groups of fewer rows are marked as small.
        ci: the confidence level of the intervals.

    Example:
        >>> audit = subgroups([1, 1, 0, 0], [1, 0, 0, 0], ["a", "b", "a", "b"], metrics=["error"])
        >>> print(audit)
        error by group: worst for b, 50.0 % (9.5 to 90.5 %); best for a, 0.0 %; chance could explain it; 2 small groups
    """

    def __init__(self, metrics: Sequence[Metric], data: GroupedRows, *, positive: Any, small: int) -> None:
        self.metrics = {metric.name: metric for metric in metrics}
        self.positive, self.small = positive, small
        self.ci = data.ci
        self._data = data
        self._measured = {metric.name: metric.estimator.measure(data) for metric in metrics}
        self.frame = _frame(metrics, data, self._measured, small)

    @cached_property
    def chance(self) -> pd.DataFrame:
        """The significance of each group's difference from the rest: a row for each group and metric.

        `p` is the probability that a model that is equally good for all groups would show such a difference in any
        group and any metric of this audit; below 0.05, look for a cause. It is nan where there is nothing to compare.
        Computed when it is first used.
        """
        tests = len({metric.complement_of or metric.name for metric in self.metrics.values()})
        by_metric = []
        for name, metric in self.metrics.items():
            measured = self._measured[name]
            p_values = metric.estimator.p_values(self._data, measured)
            by_metric.append(
                [
                    np.where(np.isnan(of_level.groups.value), np.nan, np.minimum(p * tests, 1))
                    for of_level, p in zip(measured[1:], p_values, strict=True)
                ]
            )
        of_groups = self.frame.iloc[len(self.metrics) :][["by", "group", "metric", "minus_rest"]].reset_index(drop=True)
        # In the order of the frame: level by level, group by group, metric by metric.
        return of_groups.assign(
            p=np.concatenate([np.stack(level, 1).ravel() for level in zip(*by_metric, strict=True)])
        )

    def worst(self, metric: str) -> pd.DataFrame:
        """The worst group of each attribute and intersection by a metric: rows of `frame`.

        Raises:
            AuditError: the audit has no such metric.
        """
        self._check(metric)
        return self.frame[(self.frame["metric"] == metric) & self.frame["worst"]].reset_index(drop=True)

    def plot(self, *metrics: str, by: str | None = None) -> Figure:
        """Draw a dot and an interval for each group, in a panel for each metric.

        Args:
            metrics: names; the first metric of the audit unless given.
            by: draw one level only, named as in `frame`, such as "sex × race".

        Returns:
            The matplotlib figure; where a value is undefined it says why.

        Raises:
            AuditError: the audit has no such metric or level.
        """
        from handlens.audit.report.plot import plot_subgroups

        chosen = list(metrics) or list(self.metrics)[:1]
        for metric in chosen:
            self._check(metric)
        levels = [level.by for level in self._data.group_levels]
        if by is not None and by not in levels:
            raise AuditError(f"by must be one of {levels}; {by!r} arrived.")
        return plot_subgroups(self, chosen, by=by)

    def _check(self, metric: str) -> None:
        if metric not in self.metrics:
            raise AuditError(f"metric must be one of {list(self.metrics)}; {metric!r} arrived.")

    def __repr__(self) -> str:
        from handlens.audit.report.text import subgroups_sentences

        return "\n".join(subgroups_sentences(self))

    def _repr_html_(self) -> str:
        from handlens.audit.report.html import subgroups_html

        return subgroups_html(self)


def _frame(
    metrics: Sequence[Metric], data: GroupedRows, measured: Mapping[str, list[LevelEstimate]], small: int
) -> pd.DataFrame:
    """A row for each group and metric: level by level, group by group, and within each in the order of the metrics."""
    sizes = np.bincount(data.grouping.cells, minlength=data.grouping.n_cells).astype(np.float64)
    parts = []
    for k, level in enumerate(data.levels):
        of_level = [
            comparison(metric, level, level.total(sizes), measured[metric.name][k], small) for metric in metrics
        ]
        order = np.arange(len(metrics) * len(level.labels)).reshape(len(metrics), -1).T.ravel()
        parts.append(pd.concat(of_level, ignore_index=True).iloc[order])
    return pd.concat(parts, ignore_index=True)
