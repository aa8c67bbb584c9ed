"""An exporter: labels as a file of lines such as `0001.jpg = cat`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from handlens.io.files import atomic_write

if TYPE_CHECKING:
    from handlens.studio.formats.exporting import Export
    from handlens.studio.scanning import LeftOut


class Pairs:
    """Writes files that end in .pairs."""

    name = "pairs"
    title = "Pairs"
    ending = ".pairs"

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """One line for each labelled photo; the photos that are left out are given back, here none."""
        rows = export.labelled[["path", "label"]].itertuples(index=False)
        with atomic_write(path) as partial:
            partial.write_text("".join(f"{photo} = {label}\n" for photo, label in rows), encoding="utf-8")
        return []
