"""Schemas of the event stream of a collection: one JSON object for each event."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from handlens.studio.server.schemas.collection import CollectionState
from handlens.studio.server.schemas.labels import AnyLabels
from handlens.studio.work import Task


class StateEvent(BaseModel):
    """The state of the collection changed."""

    kind: Literal["state"] = "state"
    state: CollectionState


class StateChangesEvent(BaseModel):
    """The state of the collection changed: what is other than in the state that this stream sent before."""

    kind: Literal["changes"] = "changes"
    as_of: float = Field(description="when this was read, in seconds since 1970")
    changes: dict[str, Any] = Field(description="the fields of the state that changed")


class LabelsEvent(BaseModel):
    """Labels changed, in this tab, another one or another process; null where that is long, and is to be fetched."""

    kind: Literal["labels"] = "labels"
    version: int
    labels: AnyLabels | None


class MapsEvent(BaseModel):
    """More photos are prepared, so every map changed."""

    kind: Literal["maps"] = "maps"
    version: int
    prepared: int = Field(description="photos prepared so far")


class WorkEvent(BaseModel):
    """How far work is that takes seconds: `done` of `total` steps, all of them once it has ended or was cancelled."""

    kind: Literal["work"] = "work"
    task: Task
    layer: str | None = Field(description="of the map that is computed")
    projection: str | None = Field(description="of the map that is computed")
    done: int
    total: int
    seconds_left: float | None = Field(description="null while unknown")


class MapEvent(BaseModel):
    """One map has better places; fetch it again."""

    kind: Literal["map"] = "map"
    layer: str
    projection: str


class PredictionsEvent(BaseModel):
    """The predictions changed; fetch them again."""

    kind: Literal["predictions"] = "predictions"
    version: str = Field(description="identifies the model that made them")


Event = Annotated[
    StateEvent | StateChangesEvent | LabelsEvent | MapsEvent | MapEvent | WorkEvent | PredictionsEvent,
    Field(discriminator="kind"),
]
"""One event, told apart by `kind`."""
