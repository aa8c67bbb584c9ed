"""FiftyOne: a data set as JSON, which `fiftyone.Dataset.from_json` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handlens.core.predictions import LABEL, PATH, PREDICTED, PROBABILITY
from handlens.io.files import atomic_write
from handlens.studio.formats.exporting import Export, facts_of, steps_of
from handlens.studio.formats.writers.json_text import write_json
from handlens.studio.formats.writers.parquet import about_of
from handlens.studio.scanning import LeftOut

_CLASSIFICATION = "fiftyone.core.fields.EmbeddedDocumentField(fiftyone.core.labels.Classification)"


class FiftyOneExporter:
    """FiftyOne JSON: a sample for each photo that has a label ("ground_truth") or a prediction ("predictions").

    Paths are below the folder of photos, which `rel_dir=` of `from_json` takes.

    Example:
        >>> FiftyOneExporter().ending
        '.json'
    """

    name, title, ending = "fiftyone", "FiftyOne", ".json"

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """Write the samples; see `Exporter`."""
        wanted = export.photos[export.photos[[LABEL, PREDICTED]].notna().any(axis=1)]
        content = {
            "name": export.name,
            "media_type": "image",
            "sample_fields": {"ground_truth": _CLASSIFICATION, "predictions": _CLASSIFICATION},
            "info": about_of(export),
            "default_classes": export.labels,
            "samples": (_sample(row) for row in steps_of(export, wanted)),
        }
        with atomic_write(path) as partial:
            write_json(content, partial)
        return []


def _sample(row: dict[str, Any]) -> dict[str, Any]:
    sample: dict[str, Any] = {
        "filepath": row[PATH],
        "tags": [],
        "metadata": None,
        "ground_truth": None,
        "predictions": None,
    }
    if LABEL in row:
        facts = facts_of(row)
        if "confidence" in facts:  # FiftyOne's own field of this name is the probability of one label
            facts["confidence_of_bound"] = facts.pop("confidence")
        sample["ground_truth"] = {"_cls": "Classification", "tags": [], "label": row[LABEL], **facts}
    if PREDICTED in row:
        said = {"_cls": "Classification", "tags": [], "label": row[PREDICTED], "confidence": float(row[PROBABILITY])}
        sample["predictions"] = said
    return sample
