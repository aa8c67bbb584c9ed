"""What the routes are given: the app's parts, and the collection that an address names."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from handlens.studio.collection import Collection
from handlens.studio.server.events import Feed
from handlens.studio.server.scratch import Scratch
from handlens.studio.server.shelf import Shelf
from handlens.studio.server.uploads import Uploads

CollectionId = Annotated[str, Path(max_length=100, description="the id of a collection")]


class Parts:
    """The long-lived objects of one server."""

    def __init__(self, scratch: Scratch, shelf: Shelf) -> None:
        self.scratch, self.shelf = scratch, shelf
        self.uploads = Uploads(scratch)
        self.feed = Feed()
        self.finished = True  # after the end: whether nothing was still being computed


def parts(request: Request) -> Parts:
    """The server's parts."""
    found: Parts = request.app.state.parts
    return found


def collection(c: CollectionId, request: Request) -> Collection:
    """The collection of the address, opened if need be."""
    return parts(request).shelf.get(c)


AnyParts = Annotated[Parts, Depends(parts)]
Opened = Annotated[Collection, Depends(collection)]
