"""The home screen: the list of collections, uploads, and making a new collection."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request

from handlens import __version__
from handlens.errors import CollectionError, UploadError
from handlens.io.packaged_weights import PACKAGED
from handlens.io.weights import read_weights
from handlens.studio.costs import Cost, cost_of, cost_of_copies
from handlens.studio.photo_sources import PhotoSource
from handlens.studio.server.collection_plans import CollectionRequest, no_such_collection
from handlens.studio.server.covers import cover
from handlens.studio.server.dependencies import CollectionId, Server
from handlens.studio.server.routes.pictures import CACHED, Jpeg
from handlens.studio.server.schemas.base import FILE_BODY, LeftOutFile
from handlens.studio.server.schemas.home import (
    BackboneSummary,
    BuiltinSummary,
    CollectionCost,
    CopyingSummary,
    CostRequest,
    FromBuiltin,
    FromPath,
    NewCollection,
    NewCollectionId,
    PhotoReceived,
    Preset,
    StudioInfo,
    UploadStarted,
    ZipReceived,
)
from handlens.studio.server.typed_paths import typed_path, typed_source
from handlens.studio.sources import AUTO

router = APIRouter(prefix="/api", tags=["home"])

_LOOKING = 10.0
"""Seconds for which the files of a folder are counted before it is made a collection."""


@router.get("/studio")
def studio(server: Server) -> StudioInfo:
    """The collections, the built-in ones, and the networks suggested for new ones."""
    from handlens.studio.builtin import BUILTIN
    from handlens.studio.features import SUGGESTED, cached

    preset = server.preset
    named = [backbone for backbone in preset.backbones if backbone is not None]
    on_machine = {network.name: cached(network.name) for network in SUGGESTED}
    return StudioInfo(
        version=__version__,
        collections=server.registry.summaries(),
        builtin=[BuiltinSummary(name=b.name, title=b.title, description=b.description, count=b.count) for b in BUILTIN],
        backbones=[
            BackboneSummary(name=s.name, title=s.title, megabytes=s.megabytes, cached=on_machine[s.name])
            for s in SUGGESTED
            if on_machine[s.name] or s.name not in PACKAGED  # what should be installed and is not cannot be downloaded
        ],
        preset=Preset(
            backbones=named,
            own_features=None in preset.backbones,
            weights={
                backbone: str(file)
                for backbone, file in zip(preset.backbones, preset.weights, strict=False)
                if backbone is not None
            },
        ),
    )


@router.get("/collections/{c}/cover", response_class=Jpeg)
def cover_of(
    c: CollectionId,
    server: Server,
    _n: Annotated[
        int, Query(alias="n", ge=0, description="photos prepared; not used, but gives a new cover another address")
    ] = 0,
) -> Jpeg:
    """Some photos of a collection as one picture of 256×128; the collection is not opened."""
    plans = server.registry.plans
    if not plans.exists(c):
        raise no_such_collection(c)
    return Jpeg(cover(plans.folder / c), headers=CACHED)


@router.post("/collections", status_code=201)
def new_collection(wanted: NewCollection, server: Server) -> NewCollectionId:
    """Make a collection and start preparing it; if the folder has a collection already, that one is opened.

    It answers once photos that are not of a folder are copied; `GET /api/copying` says meanwhile how far that is.
    """
    own = [None] if wanted.own_features or not wanted.backbones else []
    files = _weights(wanted)
    named = sorted(wanted.backbones, key=lambda backbone: backbone not in files)  # the first file is for the first
    request = CollectionRequest(
        name=wanted.name, backbones=(*named, *own), weights=tuple(files.values()), seed=server.preset.seed
    )
    source, plans = wanted.source, server.registry.plans
    if isinstance(source, FromPath):
        plan = plans.of_photos(PhotoSource(typed_source(source.path)), request)
    elif isinstance(source, FromBuiltin):
        plan = plans.of_builtin(source.name, request)
    else:
        plan = plans.of_upload(server.uploads.take(source.upload), request)
    server.registry.open(plan)
    return NewCollectionId(id=plan.id)


@router.post("/cost")
def cost(wanted: CostRequest, server: Server) -> CollectionCost:
    """What a collection will cost: room on the disk, and time to prepare; a few photos are read, nothing is written.

    It is asked for while a path is typed, so one that is not there yet, or a whole disk, is not an error.
    """
    own: list[None] = [None] if wanted.own_features or not wanted.backbones else []
    sources, folder = [*wanted.backbones, *own], server.registry.plans.folder
    if wanted.path is None:
        found: Cost | None = cost_of_copies(wanted.photos, wanted.bytes, backbone=sources, folder=folder)
    else:
        try:
            found = cost_of(typed_source(wanted.path), backbone=sources, folder=folder, step=_within(_LOOKING))
        except CollectionError:
            found = None
    return CollectionCost(text=str(found) if found else "", fits=found is None or found.fits)


def _within(seconds: float) -> Callable[[int], None]:
    """What is called with the number of files seen, and raises CollectionError after so long."""
    end = time.monotonic() + seconds

    def step(files: int) -> None:
        if time.monotonic() > end:
            raise CollectionError(f"{files:,} files and more are too many to be counted in a moment.")

    return step


@router.get("/copying")
def copying(server: Server) -> list[CopyingSummary]:
    """The new collections whose photos are being copied now."""
    return [
        CopyingSummary(
            id=id,
            name=one.name,
            files=one.progress.files,
            total=one.progress.total,
            photos=one.progress.photos,
            left_out=one.progress.left_out,
            share=one.progress.share,
            seconds_left=one.progress.seconds_left,
        )
        for id, one in server.registry.plans.copying.all().items()
    ]


@router.delete("/copying/{c}", status_code=204)
def cancel_copying(c: CollectionId, server: Server) -> None:
    """Stop copying photos into a new collection; what was copied stays, and making it again goes on from there."""
    server.registry.plans.copying.cancel(c)


@router.post("/uploads", status_code=201)
def start_upload(server: Server) -> UploadStarted:
    """Start an upload: photos and zips are sent to it one by one, then a collection is made of it."""
    return UploadStarted(upload=server.uploads.start())


@router.delete("/uploads/{upload}", status_code=204)
def discard_upload(upload: str, server: Server) -> None:
    """Cancel an upload and remove its files."""
    server.uploads.discard(upload)


@router.put("/uploads/{upload}/photo", openapi_extra=FILE_BODY)
async def upload_photo(
    upload: str,
    path: Annotated[str, Query(description="the photo's path in its folder, such as holiday/beach.jpg")],
    request: Request,
    server: Server,
) -> PhotoReceived:
    """Send one photo: the body is the file itself."""
    stored = await server.uploads.photo(upload, path, request.stream(), length=_length(request))
    return PhotoReceived(path=stored)


@router.put("/uploads/{upload}/zip", openapi_extra=FILE_BODY)
async def upload_zip(upload: str, request: Request, server: Server) -> ZipReceived:
    """Send a zip of photos, in folders or not: the body is the file itself."""
    unpacked = await server.uploads.zip(upload, request.stream(), length=_length(request))
    left_out = [LeftOutFile(path=path, reason=reason) for path, reason in unpacked.left_out]
    return ZipReceived(count=unpacked.count, left_out=left_out)


def _weights(wanted: NewCollection) -> dict[str, Path]:
    """The files of weights, in the order of their networks; all of them can be read.

    Raises:
        CollectionError: one is for a network that was not asked for.
        WeightsError: one is missing, or not a file of weights.
    """
    for name in wanted.weights:
        if name not in wanted.backbones or name == AUTO:
            raise CollectionError(f"weights must be for a network of the collection; “{name}” arrived.")
    files = {name: typed_path(wanted.weights[name]).absolute() for name in wanted.backbones if name in wanted.weights}
    for file in files.values():
        read_weights(file)
    return files


def _length(request: Request) -> int | None:
    length = request.headers.get("content-length")
    if length is not None and not length.isdecimal():
        raise UploadError(f"Content-Length must be a number of bytes; “{length[:100]}” arrived.")
    return None if length is None else int(length)
