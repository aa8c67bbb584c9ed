"""Schemas of one collection: its state, its sources and layers, and its photos."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from handlens.serving.schemas import RequestBody
from handlens.studio.server.schemas.base import LeftOutFile, ModelKind, TypedPath
from handlens.studio.server.schemas.checking import Comparison, SpotCheckState
from handlens.studio.server.schemas.models import FineTuningState, ModelInfo, Report
from handlens.studio.server.schemas.reviewing import DuplicateSearch
from handlens.studio.server.schemas.shards import ShardsState


class PreparationState(BaseModel):
    """How far preparing is."""

    running: bool
    phase: Literal["idle", "reading", "fitting", "features", "predicting", "done", "cancelled", "failed"]
    done: int
    total: int
    rate: float | None = Field(description="photos a second")
    seconds_left: float | None
    error: str | None
    current_sources: list[str] = Field(description="names of the sources whose features are being computed")


class SourceState(BaseModel):
    """A source of features: a network, or features learned on these photos."""

    name: str
    title: str
    backbone: str | None = Field(description="what to ask for, to add it again; null for learned features")
    state: Literal["ready", "preparing", "waiting", "failed"]
    message: str | None = Field(description="why it failed")
    reason: str | None = Field(description="why it was chosen by the photos, or what a CLIP or SigLIP model is for")


class LayerInfo(BaseModel):
    """A layer that the map can show."""

    id: str
    source: str
    stage: str
    pooling: Literal["what", "where"]
    title: str


class ProjectionInfo(BaseModel):
    """A projection; every layer has the same ones."""

    id: str
    title: str


class Notice(BaseModel):
    """A sentence that the page shows until the user dismisses it."""

    id: str
    text: str


class ScanState(BaseModel):
    """How far looking for what has changed in the folder of photos is."""

    running: bool
    phase: Literal["idle", "looking", "done", "cancelled", "failed"]
    done: int = Field(description="files")
    total: int
    seconds_left: float | None
    error: str | None


class CollectionState(BaseModel):
    """Everything about a collection except its photos and labels."""

    id: str
    as_of: float = Field(description="when this was read, in seconds since 1970: the later one of two states is newer")
    name: str
    images: str
    folder_gone: bool = Field(description="whether the folder of the photos is gone, such as with its disk")
    count: int
    left_out: int
    scanning: ScanState
    found: int = Field(description="photos that were added to the folder, and are not among those counted yet")
    shards: ShardsState | None = Field(description="the shards that it stands on; null if all its photos are in it")
    preparation: PreparationState
    sources: list[SourceState]
    layers: list[LayerInfo]
    projections: list[ProjectionInfo]
    separating: list[str] | None
    notices: list[Notice]
    view: dict[str, Any] | None
    maps_version: int
    photos_version: int = Field(description="grows when photos that had been prepared were replaced by others")
    labels_version: int
    report: Report | None
    model: ModelKind | None = Field(description="the model in use, which the report is of")
    models: list[ModelInfo]
    comparisons: list[Comparison] = Field(description="of the model in use with each other one, on checked photos")
    spot_check: SpotCheckState
    finished: int = Field(description="photos that carry a label given by finishing")
    text_search: str | None = Field(description="the source that finds photos by words; null without one")
    networks: list[str] = Field(description="the sources that fine-tuning can start from")
    fine_tuning: FineTuningState
    duplicates: DuplicateSearch


class Relocate(RequestBody):
    """The folder in which the photos are now, on the machine that runs Studio."""

    path: TypedPath


class NewSource(RequestBody):
    """A network by its name in timm or torchvision, a CLIP or SigLIP model by its folder or its name on the hub (with a
    slash; downloaded if need be), or null for features learned on these photos."""

    backbone: Annotated[str, Field(min_length=1, max_length=4096)] | None


class ColumnMarks(BaseModel):
    """What tells each column of the photos from earlier ones."""

    paths: str
    order: str
    aspects: str


class PhotoList(BaseModel):
    """What there is to know of the photos; a column of all of them is fetched when its mark is another one."""

    marks: ColumnMarks
    prepared: int
    left_out: list[LeftOutFile]
