"""Schemas of models: training, fine-tuning, reports, predictions and heat maps."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from handlens.serving.schemas import Float32s, RequestBody
from handlens.studio.server.schemas.base import Int16s, ModelKind, Name


class ClassReport(BaseModel):
    """One class of a report: how many checked photos the model `said` to be it, and how many of these are right.

    `precision` is the share of these with its 95 % interval, null if none was checked.
    """

    name: str
    count: int
    thin: bool
    said: int
    right: int
    precision: float | None
    low: float | None
    high: float | None


class ConfusionTable(BaseModel):
    """True classes (rows) against predicted ones (columns)."""

    names: list[str]
    counts: list[list[int]]


class Guess(BaseModel):
    """A low and a high guess of the accuracy where nothing is checked yet."""

    low: float
    high: float


class Report(BaseModel):
    """The report of a model; `accuracy`, with its 95 % interval, is null until enough photos are checked."""

    kind: ModelKind
    accuracy: float | None = Field(
        description="on the photos that nobody has labelled yet and that a person can tell, from the spot check"
    )
    low: float | None
    high: float | None
    guess: Guess | None
    reason: str = Field(description="why there is no accuracy, as a sentence; empty if there is one")
    checked: int = Field(description="answers of the spot check that count")
    unsure: int = Field(description="photos beside these of which the person was unsure")
    low_of_all: float | None = Field(description="the accuracy if the model were wrong on such photos")
    high_of_all: float | None = Field(description="the accuracy if the model were right on such photos")
    unlabelled: int = Field(description="photos that the accuracy is about")
    n_labelled: int
    n_by_model: int = Field(description="photos with a certified label that a fine-tuned network learned from besides")
    n_photos: int
    layers: list[str]
    per_class: list[ClassReport]
    confusion: ConfusionTable
    calibration_error: float | None = Field(description="calibration error on the checked photos, beyond chance; 0–1")
    warnings: list[str]
    labels_version: int
    seconds: float
    network: str | None = Field(description="the network that was fine-tuned; null for the quick model")
    outcome: str = Field(description="whether the latest training helped, as a sentence; empty with one model only")


class FineTuningState(BaseModel):
    """How far fine-tuning is; `share` (0–1) and `seconds_left` are those of training, or of predicting the photos."""

    running: bool
    phase: Literal["idle", "loading", "head", "last", "whole", "predicting", "done", "cancelled", "failed"]
    network: str | None
    epoch: int
    epochs: int
    share: float
    seconds_left: float | None
    loss: float | None
    accuracy: float | None = Field(description="on the photos held out, after the latest epoch")
    error: str | None
    outcome: str = Field(description="once it is done, whether it helps, as a sentence")


class ModelInfo(BaseModel):
    """A model that can be used, with its checked accuracy; null until enough photos are checked."""

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
