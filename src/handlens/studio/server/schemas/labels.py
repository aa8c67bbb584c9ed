"""Schemas of labels and of what changes them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from handlens.serving.schemas import RequestBody
from handlens.studio.server.schemas.base import Int16s, LabelText, LabelTexts, Selection


class LabelCount(BaseModel):
    """A label with its count and the number of its colour."""

    name: str
    count: int
    gestures: int = Field(description="how many actions gave it: photos of one lasso resemble each other")
    colour: int


class LabelsState(BaseModel):
    """All labels at one moment; `codes` are positions in `names` by photo id, −1 for photos without a label."""

    version: int
    last_by_person: int = Field(
        description="the change after which the labels by persons first were as they are; a model of another one has "
        "learned from other labels"
    )
    names: list[LabelCount]
    codes: Int16s
    undo: str | None
    redo: str | None


class Assign(RequestBody):
    """Give the photos a label, which is created if it is new."""

    selection: Selection
    name: LabelText
    gesture: Literal["lasso", "box", "click", "similar", "search", "review", "duplicates", "call"] = Field(
        default="call", description="how the photos were selected"
    )
    kind: Literal["by hand", "suggested"] = Field(
        default="by hand", description="“suggested” if the person confirmed what the model predicts"
    )


class Remove(RequestBody):
    """Remove the labels of the photos."""

    selection: Selection


class Rename(RequestBody):
    """Give a label another name."""

    name: LabelText
    to: LabelText


class Merge(RequestBody):
    """Give all photos of some labels the label `into`."""

    names: LabelTexts
    into: LabelText


class Delete(RequestBody):
    """Delete a label; its photos become unlabelled."""

    name: LabelText
