"""Answers that are long or asked for often: as bytes, compressed, and sent once to each browser."""

from __future__ import annotations

import gzip
import zlib
from typing import Annotated, Any

import numpy as np
from fastapi import Query, Request
from fastapi.responses import Response
from numpy.typing import NDArray

from handlens.studio.photos import Photos

SMALL = 400
"""Bytes that are not worth compressing."""

JSON = "application/json"

FOR_GOOD = {"Cache-Control": "private, max-age=31536000, immutable"}
NOT_KEPT = {"Cache-Control": "no-store"}

Mark = Annotated[
    str,
    Query(
        alias="of",
        max_length=100,
        description="the mark of the column, as of `marks`: caches keep the answer for good where it still has it",
    ),
]


class PhotoColumn(Response):
    """Little-endian numbers, or texts in UTF-8 that each end with a zero byte."""

    media_type = "application/octet-stream"


def numbers(values: NDArray[Any], dtype: str) -> bytes:
    """Numbers of any shape as little-endian bytes.

    Example:
        >>> numbers(np.array([1, -1]), "<i2")
        b'\\x01\\x00\\xff\\xff'
    """
    return np.ascontiguousarray(values, dtype).tobytes()


def texts(values: list[str]) -> bytes:
    """Texts without zero bytes, each ended by one; what is not valid text becomes question marks.

    Example:
        >>> texts(["a.jpg", "é.jpg"])
        b'a.jpg\\x00\\xc3\\xa9.jpg\\x00'
    """
    return "\0".join([*values, ""]).encode("utf-8", "replace")


def mark_of(content: bytes) -> str:
    """Tells a column from others."""
    return f"{zlib.crc32(content):08x}{len(content):x}"


def list_mark(photos: Photos) -> str:
    """Tells the paths and the order of photos from others."""
    return f"{photos.list_mark:08x}{len(photos):x}"


def sent_once(request: Request, content: bytes, *, media_type: str = "application/octet-stream") -> Response:
    """An answer that is not sent again to who has it: 304 then. JSON is compressed."""
    headers = {"Cache-Control": "private, no-cache", "ETag": f'W/"{mark_of(content)}"'}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if media_type == JSON:
        return compressed(request, content, headers, media_type=media_type)
    return Response(content, headers=headers, media_type=media_type)


def compressed(
    request: Request, content: bytes, headers: dict[str, str], *, media_type: str = "application/octet-stream"
) -> Response:
    """An answer that is compressed for who reads that."""
    headers = headers | {"Vary": "Accept-Encoding"}
    if len(content) >= SMALL and "gzip" in request.headers.get("Accept-Encoding", ""):
        content = gzip.compress(content, 1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(content, headers=headers, media_type=media_type)
