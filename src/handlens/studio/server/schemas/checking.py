"""Schemas of the spot check, of finishing, and of how the accuracy changed over time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from handlens.serving.schemas import Int32s, RequestBody
from handlens.studio.server.schemas.base import LabelText, ModelKind


class DrawSpotCheck(RequestBody):
    """Draw so many photos at random; those that wait for an answer already come first."""

    n: Annotated[int, Field(ge=1, le=10_000)] = 30


class SpotCheckAnswer(RequestBody):
    """What a person sees on a photo: a label, "none" of the labels, or "unsure"."""

    photo: Annotated[int, Field(ge=0, description="its id")]
    answer: Literal["label", "none", "unsure"]
    label: LabelText | None = Field(default=None, description="with the answer “label”; created if it is new")


class SpotCheckState(BaseModel):
    """The spot check: the photos that wait for an answer, in their order, and what was answered so far."""

    waiting: list[int] = Field(description="ids, in the order in which they are to be answered")
    answered: int = Field(description="photos with an answer, also where it does not count yet")
    unsure: int
    none_of_these: list[int] = Field(description="ids of the photos that show none of the labels")
    gone: int = Field(description="drawn photos that are left out because their files are gone or have changed")
    left: int = Field(description="photos that could still be drawn")


class Finish(RequestBody):
    """Label the rest so that at most the share `error` of all labels is wrong, with this confidence."""

    error: Annotated[float, Field(gt=0, lt=1)] = 0.05
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95


class FinishPlan(BaseModel):
    """What finishing labels, or would label."""

    labels: int = Field(description="photos that are labelled automatically")
    left: int = Field(description="photos that are left for the person")
    bound: float | None = Field(description="at most this share of all labels is wrong, with that confidence")
    sure_from: float | None = Field(description="predictions with at least this probability become labels")
    checked: int = Field(description="answers of the spot check that this rests on")
    more_checks: int | None = Field(
        description="checks more that are needed, or expected to label more; null if none would"
    )
    sentence: str


class HistoryPoint(BaseModel):
    """One trained model: the labels that it learned from, and its checked accuracy, or the guess without a check."""

    at: str = Field(description="when it was trained, UTC, ISO 8601")
    kind: ModelKind
    n_labelled: int
    accuracy: float | None
    low: float | None
    high: float | None
    guess_low: float | None
    guess_high: float | None
    checked: int
    unsure: int = Field(description="photos beside these of which the person was unsure")
    sentence: str = Field(description="why the accuracy moved, as far as that is known; empty for the first")


class Comparison(BaseModel):
    """Two models on the same checked photos: by how much `better` is more accurate than `other`, with its interval."""

    better: ModelKind
    other: ModelKind
    difference: float
    low: float
    high: float
    n: int
    sentence: str


class PhotoIds(BaseModel):
    """Photos by id."""

    ids: Int32s
