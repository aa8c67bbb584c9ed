"""Importing labels from a file or folder, and labels that are kept aside to measure against."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter

from handlens.errors import ImportProblem
from handlens.studio.formats import importers
from handlens.studio.formats.archives import data_set_in
from handlens.studio.formats.crops import LABELS
from handlens.studio.formats.importing import ImportPlan
from handlens.studio.server import import_payloads
from handlens.studio.server.collection_plans import CollectionRequest
from handlens.studio.server.dependencies import OpenCollection, Server
from handlens.studio.server.schemas.home import FromPath
from handlens.studio.server.schemas.importing import (
    CropsMade,
    DoImport,
    ImportFormat,
    ImportPlanned,
    ImportSource,
    TruthState,
)
from handlens.studio.server.typed_paths import typed_path

router = APIRouter(prefix="/api/collections/{c}", tags=["importing"])


@router.get("/import/formats")
def formats(_collection: OpenCollection) -> list[ImportFormat]:
    """The formats that labels can be imported from, also those of plugins."""
    return [
        ImportFormat(name=found.name, title=found.title, endings=list(found.endings)) for found in importers().values()
    ]


@router.post("/import/plan")
def plan_import(wanted: ImportSource, collection: OpenCollection, server: Server) -> ImportPlanned:
    """What importing would do; nothing changes."""
    with _planned(wanted, collection, server) as plan:
        return import_payloads.plan(plan)


@router.post("/import")
def import_labels(wanted: DoImport, collection: OpenCollection, server: Server) -> ImportPlanned:
    """Import labels in one change, which undo takes back."""
    with _planned(wanted, collection, server) as plan:
        import_payloads.check_digest(plan, wanted.digest)
        done = collection.import_labels(plan, replace=wanted.replace, as_truth=wanted.as_truth)
    return import_payloads.plan(done)


@router.post("/import/crops", status_code=201)
def crop_boxes(wanted: ImportSource, collection: OpenCollection, server: Server) -> CropsMade:
    """Make a collection of what is in the boxes, each cut out of its photo, with their labels."""
    folder = server.temporary.new("crops")
    try:
        with _planned(wanted, collection, server) as plan:
            crops = collection.crop_boxes(plan, folder / "cut" / "photos")
        if crops.labels.empty:
            raise ImportProblem(
                f"no box of {plan.name} could be cut out; {crops.problems['where'].iloc[0]}: "
                f"{crops.problems['reason'].iloc[0]}."
            )
        labels = (folder / "cut" / "photos" / LABELS).rename(folder / LABELS)
        request = CollectionRequest(name=f"Crops of {collection.name}"[:100], seed=server.preset.seed)
        made = server.registry.plans.of_upload(folder / "cut" / "photos", request)
        opened = server.registry.open(made)
        done = opened.import_labels(labels, format="csv", photo_column="path", label_column="label")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return CropsMade(
        id=made.id,
        name=opened.name,
        crops=len(crops.labels),
        imported=done.imported or 0,
        uncut=len(crops.problems),
        problems=import_payloads.uncut(crops.problems),
    )


@router.get("/truth")
def truth(collection: OpenCollection) -> TruthState | None:
    """The labels that are kept aside, null if there are none, and how the model in use does on them."""
    return import_payloads.truth(collection)


@router.delete("/truth", status_code=204)
def remove_truth(collection: OpenCollection) -> None:
    """Forget the labels that are kept aside."""
    collection.remove_truth()


@contextmanager
def _planned(wanted: ImportSource, collection: OpenCollection, server: Server) -> Iterator[ImportPlan]:
    """The plan of an import; its upload stays, so that it can be asked for with other choices."""
    choices = dict(wanted.choices)
    if "format" in choices:
        raise ImportProblem("no choice of an import is called format.")
    if isinstance(wanted.source, FromPath):
        yield collection.plan_import(typed_path(wanted.source.path), format=wanted.format, **choices)
        return
    with server.uploads.using(wanted.source.upload) as folder:
        path = data_set_in(folder)
        plan = collection.plan_import(path, format=wanted.format, **choices)
        if path == folder and wanted.name:
            found = dataclasses.replace(plan.found, name=wanted.name)
            plan = dataclasses.replace(plan, name=wanted.name, found=found)
        yield plan
