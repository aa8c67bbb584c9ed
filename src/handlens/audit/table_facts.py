"""Facts of a table: its counts, missing values, ranges, classes, duplicates and hash."""

from __future__ import annotations

import datetime
import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import combinations
from statistics import median_low
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.audit import personal
from handlens.audit.alike import alike, codes_of, type_of
from handlens.audit.columns import plain
from handlens.errors import AuditError

Facts = dict[str, Any]

FEW = 20
"""The most levels of a column that are listed: more might be names or free text, which a datasheet must not repeat."""
EACH = 10
"""The fewest rows per level, on average, for which the levels are listed."""
HIDDEN = "hidden"
"""Why the values of a column are left out that the datasheet was told to hide."""


def table_facts(parts: Mapping[str, pd.DataFrame], *, target: str | None = None, hide: Sequence[str] = ()) -> Facts:
    """The facts of a table in one part or several (train, valid, …), as plain values that YAML keeps exactly.

    Args:
        parts: frames by name; they are not changed.
        target: the column to predict, whose classes are counted; at least one part must have it.
        hide: columns of which no value is given.

    Raises:
        AuditError: a part has no rows, or columns of the same name; no part has the target.
    """
    named = {name: _text_columns(df, name) for name, df in parts.items()}
    if target is not None and not any(target in df.columns for df in named.values()):
        has = ", ".join(next(iter(named.values())).columns[:20])
        raise AuditError(f"target must be a column of the data; {target!r} arrived, and the columns are: {has}.")
    parts = alike(named)
    whole = pd.concat(list(parts.values()), ignore_index=True, sort=False)
    columns = {name: _column_facts(whole[name], name, hidden=name in hide) for name in whole.columns}
    codes = _codes(whole, parts)
    # Within each part: rows that are in two parts are counted as overlap.
    doubled = sum(int(rows.duplicated().sum()) for rows in codes.values())
    facts: Facts = {"kind": "table", "rows": len(whole), "columns": columns, "repeated_rows": doubled}
    if target is not None:
        facts["target"] = target
        labels = {name: df[target] for name, df in parts.items() if target in df.columns}
        facts |= class_facts(labels, target, hidden=target in hide)
    facts["parts"] = {name: {"rows": len(df), "sha256": table_hash(df)} for name, df in named.items()}
    if len(named) > 1:
        facts["overlap"] = _overlaps(
            {name: codes[name][[column for column in df.columns if column != target]] for name, df in parts.items()}
        )
    return facts


def class_facts(labels: Mapping[str, pd.Series], name: str, *, hidden: bool = False) -> Facts:
    """The items of each class, in total and by part; numbers with many distinct values have no classes.

    Args:
        labels: the label of each item, by part.
        name: what the labels are called.
        hidden: whether no class may be named. If so, or if they look as if they named people, only their number and
            sizes are given.
    """
    everything = pd.concat(list(labels.values()), ignore_index=True)
    present = everything.dropna()
    unlabelled = {"unlabelled": int(everything.isna().sum())}
    is_number = type_of(present) == "number"
    if is_number and present.nunique() > FEW:
        return unlabelled
    sizes = _counts(present)
    # Classes repeat, so numbers that are called identifiers are not those of rows.
    why = _look(present, "" if is_number else name, hidden=hidden)
    if why:
        counts = sorted(sizes.values())
        items = {"least": counts[0], "median": median_low(counts), "greatest": counts[-1]}
        return {"different_classes": len(counts), "items_of_a_class": items, "classes_left_out": why} | unlabelled
    facts: Facts = {"classes": sizes} | unlabelled
    if len(labels) > 1:
        facts["classes_by_part"] = {part: _counts(column) for part, column in labels.items()}
    return facts


def table_hash(df: pd.DataFrame) -> str:
    """SHA-256 over the names and values of the columns; it changes with any value, name, or order of rows or columns.

    It is the same for equal values of different types (1 and 1.0, text as object or string).

    Example:
        >>> table_hash(pd.DataFrame({"a": [1, 2]})) == table_hash(pd.DataFrame({"a": [1.0, 2.0]}))
        True
    """
    digest = hashlib.sha256(f"{len(df)}".encode())
    for name in df.columns:
        digest.update(f"\0{name}\0".encode("utf-8", "backslashreplace"))
        for block in _blocks(df[name]):
            digest.update(hashlib.sha256(block).digest())
    return digest.hexdigest()


def overlap(keys: Mapping[str, Iterable[Hashable]]) -> dict[str, int]:
    """For each pair of parts, how many items of the second are in the first too.

    Example:
        >>> overlap({"train": ["a", "b"], "valid": ["b", "c"]})
        {'train & valid': 1}
    """
    listed = {name: pd.Series(list(part), dtype=object) for name, part in keys.items()}
    return {f"{a} & {b}": int(listed[b].isin(set(listed[a])).sum()) for a, b in combinations(listed, 2)}


def _overlaps(codes: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """For each pair of parts, the rows of the second that are equal to one of the first in all columns of both.

    The parts come without the target: a row that was seen in training is not a test, whatever its label.
    """
    found = {}
    for a, b in combinations(codes, 2):
        shared = [name for name in codes[a].columns if name in set(codes[b].columns)]
        if shared:
            first, second = (pd.util.hash_pandas_object(codes[name][shared], index=False) for name in (a, b))
            found[f"{a} & {b}"] = int(second.isin(first).sum())
    return found


def _codes(whole: pd.DataFrame, parts: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The rows of each part as numbers, one for each distinct value of a column, −1 where it is missing."""
    coded = pd.DataFrame({name: codes_of(whole[name])[0] for name in whole.columns})
    ends = np.cumsum([len(df) for df in parts.values()])
    return {name: coded.iloc[end - len(df) : end] for (name, df), end in zip(parts.items(), ends, strict=True)}


def _text_columns(df: pd.DataFrame, part: str) -> pd.DataFrame:
    if not len(df) or not df.shape[1]:
        raise AuditError(f"data must have rows and columns; {part or 'the frame'} has {len(df)} × {df.shape[1]}.")
    names = [str(name).encode("utf-8", "backslashreplace").decode() for name in df.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AuditError(
            f"data must have columns of distinct names; these are there more than once: {twice}. Rename or drop them."
        )
    return df.set_axis(names, axis=1)


def _look(present: pd.Series, name: str, *, hidden: bool) -> str:
    """Why the values of a column must not be given: "hidden", or what they look like; "" if they can be."""
    if hidden:
        return HIDDEN if len(present) else ""
    if type_of(present) == "number":
        values = present.to_numpy(np.float64)
        return personal.of_numbers(name, values[np.isfinite(values)])
    levels = codes_of(present)[1]
    values = np.array([level for level in levels if isinstance(level, (int, float))], np.float64)
    others = [str(level) for level in levels if not isinstance(level, (int, float, datetime.date))]
    return personal.of_texts(name, others) or personal.of_numbers("", values[np.isfinite(values)])


def _column_facts(column: pd.Series, name: str, *, hidden: bool) -> Facts:
    present = column.dropna()
    kind = type_of(present)
    levels = _factorized(present)[1]
    facts: Facts = {"type": kind, "missing": int(column.isna().sum()), "distinct": len(levels)}
    listed = kind in ("text", "yes/no") and len(levels) <= FEW and len(present) >= EACH * len(levels)
    why = _look(present, name, hidden=hidden) if hidden or kind == "number" or (kind == "text" and listed) else ""
    if why:
        return facts | {"left_out": why}
    if kind == "number":
        values = present.astype(float)
        infinite = int(np.isinf(values.to_numpy()).sum())
        if infinite:
            facts["infinite"] = infinite
        finite = present[np.isfinite(values.to_numpy())]
        if len(finite):
            facts |= {"least": plain(finite.min()), "greatest": plain(finite.max())}
    elif kind == "date":
        days = present.astype(str).str.replace("T", " ")
        facts |= {"first": days.min(), "last": days.max()}
    if listed:
        facts["levels"] = _counts(present)
    return facts


def _counts(column: pd.Series) -> dict[str, int]:
    """The rows of each level, most first, then by name; levels as text."""
    codes, levels = _factorized(column.dropna())
    counted: Counter[str] = Counter()
    for level, n in zip(levels, np.bincount(codes, minlength=len(levels)).tolist(), strict=True):
        counted[level] += n  # two levels may be the same text
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _factorized(present: pd.Series) -> tuple[NDArray[np.intp], list[str]]:
    """A code for each value, and the levels by code as text."""
    codes, levels = codes_of(present)
    return codes, [str(level).encode("utf-8", "backslashreplace").decode() for level in levels]


def _blocks(column: pd.Series) -> list[bytes]:
    """The values as bytes: numbers as 64-bit floats, everything else as text by order of appearance."""
    present: NDArray[np.bool_] = column.notna().to_numpy(bool)
    held = column[present]
    if type_of(held) in ("number", "yes/no"):
        values = np.zeros(len(column))
        values[present] = held.astype(float)
        values += 0.0  # −0.0 equals 0.0
        exact = ["\0".join(map(str, held)).encode()] if _beyond_floats(held) else []
        return [present.tobytes(), values.astype("<f8").tobytes(), *exact]
    codes, levels = _factorized(held)
    return [present.tobytes(), codes.astype("<i8").tobytes(), *(f"{level}\0".encode() for level in levels)]


def _beyond_floats(present: pd.Series) -> bool:
    """Whether there are whole numbers that a 64-bit float cannot hold exactly."""
    dtype: Any = present.dtype
    return bool(dtype.kind in "iu" and len(present) and max(-int(present.min()), int(present.max())) > 2**53)
