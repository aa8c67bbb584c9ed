"""Finding photos by others or by words, separating labels, training and predicting."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.exceptions import HTTPException

from handlens.errors import TrainingError
from handlens.serving.encoding import finite, packed
from handlens.studio.server import payloads
from handlens.studio.server.columns import JSON, sent_once
from handlens.studio.server.dependencies import CollectionId, OpenCollection
from handlens.studio.server.encoding import selected
from handlens.studio.server.routes.pictures import CACHED, PhotoId, check_photo
from handlens.studio.server.schemas.checking import PhotoIds
from handlens.studio.server.schemas.collection import CollectionState
from handlens.studio.server.schemas.maps import (
    DistanceRequest,
    FoundByWords,
    Ranked,
    SearchRequest,
    Separate,
    Separated,
    SeparationScores,
    SimilarRequest,
)
from handlens.studio.server.schemas.models import FineTune, HeatMapPicture, PhotoPredictions, Report, UseModel
from handlens.studio.suggestions import MOST

router = APIRouter(prefix="/api/collections/{c}", tags=["learning"])


@router.post("/similar")
def similar(wanted: SimilarRequest, collection: OpenCollection) -> Ranked:
    """The other photos, unlabelled first, the nearest to the selection first."""
    ids = selected(wanted.selection, len(collection.paths))
    found = collection.similar(ids, layer=wanted.layer, projection=wanted.projection, k=wanted.n)
    return Ranked(ids=packed(found["id"], "<i4"), distances=packed(found["distance"], "<f4"))


@router.post("/search")
def search(wanted: SearchRequest, collection: OpenCollection) -> FoundByWords:
    """The photos that a sentence describes best, by a CLIP or SigLIP model among the sources."""
    found = collection.search(wanted.sentence, wanted.n)
    return FoundByWords(ids=packed(found["id"], "<i4"), similarities=packed(found["similarity"], "<f4"))


@router.get("/next")
def next_to_label(
    collection: OpenCollection, n: Annotated[int, Query(ge=1, le=MOST, description="how many at most")] = 24
) -> PhotoIds:
    """The photos that are most worth a label now, the best one first."""
    return PhotoIds(ids=packed(collection.next(n), "<i4"))


@router.post("/spread")
def spread(wanted: DistanceRequest, collection: OpenCollection) -> Ranked:
    """The selected photos themselves, the farthest from their centre first."""
    ids = selected(wanted.selection, len(collection.paths))
    found = collection.spread(ids, layer=wanted.layer, projection=wanted.projection)
    return Ranked(ids=packed(found["id"], "<i4"), distances=packed(found["distance"], "<f4"))


@router.post("/separate")
def separate(wanted: Separate, collection: OpenCollection) -> Separated:
    """Find the layer that separates labels best; its "separate" projection pulls them apart."""
    layer, projection = collection.separate(wanted.names)
    score = finite(collection.parts.separating.latest_score)
    return Separated(layer=layer, projection=projection, score=score)


@router.delete("/separate", status_code=204)
def cancel_separating(collection: OpenCollection) -> None:
    """Stop a search for the layer that separates labels best; the projection stays as it was."""
    collection.parts.work.cancel("separate")


@router.get("/scores", response_model=SeparationScores, responses={304: {"description": "the caller has these"}})
def scores(request: Request, collection: OpenCollection) -> Response:
    """How well each layer and each map separates the labels so far."""
    found = collection.scores()
    said = SeparationScores(
        labels_version=found["labels_version"],
        layers={layer: finite(score) for layer, score in found["layers"].items()},
        maps={
            layer: {projection: finite(score) for projection, score in of_layer.items()}
            for layer, of_layer in found["maps"].items()
        },
    )
    return sent_once(request, said.model_dump_json().encode(), media_type=JSON)


@router.post("/train")
def train(collection: OpenCollection) -> Report:
    """Train on the labels; how accurate the model is, the spot check tells."""
    return payloads.training("quick", collection.train())


@router.delete("/train", status_code=204)
def cancel_training(collection: OpenCollection) -> None:
    """Stop a training that is under way after the model that is being fitted; the model in use does not change."""
    collection.parts.work.cancel("train")


@router.post("/fine-tune", status_code=202)
def fine_tune(c: CollectionId, wanted: FineTune, collection: OpenCollection) -> CollectionState:
    """Start to fine-tune a network in the background; the state says how far it is."""
    collection.start_fine_tuning(backbone=wanted.backbone, minutes=wanted.minutes, epochs=wanted.epochs)
    return payloads.state(c, collection)


@router.delete("/fine-tune")
def cancel_fine_tuning(c: CollectionId, collection: OpenCollection) -> CollectionState:
    """Stop fine-tuning after the current batch; the model in use does not change."""
    collection.cancel_fine_tuning()
    return payloads.state(c, collection)


@router.put("/model")
def use_model(c: CollectionId, wanted: UseModel, collection: OpenCollection) -> CollectionState:
    """Use the quick or the fine-tuned model, or both together."""
    collection.use_model(wanted.kind)
    return payloads.state(c, collection)


@router.get("/photos/{id}/heatmap")
def heat_map(
    id: PhotoId,
    collection: OpenCollection,
    response: Response,
    label: Annotated[str | None, Query(max_length=1000, description="the photo's prediction unless given")] = None,
    version: Annotated[
        str | None,
        Query(
            max_length=100,
            description="of the model; not used, but gives its heat maps addresses of their own in caches",
        ),
    ] = None,
) -> HeatMapPicture:
    """Which places of a photo count in favour of a label, by the model in use."""
    check_photo(id, collection)
    found = payloads.heat_map(collection.heatmap(id, label))
    if version:
        response.headers.update(CACHED)
    return found


@router.get("/predictions")
def predictions(collection: OpenCollection) -> PhotoPredictions:
    """What the model in use predicts for each photo; 404 before the first training."""
    try:
        return payloads.predictions(collection)
    except TrainingError as error:
        raise HTTPException(404, str(error)) from error


@router.delete("/predictions", status_code=204)
def cancel_predicting(collection: OpenCollection) -> None:
    """Stop predicting all photos; who waits for the predictions gets an error."""
    collection.parts.work.cancel("predict")
