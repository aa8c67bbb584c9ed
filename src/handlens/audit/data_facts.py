"""The facts of a dataset, whatever it was given as: a frame, files, a folder, or an object that describes itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from handlens.audit.picture_facts import LABEL, find_pictures, picture_facts
from handlens.audit.table_facts import Facts, table_facts
from handlens.core.description import DataDescription, description_of
from handlens.errors import AuditError
from handlens.io.tables import read_table

ONLY_PART = "data"
"""What the part of undivided data is called."""


def facts_of(data: DataDescription, *, target: str | None = None, hide: Sequence[str] = ()) -> Facts:
    """The facts of data, as plain values.

    Args:
        data: what `describe_data` gave.
        target: the column to predict, whose classes are counted; that of the description unless given.
        hide: columns of which no value is given; "label" for the labels of pictures.

    Raises:
        AuditError: the target or a hidden column is not one of the data, or the parts are of different kinds.
    """
    if target is not None and not isinstance(target, str):
        raise AuditError(f"target must be the name of a column; {type(target).__name__} arrived.")
    tables: dict[str, Any] = {name: part for name, part in data.parts.items() if isinstance(part, pd.DataFrame)}
    pictures: dict[str, Any] = {name: part for name, part in data.parts.items() if name not in tables}
    if tables and pictures:
        raise AuditError("data must be tables or pictures; parts of both arrived: make a datasheet for each.")
    about: Facts = {"about": dict(data.about)} if data.about else {}
    unknown = [name for name in hide if name not in columns_of(data)]
    if unknown:
        shown = ", ".join(columns_of(data))
        raise AuditError(f"hide must name columns of the data; {unknown[0]!r} arrived, and the columns are: {shown}.")
    if hide:
        about |= {"hidden": list(hide)}
    if tables:
        return table_facts(tables, target=target or data.target, hide=hide) | about
    if target is not None:
        raise AuditError(f"target must be left out for pictures, whose labels are their folders; {target!r} arrived.")
    return picture_facts(pictures, hide_labels=LABEL in hide) | about


def columns_of(data: DataDescription) -> list[str]:
    """The columns of data, "label" for pictures."""
    tables = [part for part in data.parts.values() if isinstance(part, pd.DataFrame)]
    return list(dict.fromkeys(str(name) for part in tables for name in part.columns)) if tables else [LABEL]


def describe_data(data: Any) -> DataDescription:
    """The parts of data, with a name and a target where they have one; see `Datasheet.from_data` for what it takes.

    Raises:
        AuditError: `data` is none of these.
        TableError: a file cannot be read.
    """
    if isinstance(data, DataDescription):
        return data
    if isinstance(data, pd.DataFrame):
        return DataDescription(parts={ONLY_PART: data})
    if isinstance(data, (str, Path)):
        path = Path(data)
        return DataDescription(parts=find_pictures(path) if path.is_dir() else {ONLY_PART: read_table(path)})
    if paths := paths_of(data):
        return _joined({_stem(path): path for path in paths}, len(paths))
    if isinstance(data, Mapping) and data:
        return _joined({str(name): part for name, part in data.items()}, len(data))
    described = description_of(data)
    if isinstance(described, DataDescription):
        return described
    raise AuditError(
        "data must be a data frame, a path or a list of them, a mapping of parts by name, a DataBunch or a Collection; "
        f"{type(data).__name__} arrived."
    )


def paths_of(data: Any) -> list[Path]:
    """The files or folders that `data` names, as absolute paths; none for data in memory."""
    if isinstance(data, (str, Path)):
        return [Path(data).absolute()]
    if isinstance(data, (list, tuple)) and data and all(isinstance(path, (str, Path)) for path in data):
        return [Path(path).absolute() for path in data]
    return []


def _joined(named: Mapping[str, Any], count: int) -> DataDescription:
    """Several data sets as the parts of one."""
    if len(named) < count:
        raise AuditError(f"the parts of data must have distinct names; {count} arrived, named {', '.join(named)}.")
    parts: dict[str, Any] = {}
    for name, part in named.items():
        inside = describe_data(part).parts
        if len(inside) > 1 or ONLY_PART not in inside:
            raise AuditError(f"a part of data must be whole; {name!r} has parts itself: {', '.join(inside)}.")
        parts[name] = inside[ONLY_PART]
    return DataDescription(parts=parts)


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".gz", ".csv", ".parquet"):
        name = name.removesuffix(suffix)
    return name
