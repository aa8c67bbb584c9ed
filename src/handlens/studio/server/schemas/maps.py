"""Schemas of finding photos, by others or by words, and of separating labels on a map."""

from __future__ import annotations

from pydantic import BaseModel, Field

from handlens.serving.schemas import Float32s, Int32s, RequestBody
from handlens.studio.server.schemas.base import LabelTexts, Selection
from handlens.studio.text_search import LONGEST, MOST


class DistanceRequest(RequestBody):
    """Photos, and where distances are measured: on a projection of a layer, or without one in the layer's features."""

    selection: Selection
    layer: str
    projection: str | None = None


class SimilarRequest(DistanceRequest):
    """Photos to find others by, and how many of those are wanted; all unless given."""

    n: int | None = Field(default=None, ge=1)


class Ranked(BaseModel):
    """Photos in order, each with its distance."""

    ids: Int32s
    distances: Float32s


class SearchRequest(RequestBody):
    """What photos are to show, in words, and how many of the best are wanted."""

    sentence: str = Field(min_length=1, max_length=LONGEST)
    n: int = Field(default=24, ge=1, le=MOST)


class FoundByWords(BaseModel):
    """Photos that a sentence describes, the best first, each with the cosine between the two."""

    ids: Int32s
    similarities: Float32s


class Separate(RequestBody):
    """Labels to separate."""

    names: LabelTexts


class Separated(BaseModel):
    """The map that separates them best, and the balanced accuracy of its layer on these labels, if known."""

    layer: str
    projection: str
    score: float | None


class SeparationScores(BaseModel):
    """How well each layer and each map separates the labels, 0–1, null if not known."""

    labels_version: int
    layers: dict[str, float | None]
    maps: dict[str, dict[str, float | None]]
