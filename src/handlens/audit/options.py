"""What is asked for: the metrics by name or function, and the rows as classes or as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from handlens.audit.columns import numbers
from handlens.audit.metrics import ALWAYS, KNOWN, OF_POSITIVE, OF_SCORE, Metric, Own, Rows
from handlens.errors import AuditError

HIGHER_IS_BETTER = "higher_is_better"  # the mark of core.metrics, which would load PyTorch

NOWHERE = -1  # the code of a positive class that no row has

CLASSES = 20
"""Distinct whole numbers up to which y_true is taken for classes when no metrics are named."""


def asked_metrics(asked: Any) -> list[Metric]:
    if asked is None:
        return []
    if isinstance(asked, str) or callable(asked):
        raise AuditError("metrics must be a list, or a dict of functions; one alone arrived: write [metric]")
    if isinstance(asked, Mapping):
        pairs: Iterable[tuple[Any, Any]] = asked.items()
    else:
        pairs = [(getattr(each, "__name__", each), each) for each in asked]
    found: dict[str, Metric] = {}
    for name, each in pairs:
        if name in found:
            raise AuditError(f"metrics must have distinct names; {name!r} is there twice: name functions by a dict")
        if callable(each):
            better: Any = "higher" if getattr(each, HIGHER_IS_BETTER, False) else "lower"
            found[str(name)] = Own(str(name), better, each)
        elif isinstance(each, str) and each in KNOWN:
            found[str(name)] = KNOWN[each]
        else:
            raise AuditError(f"metrics must be functions or of {list(KNOWN)}; {each!r} arrived")
    if not found:
        raise AuditError("metrics must name at least one; none arrived: leave it out for all that apply")
    return list(found.values())


def are_numbers(truth: pd.Series, predicted: pd.Series) -> bool:
    """Whether y_true is numbers to come close to, and not classes."""
    dtype: Any = truth.dtype
    if dtype.kind not in "iuf" or isinstance(dtype, pd.CategoricalDtype):
        return False
    if _are_fractions(truth) or truth.nunique() > CLASSES:
        return True
    return _are_fractions(predicted) and not bool(truth.isin([0, 1]).all())


def rows_of_classes(
    truth: pd.Series, predicted: pd.Series, scores: pd.Series | None, positive: Any, names: set[str]
) -> tuple[Rows, Any, list[str]]:
    """The rows as classes, the positive one, and the metrics that apply."""
    plain = [_is_number(values) for values in (truth, predicted)]
    if plain[0] != plain[1]:
        kinds = ["numbers" if is_number else f"values such as {v.iloc[0]!r}" for v, is_number in
                 zip((truth, predicted), plain, strict=True)]  # fmt: skip
        raise AuditError(f"y_pred must hold classes as y_true does; y_true holds {kinds[0]} and y_pred {kinds[1]}")
    if all(plain):
        truth, predicted = (v.astype(np.int64) if v.dtype == bool else v for v in (truth, predicted))
        if _are_fractions(predicted) and not _are_fractions(truth):
            raise AuditError(
                "y_pred must hold classes; it holds fractions: give probabilities as score=, and their classes as "
                "y_pred, such as score >= 0.5; or name metrics of numbers, such as 'mae'"
            )
    codes, found = pd.factorize(pd.concat([truth, predicted], ignore_index=True))
    kinds = list(found)
    true_codes, predicted_codes = codes[: len(truth)], codes[len(truth) :]
    right = true_codes == predicted_codes
    positive = _positive(kinds, positive)
    needed = sorted(names & {*OF_POSITIVE, *OF_SCORE})
    if positive is None:
        if needed or scores is not None:
            what = needed[0] if needed else "score"
            raise AuditError(f"positive must name the class that {what} is about, one of {kinds[:5]}; it is not given")
        return Rows(right=right), None, list(ALWAYS)
    at = kinds.index(positive) if positive in kinds else NOWHERE
    possible = [*ALWAYS, *OF_POSITIVE]
    chances = None
    if scores is not None:
        chances = numbers(scores, "score")
        outside = (chances < 0) | (chances > 1)
        if outside.any() and names != {"auc"} and (not names or "calibration" in names):
            raise AuditError(
                f"score must be probabilities from 0 to 1; {int(outside.sum()):,} of {len(chances):,} are outside, "
                f"such as {chances[outside][0]:g}: for other scores leave calibration out, metrics=['auc', …]"
            )
        possible += OF_SCORE
    elif names & set(OF_SCORE):
        raise AuditError(f"score must be given for {sorted(names & set(OF_SCORE))}: the positive class's probability")
    rows = Rows(right=right, truth=true_codes == at, picked=predicted_codes == at, score=chances)
    return rows, positive, possible


def _positive(kinds: list[Any], given: Any) -> Any:
    """The class that is given, or the second of two; None where neither says."""
    are_truths = all(isinstance(kind, (int, float, np.number)) and kind in (0, 1) for kind in kinds)
    if given is not None:
        if are_truths and given in (0, 1):
            return given
        if given not in kinds:
            raise AuditError(f"positive must be a class of y_true or y_pred, such as {kinds[:5]}; {given!r} arrived")
        return kinds[kinds.index(given)]
    if are_truths:
        return 1
    return max(kinds) if len(kinds) == 2 else None


def _is_number(values: pd.Series) -> bool:
    dtype: Any = values.dtype
    return dtype.kind in "biuf" and not isinstance(dtype, pd.CategoricalDtype)


def _are_fractions(values: pd.Series) -> bool:
    dtype: Any = values.dtype
    return dtype.kind == "f" and bool((values % 1 != 0).any())
