"""Finding similar photos, separating labels, training and predicting."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.exceptions import HTTPException

from handlens.errors import TrainingError
from handlens.studio.server import payloads, schemas
from handlens.studio.server.deps import Opened

router = APIRouter(prefix="/api/collections/{c}", tags=["learning"])


@router.post("/similar")
def similar(wanted: schemas.Near, opened: Opened) -> schemas.Ranked:
    """All other photos, unlabelled first, the nearest to the selection first."""
    ids = payloads.selected(wanted.selection, len(opened.paths))
    found = opened.similar(ids, layer=wanted.layer, projection=wanted.projection)
    return schemas.Ranked(ids=payloads.packed(found["id"], "<i4"), distances=payloads.packed(found["distance"], "<f4"))


@router.post("/spread")
def spread(wanted: schemas.Near, opened: Opened) -> schemas.Ranked:
    """The selected photos themselves, the farthest from their centre first."""
    ids = payloads.selected(wanted.selection, len(opened.paths))
    found = opened.spread(ids, layer=wanted.layer, projection=wanted.projection)
    return schemas.Ranked(ids=payloads.packed(found["id"], "<i4"), distances=payloads.packed(found["distance"], "<f4"))


@router.post("/separate")
def separate(wanted: schemas.Separate, opened: Opened) -> schemas.Separated:
    """Find the layer that separates labels best; its "separate" projection pulls them apart."""
    layer, projection = opened.separate(wanted.names)
    return schemas.Separated(layer=layer, projection=projection, score=payloads.finite(opened.separating_score))


@router.get("/scores")
def scores(opened: Opened) -> schemas.Scores:
    """How well each layer and each map separates the labels so far."""
    found = opened.scores()
    return schemas.Scores(
        labels_version=found["labels_version"],
        layers={layer: payloads.finite(score) for layer, score in found["layers"].items()},
        maps={
            layer: {projection: payloads.finite(score) for projection, score in of_layer.items()}
            for layer, of_layer in found["maps"].items()
        },
    )


@router.post("/train")
def train(opened: Opened) -> schemas.Report:
    """Train on the labels; the estimate of accuracy is cross-validated."""
    return payloads.training(opened.train())


@router.get("/predictions")
def predictions(opened: Opened) -> schemas.Predictions:
    """The model's word on each photo; 404 before the first training."""
    try:
        return payloads.predictions(opened)
    except TrainingError as error:
        raise HTTPException(404, str(error)) from error
