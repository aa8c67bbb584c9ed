"""COCO: images, categories, and one annotation of a whole image for each label."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from handlens.core.predictions import LABEL, PATH
from handlens.errors import PhotoError
from handlens.io.files import atomic_write
from handlens.studio.formats.exporting import Export, facts_of, rows_of, steps_of
from handlens.studio.formats.writers.json_text import write_json
from handlens.studio.formats.writers.parquet import about_of
from handlens.studio.pictures import open_picture
from handlens.studio.register import file_below
from handlens.studio.scanning import LeftOut


class CocoExporter:
    """COCO JSON with a category for each label.

    An annotation has no box, since a label is of the whole photo; its `attributes` say where the label comes from.

    Example:
        >>> CocoExporter().ending
        '.json'
    """

    name, title, ending = "coco", "COCO", ".json"

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """Write the labelled photos; see `Exporter`."""
        categories = {label: i for i, label in enumerate(export.labels, 1)}
        n = len(export.labelled)

        def images() -> Iterator[dict[str, Any]]:
            for i, row in enumerate(rows_of(export.labelled), 1):
                export.report(i - 1, 2 * n)
                yield {"id": i, "file_name": row[PATH], **_size(export, row[PATH])}

        def annotations() -> Iterator[dict[str, Any]]:
            for i, row in enumerate(steps_of(export, export.labelled, first=n, total=2 * n), 1):
                annotation = {"id": i, "image_id": i, "category_id": categories[row[LABEL]], "iscrowd": 0}
                yield annotation | {"attributes": facts_of(row)}

        content = {
            "info": {"description": export.name, "handlens": about_of(export)},
            "licenses": [],
            "images": images(),
            "categories": [{"id": i, "name": label, "supercategory": ""} for label, i in categories.items()],
            "annotations": annotations(),
        }
        with atomic_write(path) as partial:
            write_json(content, partial)
        return []


def _size(export: Export, path: str) -> dict[str, int]:
    """Width and height of a photo in pixels, as its file has them; nothing if it cannot be read."""
    try:
        with open_picture(file_below(export.images, path)) as picture:
            return {"width": picture.width, "height": picture.height}
    except PhotoError:
        return {}
