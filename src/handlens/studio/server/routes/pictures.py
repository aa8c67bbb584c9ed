"""The photos and their positions: thumbnails, sheets of thumbnails, and maps."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from handlens.errors import CollectionError
from handlens.studio.map_tiles import DEEPEST, Look
from handlens.studio.server import columns, payloads
from handlens.studio.server.columns import FOR_GOOD, NOT_KEPT, Mark, PhotoColumn, compressed, sent_once
from handlens.studio.server.dependencies import OpenCollection
from handlens.studio.server.schemas.collection import PhotoList

router = APIRouter(prefix="/api/collections/{c}", tags=["photos"])

PhotoId = Annotated[int, Path(ge=0, description="the photo's position in `paths`")]
# An address gives the same picture as long as the collection exists; an hour, since it may be deleted and made again.
CACHED = {"Cache-Control": "private, max-age=3600"}


Version = Annotated[
    int,
    Query(
        alias="v", ge=0, description="photos_version; not used, but gives what was replaced another address in caches"
    ),
]


class Jpeg(Response):
    """A JPEG picture."""

    media_type = "image/jpeg"


@router.get("/photos")
def photos(collection: OpenCollection) -> PhotoList:
    """How many photos are prepared, the files that are left out, and the marks of the columns of photos."""
    return payloads.photos(collection)


@router.get("/photos/paths", response_class=PhotoColumn)
def paths(request: Request, collection: OpenCollection, of: Mark = "") -> Response:
    """The paths below the folder of photos, by id: UTF-8, each ended by a zero byte."""
    found = collection.parts.photos
    content = columns.texts(found.paths)
    return compressed(request, content, FOR_GOOD if of == columns.list_mark(found) else NOT_KEPT)


@router.get("/photos/order", response_class=PhotoColumn)
def order(collection: OpenCollection, of: Mark = "") -> PhotoColumn:
    """The ids in the order in which photos are prepared: int32 [N]."""
    found = collection.parts.photos
    headers = FOR_GOOD if of == columns.list_mark(found) else NOT_KEPT
    return PhotoColumn(columns.numbers(found.order, "<i4"), headers=headers)


@router.get("/photos/aspects", response_class=PhotoColumn)
def aspects(request: Request, collection: OpenCollection, of: Mark = "") -> Response:
    """Width over height of each photo, by id: float32 [N], 0 where it is not known."""
    content = columns.numbers(collection.parts.photos.aspects, "<f4")
    return compressed(request, content, FOR_GOOD if of == columns.mark_of(content) else NOT_KEPT)


@router.get("/photos/{id}/thumb", response_class=Jpeg)
def thumb(id: PhotoId, collection: OpenCollection, _v: Version = 0) -> Jpeg:
    """A photo within 256×256."""
    check_photo(id, collection)
    return Jpeg(collection.parts.photos.thumbnail(id), headers=CACHED)


@router.get("/photos/{id}/view", response_class=Jpeg)
def view(id: PhotoId, collection: OpenCollection, _v: Version = 0) -> Jpeg:
    """A photo within 1600×1600."""
    check_photo(id, collection)
    return Jpeg(collection.parts.photos.view(id), headers=CACHED)


@router.get("/sheets/{k}", response_class=Jpeg)
def sheet(
    k: Annotated[
        int, Path(ge=0, description="the sheet: photos k·256 and following, in the order in which they are prepared")
    ],
    collection: OpenCollection,
    _n: Annotated[
        int,
        Query(
            alias="n",
            ge=0,
            description="photos known; not used, but gives a sheet that has grown an address of its own in caches",
        ),
    ] = 0,
    _v: Version = 0,
) -> Jpeg:
    """16×16 tiles of 64 px as one picture of 1024×1024, row by row."""
    try:
        return Jpeg(collection.parts.photos.sheet(k), headers=CACHED)
    except CollectionError as error:
        raise HTTPException(404, str(error)) from error


@router.get("/tiles", response_class=Jpeg)
def tiles(
    collection: OpenCollection,
    rows: Annotated[
        str,
        Query(max_length=2560, pattern=r"^[0-9]+(,[0-9]+)*$", description="rows of the preparing order, with commas"),
    ],
    _v: Version = 0,
) -> Jpeg:
    """Tiles of 64 px of the photos in these rows, 16 a line, as one picture that is 1024 px wide."""
    try:
        return Jpeg(collection.parts.photos.tiles([int(row) for row in rows.split(",")]), headers=CACHED)
    except CollectionError as error:
        raise HTTPException(404, str(error)) from error


@router.get("/map", response_class=PhotoColumn, responses={304: {"description": "the caller has these places"}})
def map_of(
    request: Request,
    collection: OpenCollection,
    layer: Annotated[str, Query(max_length=300)],
    projection: Annotated[str, Query(max_length=100)],
    first: Annotated[int | None, Query(ge=1, description="of the preparing order, only the first so many")] = None,
) -> Response:
    """The position of each photo: float32 [N, 2] by id, NaN if it is not prepared yet; with `first`, [≤ first, 2].

    Neighbours come as far as they are arranged; a `map` event tells of better places.
    """
    maps = collection.parts.maps
    places = maps.so_far(layer, projection) if first is None else maps.sample(layer, projection, first)
    return sent_once(request, columns.numbers(places, "<f4"))


Colour = Annotated[str, Query(pattern="^[0-9a-f]{6}$")]


@router.get(
    "/map/squares/{z}/{x}/{y}",
    response_class=Jpeg,
    responses={204: {"description": "it has no photo"}, 205: {"description": "the map has other places by now"}},
)
def map_square(
    z: Annotated[int, Path(ge=0, le=DEEPEST, description="level: 2^z columns and rows")],
    x: Annotated[int, Path(ge=0, description="column, from the left")],
    y: Annotated[int, Path(ge=0, description="row, from the top")],
    collection: OpenCollection,
    layer: Annotated[str, Query(max_length=300)],
    projection: Annotated[str, Query(max_length=100)],
    side: Annotated[int, Query(ge=3, le=64, description="of a photo, in pixels")],
    ground: Colour,
    stretch: Annotated[int, Query(ge=-4, le=4, description="the map is 2^(stretch/4) times as wide as high")] = 0,
    reach: Annotated[int, Query(ge=0, le=10, description="a level covers -2^reach to 2^reach both ways")] = 0,
    shown: Annotated[int, Query(ge=0, description="only the first so many photos of the preparing order")] = 2**31,
    line: Annotated[str | None, Query(pattern="^[0-9a-f]{6}$", description="a line about each photo")] = None,
    places: Annotated[
        int | None,
        Query(ge=0, lt=2**32, description="tells the places of the photos shown from others; see `sum_of`"),
    ] = None,
    _v: Version = 0,
) -> Response:
    """A square of 256 px of a map's picture at a zoom level: photos that are prepared earlier lie on top."""
    if max(x, y) >= 2**z:
        raise HTTPException(404, f"Level {z} has {2**z} columns and rows; there is no square {x}, {y}.")
    look = Look(side, stretch, reach, shown, _rgb(ground), _rgb(line) if line else None)
    found = collection.parts.map_tiles.jpeg(layer, projection, (z, x, y), look, places=places)
    if found is None:
        return Response(status_code=205, headers={"Cache-Control": "no-store"})
    return Jpeg(found, headers=CACHED) if found else Response(status_code=204, headers=CACHED)


def _rgb(text: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue


@router.delete("/map", status_code=204)
def cancel_map(
    collection: OpenCollection,
    layer: Annotated[str, Query(max_length=300)],
    projection: Annotated[str, Query(max_length=100)],
) -> None:
    """Stop computing a map; who waits for it gets an error."""
    collection.parts.work.cancel("map", layer, projection)


def check_photo(id: int, collection: OpenCollection) -> None:
    """Answer 404 unless there is a photo with this id."""
    if id >= len(collection.paths):
        raise HTTPException(404, f"There is no photo {id}; the last one is {len(collection.paths) - 1}.")
