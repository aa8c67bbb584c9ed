"""Schemas of filters: which photos are meant, and the filters that were saved."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from handlens.serving.schemas import Float32s, Int32s, RequestBody
from handlens.studio.filters import RootFilter, Tree
from handlens.studio.server.schemas.base import LabelText, Selection


class Filtered(RequestBody):
    """Find the photos that a filter means."""

    filter: RootFilter


class PhotosFound(BaseModel):
    """The photos that a filter means."""

    selection: Selection
    count: int


class SavedFilter(BaseModel):
    """A filter that was saved; its labels are called as they are now, so that it may be longer than it was."""

    name: str
    filter: Tree


class SaveFilter(RequestBody):
    """Keep a filter under a name, in place of an earlier one with that name."""

    name: LabelText
    filter: RootFilter


class DeleteFilter(RequestBody):
    """Forget a saved filter."""

    name: LabelText


class NumbersColumn(BaseModel):
    """A column of numbers of the attached CSV."""

    kind: Literal["numbers"] = "numbers"
    values: Float32s = Field(description="by photo id, NaN where a photo has none")


class TextColumn(BaseModel):
    """A column of text of the attached CSV."""

    kind: Literal["text"] = "text"
    values: list[str] = Field(description="that occur, the most frequent first")
    codes: Int32s = Field(description="by photo id, positions in `values`; −1 where a photo has none")


Column = Annotated[NumbersColumn | TextColumn, Field(discriminator="kind")]
