"""Labels in a Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handlens.errors import ImportProblem, TableError
from handlens.io.tables import reading
from handlens.studio.formats.found import FoundLabels
from handlens.studio.formats.matching import PhotoNames
from handlens.studio.formats.readers.columns import found_in_columns

MOST_ROWS = 10_000_000
"""Rows that a file may have; a few bytes may stand for any number."""


class ParquetImporter:
    """Reads labels from the columns of a Parquet file that hold texts, whole numbers or truth values.

    Choices: photo_column and label_column.
    """

    name, title, endings = "parquet", "Parquet", (".parquet", ".pq")

    def recognises(self, path: Path) -> bool:
        """Whether it is a file: any with such an ending is read, so that the message says what is wrong with it."""
        return path.is_file()

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:
        """Read labels from the columns; see `found_in_columns`."""
        import pyarrow.parquet as pq

        try:
            with reading(path), pq.ParquetFile(path) as file:
                rows = file.metadata.num_rows
                if rows > MOST_ROWS:
                    raise ImportProblem(f"{path.name} must have at most {MOST_ROWS:,} rows; it has {rows:,}.")
                names = [field.name for field in file.schema_arrow if _is_plain(field.type)]
                if len(set(names)) != len(names):
                    raise ImportProblem(f"the columns of {path.name} must have distinct names; some have the same.")
                table = file.read(columns=names)
                columns = {name: [_text(value) for value in table.column(name).to_pylist()] for name in names}
        except TableError as error:
            raise ImportProblem(str(error)) from error
        if not rows or not columns:
            raise ImportProblem(f"{path.name} must have rows with texts or whole numbers; it has none.")
        where = [f"row {row}" for row in range(1, rows + 1)]
        return found_in_columns(self.title, path.name, columns, where, photos, choices)


def _is_plain(kind: Any) -> bool:
    """Whether a column holds texts, whole numbers or truth values."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    return any(
        is_of(kind)
        for is_of in (types.is_string, types.is_large_string, types.is_string_view, types.is_integer, types.is_boolean)
    )


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)
