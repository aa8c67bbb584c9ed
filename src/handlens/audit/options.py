"""What `subgroups` was asked for: the metrics by name or function, and the rows as classes or as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from handlens.audit.columns import numbers, probabilities
from handlens.audit.intervals import Floats
from handlens.audit.metrics import METRICS, Metric, Needs
from handlens.audit.outcomes import BinaryOutcomes, ClassOutcomes, NumberOutcomes, Outcomes
from handlens.audit.user_function import UserFunction
from handlens.core.checks import listed
from handlens.errors import AuditError

HIGHER_IS_BETTER = "higher_is_better"  # the mark of core.metrics, which would load PyTorch

NO_SUCH_CLASS = -1  # the code of a positive class that no row has

CLASSES = 20
"""If no metrics are named, whole numbers in y_true are classes unless there are more distinct ones than this."""


class Choice(NamedTuple):
    """The metrics to measure, the rows in the form that they need, and the positive class (None without one)."""

    metrics: list[Metric]
    outcomes: Outcomes
    positive: Any


def choose_metrics(
    y_true: pd.Series, y_pred: pd.Series, score: pd.Series | None, *, metrics: Any, positive: Any
) -> Choice:
    """Choose the metrics and the form of the rows, as classes or as numbers.

    Args:
        y_true, y_pred, score: columns of the same length without missing values.
        metrics, positive: as given to `subgroups`.

    Raises:
        AuditError: naming the argument that is wrong.
    """
    chosen = named_metrics(metrics)
    of_numbers = [metric.name for metric in chosen if metric.needs == "numbers"]
    of_classes = [metric.name for metric in chosen if metric.needs not in ("numbers", "predictions")]
    if of_numbers and of_classes:
        raise AuditError(
            f"metrics must be all of classes or all of numbers; {of_classes[0]!r} is of classes and "
            f"{of_numbers[0]!r} of numbers: make an audit for each."
        )
    if not of_numbers and (of_classes or not are_numbers(y_true, y_pred)):
        outcomes, positive, available = class_outcomes(y_true, y_pred, score, positive, chosen)
        return Choice(chosen or [m for m in METRICS.values() if m.needs in available], outcomes, positive)
    if score is not None:
        raise AuditError("score must be left out, as y_true or the metrics are of numbers: it belongs to classes.")
    numeric = NumberOutcomes(numbers(y_true, "y_true"), numbers(y_pred, "y_pred"))
    return Choice(chosen or [m for m in METRICS.values() if m.needs == "numbers"], numeric, None)


def _name_of(metric: Any) -> Any:
    """The name of a function, or of what a partial one calls; a text stays as it is."""
    return _name_of(metric.func) if isinstance(metric, partial) else getattr(metric, "__name__", metric)


def named_metrics(metrics: Any) -> list[Metric]:
    """The metrics that are named or given as functions; none if it is left to the rows (`metrics` is None)."""
    if metrics is None:
        return []
    if isinstance(metrics, str) or callable(metrics):
        raise AuditError("metrics must be a list, or a dict of functions; a single one arrived: write [metric].")
    if isinstance(metrics, Mapping):
        pairs: Iterable[tuple[Any, Any]] = metrics.items()
    else:
        each_of = listed(metrics, "metrics", "['error']", AuditError)
        pairs = [(_name_of(each), each) for each in each_of]
    found: dict[str, Metric] = {}
    for name, each in ((str(name), each) for name, each in pairs):
        if name in found:
            raise AuditError(
                f"metrics must have distinct names; {name!r} is there twice: give functions as a dict by name."
            )
        if callable(each):
            found[name] = _user_metric(name, each)
        elif isinstance(each, str) and each in METRICS:
            found[name] = METRICS[each]
        else:
            raise AuditError(f"metrics must be functions or of {list(METRICS)}; {each!r} arrived.")
    if not found:
        raise AuditError("metrics must name at least one; none arrived: leave it out for all that apply.")
    return list(found.values())


def _user_metric(name: str, function: Any) -> Metric:
    return Metric(
        name=name,
        title=name,
        needs="predictions",
        better="higher" if getattr(function, HIGHER_IS_BETTER, False) else "lower",
        has_ratio=False,
        estimator=UserFunction(name, function),
    )


def are_numbers(y_true: pd.Series, y_pred: pd.Series) -> bool:
    """Whether y_true holds numbers of a regression rather than classes."""
    dtype: Any = y_true.dtype
    if dtype.kind not in "iuf" or isinstance(dtype, pd.CategoricalDtype):
        return False
    if _are_fractions(y_true) or y_true.nunique() > CLASSES:
        return True
    return _are_fractions(y_pred) and not bool(y_true.isin([0, 1]).all())


def class_outcomes(
    y_true: pd.Series, y_pred: pd.Series, score: pd.Series | None, positive: Any, chosen: list[Metric]
) -> tuple[Outcomes, Any, set[Needs]]:
    """The rows as classes, the positive class, and which needs of metrics are met."""
    y_true, y_pred = _comparable(y_true, y_pred)
    codes, found = pd.factorize(pd.concat([y_true, y_pred], ignore_index=True))
    classes = list(found)
    true_codes, predicted_codes = codes[: len(y_true)], codes[len(y_true) :]
    correct = true_codes == predicted_codes
    positive = _positive(classes, positive)
    if positive is None:
        about = sorted(metric.name for metric in chosen if metric.needs in ("positive", "score", "probability"))
        if about or score is not None:
            raise AuditError(
                f"positive must name the class that {about[0] if about else 'score'} is about, one of {classes[:5]}; "
                "it is not given."
            )
        return ClassOutcomes(correct), None, {"classes"}
    available: set[Needs] = {"classes", "positive"}
    scores = None
    if score is not None:
        scores = _scores(score, chosen)
        available |= {"score", "probability"}
    elif missing := sorted(metric.name for metric in chosen if metric.needs in ("score", "probability")):
        raise AuditError(f"score must be given for {missing}: the probability of the positive class.")
    code = classes.index(positive) if positive in classes else NO_SUCH_CLASS
    return BinaryOutcomes(correct, true_codes == code, predicted_codes == code, scores), positive, available


def _comparable(y_true: pd.Series, y_pred: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Both columns as classes that can be compared; raises AuditError if they are of different kinds."""
    numeric = [_is_number(values) for values in (y_true, y_pred)]
    if numeric[0] != numeric[1]:
        holds = [
            "numbers" if is_number else f"values such as {values.iloc[0]!r}"
            for values, is_number in zip((y_true, y_pred), numeric, strict=True)
        ]
        raise AuditError(f"y_pred must hold classes as y_true does; y_true holds {holds[0]} and y_pred {holds[1]}.")
    if all(numeric):
        y_true, y_pred = (v.astype(np.int64) if v.dtype == bool else v for v in (y_true, y_pred))
        if _are_fractions(y_pred) and not _are_fractions(y_true):
            raise AuditError(
                "y_pred must hold classes; it holds fractions: give probabilities as score=, and their classes as "
                "y_pred, such as score >= 0.5; or name metrics of numbers, such as 'mae'."
            )
    return y_true, y_pred


def _scores(score: pd.Series, chosen: list[Metric]) -> Floats:
    scores = numbers(score, "score")
    if chosen and not any(metric.needs == "probability" for metric in chosen):
        return scores
    scores = probabilities(scores)
    outside = (scores < 0) | (scores > 1)
    if outside.any():
        names = [m.name for m in chosen or METRICS.values() if m.needs == "probability"]
        ranking = [m.name for m in METRICS.values() if m.needs == "score"]
        raise AuditError(
            f"score must be probabilities from 0 to 1; {int(outside.sum()):,} of {len(scores):,} are outside, "
            f"such as {scores[outside][0]:g}: for other scores leave {', '.join(names)} out, metrics={ranking}."
        )
    return scores


def _positive(classes: list[Any], given: Any) -> Any:
    """The class that is given, or the second one of two; None if it is not given and there are not two."""
    are_binary = all(isinstance(each, (int, float, np.number)) and each in (0, 1) for each in classes)
    if given is not None:
        if are_binary and given in (0, 1):
            return given
        if given not in classes:
            raise AuditError(f"positive must be a class of y_true or y_pred, such as {classes[:5]}; {given!r} arrived.")
        return classes[classes.index(given)]
    if are_binary:
        return 1
    return max(classes) if len(classes) == 2 else None


def _is_number(values: pd.Series) -> bool:
    dtype: Any = values.dtype
    return dtype.kind in "biuf" and not isinstance(dtype, pd.CategoricalDtype)


def _are_fractions(values: pd.Series) -> bool:
    dtype: Any = values.dtype
    return dtype.kind == "f" and bool((values % 1 != 0).any())
