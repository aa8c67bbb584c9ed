"""The facts of whatever data there are: frames, files, folders, data bunches, a collection of photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from handlens.audit.picture_facts import Picture, find_pictures, picture_facts
from handlens.audit.table_facts import Facts, plain, table_facts
from handlens.errors import AuditError
from handlens.io.tables import read_table

ONLY = "data"
"""What the one part of undivided data is called."""


def facts_of(data: Any, *, target: str | None = None) -> Facts:
    """The facts of data, as plain values; see `Datasheet.from_data` for what `data` may be. Raises AuditError."""
    if target is not None and not isinstance(target, str):
        raise AuditError(f"target must be the name of a column; {type(target).__name__} arrived")
    parts = _parts(data)
    kinds = {type(next(iter(part), None)) is Picture if isinstance(part, list) else False for part in parts.values()}
    if kinds == {True}:
        if target is not None:
            raise AuditError(
                f"target must be left out for pictures, whose labels are their folders; {target!r} arrived"
            )
        return picture_facts(parts)
    if kinds == {False}:
        return table_facts(parts, target=target or _target(data))
    raise AuditError("data must be tables or pictures; parts of both arrived: make a datasheet for each")


def paths_of(data: Any) -> list[Path]:
    """The files or folders that `data` names, absolute; none for what is in memory."""
    if isinstance(data, (str, Path)):
        return [Path(data).absolute()]
    if isinstance(data, (list, tuple)) and data and all(isinstance(path, (str, Path)) for path in data):
        return [Path(path).absolute() for path in data]
    return []


def _parts(data: Any) -> dict[str, Any]:
    """The frames or lists of pictures of each part, by name."""
    if isinstance(data, pd.DataFrame):
        return {ONLY: data}
    if isinstance(data, (str, Path)):
        return _path_parts(Path(data))
    if paths := paths_of(data):
        return _named_parts({_stem(path): path for path in paths}, len(paths))
    if isinstance(data, Mapping) and data:
        return _named_parts({str(name): part for name, part in data.items()}, len(data))
    if all(hasattr(data, name) for name in ("images", "paths", "labels")):
        return {ONLY: _collection(data)}
    if all(hasattr(data, name) for name in ("train_ds", "valid_ds")):
        return _bunch(data)
    raise AuditError(
        "data must be a data frame, a path or a list of them, a mapping of parts by name, a DataBunch or a Collection; "
        f"{type(data).__name__} arrived"
    )


def _path_parts(path: Path) -> dict[str, Any]:
    if path.is_dir():
        return dict(find_pictures(path))
    return {ONLY: read_table(path)}


def _named_parts(named: Mapping[str, Any], count: int) -> dict[str, Any]:
    if len(named) < count:
        raise AuditError(f"the parts of data must have distinct names; {count} arrived, named {', '.join(named)}")
    parts: dict[str, Any] = {}
    for name, part in named.items():
        inside = _parts(part)
        if list(inside) != [ONLY]:
            raise AuditError(f"a part of data must be whole; {name!r} has parts itself: {', '.join(inside)}")
        parts[name] = inside[ONLY]
    return parts


def _stem(path: Path) -> str:
    name = path.name
    for suffix in (".gz", ".csv", ".parquet"):
        name = name.removesuffix(suffix)
    return name


def _collection(collection: Any) -> list[Picture]:
    """The photos of a Studio collection with their labels so far."""
    labels = [None if pd.isna(label) else str(label) for label in collection.labels]
    images = Path(collection.images)
    return [Picture(images / path, path, label) for path, label in zip(collection.paths, labels, strict=True)]


def _bunch(data: Any) -> dict[str, Any]:
    """The parts of a DataBunch: pictures by file, or rows as the model takes them."""
    names = ["train", "valid"] + (["test"] if getattr(data, "test_dl", None) is not None else [])
    sets = {name: getattr(data, f"{name}_ds") for name in names}
    sets = {name: dataset for name, dataset in sets.items() if len(dataset)}
    if not sets:
        raise AuditError("data must have items; this DataBunch has none, only what it takes to predict")
    first = next(iter(sets.values()))
    if hasattr(first.x, "codes") and hasattr(first.x, "numbers"):
        return {name: _rows(dataset) for name, dataset in sets.items()}
    items = getattr(first.x, "items", None)
    if items is None or not all(isinstance(item, (str, Path)) for item in items):
        raise AuditError("data must be a DataBunch of tables or of picture files; its items are neither")
    return {name: _files(dataset, Path(data.path)) for name, dataset in sets.items()}


def _rows(dataset: Any) -> pd.DataFrame:
    """Rows as a frame: categories by their levels, numbers as the preprocessors left them, and the labels."""
    x, y = dataset.x, dataset.y
    columns: dict[str, Any] = {}
    for i, name in enumerate(x.cat_names):
        levels = [None, *x.encoder.levels[name].index]
        columns[name] = pd.Series(levels, dtype=object).iloc[x.codes[:, i].numpy()].to_numpy()
    for i, name in enumerate(x.cont_names):
        columns[name] = x.numbers[:, i].numpy()
    return pd.DataFrame(columns | _labels(y))


def _labels(y: Any) -> dict[str, list[Any]]:
    """A column a target, in a person's terms."""
    names = list(y.names)
    # A code of −1 stands for no label, and cannot be decoded.
    blank = [not bool((row == row).all() and (row >= 0).all()) if y.classes else False for row in y.data]
    decoded = [None if empty else y[i] for i, empty in enumerate(blank)]
    if len(names) == 1:
        return {names[0]: [_name(label) for label in decoded]}
    if y.classes:
        return {"label": [" ".join(map(str, label)) if label is not None else None for label in decoded]}
    return {name: [None if row is None else row[i] for row in decoded] for i, name in enumerate(names)}


def _name(label: Any) -> Any:
    return plain(getattr(label, "name", label))


def _files(dataset: Any, root: Path) -> list[Picture]:
    labels = next(iter(_labels(dataset.y).values()))
    pictures = []
    for item, label in zip(dataset.x.items, labels, strict=True):
        file = Path(item)
        file = file if file.is_absolute() else root / file
        name = file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
        pictures.append(Picture(file, name, None if label is None else str(label)))
    return pictures


def _target(data: Any) -> str | None:
    """The column that a DataBunch of a table is trained to predict, if it is one."""
    train = getattr(data, "train_ds", None)
    names: Sequence[str] = getattr(getattr(train, "y", None), "names", [])
    return names[0] if len(names) == 1 else None
