"""The formats that labelled photos can be taken away in: one exporter a module."""

from __future__ import annotations

from handlens.errors import CollectionError
from handlens.plugins import plugins
from handlens.studio.formats.exporting import Exporter
from handlens.studio.formats.writers.coco import CocoExporter
from handlens.studio.formats.writers.croissant import CroissantExporter
from handlens.studio.formats.writers.csv import CsvExporter, SpreadsheetExporter
from handlens.studio.formats.writers.fiftyone import FiftyOneExporter
from handlens.studio.formats.writers.folders import FoldersExporter
from handlens.studio.formats.writers.hugging_face import HuggingFaceExporter
from handlens.studio.formats.writers.label_studio import LabelStudioExporter
from handlens.studio.formats.writers.parquet import ParquetExporter
from handlens.studio.formats.writers.yolo import YoloExporter

EXPORTERS: dict[str, Exporter] = {
    one.name: one
    for one in (
        CsvExporter(),
        SpreadsheetExporter(),
        ParquetExporter(),
        FoldersExporter(),
        CocoExporter(),
        LabelStudioExporter(),
        FiftyOneExporter(),
        HuggingFaceExporter(),
        CroissantExporter(),
        YoloExporter(),
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
        if failed := plugins("exporters").failed.get(format):
            raise CollectionError(f"the plugin for {format} cannot be used: {failed.rstrip('.')}.")
        raise CollectionError(f"format must be one of {', '.join(known)}; {format!r:.80} arrived.")
    return known[format]
