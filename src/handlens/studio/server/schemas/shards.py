"""Schemas of searches of all photos of the shards that a collection stands on."""

from __future__ import annotations

from pydantic import BaseModel, Field

from handlens.serving.schemas import Float32s, Int32s, RequestBody
from handlens.studio.server.schemas.base import LabelText, Selection
from handlens.studio.shards.everywhere import MOST


class ShardsState(BaseModel):
    """The shards that a collection stands on."""

    total: int = Field(description="photos in the shards")
    sampled: int = Field(description="photos of the collection that are a random sample of these")
    complete: bool = Field(description="whether all photos of the source were embedded")


class LookEverywhere(RequestBody):
    """Photos to search with, in the features of a layer, and how many are wanted."""

    selection: Selection
    layer: str
    n: int = Field(default=200, ge=1, le=MOST)


class LookForPredicted(RequestBody):
    """The label that photos are to be predicted as, the least probability, and how many are wanted."""

    name: LabelText
    at_least: float = Field(default=0.5, ge=0, le=1)
    n: int = Field(default=200, ge=1, le=MOST)


class FoundEverywhere(BaseModel):
    """The photos that were found, the best first, which are all in the collection now."""

    ids: Int32s
    paths: list[str]
    values: Float32s = Field(description="distances of similar photos, probabilities of predicted ones, else none")
    counts: dict[str, int] = Field(description="of predicted photos: how many are predicted as each label, among all")
    added: int = Field(description="how many were not in the collection before")
    count: int = Field(description="photos in the collection now")
