"""The groups of an audit: the values of one or several attributes and their intersections, as codes and names."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.audit.alike import moments_of, type_of
from handlens.audit.columns import as_array, check_length, column
from handlens.errors import AuditError
from handlens.io.problems import reason_of

MOST_VALUES = 1_000
"""Distinct values that an attribute may have: more are not groups but names or identifiers of rows."""

MOST_GROUPS = 20_000
"""Groups that an audit may have, including intersections."""

DISTINCT = 12
"""Numbers with more distinct values than this are cut into bins; otherwise each value is a group."""

MISSING = "missing"
CROSS = " × "

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Attribute:
    """One attribute: the name of each group, and the group of each row, [N]."""

    name: str
    labels: list[str]
    codes: Codes


@dataclass(frozen=True)
class Level:
    """The groups of one attribute or of the intersection of several; `of_cell` is the group of each cell, [cells]."""

    names: tuple[str, ...]
    labels: list[str]
    of_cell: Codes

    @property
    def by(self) -> str:
        """The name of the level, such as "sex × race"."""
        return _crossed(self.names)

    def total(self, table: NDArray[Any]) -> NDArray[Any]:
        """The sums over groups, [groups, …], of a table with a row for each cell, [cells, …]."""
        flat = table.reshape(len(table), -1)
        sums = [np.bincount(self.of_cell, flat[:, k], len(self.labels)) for k in range(flat.shape[1])]
        return np.stack(sums, 1).reshape(len(self.labels), *table.shape[1:])


@dataclass(frozen=True)
class Grouping:
    """The cell of each row, and the levels made of cells; a cell is a combination of all attributes that occurs."""

    cells: Codes
    n_cells: int
    levels: list[Level]


def make_groups(groups: Any, *, n: int, bins: int, max_attributes: int) -> Grouping:
    """The groups of the given attributes and of all their intersections of up to `max_attributes`; n is the rows."""
    attributes = [make_attribute(values, name, n=n, bins=bins) for name, values in columns_of(groups, "groups").items()]
    chosen = [
        subset
        for size in range(1, min(max_attributes, len(attributes)) + 1)
        for subset in itertools.combinations(range(len(attributes)), size)
    ]
    counts = [math.prod(len(attributes[i].labels) for i in subset) for subset in chosen]
    if sum(counts) > MOST_GROUPS:
        largest = chosen[int(np.argmax(counts))]
        raise AuditError(
            f"groups must make at most {MOST_GROUPS:,} groups with their intersections; they make {sum(counts):,}, of "
            f"which {CROSS.join(attributes[i].name for i in largest)} makes {max(counts):,}: give fewer attributes, "
            "fewer bins, or max_attributes=1 for no intersections."
        )
    cells, of_cell = _cells(attributes, n)
    levels = []
    for subset in chosen:
        parts = [attributes[i] for i in subset]
        shape = [len(part.labels) for part in parts]
        labels = [_crossed(names) for names in itertools.product(*(part.labels for part in parts))]
        codes = np.ravel_multi_index([of_cell[i] for i in subset], shape)
        levels.append(Level(tuple(part.name for part in parts), labels, codes.astype(np.int64)))
    return Grouping(cells, len(of_cell[0]), levels)


def make_attribute(values: pd.Series, name: str, *, n: int, bins: int) -> Attribute:
    """A column as an attribute: numbers with many values in `bins` ranges, missing values as a group of their own."""
    check_length(values, f"groups[{name!r}]", n, "y_true")
    measured = measured_values(values)
    codes, labels = _values(values, name) if measured is None else ranges(measured, bins)
    gaps = codes < 0
    if gaps.any():
        labels.append(MISSING if MISSING not in labels else f"{MISSING} (no value)")
        codes = np.where(gaps, len(labels) - 1, codes)
    return Attribute(name, labels, codes)


def _crossed(names: Sequence[str]) -> str:
    """The names of a combination, such as "sex × race"; one that has this sign itself is in quotes."""
    if len(names) == 1:
        return names[0]
    return CROSS.join(repr(name) if CROSS.strip() in name else name for name in names)


def columns_of(given: Any, what: str) -> dict[str, pd.Series]:
    """The columns, by name, of a frame, a dict, a table [N, columns] or one column; `what` is the argument's name."""
    if isinstance(given, pd.DataFrame):
        if not given.columns.is_unique:
            raise AuditError(f"{what} must have distinct column names: rename the columns.")
        given = {name: given[name] for name in given.columns}
    elif not isinstance(given, (Mapping, pd.Series)):
        table = as_array(given)
        if isinstance(table, np.ndarray) and table.ndim == 2:
            given = {f"attribute {k + 1}": table[:, k] for k in range(table.shape[1])}
    if not isinstance(given, Mapping):
        named = isinstance(given, pd.Series) and given.name is not None
        given = {str(given.name) if named else "group": given}
    if not given:
        raise AuditError(f"{what} must have at least one attribute; none arrived.")
    columns = {str(name): column(values, f"{what}[{str(name)!r}]") for name, values in given.items()}
    if len(columns) < len(given):
        raise AuditError(f"{what} must have names that differ as text; {list(given)} do not: rename one.")
    return columns


class Measured(NamedTuple):
    """Values that are cut into ranges: as numbers, [N], NaN where missing; and how the ends of ranges are written."""

    numbers: NDArray[np.float64]
    texts: Callable[[NDArray[np.float64]], list[str]]


def measured_values(values: pd.Series) -> Measured | None:
    """Numbers, dates and durations with more than `DISTINCT` distinct values; None for all others."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return None
    if isinstance(values.dtype, pd.PeriodDtype):
        values = values.dt.to_timestamp()
    kind = type_of(values.dropna())
    if kind not in ("number", "date", "duration") or values.nunique() <= DISTINCT:
        return None
    if kind == "number":
        is_plain = values.dtype.kind in "iuf"
        numbers = values if is_plain else values.map(float, na_action="ignore").astype(np.float64)
        floats = np.asarray(numbers.to_numpy(np.float64, na_value=np.nan), np.float64)
        # Large whole numbers, such as identifiers, may all be the same float.
        return Measured(floats, _texts) if pd.Series(floats).nunique() > DISTINCT else None
    if kind == "duration":
        return Measured(_microseconds(values.astype("timedelta64[us]")), _duration_texts)
    moments = moments_of(values)
    if moments is None:
        return None
    zone = getattr(values.dtype, "tz", None)
    return Measured(_microseconds(moments.astype("datetime64[us]")), partial(_date_texts, zone=zone))


def _microseconds(values: pd.Series) -> NDArray[np.float64]:
    return np.where(values.isna(), np.nan, values.astype(np.int64).to_numpy(np.float64))


def _date_texts(edges: NDArray[np.float64], *, zone: Any) -> list[str]:
    moments = pd.to_datetime(edges.astype(np.int64), unit="us")
    local = moments if zone is None else moments.tz_localize("UTC").tz_convert(zone)
    if (local == local.normalize()).all():
        return [f"{moment:%Y-%m-%d}" for moment in local]
    return [str(moment) for moment in local]


def _duration_texts(edges: NDArray[np.float64]) -> list[str]:
    days = edges / 86_400e6
    if (days % 1 == 0).all():
        return [f"{day:.0f} days" for day in days]
    return [str(pd.Timedelta(int(edge), "us")) for edge in edges]


def ranges(measured: Measured, bins: int) -> tuple[Codes, list[str]]:
    """The range of each value, −1 if it is missing, and the ranges as text; up to `bins` of them, fewer with ties."""
    numbers = measured.numbers
    known = numbers[~np.isnan(numbers)]
    least = known.min()
    inner = np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1], method="inverted_cdf")
    # If many rows have the least value, it has a range of its own.
    inner = np.unique(np.where(inner == least, known[known > least].min(), inner))
    codes = np.searchsorted(inner, numbers, side="right")
    texts = measured.texts(np.r_[least, inner, known.max()])
    labels = [f"{low} to <{high}" for low, high in itertools.pairwise(texts)]
    labels[-1] = f"{texts[-2]} to {texts[-1]}"
    return np.where(np.isnan(numbers), -1, codes).astype(np.int64), labels


def _texts(edges: NDArray[np.float64]) -> list[str]:
    """The edges as text, with as few digits as tell them apart."""
    for digits in range(3, 18):
        texts = [f"{edge:,.0f}" if abs(edge) < 1e15 and edge == round(edge) else f"{edge:.{digits}g}" for edge in edges]
        if len(set(texts)) == len(texts):
            break
    return texts


def _values(values: pd.Series, name: str) -> tuple[Codes, list[str]]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        raw, kinds = values.cat.codes.to_numpy(), list(values.cat.categories)
    else:
        try:
            raw, found = pd.factorize(values)
        except TypeError as error:
            raise AuditError(
                f"groups[{name!r}] must hold single values, such as text or numbers: {reason_of(error)}."
            ) from error
        kinds = list(found)
    if len(kinds) > MOST_VALUES:
        raise AuditError(
            f"groups[{name!r}] must have at most {MOST_VALUES:,} distinct values; it has {len(kinds):,}, such as "
            f"{str(kinds[0])[:40]!r}: group them (numbers by pd.cut), or leave it out."
        )
    if not kinds:
        return raw.astype(np.int64), []
    labels = [str(kind) for kind in kinds]
    if len(set(labels)) < len(labels):  # 1 and "1"
        labels = [repr(kind) for kind in kinds]
    if isinstance(values.dtype, pd.CategoricalDtype):
        return raw.astype(np.int64), labels
    try:
        order = sorted(range(len(kinds)), key=lambda i: kinds[i])
    except TypeError:
        order = sorted(range(len(kinds)), key=lambda i: labels[i])
    place = np.empty(len(kinds) + 1, np.int64)
    place[order] = np.arange(len(kinds))
    place[-1] = -1
    return place[raw], [labels[i] for i in order]


def _cells(attributes: list[Attribute], n: int) -> tuple[Codes, list[Codes]]:
    """The cell of each row, and the group of each cell in each attribute; only combinations that occur are cells."""
    cells, size = np.zeros(n, np.int64), 1
    parts: list[Codes] = []
    for attribute in attributes:
        width = max(len(attribute.labels), 1)
        joint = cells * width + attribute.codes
        if size * width <= 4 * n + 1024:
            there = np.flatnonzero(np.bincount(joint, minlength=size * width))
            place = np.zeros(size * width, np.int64)
            place[there] = np.arange(len(there))
            cells = place[joint]
        else:
            cells, found = pd.factorize(joint)
            there = np.asarray(found, np.int64)
        parts = [part[there // width] for part in parts] + [there % width]
        size = len(there)
    return cells, parts
