"""The rows and columns of a pivot table: each as codes, and the values that these stand for, in order."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import ExperimentError

NOT_ASKED = "(not asked)"
"""Stands for the value of a choice that a run was not asked for."""

MOST_VALUES = 12
"""Numbers with more different values than this are cut into ranges."""

RANGES = 4

FACTS = ("combination", "phase", "seed", "split", "machine", "commit", "star")
"""What runs can be sorted into cells by, beside their choices."""


@dataclass(frozen=True)
class Axis:
    """One column of runs, sorted into its values.

    Attributes:
        name: of the column.
        codes: of each run the position of its value in `labels`, [runs].
        labels: the different values, in order.
        ends: the lowest and highest number of each range, if numbers were cut into ranges; otherwise empty.
    """

    name: str
    codes: NDArray[np.int64]
    labels: list[Any]
    ends: list[tuple[float, float]]

    def code_of(self, value: Any) -> int:
        """The position of a value, or of the range that a number lies in.

        Raises:
            ExperimentError: there is no such value.
        """
        value = in_frame(value.item() if isinstance(value, np.generic) else value)
        texts = [*map(repr, self.labels)]
        for text in (repr(value), repr(repr(value))):  # the second is that of a label `told_apart`
            if text in texts:
                return texts.index(text)
        for code, label in enumerate(self.labels):
            if type(label) is type(value) and label == value:
                return code
        if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
            for code, label in enumerate(self.labels):
                if isinstance(label, (int, float)) and not isinstance(label, bool) and label == value:
                    return code
            for code, (low, high) in enumerate(self.ends):
                if low <= value <= high:
                    return code
        raise ExperimentError(
            f"baseline must be a cell of the table; no run has {self.name} = {value!r}. The values of {self.name} are "
            f"{', '.join(map(repr, self.labels[:MOST_VALUES]))}{' …' if len(self.labels) > MOST_VALUES else ''}."
        )


def axis_of(frame: pd.DataFrame, name: str, *, cut: bool) -> Axis:
    """A column as codes; with `cut`, numbers of more than `MOST_VALUES` values are cut into ranges of as many runs."""
    column = frame[name]
    if cut and pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        if len(np.unique(numbers[np.isfinite(numbers)])) > MOST_VALUES:
            return _ranges(name, numbers)
    codes, values = _factorized(column)
    labels = [value.item() if isinstance(value, np.generic) else value for value in values]
    order = sorted(range(len(labels)), key=lambda code: (_place(labels[code]), repr(labels[code])))
    return _with_missing(name, codes, order, told_apart([labels[code] for code in order]), [])


def codes_of(frame: pd.DataFrame, names: Iterable[str]) -> NDArray[np.int64]:
    """One number from 0 for each different tuple of values of these columns; a missing value is a value too."""
    key = np.zeros(len(frame), np.int64)
    for name in names:
        codes, values = _factorized(frame[name])
        _, key = np.unique(key * (len(values) + 1) + codes + 1, return_inverse=True)
    return key


def in_frame(value: Any) -> Any:
    """A choice as a cell of `Study.frame`; None that was chosen is text, to differ from a choice not asked for."""
    return "None" if value is None else _hashable(value)


def _hashable(value: Any) -> Any:
    """A choice as it can be counted and grouped by: a list is a tuple, a dict its JSON."""
    if isinstance(value, (list, tuple)):
        return tuple(_hashable(one) for one in value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def told_apart(labels: list[Any]) -> list[Any]:
    """The labels, as text where Python calls two of them equal, such as True and 1, or [1] and [1.0]."""
    times = Counter(labels)
    return [repr(label) if times[label] > 1 else label for label in labels]


def names_of(given: Any, what: str, known: Sequence[str]) -> list[str]:
    """The names of columns, from one name or a list of them.

    Raises:
        ExperimentError: one is not known; the message offers the closest names.
    """
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    for name in names:
        if name not in known:
            hint = closest(name, known)
            raise ExperimentError(f"{what} must name a choice of the study; {name!r} arrived. {hint}")
    return names


def closest(name: Any, known: Sequence[str]) -> str:
    """A sentence that offers the names closest to a wrong one, or all."""
    near = difflib.get_close_matches(str(name)[:200], known, n=3)
    return f"Did you mean {' or '.join(near)}?" if near else f"There are {', '.join(known)}."


def _ranges(name: str, numbers: NDArray[np.float64]) -> Axis:
    known = np.isfinite(numbers)
    edges = np.unique(np.quantile(numbers[known], np.arange(1, RANGES) / RANGES))
    raw = np.where(known, np.searchsorted(edges, numbers, side="left"), -1)
    codes, present = pd.factorize(raw[known], sort=True)
    raw[known] = codes
    ends = [(float(numbers[raw == code].min()), float(numbers[raw == code].max())) for code in range(len(present))]
    labels = [f"{low:.3g} to {high:.3g}" for low, high in ends]
    if len(set(labels)) < len(labels):
        labels = [f"{low!r} to {high!r}" for low, high in ends]
    return _with_missing(name, raw.astype(np.int64), list(range(len(labels))), labels, ends)


def _with_missing(
    name: str, codes: NDArray[Any], order: list[int], labels: list[Any], ends: list[tuple[float, float]]
) -> Axis:
    """An axis whose codes are renumbered in this order; runs without a value come last."""
    place = np.empty(len(order) + 1, np.int64)
    place[order] = np.arange(len(order))
    place[-1] = len(order)  # codes of -1
    if (codes < 0).any():
        labels = [*labels, NOT_ASKED]
    return Axis(name, place[codes], labels, ends)


def _factorized(column: pd.Series[Any]) -> tuple[NDArray[Any], Any]:
    """The code of each value, -1 where it is missing, and the values; True, 1 and 1.0 are three of them."""
    if column.dtype != object:
        return pd.factorize(column, use_na_sentinel=True)
    values = [*map(_hashable, column)]
    texts = [None if missing else repr(value) for value, missing in zip(values, column.isna(), strict=True)]
    codes, _ = pd.factorize(np.array(texts, object), use_na_sentinel=True)
    _, firsts = np.unique(codes, return_index=True)
    return codes, [values[first] for first in firsts if codes[first] >= 0]


def _place(value: Any) -> tuple[int, Any]:
    """The order of values of any kind: numbers, then text, then lists item by item, then the others by their text."""
    if isinstance(value, (bool, int, float)):
        return 0, value
    if isinstance(value, tuple):
        return 2, tuple(_place(one) for one in value)
    return (1, value) if isinstance(value, str) else (3, str(value))
