"""Schemas of labels and of what changes them."""

from __future__ import annotations

from typing import Annotated, Literal

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

    kind: Literal["all"] = "all"
    version: int
    last_by_person: int = Field(
        description="the change after which the labels by persons first were as they are; a model of another one has "
        "learned from other labels"
    )
    names: list[LabelCount]
    codes: Int16s
    undo: str | None
    redo: str | None


class ChangedLabel(LabelCount):
    """A label that is new, has another name, or was given to other photos."""

    place: int = Field(description="its position among all labels now")


class LabelsDelta(BaseModel):
    """What makes labels of version `since`, or of any one after it, those of `version`.

    Labels that are `gone` or in `names` are taken from the list, and then those in `names` are put in by ascending
    place; all others keep their order. `ids` are photos, and `keys` the colours of their labels now.
    """

    kind: Literal["delta"] = "delta"
    since: int
    version: int
    last_by_person: int
    names: list[ChangedLabel]
    gone: list[int] = Field(description="the colours of labels that are no longer there")
    ids: Selection
    keys: str = Field(
        description="base64 of numbers in LEB128: how many runs of photos with the same label there are; the colour of "
        "each plus 1, 0 without a label; the length of each"
    )
    undo: str | None
    redo: str | None


AnyLabels = Annotated[LabelsState | LabelsDelta, Field(discriminator="kind")]
"""All labels, or what has changed."""


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
