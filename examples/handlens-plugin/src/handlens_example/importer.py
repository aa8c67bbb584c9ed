"""An importer: labels from a file of lines such as `0001.jpg = cat`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from handlens.studio.formats.found import FoundLabel, FoundLabels, Unreadable

if TYPE_CHECKING:
    from handlens.studio.formats.matching import PhotoNames


class Pairs:
    """Reads files that end in .pairs."""

    name = "pairs"
    title = "Pairs"
    endings = (".pairs",)

    def recognises(self, path: Path) -> bool:
        """Whether the file is of this format: its ending says so."""
        return path.suffix == ".pairs"

    def read(self, path: Path, photos: PhotoNames, **choices: str) -> FoundLabels:
        """One label a line; a line without “=” is listed with its reason."""
        labels, problems = [], []
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            photo, equals, label = line.partition(" = ")
            if equals:
                labels.append(FoundLabel(photo, label, f"line {number}"))
            else:
                problems.append(Unreadable(f"line {number}", "it must read PHOTO = LABEL"))
        return FoundLabels.of(self.title, path.name, labels, problems=problems)
