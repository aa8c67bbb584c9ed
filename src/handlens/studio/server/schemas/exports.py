"""Schemas of what is taken away."""

from __future__ import annotations

from pydantic import BaseModel, Field

from handlens.studio.server.schemas.base import LeftOutFile


class ExportFormat(BaseModel):
    """A format that labels can be taken away in."""

    name: str = Field(description="what it is asked for by, such as coco")
    title: str = Field(description="what people call it, such as COCO")
    ending: str = Field(description="of the file that is downloaded, such as .json")


class ExportFormats(BaseModel):
    """All formats, in the order in which they are offered."""

    formats: list[ExportFormat]


class ExportRun(BaseModel):
    """An export that is being written, or waits to be downloaded."""

    run: str = Field(description="its id")
    done: int = Field(description="steps that are done, of `total`")
    total: int
    ready: bool = Field(description="whether its file can be downloaded")
    error: str | None = Field(description="why there will be no file, as a sentence")
    labels: int | None = Field(description="labels that were written, once it is ready")
    left_out: int = Field(description="photos that could not be read")
    problems: list[LeftOutFile] = Field(description="the first of these")
