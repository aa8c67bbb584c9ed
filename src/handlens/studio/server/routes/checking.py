"""The spot check, finishing, and how the accuracy changed over time."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from handlens.serving.encoding import packed
from handlens.studio.server import payloads
from handlens.studio.server.dependencies import OpenCollection
from handlens.studio.server.schemas.checking import (
    DrawSpotCheck,
    Finish,
    FinishPlan,
    HistoryPoint,
    PhotoIds,
    SpotCheckAnswer,
    SpotCheckState,
)

router = APIRouter(prefix="/api/collections/{c}", tags=["checking"])

Share = Query(gt=0, lt=1)


@router.get("/spot-check")
def spot_check(collection: OpenCollection) -> SpotCheckState:
    """The photos that wait for an answer, and what was answered so far."""
    return payloads.spot_check(collection)


@router.post("/spot-check")
def draw_spot_check(wanted: DrawSpotCheck, collection: OpenCollection) -> SpotCheckState:
    """Draw photos at random, unless enough wait already."""
    collection.draw_spot_check(wanted.n)
    return payloads.spot_check(collection)


@router.post("/spot-check/answer")
def answer_spot_check(wanted: SpotCheckAnswer, collection: OpenCollection) -> SpotCheckState:
    """Keep what a person sees on a drawn photo; a label becomes the photo's label."""
    name = wanted.label if wanted.answer == "label" else None
    if wanted.answer == "label" and name is None:
        name = ""  # refused, as any name that is empty
    collection.answer_spot_check(wanted.photo, name, unsure=wanted.answer == "unsure")
    return payloads.spot_check(collection)


@router.get("/finish")
def plan_finish(
    collection: OpenCollection,
    error: Annotated[float, Share] = 0.05,
    confidence: Annotated[float, Share] = 0.95,
) -> FinishPlan:
    """What finishing would label."""
    return payloads.finish(collection.plan_finish(error=error, confidence=confidence))


@router.post("/finish")
def finish(wanted: Finish, collection: OpenCollection) -> FinishPlan:
    """Label the rest as far as that can be certified; undo takes it back."""
    return payloads.finish(collection.finish(error=wanted.error, confidence=wanted.confidence))


@router.get("/history")
def history(collection: OpenCollection) -> list[HistoryPoint]:
    """The models that were trained, the earliest first, with their checked accuracy."""
    return payloads.history(collection)


@router.get("/confused")
def confused(
    collection: OpenCollection,
    label: Annotated[str, Query(max_length=1000, description="what the photo is")],
    predicted: Annotated[str, Query(max_length=1000, description="what was predicted")],
) -> PhotoIds:
    """The photos of one cell of the report's confusion table."""
    return PhotoIds(ids=packed(collection.confused(label, predicted), "<i4"))
