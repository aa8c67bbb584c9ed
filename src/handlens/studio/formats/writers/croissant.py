"""Croissant: a description of the labelled photos as JSON-LD, beside the table that it describes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from handlens.core.predictions import LABEL, PATH, PREDICTED, PROBABILITY
from handlens.io.files import atomic_folder
from handlens.studio.formats.exporting import TIME, Export
from handlens.studio.formats.writers.hugging_face import licence_of
from handlens.studio.formats.writers.json_text import write_json
from handlens.studio.formats.writers.parquet import write_table
from handlens.studio.scanning import LeftOut

TABLE = "labels.parquet"

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_FIELDS = {
    PATH: ("sc:Text", "the photo, below the folder of photos"),
    LABEL: ("sc:Text", "its label"),
    "origin": ("sc:Text", "who gave the label: by hand, suggested, checked, certified or imported"),
    "gesture": ("sc:Text", "how the photo was selected"),
    TIME: ("sc:DateTime", "when the label was given, in UTC"),
    "error_at_most": ("sc:Float", "of certified labels, the largest share that may be wrong"),
    "confidence": ("sc:Float", "the probability with which that holds"),
    "by": (
        "sc:Text",
        "what gave the label, if it was not a person: of certified labels the model's hash, of imported ones the file",
    ),
    PREDICTED: ("sc:Text", "what the model predicts"),
    PROBABILITY: ("sc:Float", "the probability of what it predicts"),
}


class CroissantExporter:
    """Croissant 1.0: croissant.json, which describes labels.parquet beside it; the photos are not copied.

    Example:
        >>> CroissantExporter().ending
        ''
    """

    name, title, ending = "croissant", "Croissant metadata", ""

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        """Write the folder; see `Exporter`."""
        with atomic_folder(path) as folder:
            write_table(export, folder / TABLE)
            digest = hashlib.sha256((folder / TABLE).read_bytes()).hexdigest()
            write_json(_description(export, digest), folder / "croissant.json")
        return []


def _description(export: Export, digest: str) -> dict[str, Any]:
    model = f" The model that predicts has the hash {export.model}." if export.model else ""
    licence = licence_of(export)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": export.name,
        "description": f"{len(export.labelled):,} labelled photos of “{export.name}”.{model}",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": licence.get("license_name", licence["license"]),
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": TABLE,
                "name": TABLE,
                "contentUrl": TABLE,
                "encodingFormat": "application/x-parquet",
                "sha256": digest,
            }
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "labels",
                "name": "labels",
                "description": "A record for each labelled photo.",
                "key": {"@id": f"labels/{PATH}"},
                "field": [_field(name, *about) for name, about in _FIELDS.items()],
            }
        ],
    }


def _field(name: str, kind: str, description: str) -> dict[str, Any]:
    source = {"fileObject": {"@id": TABLE}, "extract": {"column": name}}
    return {
        "@type": "cr:Field",
        "@id": f"labels/{name}",
        "name": name,
        "description": description,
        "dataType": kind,
        "source": source,
    }
