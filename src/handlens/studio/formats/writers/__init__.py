"""The formats that labelled photos can be taken away in: one exporter a module."""

from __future__ import annotations

from handlens.errors import CollectionError
from handlens.plugins import plugins
from handlens.studio.formats.exporting import Exporter
from handlens.studio.formats.writers.coco import Coco
from handlens.studio.formats.writers.croissant import Croissant
from handlens.studio.formats.writers.csv import Csv, Spreadsheet
from handlens.studio.formats.writers.fiftyone import FiftyOne
from handlens.studio.formats.writers.folders import Folders
from handlens.studio.formats.writers.hugging_face import HuggingFace
from handlens.studio.formats.writers.label_studio import LabelStudio
from handlens.studio.formats.writers.parquet import Parquet
from handlens.studio.formats.writers.yolo import Yolo

EXPORTERS: dict[str, Exporter] = {
    one.name: one
    for one in (
        Csv(),
        Spreadsheet(),
        Parquet(),
        Folders(),
        Coco(),
        LabelStudio(),
        FiftyOne(),
        HuggingFace(),
        Croissant(),
        Yolo(),
    )
}
"""The formats that handlens writes itself, by name, in the order in which they are offered."""


def exporters() -> dict[str, Exporter]:
    """Every format that labels can be exported in, by name: our own, and those of plugins that can be loaded.

    Example:
        >>> exporters()["coco"].title
        'COCO'
    """
    return plugins("exporters").beside(EXPORTERS)


def exporter_of(format: str) -> Exporter:
    """The exporter of a format.

    Raises:
        CollectionError: there is no such format.
    """
    known = exporters()
    if format not in known:
        failed = plugins("exporters").failed.get(format)
        why = f" The plugin of this name is left out: {failed}" if failed else ""
        raise CollectionError(f"format must be one of {', '.join(known)}; {format!r:.80} arrived.{why}")
    return known[format]
