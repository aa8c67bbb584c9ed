"""The photos in the body of a request: one as it is, or several as parts of a form; their size is bounded."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from email.message import Message
from email.parser import HeaderParser
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request

LARGEST = 64 * 2**20
"""Bytes of a request's body at most."""

MOST_PHOTOS = 64
"""Photos of one request."""

MEMORY = 256 * 2**20
"""Bytes that the bodies of all requests together may take, of those that arrive and those that wait."""

MOST_READ_AWAY = 8 * LARGEST
"""Bytes that are read, and not kept, of a body that is refused."""

FIELD = "file"
"""The name of each part of a form."""

_HEADERS = 16 * 1024
_FORM = "multipart/form-data"
# What curl --data-binary calls a file unless it is told otherwise.
_AS_IT_IS = ("", "application/octet-stream", "application/x-www-form-urlencoded")


class Photo(NamedTuple):
    """A photo of a request.

    Attributes:
        name: that of its file, as a form says it; "" for a body that is the photo itself.
        data: its bytes.
    """

    name: str
    data: bytes


class Bodies:
    """Reads the photos of requests to one server, within `MEMORY` bytes.

    Example:
        >>> Bodies().taken
        0
    """

    def __init__(self) -> None:
        self.taken = 0

    @asynccontextmanager
    async def photos(self, request: Request) -> AsyncIterator[list[Photo]]:
        """The photos of a request; their memory counts as taken until the block ends.

        Raises:
            HTTPException: the body is of another kind, malformed, too large, or too much arrives at the same time.
        """
        stream = request.stream()
        size = 0
        try:
            kind = _content_type(request)
            length = request.headers.get("content-length", "0")
            if not length.isdecimal() or int(length) > LARGEST:
                raise _too_large()
            chunks = []
            async for chunk in stream:
                size += len(chunk)
                self.taken += len(chunk)
                if size > LARGEST:
                    raise _too_large()
                if self.taken > MEMORY:
                    raise HTTPException(503, "Too many photos arrive at the same time. Send this again a little later.")
                chunks.append(chunk)
            body = b"".join(chunks)
            del chunks
            yield _parts(body, kind) if kind.get_content_type() == _FORM else [Photo("", body)]
        except HTTPException:
            await _read_away(stream)
            raise
        finally:
            self.taken -= size


async def _read_away(stream: AsyncGenerator[bytes, None]) -> None:
    """Read the rest of a refused body: a client that sends all of it first would not see why it is refused."""
    left = MOST_READ_AWAY
    async for chunk in stream:
        left -= len(chunk)
        if left < 0:
            return


def _too_large() -> HTTPException:
    return HTTPException(413, f"The body must have at most {LARGEST // 2**20} MB.")


def is_form(request: Request) -> bool:
    """Whether a request's body is a form, which may hold several photos."""
    return _content_type(request).get_content_type() == _FORM


def _content_type(request: Request) -> Message:
    """What a request says of its body; 415 unless it may be a photo or a form."""
    said = request.headers.get("content-type", "")
    kind = Message()
    kind["Content-Type"] = said
    name = said.partition(";")[0].strip().lower()
    if name not in (*_AS_IT_IS, _FORM) and not re.fullmatch(r"image/[\w.+-]+", name):
        raise HTTPException(
            415,
            f"The body must be a photo as it is (Content-Type: image/jpeg or the like), or {_FORM} with files called "
            f"{FIELD}; {said[:100]} arrived.",
        )
    return kind


def _parts(body: bytes, kind: Message) -> list[Photo]:
    """The files of a form (RFC 7578)."""
    boundary = kind.get_param("boundary")
    if not isinstance(boundary, str) or not re.fullmatch(r"[ -~]{1,70}", boundary):
        raise HTTPException(400, f"Content-Type: {_FORM} must name the boundary of its parts, with 1 to 70 characters.")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode(), MOST_PHOTOS + 2)[1:]
    if len(pieces) > MOST_PHOTOS + 1:
        raise HTTPException(413, f"A request must have at most {MOST_PHOTOS} photos; send the others in another one.")
    if not pieces or not pieces.pop().startswith(b"--"):
        raise HTTPException(400, "The form must end with its boundary; its end is missing, or the boundary is another.")
    if not pieces:
        raise HTTPException(400, f"The form must hold a photo, as a file called {FIELD}; it is empty.")
    return [_photo(piece) for piece in pieces]


def _photo(piece: bytes) -> Photo:
    """What follows a boundary: the end of its line, headers, an empty line and the photo."""
    begin, end = re.match(rb"[ \t]*\r\n", piece), piece.find(b"\r\n\r\n", 0, _HEADERS)
    if begin is None or end < 0:
        raise HTTPException(400, "Each part of the form must have headers and an empty line before the photo.")
    headers = HeaderParser().parsestr(piece[begin.end() : end].decode("utf-8", "replace"))
    said = {key: headers.get_param(key, header="content-disposition") for key in ("name", "filename")}
    if said["name"] != FIELD:
        raise HTTPException(400, f"Each part of the form must be called {FIELD}; {str(said['name'])[:100]} arrived.")
    if said["filename"] is None:
        raise HTTPException(400, "Each part of the form must be a file, and say so by a filename; a text arrived.")
    return Photo(headers.get_filename("")[:1000], piece[end + 4 :])
