"""Schemas of models: training, fine-tuning, reports, predictions and heat maps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from handlens.studio.server.schemas.base import Float32s, Int16s, ModelKind, Name, RequestBody


class ClassReport(BaseModel):
    """One class of a report; `recall` is null if no photo of it was tested."""

    name: str
    count: int
    correct: int
    recall: float | None
    thin: bool


class ConfusionTable(BaseModel):
    """True classes (rows) against predicted ones (columns)."""

    names: list[str]
    counts: list[list[int]]


class Report(BaseModel):
    """The report of a model; `low` and `high` are the 95 % interval of the accuracy."""

    accuracy: float | None
    low: float | None
    high: float | None
    n_labelled: int
    n_photos: int
    method: str
    layers: list[str]
    per_class: list[ClassReport]
    confusion: ConfusionTable
    warnings: list[str]
    labels_version: int
    seconds: float
    network: str | None = Field(description="the network that was fine-tuned; null for the quick model")


class FineTuningState(BaseModel):
    """How far fine-tuning is; `share` (0–1) and `seconds_left` are those of training, or of predicting the photos."""

    running: bool
    phase: Literal["idle", "loading", "head", "whole", "predicting", "done", "cancelled", "failed"]
    network: str | None
    epoch: int
    epochs: int
    share: float
    seconds_left: float | None
    loss: float | None
    accuracy: float | None = Field(description="on the photos held out, after the latest epoch")
    error: str | None


class ModelInfo(BaseModel):
    """A model that can be used, with its accuracy from its report."""

    kind: ModelKind
    title: str
    network: str | None
    accuracy: float | None
    labels_version: int


class FineTune(RequestBody):
    """Fine-tune a network, the collection's first one unless given, for at most so many minutes."""

    backbone: Name | None = None
    minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 5.0
    epochs: Annotated[int, Field(ge=1, le=10_000)] | None = None


class UseModel(RequestBody):
    """The model to use."""

    kind: ModelKind


class HeatMapPicture(BaseModel):
    """Which places of a photo count in favour of a label: a PNG to lay over it, black elsewhere; null if none do."""

    label: str
    method: str
    rows: int
    columns: int
    png: str | None = Field(description="base64")


class PhotoPredictions(BaseModel):
    """The predictions by photo id: `codes` are positions in `names`, −1 if there is no prediction."""

    version: str = Field(description="identifies the model; every model has its own")
    names: list[str]
    codes: Int16s
    probability: Float32s
