"""Schemas of the home screen: the collections, uploads, and what a new collection is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from handlens.serving.schemas import RequestBody
from handlens.studio.server.schemas.base import LeftOutFile, Name, TypedPath


class CollectionSummary(BaseModel):
    """One collection on the home screen."""

    id: str
    name: str
    images: str = Field(description="the folder with the photos")
    count: int
    labelled: int
    prepared: int
    folder_gone: bool = Field(description="whether the folder of the photos is gone")
    opened_at: str | None = Field(description="ISO 8601, UTC")
    copied: bool = Field(
        description="whether the photos are copies that Studio made, which are deleted with the collection"
    )
    fault: str | None = Field(description="which of its files is damaged, as a sentence")


class BuiltinSummary(BaseModel):
    """A collection that comes with Studio."""

    name: str
    title: str
    description: str
    count: int


class BackboneSummary(BaseModel):
    """A pretrained network that the page suggests."""

    name: str
    title: str
    megabytes: float
    cached: bool


class Preset(BaseModel):
    """What the form for a new collection begins with: the fields of `NewCollection` that have the same names."""

    backbones: list[str]
    own_features: bool
    weights: dict[str, str]


class StudioInfo(BaseModel):
    """What the home screen shows."""

    version: str
    collections: list[CollectionSummary]
    builtin: list[BuiltinSummary]
    backbones: list[BackboneSummary]
    preset: Preset


class CopyingSummary(BaseModel):
    """A new collection whose photos are being copied."""

    id: str
    name: str
    files: int = Field(description="looked at so far; one may hold many photos")
    total: int = Field(description="all files of the source; 0 while they are being listed")
    photos: int = Field(description="copied so far")
    left_out: int
    share: float = Field(description="how much is done, 0–1")
    seconds_left: float | None


class UploadStarted(BaseModel):
    """The id of an upload, to which its files are sent."""

    upload: str


class PhotoReceived(BaseModel):
    """The path under which the photo was stored."""

    path: str


class ZipReceived(BaseModel):
    """How many files were unpacked, and which were not."""

    count: int
    left_out: list[LeftOutFile]


class FromPath(RequestBody):
    """A folder on the machine that runs Studio, whose photos stay where they are; or another source of photos there."""

    kind: Literal["path"]
    path: TypedPath


class FromUpload(RequestBody):
    """The files of a finished upload."""

    kind: Literal["upload"]
    upload: str


class FromBuiltin(RequestBody):
    """A collection that comes with Studio."""

    kind: Literal["builtin"]
    name: str


class NewCollection(RequestBody):
    """How to make a collection; preparing starts at once."""

    name: Name | None = None
    source: Annotated[FromPath | FromUpload | FromBuiltin, Field(discriminator="kind")]
    backbones: Annotated[list[Name], Field(max_length=20)] = Field(
        default=["auto"],
        description="pretrained networks; an empty list means features learned on these photos; “auto” chooses by "
        "looking at some of them: a network for photographs, learned features for anything else",
    )
    own_features: bool = Field(
        default=False, description="also learn features on these photos, in addition to those of the networks"
    )
    weights: Annotated[dict[Name, TypedPath], Field(max_length=20)] = Field(
        default={}, description="a safetensors file for each network that is not to have its usual weights"
    )


class CostRequest(RequestBody):
    """A new collection that is thought of."""

    path: TypedPath | None = Field(
        default=None, description="a folder on the machine that runs Studio; null for photos that are sent"
    )
    photos: int = Field(default=0, ge=0, le=10**9, description="that are sent")
    bytes: int = Field(default=0, ge=0, le=2**53, description="of all that are sent")
    backbones: Annotated[list[Name], Field(max_length=20)] = Field(default=["auto"], description="as in NewCollection")
    own_features: bool = Field(default=False, description="as in NewCollection")


class CollectionCost(BaseModel):
    """What a new collection will cost."""

    text: str = Field(description="as a sentence; empty if it is not known before, as of an archive")
    fits: bool = Field(description="whether the disk has so much room")


class NewCollectionId(BaseModel):
    """The collection that was made, or opened if the folder had one already."""

    id: str
