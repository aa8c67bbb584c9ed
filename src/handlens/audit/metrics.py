"""The metrics of an audit: each is defined once, here. To add a metric, add one entry to `METRICS`."""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

import numpy as np

from handlens.audit.auc import AreaUnderCurve
from handlens.audit.estimates import Estimator
from handlens.audit.estimators import Calibration, Mean, Rate
from handlens.audit.intervals import Floats

Needs = Literal["predictions", "classes", "positive", "score", "probability", "numbers"]
"""What a metric is computed from.

"predictions": y_true and y_pred of any kind; "classes": y_true and y_pred are classes; "positive": also, one class is
the positive one, so y_pred applies a threshold; "score": also, a score that ranks the rows; "probability": also, the
score is a probability; "numbers": y_true and y_pred are numbers (regression).
"""

Better = Literal["lower", "higher", "zero"]
"""Which values of a metric are better: low ones, high ones, or those near 0."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """The definition of a metric: all that measuring, comparing, testing, printing and plotting it need to know.

    Attributes:
        name: what it is called in arguments and frames, such as "tpr".
        title: what it is called in text and plots, such as "true positive rate".
        needs: what it is computed from, see `Needs`.
        better: which values are better.
        estimator: how it is computed, with its confidence interval and significance test.
        unit: "%" for a share, which is shown times 100; "" for a number without a unit or in the unit of y_true.
        decimals: digits after the decimal point that are shown; None shows three significant digits.
        has_ratio: whether the ratio of two of its values means something: it can't be negative.
        complement_of: the metric that it is 1 minus, so that testing both would test one thing twice.

    Example:
        >>> METRICS["tpr"].title
        'true positive rate'
        >>> METRICS["tpr"].better
        'higher'
    """

    name: str
    title: str
    needs: Needs
    better: Better
    estimator: Estimator
    unit: Literal["%", ""] = ""
    decimals: int | None = None
    has_ratio: bool = True
    complement_of: str | None = None


NO_POSITIVE, NO_NEGATIVE, NO_PREDICTED_POSITIVE = "no positive rows", "no negative rows", "no rows predicted positive"


# Functions with names, not lambdas, so that results can be pickled.

_correct = attrgetter("correct")
_positive = attrgetter("positive")
_predicted_positive = attrgetter("predicted_positive")


def _not_correct(rows: Any) -> Any:
    return ~rows.correct


def _negative(rows: Any) -> Any:
    return ~rows.positive


def _predicted_negative(rows: Any) -> Any:
    return ~rows.predicted_positive


def _error(rows: Any) -> Floats:
    return np.asarray(rows.predicted - rows.actual, np.float64)


def _absolute_error(rows: Any) -> Floats:
    return np.abs(_error(rows))


def _squared_error(rows: Any) -> Floats:
    return _error(rows) ** 2


def _squared_percentage_error(rows: Any) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(((rows.actual - rows.predicted) / rows.actual) ** 2, np.float64)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="error",
            title="error",
            needs="classes",
            better="lower",
            unit="%",
            estimator=Rate(_not_correct),
        ),
        Metric(
            name="accuracy",
            title="accuracy",
            needs="classes",
            better="higher",
            unit="%",
            complement_of="error",
            estimator=Rate(_correct),
        ),
        Metric(
            name="tpr",
            title="true positive rate",
            needs="positive",
            better="higher",
            unit="%",
            estimator=Rate(_predicted_positive, _positive, NO_POSITIVE),
        ),
        Metric(
            name="fpr",
            title="false positive rate",
            needs="positive",
            better="lower",
            unit="%",
            estimator=Rate(_predicted_positive, _negative, NO_NEGATIVE),
        ),
        Metric(
            name="fnr",
            title="false negative rate",
            needs="positive",
            better="lower",
            unit="%",
            complement_of="tpr",
            estimator=Rate(_predicted_negative, _positive, NO_POSITIVE),
        ),
        Metric(
            name="precision",
            title="precision",
            needs="positive",
            better="higher",
            unit="%",
            estimator=Rate(_positive, _predicted_positive, NO_PREDICTED_POSITIVE),
        ),
        Metric(
            name="selection_rate",
            title="selection rate",
            needs="positive",
            better="higher",
            unit="%",
            estimator=Rate(_predicted_positive),
        ),
        Metric(
            name="auc",
            title="area under the ROC curve",
            needs="score",
            better="higher",
            decimals=3,
            estimator=AreaUnderCurve(if_no_positive=NO_POSITIVE, if_no_negative=NO_NEGATIVE),
        ),
        Metric(
            name="calibration",
            title="mean score minus share of positives",
            needs="probability",
            better="zero",
            unit="%",
            has_ratio=False,
            estimator=Calibration(),
        ),
        Metric(
            name="mean_error",
            title="mean error",
            needs="numbers",
            better="zero",
            has_ratio=False,
            estimator=Mean(_error, signed=True),
        ),
        Metric(
            name="mae",
            title="mean absolute error",
            needs="numbers",
            better="lower",
            estimator=Mean(_absolute_error),
        ),
        Metric(
            name="rmse",
            title="RMSE",
            needs="numbers",
            better="lower",
            estimator=Mean(_squared_error, root=True),
        ),
        Metric(
            name="rmspe",
            title="RMSPE",
            needs="numbers",
            better="lower",
            unit="%",
            estimator=Mean(_squared_percentage_error, root=True, if_not_finite="a true value is 0"),
        ),
    )
}
"""Every metric, by its name, in the order that they are shown."""
