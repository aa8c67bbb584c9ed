"""CSV: the table of labels, for programs and for spreadsheets."""

from __future__ import annotations

from pathlib import Path

from handlens.studio.exports import write_csv
from handlens.studio.formats.exporting import Export, labels_table
from handlens.studio.scanning import LeftOut


class CsvExporter:
    """CSV with all text as it is.

    Example:
        >>> CsvExporter().ending
        '.csv'
    """

    name, title, ending = "csv", "CSV", ".csv"

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """Write labels.csv, a row for each labelled photo; see `Exporter`."""
        write_csv(labels_table(export), path, report=export.report)
        return []


class SpreadsheetExporter:
    """CSV in which text that a spreadsheet program would run as a formula has an apostrophe before it.

    Example:
        >>> SpreadsheetExporter().ending
        '.csv'
    """

    name, title, ending = "spreadsheet", "CSV for spreadsheets", ".csv"

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """Write labels.csv, a row for each labelled photo; see `Exporter`."""
        write_csv(labels_table(export), path, spreadsheet=True, report=export.report)
        return []
