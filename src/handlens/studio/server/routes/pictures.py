"""The photos and where they lie: thumbnails, sheets of tiles, and maps."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from handlens.errors import CollectionError
from handlens.studio.server import payloads, schemas
from handlens.studio.server.deps import Opened

router = APIRouter(prefix="/api/collections/{c}", tags=["photos"])

PhotoId = Annotated[int, Path(ge=0, description="the photo's position in `paths`")]
# The same address gives the same picture while the collection stands; an hour bounds the case that it is made anew.
CACHED = {"Cache-Control": "private, max-age=3600"}


class Jpeg(Response):
    """A JPEG picture."""

    media_type = "image/jpeg"


class Floats(Response):
    """Little-endian float32 numbers."""

    media_type = "application/octet-stream"


@router.get("/photos")
def photos(opened: Opened) -> schemas.Photos:
    """The paths, the order of preparing, the shapes, and the files that are not used."""
    return payloads.photos(opened)


@router.get("/photos/{id}/thumb", response_class=Jpeg)
def thumb(id: PhotoId, opened: Opened) -> Jpeg:
    """A photo within 256×256."""
    check_photo(id, opened)
    return Jpeg(opened.parts.photos.thumbnail(id), headers=CACHED)


@router.get("/photos/{id}/view", response_class=Jpeg)
def view(id: PhotoId, opened: Opened) -> Jpeg:
    """A photo within 1600×1600."""
    check_photo(id, opened)
    return Jpeg(opened.parts.photos.view(id), headers=CACHED)


@router.get("/sheets/{k}", response_class=Jpeg)
def sheet(
    k: Annotated[int, Path(ge=0, description="rows k·256 on, in the order of preparing")],
    opened: Opened,
    _n: Annotated[int, Query(alias="n", ge=0, description="rows known; only tells a growing last sheet apart")] = 0,
) -> Jpeg:
    """16×16 tiles of 64 px as one picture of 1024×1024, row by row."""
    try:
        return Jpeg(opened.parts.photos.sheet(k), headers=CACHED)
    except CollectionError as error:
        raise HTTPException(404, str(error)) from error


@router.get("/map", response_class=Floats)
def map_of(
    opened: Opened,
    layer: Annotated[str, Query(max_length=300)],
    projection: Annotated[str, Query(max_length=100)],
) -> Floats:
    """Where each photo lies: float32 [N, 2] by id, NaN where not prepared yet."""
    return Floats(opened.map(layer, projection).astype("<f4").tobytes())


def check_photo(id: int, opened: Opened) -> None:
    if id >= len(opened.paths):
        raise HTTPException(404, f"There is no photo {id}; the last one is {len(opened.paths) - 1}.")
