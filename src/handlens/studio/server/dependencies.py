"""What FastAPI passes to the routes: the server's long-lived objects, and the collection that an address names."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from handlens.studio.collection import Collection
from handlens.studio.server.collection_plans import CollectionRequest
from handlens.studio.server.events import Feed
from handlens.studio.server.registry import CollectionRegistry
from handlens.studio.server.running_exports import RunningExports
from handlens.studio.server.temporary_folders import TemporaryFolders
from handlens.studio.server.uploads import Uploads

CollectionId = Annotated[str, Path(max_length=100, description="the id of a collection")]


class ServerState:
    """The long-lived objects of one server.

    Args:
        temporary: temporary folders.
        registry: the collections.

    Attributes:
        uploads: uploads that no collection was made of yet.
        exports: exports that are being written, or wait to be downloaded.
        feed: the event streams.
        preset: what the form for a new collection begins with.
        finished: after the server has stopped, whether nothing was still being computed.
    """

    def __init__(self, temporary: TemporaryFolders, registry: CollectionRegistry) -> None:
        self.temporary, self.registry = temporary, registry
        self.uploads = Uploads(temporary)
        self.exports = RunningExports(temporary)
        self.feed = Feed()
        self.preset = CollectionRequest()
        self.finished = True


def server_state(request: Request) -> ServerState:
    """The server's long-lived objects."""
    found: ServerState = request.app.state.server
    return found


def open_collection(c: CollectionId, request: Request) -> Collection:
    """The collection that the address names, opened if it is not open."""
    return server_state(request).registry.get(c)


Server = Annotated[ServerState, Depends(server_state)]
OpenCollection = Annotated[Collection, Depends(open_collection)]
