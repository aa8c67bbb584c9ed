"""What several schemas share. Arrays are base64 of little-endian bytes; a selection is a bitmask, or runs of ids."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

Int16s = Annotated[str, Field(description="base64 of little-endian int16")]
Selection = Annotated[
    str,
    Field(
        max_length=4_000_000,
        description="base64 of a bitmask over the ids: bit i % 8 (least significant first) of byte i // 8 is photo i. "
        "Or “runs:” and base64 of numbers in LEB128: how many runs of ids there are; for each, twice the photos "
        "skipped before it, plus 1 where it is of several photos; the length of each of these, less 2",
    ),
]
LabelText = Annotated[str, Field(max_length=1000, description="the name of a label")]
LabelTexts = Annotated[list[LabelText], Field(max_length=10_000)]
TypedPath = Annotated[
    str,
    Field(
        min_length=1,
        max_length=4096,
        description="a path as people type or paste it: also in quotes, as a file:// address, or with ~",
    ),
]
Name = Annotated[str, Field(min_length=1, max_length=200)]
ModelKind = Literal["quick", "fine-tuned", "both"]


FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""For routes that read the request as a stream, which FastAPI cannot see: the body is the file itself."""


class LeftOutFile(BaseModel):
    """A file that is not used, and the reason."""

    path: str
    reason: str
