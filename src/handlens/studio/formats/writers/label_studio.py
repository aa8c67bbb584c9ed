"""Label Studio: tasks with a label as an annotation, and what the model says as a prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from handlens.core.predictions import LABEL, PATH, PREDICTED, PROBABILITY
from handlens.io.files import atomic_write
from handlens.studio.formats.exporting import TIME, Export, facts_of, steps_of
from handlens.studio.formats.writers.json_text import write_json
from handlens.studio.scanning import LeftOut


class LabelStudioExporter:
    """Label Studio JSON: a task for each photo that has a label or a prediction.

    Example:
        >>> LabelStudioExporter().ending
        '.json'
    """

    name, title, ending = "label-studio", "Label Studio", ".json"

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """Write the tasks; see `Exporter`."""
        wanted = export.photos[export.photos[[LABEL, PREDICTED]].notna().any(axis=1)]
        tasks = (_task(export, row) for row in steps_of(export, wanted))
        with atomic_write(path) as partial:
            write_json(tasks, partial)
        return []


def _task(export: Export, row: dict[str, Any]) -> dict[str, Any]:
    # Local storage of Label Studio, with the folder that holds that of the photos as its root.
    address = f"/data/local-files/?d={quote(f'{export.images.name}/{row[PATH]}')}"
    task: dict[str, Any] = {"data": {"image": address, "path": row[PATH]}, "annotations": [], "predictions": []}
    if LABEL in row:
        annotation = {"result": _result(row[LABEL]), "ground_truth": row.get("origin") == "checked"}
        task["annotations"] = [annotation | ({"created_at": row[TIME]} if TIME in row else {})]
        task["meta"] = facts_of(row)
    if PREDICTED in row:
        said = {"model_version": export.model, "score": float(row[PROBABILITY]), "result": _result(row[PREDICTED])}
        task["predictions"] = [said]
    return task


def _result(label: str) -> list[dict[str, Any]]:
    return [{"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": [label]}}]
