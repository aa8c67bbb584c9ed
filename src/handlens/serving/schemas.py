"""What the schemas of several servers share. Arrays are base64 of little-endian bytes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Int32s = Annotated[str, Field(description="base64 of little-endian int32")]
Float32s = Annotated[str, Field(description="base64 of little-endian float32")]


class RequestBody(BaseModel):
    """A request body: an unknown field is an error and not ignored."""

    model_config = ConfigDict(extra="forbid")


class Error(BaseModel):
    """The body of every failed request: a sentence for the user."""

    error: str
