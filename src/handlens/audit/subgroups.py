"""subgroups: every metric overall and per group, with how sure it is and how it compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from handlens.audit.columns import check_complete, check_length, column, numbers
from handlens.audit.comparison import OVERALL, compared
from handlens.audit.evaluation import Measure, Measured
from handlens.audit.groups import Level, make_groups
from handlens.audit.metrics import KNOWN, OF_NUMBERS, SAME_TEST, Metric, Rows
from handlens.audit.options import are_numbers, asked_metrics, rows_of_classes
from handlens.audit.report.formatting import sentences
from handlens.audit.report.html import subgroups_html
from handlens.audit.report.plot import dots
from handlens.errors import AuditError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EVERYONE = "all"


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
    """Every metric overall and for each group, with intervals, compared with the best group and with the rest.

    Args:
        y_true: what is true, [N]: classes or numbers. Lists, arrays, series, one-column frames and tensors will do.
        y_pred: what was predicted, [N], on the same scale; classes and not their probabilities.
        groups: which group each row is in: one column, or a frame or dict of several attributes, whose intersections
            are looked at too. Numbers of more than 12 distinct values are cut into `bins` ranges of as many rows;
            missing values are a group of their own, "missing".
        metrics: names ("error", "accuracy", "tpr", "fpr", "fnr", "precision", "selection_rate", "auc", "calibration",
            "mean_error", "mae", "rmse", "rmspe") and functions of one's own, (y_true, y_pred) → number, of which less
            is better unless `higher_is_better` marks them; or a dict of such functions. All that apply unless given.
        score: the predicted probability of the positive class, [N], for "auc" and "calibration" (its mean less the
            share that is positive).
        positive: the class that rates such as "tpr" are about; the second of two by default.
        ci: how often intervals hold what they estimate.
        small: rows below which a group is marked as small; it is shown, but never named as best or worst while there
            are larger ones.
        bins: ranges that an attribute of numbers is cut into, at its quantiles.
        max_attributes: how many attributes are crossed at most.
        draws: bootstrap samples for functions of one's own, and deals of the test against chance (ten
            times as many for rates, whose deals are cheap).
        seed: makes the random draws repeatable.

    Raises AuditError, naming the argument, for lengths that differ, missing values or text where numbers belong,
    probabilities outside 0–1, attributes of more than 1,000 distinct values, and more than 20,000 groups.
    """
    truth, predicted = column(y_true, "y_true"), column(y_pred, "y_pred")
    n = len(truth)
    if not n:
        raise AuditError("y_true must have rows; it is empty")
    check_length(predicted, "y_pred", n, "y_true")
    check_complete(truth, "y_true")
    check_complete(predicted, "y_pred")
    _check_options(ci=ci, bins=bins, max_attributes=max_attributes, draws=draws)
    scores = None if score is None else column(score, "score")
    if scores is not None:
        check_length(scores, "score", n, "y_true")
        check_complete(scores, "score")
    asked = asked_metrics(metrics)
    names = {metric.name for metric in asked}
    as_numbers = bool(names & set(OF_NUMBERS)) if metrics is not None else are_numbers(truth, predicted)
    if as_numbers:
        if scores is not None:
            raise AuditError("score belongs to classes; y_true or the metrics are of numbers: leave score out")
        asked = asked or [KNOWN[name] for name in OF_NUMBERS]
        rows, positive = Rows(actual=numbers(truth, "y_true"), predicted=numbers(predicted, "y_pred")), None
    else:
        rows, positive, possible = rows_of_classes(truth, predicted, scores, positive, names)
        asked = asked or [KNOWN[name] for name in possible]
    grouping = make_groups(groups, n=n, bins=bins, max_attributes=max_attributes)
    everyone = Level((), [EVERYONE], np.zeros(grouping.n_cells, np.int64))
    audit = Measure(rows, truth, predicted, grouping, [everyone, *grouping.levels], ci, draws, seed)
    measured = {metric.name: audit.measure(metric) for metric in asked}
    return Subgroups(asked, audit, measured, positive=positive, small=small)


class Subgroups:
    """What `subgroups` found; shows itself as a table in a notebook.

    Attributes:
        frame: a row for each group and metric, the first of them overall; see `docs/audit.md` for its columns.
        positive: the class that rates are about, None without one.
        small: rows below which a group is marked as small.
        ci: how often the intervals hold what they estimate.
    """

    def __init__(
        self,
        metrics: list[Metric],
        audit: Measure,
        measured: dict[str, list[Measured]],
        *,
        positive: Any,
        small: int,
    ) -> None:
        self.positive, self.small = positive, small
        self.ci = audit.ci
        self._metrics, self._audit, self._measured = metrics, audit, measured
        sizes = np.bincount(audit.grouping.cells, minlength=audit.grouping.n_cells).astype(np.float64)
        parts = []
        for k, level in enumerate(audit.levels):
            of_level = [
                compared(metric, level, level.total(sizes), measured[metric.name][k], small) for metric in metrics
            ]
            # Group by group, and within each in the order of the metrics.
            order = np.arange(len(metrics) * len(level.labels)).reshape(len(metrics), -1).T.ravel()
            parts.append(pd.concat(of_level, ignore_index=True).iloc[order])
        self.frame = pd.concat(parts, ignore_index=True)

    @cached_property
    def chance(self) -> pd.DataFrame:
        """Whether chance alone could explain how each group differs from the rest: a row a group and metric.

        `p` is how often a model that is equally good for all would show a gap as large, in any group and any metric
        of this audit; below 0.05 it is worth a cause. It is nan where there is nothing to compare. Worked out when it
        is first asked for.
        """
        tests = len({SAME_TEST.get(metric.name, metric.name) for metric in self._metrics})
        levels = self._audit.levels[1:]
        parts = []
        for metric in self._metrics:
            p = self._audit.chance(metric, self._measured[metric.name])
            for k, level in enumerate(levels):
                corrected = np.minimum(p[k] * tests, 1)
                parts.append(
                    pd.DataFrame({"by": level.by, "group": level.labels, "metric": metric.name, "p": corrected})
                )
        keys = ["by", "group", "metric"]
        of_groups = self.frame.loc[self.frame["by"] != OVERALL, [*keys, "minus_rest"]]
        return of_groups.merge(pd.concat(parts), on=keys, how="left", validate="one_to_one")

    def worst(self, metric: str) -> pd.DataFrame:
        """The worst group of each attribute and intersection by this metric, a row each of `frame`."""
        self._check(metric)
        return self.frame[(self.frame["metric"] == metric) & self.frame["worst"]].reset_index(drop=True)

    def plot(self, *metrics: str, by: str | None = None) -> Figure:
        """A dot and an interval for each group, a panel a metric: the first metric, all levels, unless named.

        `by` names one level as `frame` does, such as "sex × race". Undefined values are told in words.
        """
        chosen = list(metrics) or [self._metrics[0].name]
        for metric in chosen:
            self._check(metric)
        levels = [level.by for level in self._audit.levels[1:]]
        if by is not None and by not in levels:
            raise AuditError(f"by must be one of {levels}; {by!r} arrived")
        frame = self.frame if by is None else self.frame[self.frame["by"].isin([OVERALL, by])]
        return dots(frame, chosen, ci=self.ci, small=self.small)

    def _check(self, metric: str) -> None:
        names = [known.name for known in self._metrics]
        if metric not in names:
            raise AuditError(f"metric must be one of {names}; {metric!r} arrived")

    def __repr__(self) -> str:
        return "\n".join(sentences(self))

    def _repr_html_(self) -> str:
        return subgroups_html(self)


def _check_options(*, ci: float, bins: int, max_attributes: int, draws: int) -> None:
    if not 0 < ci < 1:
        raise AuditError(f"ci must be between 0 and 1, such as 0.95; {ci!r} arrived")
    for name, value, least in (("bins", bins, 2), ("max_attributes", max_attributes, 1), ("draws", draws, 100)):
        if value < least:
            raise AuditError(f"{name} must be {least} or more; {value!r} arrived")
