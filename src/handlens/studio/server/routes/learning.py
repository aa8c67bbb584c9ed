"""Finding similar photos, separating labels, training and predicting."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from starlette.exceptions import HTTPException

from handlens.errors import TrainingError
from handlens.studio.server import payloads, schemas
from handlens.studio.server.deps import CollectionId, Opened
from handlens.studio.server.routes.pictures import CACHED, PhotoId, check_photo

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
    score = payloads.finite(opened.parts.separating.latest_score)
    return schemas.Separated(layer=layer, projection=projection, score=score)


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


@router.post("/fine-tune", status_code=202)
def fine_tune(c: CollectionId, wanted: schemas.FineTune, opened: Opened) -> schemas.State:
    """Start to fine-tune a network in the background; the state says how far it is."""
    opened.start_fine_tuning(backbone=wanted.backbone, minutes=wanted.minutes, epochs=wanted.epochs)
    return payloads.state(c, opened)


@router.delete("/fine-tune")
def cancel_fine_tuning(c: CollectionId, opened: Opened) -> schemas.State:
    """Stop fine-tuning after the batch at hand; the model in use stays the one from before."""
    opened.cancel_fine_tuning()
    return payloads.state(c, opened)


@router.put("/model")
def use_model(c: CollectionId, wanted: schemas.UseModel, opened: Opened) -> schemas.State:
    """Use the quick or the fine-tuned model."""
    opened.use_model(wanted.kind)
    return payloads.state(c, opened)


@router.get("/photos/{id}/heatmap")
def heat_map(
    id: PhotoId,
    opened: Opened,
    response: Response,
    label: Annotated[str | None, Query(max_length=1000, description="its prediction unless given")] = None,
    version: Annotated[str | None, Query(max_length=100, description="only tells models apart")] = None,
) -> schemas.HeatMap:
    """Which places of a photo speak for a label, to the model in use."""
    check_photo(id, opened)
    found = payloads.heat_map(opened.heatmap(id, label))
    if version:
        response.headers.update(CACHED)
    return found


@router.get("/predictions")
def predictions(opened: Opened) -> schemas.Predictions:
    """The model's word on each photo; 404 before the first training."""
    try:
        return payloads.predictions(opened)
    except TrainingError as error:
        raise HTTPException(404, str(error)) from error
