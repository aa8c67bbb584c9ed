"""Rows of Arrow and Parquet files that the library `datasets` wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlens.io.plain_json import parse_json
from handlens.io.problems import reason_of
from handlens.studio.formats.checked import shown, text
from handlens.studio.formats.found import Unreadable

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_ROWS = 5_000_000
"""Rows of a data set; a few bytes may stand for any number."""

BOXES = "bbox"
"""The part of a column of objects that holds their boxes."""


@dataclass
class DatasetRows:
    """The rows of a data set, column by column.

    Attributes:
        where: the place of each row, for people.
        columns: texts by column; None where one is missing.
        objects: by column, what it says of the objects in each photo.
        names: by column of objects, the names of their categories.
        wrong: by column, the rows whose value cannot be used, with the reason.
        problems: what could not be read.
    """

    where: list[str] = field(default_factory=list)
    columns: dict[str, list[str | None]] = field(default_factory=dict)
    objects: dict[str, list[Any]] = field(default_factory=dict)
    names: dict[str, list[Any]] = field(default_factory=dict)
    wrong: dict[str, dict[int, str]] = field(default_factory=dict)
    problems: list[Unreadable] = field(default_factory=list)

    def add(self, where: list[str], columns: dict[str, list[str | None]], objects: dict[str, list[Any]]) -> None:
        """Add rows; they may have other columns than those before them."""
        check_rows(len(self.where) + len(where))
        _extend(self.columns, columns, len(self.where), len(where))
        _extend(self.objects, objects, len(self.where), len(where))
        self.where.extend(where)


def check_rows(rows: int) -> None:
    """Raise ValueError if a data set has more rows than are read."""
    if rows > _MOST_ROWS:
        raise ValueError(f"a data set must have at most {_MOST_ROWS:,} rows; it has {rows:,} or more")


def _extend(known: dict[str, list[Any]], new: dict[str, list[Any]], before: int, rows: int) -> None:
    for name in {**known, **new}:
        known.setdefault(name, [None] * before).extend(new.get(name, [None] * rows))


def read_arrow(file: Path, place: str, rows: DatasetRows, features: dict[str, Any] | None = None) -> None:
    """Add the rows of a file.

    Args:
        file: an Arrow stream, or a Parquet file.
        place: what is said before the number of a row.
        rows: to which they are added.
        features: of the data set; those that the file has in it unless given.

    Raises:
        ValueError: it is not such a file, is damaged, or has too many rows.
    """
    with _reporting():
        schema = _schema(file)
        kinds = features or features_of(schema)
        wanted = [field.name for field in schema if schema.names.count(field.name) == 1 and _is_read(field.type)]
        n = 0
        for batch in _batches(file, schema, wanted):
            batch.validate(full=True)  # positions in a damaged file may lead out of it
            columns: dict[str, list[str | None]] = {}
            objects: dict[str, list[Any]] = {}
            for name in wanted:
                column, kind = batch.column(batch.schema.names.index(name)), kinds.get(name)
                if _is_objects(column.type):
                    objects[name] = column.to_pylist()
                    rows.names[name] = _names_of(kind)
                else:
                    columns[name] = _texts(column, name, kind, rows)
            rows.add([f"{place}row {n + i}" for i in range(1, len(batch) + 1)], columns, objects)
            n += len(batch)


def is_of_library(file: Path) -> bool:
    """Whether an Arrow or Parquet file was written by the library `datasets`, or for it; never raises."""
    try:
        with _reporting():
            return file.is_file() and bool(features_of(_schema(file)))  # a pipe would never end
    except ValueError:
        return False


def features_of(schema: pa.Schema) -> dict[str, Any]:
    """What the library's data sets hold, by column, as a file says it; nothing if it does not."""
    said = (schema.metadata or {}).get(b"huggingface")
    info = parse_json(said).get("info") if said else None
    features = info.get("features") if isinstance(info, dict) else None
    return features if isinstance(features, dict) else {}


@contextmanager
def _reporting() -> Iterator[None]:
    """Raise as ValueError whatever Arrow says of a file that is not as it must be."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"it cannot be read: {' '.join(reason_of(error).split())}") from error


def _schema(file: Path) -> pa.Schema:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if file.suffix.lower() == ".parquet":
        return pq.read_schema(file)
    with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
        return stream.schema


def _batches(file: Path, schema: pa.Schema, wanted: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows a few at a time; of pictures only their paths, where the format can leave out the rest."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if file.suffix.lower() == ".parquet":
        leaves = [f"{name}.path" if _has_path(schema.field(name).type) else name for name in wanted]
        with pq.ParquetFile(file) as table:
            check_rows(table.metadata.num_rows)
            yield from table.iter_batches(columns=leaves)
        return
    options = pa.ipc.IpcReadOptions(included_fields=[schema.names.index(name) for name in wanted])
    with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source, options=options) as stream:
        yield from stream


def _is_read(kind: pa.DataType) -> bool:
    """Whether a column can say something: texts, whole numbers, truth values, pictures with paths, and objects."""
    from pyarrow import types

    simple = (types.is_string, types.is_large_string, types.is_integer, types.is_boolean)
    return any(check(kind) for check in simple) or _has_path(kind) or _is_objects(kind)


def _has_path(kind: pa.DataType) -> bool:
    from pyarrow import types

    return types.is_struct(kind) and kind.get_field_index("path") >= 0 and types.is_string(kind.field("path").type)


def _is_objects(kind: pa.DataType) -> bool:
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind):
        kind = kind.value_type
    return types.is_struct(kind) and kind.get_field_index(BOXES) >= 0


def _texts(column: pa.Array, name: str, kind: Any, rows: DatasetRows) -> list[str | None]:
    """The values of a column as text; the names of a ClassLabel."""
    import pyarrow.compute as pc

    if _has_path(column.type):
        return pc.struct_field(column, "path").to_pylist()
    names = kind.get("names") if isinstance(kind, dict) else None
    values = column.to_pylist()
    if not isinstance(names, list):
        return [None if value is None else str(value) for value in values]
    found: list[str | None] = []
    for i, value in enumerate(values, len(rows.where)):
        try:
            found.append(category_name(value, names))
        except ValueError as error:
            found.append(None)
            rows.wrong.setdefault(name, {})[i] = str(error)
    return found


def category_name(value: Any, names: Sequence[Any]) -> str | None:
    """The name of a class that is given by its number; None for −1, by which a ClassLabel says that there is none.

    Raises:
        ValueError: it has no name, or is not a number.
    """
    if value is None or value == -1:
        return None
    if isinstance(value, str) and not names:
        return text(value, "its label")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(names):
        raise ValueError(f"class {shown(value)} has no name in the data set")
    return text(names[value], f"the name of class {value}")


def _names_of(kind: Any) -> list[Any]:
    """The names of the categories in a column of objects: of the only ClassLabel in it."""
    found = kind.get("names") if isinstance(kind, dict) else None
    if isinstance(found, list):
        return found
    inner = list(kind.values()) if isinstance(kind, dict) else kind if isinstance(kind, list) else []
    return next((names for names in map(_names_of, inner) if names), [])
