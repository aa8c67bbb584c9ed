"""The formats that labels come in and go out in: our own, and those of plugins."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol

from handlens.errors import ImportProblem
from handlens.io.problems import reason_of
from handlens.studio.formats.found import FoundLabels
from handlens.studio.formats.matching import PhotoNames

FOLDER = "/"
"""Among the endings of an importer: it reads folders."""

_log = logging.getLogger(__name__)

# The first that recognises a file reads it, so the ones that many files could be of come last.
_IMPORTERS = {
    "csv": "handlens.studio.formats.readers.csv:Csv",
    "folders": "handlens.studio.formats.readers.folders:Folders",
}
_EXPORTERS: dict[str, str] = {}


class Importer(Protocol):
    """Reads labels in one format; a plugin names one under the entry points `handlens.importers`.

    Attributes:
        name: what the format is called in commands: “coco”.
        title: what people read: “COCO”.
        endings: of its files, in lower case, such as (".json",), and "/" if it reads folders.
    """

    name: str
    title: str
    endings: tuple[str, ...]

    def recognises(self, path: Path) -> bool:
        """Whether a file or folder with one of the endings is of this format, by a quick look; never raises."""
        ...

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:
        """Read what a file or folder says about labels; zips and tars arrive here as folders.

        Args:
            path: the file or folder. What is in it is read, and never run; no path in it leads out of its folder.
            photos: of the collection, where it helps to know which of a file's names are of photos.
            choices: what a person chose among `FoundLabels.choices`; a choice that this format does not have, or a
                value that is not among them, raises ImportProblem.

        Raises:
            ImportProblem: nothing in it can be read. What a part of it makes impossible is in `problems`.
        """
        ...


def importers() -> dict[str, Importer]:
    """The importers by name: of plugins, and our own."""
    return _loaded("handlens.importers", _IMPORTERS)


def exporters() -> dict[str, Any]:
    """The exporters by name: of plugins, and our own."""
    return _loaded("handlens.exporters", _EXPORTERS)


def importer_of(path: Path, format: str | None = None) -> Importer:
    """The importer for a file or folder.

    Args:
        path: the file or folder.
        format: the name of the importer; the first that recognises the file unless given.

    Raises:
        ImportProblem: there is no such importer, or none that recognises the file.
    """
    known = importers()
    if format is not None:
        if format not in known:
            raise ImportProblem(f"format must be one of {', '.join(sorted(known))}; {format!r} arrived.")
        return known[format]
    ending = FOLDER if path.is_dir() else path.suffix.lower()
    for importer in known.values():
        if ending in importer.endings and importer.recognises(path):
            return importer
    titles = ", ".join(sorted(importer.title for importer in known.values()))
    raise ImportProblem(
        f"{path.name} must hold labels in one of the formats that can be read ({titles}); it was not recognised as one "
        "of them. Give the format if you know it: the message then says what is wrong with the file."
    )


def _loaded(group: str, own: dict[str, str]) -> dict[str, Any]:
    """Load what is listed under entry points and by us; a plugin that cannot be loaded is left out and named."""
    loaded: dict[str, Any] = {}
    for point in entry_points(group=group):
        if point.name in own:
            _log.warning("The plugin %s of %s is not used: handlens has one of this name.", point.name, group)
            continue
        try:
            loaded[point.name] = point.load()()
        except Exception as error:
            _log.warning("The plugin %s of %s cannot be loaded: %s", point.name, group, reason_of(error))
    return loaded | {name: EntryPoint(name, value, group).load()() for name, value in own.items()}
