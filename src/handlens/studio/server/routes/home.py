"""The home screen: what collections there are, uploads, and making a new collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request

from handlens import __version__
from handlens.errors import UploadError
from handlens.studio.server import schemas
from handlens.studio.server.collection_plans import CollectionRequest
from handlens.studio.server.deps import State

router = APIRouter(prefix="/api", tags=["home"])


@router.get("/studio")
def studio(state: State) -> schemas.StudioInfo:
    """The collections, the built-in ones, and the networks suggested for new ones."""
    from handlens.studio.builtin import BUILTIN
    from handlens.studio.features import SUGGESTED, cached

    return schemas.StudioInfo(
        version=__version__,
        collections=state.registry.summaries(),
        builtin=[
            schemas.BuiltinSummary(name=b.name, title=b.title, description=b.description, count=b.count)
            for b in BUILTIN
        ],
        backbones=[
            schemas.BackboneSummary(name=s.name, title=s.title, megabytes=s.megabytes, cached=cached(s.name))
            for s in SUGGESTED
        ],
    )


@router.post("/collections", status_code=201)
def new_collection(wanted: schemas.NewCollection, state: State) -> schemas.CollectionId:
    """Make a collection and start preparing it; a folder that has one already is reopened."""
    request = CollectionRequest(name=wanted.name, backbones=tuple(wanted.backbones), own_features=wanted.own_features)
    source, plans = wanted.source, state.registry.plans
    if isinstance(source, schemas.FromPath):
        plan = plans.of_folder(Path(source.path), request)
    elif isinstance(source, schemas.FromBuiltin):
        plan = plans.of_builtin(source.name, request)
    else:
        plan = plans.of_upload(state.uploads.take(source.upload), request)
    state.registry.open(plan)
    return schemas.CollectionId(id=plan.id)


@router.post("/uploads", status_code=201)
def start_upload(state: State) -> schemas.UploadStarted:
    """Begin an upload: photos and zips are sent to it one by one, then a collection is made of it."""
    return schemas.UploadStarted(upload=state.uploads.start())


@router.delete("/uploads/{upload}", status_code=204)
def discard_upload(upload: str, state: State) -> None:
    """Give an upload up and remove its files."""
    state.uploads.discard(upload)


@router.put("/uploads/{upload}/photo", openapi_extra=schemas.FILE_BODY)
async def upload_photo(
    upload: str,
    path: Annotated[str, Query(description="where the photo lay in its folder, such as holiday/beach.jpg")],
    request: Request,
    state: State,
) -> schemas.PhotoReceived:
    """Send one photo: the body is the file itself."""
    kept = await state.uploads.photo(upload, path, request.stream(), length=_length(request))
    return schemas.PhotoReceived(path=kept)


@router.put("/uploads/{upload}/zip", openapi_extra=schemas.FILE_BODY)
async def upload_zip(upload: str, request: Request, state: State) -> schemas.ZipReceived:
    """Send a zip of photos, in folders or not: the body is the file itself."""
    unpacked = await state.uploads.zip(upload, request.stream(), length=_length(request))
    left_out = [schemas.LeftOutFile(path=path, reason=reason) for path, reason in unpacked.left_out]
    return schemas.ZipReceived(count=unpacked.count, left_out=left_out)


def _length(request: Request) -> int | None:
    length = request.headers.get("content-length")
    if length is not None and not length.isdecimal():
        raise UploadError("Content-Length must be a number of bytes.")
    return None if length is None else int(length)
