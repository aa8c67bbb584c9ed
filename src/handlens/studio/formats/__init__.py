"""The formats that labels come in and go out in: our own, and those of plugins."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from handlens.errors import CollectionError, ImportProblem
from handlens.plugins import plugins
from handlens.studio.formats.exporting import Export, Exported, Exporter
from handlens.studio.formats.found import FoundLabel, FoundLabels, Unreadable, chosen
from handlens.studio.formats.matching import PhotoNames

__all__ = [
    "Export",
    "Exported",
    "Exporter",
    "FoundLabel",
    "FoundLabels",
    "Importer",
    "PhotoNames",
    "Unreadable",
    "chosen",
    "exporters",
    "importers",
]

FOLDER = "/"
"""Among the endings of an importer: it reads folders."""

# The last that recognises a file reads it, and plugins come after all of these: the most general formats come first.
_IMPORTERS = {
    "folders": "handlens.studio.formats.readers.folders:FoldersImporter",
    "csv": "handlens.studio.formats.readers.csv:CsvImporter",
    "parquet": "handlens.studio.formats.readers.parquet:ParquetImporter",
    "croissant": "handlens.studio.formats.readers.croissant:CroissantImporter",
    "yolo": "handlens.studio.formats.readers.yolo:YoloImporter",
    "voc": "handlens.studio.formats.readers.voc:VocImporter",
    "hugging-face": "handlens.studio.formats.readers.hugging_face:HuggingFaceImporter",
    "fiftyone": "handlens.studio.formats.readers.fiftyone:FiftyOneImporter",
    "label-studio": "handlens.studio.formats.readers.label_studio:LabelStudioImporter",
    "coco": "handlens.studio.formats.readers.coco:CocoImporter",
}

# In the order in which they are offered.
_EXPORTERS = {
    "csv": "handlens.studio.formats.writers.csv:CsvExporter",
    "spreadsheet": "handlens.studio.formats.writers.csv:SpreadsheetExporter",
    "parquet": "handlens.studio.formats.writers.parquet:ParquetExporter",
    "folders": "handlens.studio.formats.writers.folders:FoldersExporter",
    "coco": "handlens.studio.formats.writers.coco:CocoExporter",
    "label-studio": "handlens.studio.formats.writers.label_studio:LabelStudioExporter",
    "fiftyone": "handlens.studio.formats.writers.fiftyone:FiftyOneExporter",
    "hugging-face": "handlens.studio.formats.writers.hugging_face:HuggingFaceExporter",
    "croissant": "handlens.studio.formats.writers.croissant:CroissantExporter",
    "yolo": "handlens.studio.formats.writers.yolo:YoloExporter",
}


class Importer(Protocol):
    """Reads labels in one format; a plugin names one under the entry points `handlens.importers`.

    Attributes:
        name: what the format is called in commands: “coco”.
        title: what people read: “COCO”.
        endings: of its files, in lower case, such as (".json",), and "/" if it reads folders.

    Example:
        >>> class Pairs:
        ...     name, title, endings = "pairs", "Pairs", (".pairs",)
        ...
        ...     def recognises(self, path):
        ...         return True
        ...
        ...     def read(self, path, photos, **choices):
        ...         lines = path.read_text(encoding="utf-8").splitlines()
        ...         pairs = [line.split(" = ", 1) for line in lines]
        ...         labels = [FoundLabel(photo, label, f"line {i}") for i, (photo, label) in enumerate(pairs, 1)]
        ...         return FoundLabels.of(self.title, path.name, labels)
        >>> file = Path("my.pairs")
        >>> size = file.write_text("a.jpg = cat", encoding="utf-8")
        >>> Pairs().read(file, PhotoNames(["a.jpg"])).labels["label"].tolist()
        ['cat']
    """

    name: str
    title: str
    endings: tuple[str, ...]

    def recognises(self, path: Path) -> bool:
        """Whether a file or folder with one of the endings is of this format, by a quick look; never raises."""
        ...

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:
        """Read what a file or folder says about labels.

        Args:
            path: the file or folder. What is in it is read, and never run; no path in it leads out of its folder.
            photos: of the collection, where it helps to know which of a file's names are of photos.
            choices: what a person chose among `FoundLabels.choices`; see `chosen`.

        Raises:
            ImportProblem: nothing in it can be read, or it offers no such choice. What only a part of the file makes
                impossible is in `problems`.
        """
        ...


def importers() -> dict[str, Importer]:
    """The importers by name: our own, and those of plugins that can be loaded.

    Example:
        >>> importers()["voc"].title
        'Pascal VOC'
    """
    own: dict[str, Importer] = _loaded(_IMPORTERS)
    return plugins("importers").beside(own)


def exporters() -> dict[str, Exporter]:
    """The exporters by name, in the order in which they are offered: our own, and those of plugins that can be loaded.

    Example:
        >>> exporters()["coco"].title
        'COCO'
    """
    own: dict[str, Exporter] = _loaded(_EXPORTERS)
    return plugins("exporters").beside(own)


def _loaded(places: dict[str, str]) -> dict[str, Any]:
    """An object of each class, by name; the modules are imported when they are asked for, since most runs need none."""
    found = {}
    for name, place in places.items():
        module, _, cls = place.partition(":")
        found[name] = getattr(import_module(module), cls)()
    return found


def exporter_of(format: str) -> Exporter:
    """The exporter of a format.

    Args:
        format: its name.

    Raises:
        CollectionError: there is no such format.
    """
    known = exporters()
    if format not in known:
        if failed := plugins("exporters").failed.get(format):
            raise CollectionError(f"the plugin for {format} cannot be used: {failed.rstrip('.')}.")
        raise CollectionError(f"format must be one of {', '.join(known)}; {format!r:.80} arrived.")
    return known[format]


def importer_of(path: Path, format: str | None = None) -> Importer:
    """The importer for a file or folder.

    Args:
        path: the file or folder.
        format: the name of the importer; one that recognises the file unless given.

    Raises:
        ImportProblem: there is no such importer, or none that recognises the file.
    """
    known = importers()
    if format is not None:
        if format not in known:
            if failed := plugins("importers").failed.get(format):
                raise ImportProblem(f"the plugin for {format} cannot be used: {failed.rstrip('.')}.")
            raise ImportProblem(f"format must be one of {', '.join(sorted(known))}; {format!r} arrived.")
        return known[format]
    ending = FOLDER if path.is_dir() else path.suffix.lower()
    for importer in reversed(known.values()):
        if ending in importer.endings and importer.recognises(path):
            return importer
    raise ImportProblem(
        f"{path.name} must hold labels in one of the formats that can be read, and was not recognised as one of them: "
        f"{', '.join(sorted(importer.title for importer in known.values()))}. If you know its format, give it: the "
        "message then says what is wrong with the file."
    )
