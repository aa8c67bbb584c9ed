"""What the event stream of a collection sends, one JSON object an event."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from handlens.studio.server import schemas


class StateEvent(BaseModel):
    """The state of the collection changed."""

    kind: Literal["state"] = "state"
    state: schemas.State


class LabelsEvent(BaseModel):
    """Labels changed, in this tab, another one or another process."""

    kind: Literal["labels"] = "labels"
    labels: schemas.Labels


class MapsEvent(BaseModel):
    """More photos are prepared, so every map changed."""

    kind: Literal["maps"] = "maps"
    version: int
    prepared: int = Field(description="photos prepared so far")


class ProjectionEvent(BaseModel):
    """How far a slow projection is: `done` of `total` steps."""

    kind: Literal["projection"] = "projection"
    layer: str
    projection: str
    done: int
    total: int


class PredictionsEvent(BaseModel):
    """The predictions changed; fetch them again."""

    kind: Literal["predictions"] = "predictions"
    version: str = Field(description="names the model that made them")


Event = Annotated[
    StateEvent | LabelsEvent | MapsEvent | ProjectionEvent | PredictionsEvent, Field(discriminator="kind")
]
"""One event, told apart by `kind`."""
