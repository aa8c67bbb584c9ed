"""Schemas of what is taken away."""

from __future__ import annotations

from pydantic import BaseModel, Field


class ExportFormat(BaseModel):
    """A format that labels can be taken away in."""

    name: str = Field(description="what it is asked for by, such as coco")
    title: str = Field(description="what people call it, such as COCO")


class ExportFormats(BaseModel):
    """All formats, in the order in which they are offered."""

    formats: list[ExportFormat]
