"""Schemas of what is looked at again: doubted labels and duplicates."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from handlens.serving.schemas import Float32s, Int32s, RequestBody
from handlens.studio.server.schemas.base import Int16s, Selection


class SuspectLabels(BaseModel):
    """The labels in whose place the model suggests another one, the most doubtful first."""

    version: str = Field(description="of the model")
    judged: int = Field(description="labels that the model could judge, as it was trained without them")
    names: list[str] = Field(description="of labels")
    ids: Int32s
    given: Int16s = Field(description="position in `names` of the label that each photo has")
    suggested: Int16s = Field(description="position in `names` of the label that the model suggests for each photo")
    probability: Float32s = Field(description="of the label that each photo has, 0–1")
    suggested_probability: Float32s = Field(description="of the label that the model suggests, 0–1")


class OfSuspects(RequestBody):
    """Photos whose label the model doubts."""

    selection: Selection
    version: str = Field(max_length=100, description="of the model whose suggestions the person saw")


class DuplicateSearch(BaseModel):
    """How far the search for duplicates is, and what it found."""

    running: bool
    phase: Literal["idle", "searching", "done", "cancelled", "failed"]
    done: int
    total: int
    seconds_left: float | None
    error: str | None
    groups: int | None = Field(description="groups that were found; null while they are not known")


class DuplicateGroups(BaseModel):
    """The photos that have duplicates, group by group, the first of each group first."""

    ids: Int32s
    groups: Int32s = Field(description="the number of each photo's group, from 0 on")
    kinds: Int16s = Field(description="0: the first of its group; 1: the same pixels as the first; 2: nearly the same")
