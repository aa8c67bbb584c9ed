"""The arguments of the review queue, checked, in the form in which the log keeps them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from handlens.audit.columns import plain, probabilities
from handlens.audit.review.case import Label
from handlens.errors import AuditError
from handlens.io.problems import reason_of

Nearest = Sequence[Mapping[str, Any]] | pd.DataFrame


def prediction_body(
    reference: str | Path,
    by_class: Mapping[str, float] | None,
    predicted: Label | None,
    explanation: Any,
    nearest: Nearest,
) -> dict[str, Any]:
    """A prediction as the log keeps it; raises AuditError, naming the argument that is wrong."""
    p: dict[str, float] = {}
    if by_class is not None or predicted is None:
        if not isinstance(by_class, Mapping) or not by_class:
            raise AuditError(f"probabilities must be a mapping by class, {{'cat': 0.9, …}}; {by_class!r:.40} arrived.")
        p = {_unicode_only(str(name), "a class"): _probability(value, str(name)) for name, value in by_class.items()}
        if len(p) < len(by_class):
            raise AuditError(
                f"probabilities must be of classes that differ as text; {list(by_class)} do not: rename one."
            )
    return {
        "reference": reference_text(reference),
        "predicted": max(p, key=lambda name: p[name]) if predicted is None else label_value(predicted, "predicted"),
        "probabilities": p,
        "explanation": _json_value(explanation, "explanation"),
        "nearest": _json_value(nearest, "nearest") or [],
    }


def reference_text(reference: str | Path) -> str:
    """What an input is called, as text."""
    return text(reference.as_posix() if isinstance(reference, Path) else reference, "reference")


def text(value: object, name: str, *, may_be_empty: bool = False) -> str:
    """Text without spaces around it; raises AuditError for anything else."""
    if not isinstance(value, str):
        raise AuditError(f"{name} must be text; {type(value).__name__} arrived.")
    if not value.strip() and not may_be_empty:
        raise AuditError(f"{name} must say something; empty text arrived.")
    return _unicode_only(value, name).strip()


def _unicode_only(value: str, name: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise AuditError(f"{name} must be valid Unicode; it holds half a character (a lone surrogate).")
    return value


def label_value(value: Any, name: str) -> Label:
    """A class's name or a finite number; raises AuditError for anything else."""
    found = plain(value)
    if isinstance(found, str):
        return text(found, name)
    if isinstance(found, (bool, int, float)) and math.isfinite(found):
        return found
    raise AuditError(f"{name} must be a class's name or a finite number; {value!r} arrived.")


def _probability(value: object, name: str) -> float:
    found = plain(value)
    if not isinstance(found, bool) and isinstance(found, (int, float)):
        number = float(probabilities(np.array([found], np.float64))[0])
        if 0 <= number <= 1:
            return number
    raise AuditError(f"probabilities must be numbers from 0 to 1; {found!r} arrived for {name!r}.")


def _json_value(value: Any, name: str) -> Any:
    """A value as it is after writing it to JSON and reading it; a frame as a list of rows."""
    try:
        return _plain_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise AuditError(f"{name} must be a path, a frame or values that JSON can hold: {reason_of(error)}.") from error


def _plain_json(value: Any, *, cell: bool = False) -> Any:
    """A value as JSON has it, missing ones as null; of the cell of a frame any value, as text if JSON has no such."""
    if isinstance(value, pd.DataFrame):
        if not value.columns.is_unique:
            raise TypeError(f"the columns {list(value.columns)} are not distinct")
        rows = value.itertuples(index=False, name=None)
        return [_plain_json(dict(zip(value.columns, row, strict=True)), cell=True) for row in rows]
    if isinstance(value, Mapping):
        named = {_unicode(key): _plain_json(each, cell=cell) for key, each in value.items()}
        if len(named) < len(value):
            raise TypeError(f"the names {list(value)} are not distinct as text")
        return named
    if hasattr(value, "tolist") and not isinstance(value, np.generic):  # arrays, tensors, series
        return _plain_json(value.tolist(), cell=cell)
    if isinstance(value, (list, tuple)):
        return [_plain_json(each, cell=cell) for each in value]
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    found = plain(value)
    if isinstance(found, (bool, int)) or (isinstance(found, float) and math.isfinite(found)):
        return found
    if isinstance(found, (datetime.date, datetime.time)):
        return found.isoformat()
    if cell or isinstance(found, (str, Path, datetime.timedelta, np.datetime64, np.timedelta64)):
        return _unicode(found)
    raise TypeError(f"JSON has no {found!r:.40}")


def _unicode(value: Any) -> str:
    """Text, with half a character (a lone surrogate) written out."""
    return str(value).encode("utf-8", "backslashreplace").decode()
