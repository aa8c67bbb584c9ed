"""Parquet: the table of labels with types, also part of other formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlens import __version__
from handlens.core.predictions import LABEL, PATH, PROBABILITY
from handlens.io.files import atomic_write
from handlens.studio.formats.exporting import PHOTO_COLUMNS, TIME, Export
from handlens.studio.scanning import LeftOut

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetExporter:
    """Parquet with the columns of labels.csv, and what the model predicts.

    The metadata of the file say under "handlens", as JSON, of which collection the labels are, and the model's hash.

    Example:
        >>> ParquetExporter().ending
        '.parquet'
    """

    name, title, ending = "parquet", "Parquet", ".parquet"

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """Write the table, a row for each labelled photo; see `Exporter`."""
        with atomic_write(path) as partial:
            write_table(export, partial)
        return []


def write_table(export: Export, file: Path) -> None:
    """Write the labelled photos as Parquet."""
    import pyarrow.parquet as pq

    about = {"handlens": json.dumps(about_of(export), ensure_ascii=False)}
    pq.write_table(columns_of(export, report=export.report).replace_schema_metadata(about), file)


def columns_of(export: Export, *, report: Callable[[int, int], None] = lambda _done, _total: None) -> pa.Table:
    """The labelled photos as a table with exact types; `report` is told of each column."""
    import pyarrow as pa

    types: dict[str, Any] = dict.fromkeys(PHOTO_COLUMNS, pa.string())
    types |= {TIME: pa.timestamp("us", "UTC"), "error_at_most": pa.float64(), "confidence": pa.float64()}
    types[PROBABILITY] = pa.float32()
    arrays = []
    for i, (name, kind) in enumerate(types.items()):
        report(i, len(types))
        arrays.append(pa.array(export.labelled[name], kind, from_pandas=True))
    fields = [pa.field(name, kind, nullable=name not in (PATH, LABEL)) for name, kind in types.items()]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def about_of(export: Export) -> dict[str, Any]:
    """Of what an export is, as plain JSON."""
    return {"version": __version__, "collection": export.name, "model": export.model}
