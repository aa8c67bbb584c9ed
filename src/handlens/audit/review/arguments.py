"""The arguments of the review queue, checked, in the form in which the log keeps them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from handlens.audit.columns import plain
from handlens.audit.review.case import Label
from handlens.errors import AuditError
from handlens.io.problems import reason_of

Nearest = Sequence[Mapping[str, Any]] | pd.DataFrame


def prediction_body(
    reference: str | Path,
    probabilities: Mapping[str, float] | None,
    predicted: Label | None,
    explanation: Any,
    nearest: Nearest,
) -> dict[str, Any]:
    """A prediction as the log keeps it; raises AuditError, naming the argument that is wrong."""
    p: dict[str, float] = {}
    if probabilities is not None:
        if not isinstance(probabilities, Mapping) or not probabilities:
            raise AuditError(f"probabilities must be a mapping by class; {probabilities!r} arrived.")
        p = {str(name): _probability(value, str(name)) for name, value in probabilities.items()}
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
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise AuditError(f"{name} must be valid Unicode; it holds half a character (a lone surrogate).")
    return value.strip()


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
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 <= found <= 1:
        raise AuditError(f"probabilities must be numbers from 0 to 1; {found!r} arrived for {name!r}.")
    return float(found)


def _json_value(value: Any, name: str) -> Any:
    """A value as it is after writing it to JSON and reading it; a frame as a list of rows."""
    if isinstance(value, pd.DataFrame):
        value = [{str(column): plain(cell) for column, cell in row.items()} for row in value.to_dict("records")]
    try:
        written = json.dumps(value, allow_nan=False, default=_json_default, ensure_ascii=False)
        written.encode()
        return json.loads(written)
    except (TypeError, ValueError, RecursionError) as error:
        raise AuditError(f"{name} must be a path, a frame or values that JSON can hold: {reason_of(error)}.") from error


def _json_default(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"JSON has no {type(value).__name__}")
