"""The photos that a filter means, the filters that were saved, and columns of the attached CSV."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query

from handlens.studio.server import payloads
from handlens.studio.server.dependencies import OpenCollection
from handlens.studio.server.encoding import packed_ids
from handlens.studio.server.schemas.filters import (
    Column,
    DeleteFilter,
    Filtered,
    PhotosFound,
    SavedFilter,
    SaveFilter,
)

router = APIRouter(prefix="/api/collections/{c}", tags=["filters"])


@router.post("/filter")
def filtered(wanted: Filtered, collection: OpenCollection) -> PhotosFound:
    """The photos that a filter means."""
    mask = collection.parts.filtering.mask(wanted.filter)
    ids = np.flatnonzero(mask)
    return PhotosFound(selection=packed_ids(ids, len(mask)), count=len(ids))


@router.get("/filters", response_model_exclude_none=True)
def saved_filters(collection: OpenCollection) -> list[SavedFilter]:
    """The filters that were saved, in the order in which they were first saved."""
    return [SavedFilter.model_validate({"name": name, "filter": kept}) for name, kept in collection.filters.items()]


@router.post("/filters/save", status_code=204)
def save(wanted: SaveFilter, collection: OpenCollection) -> None:
    """Keep a filter; it is on disk before the response is sent."""
    collection.save_filter(wanted.name, wanted.filter)


@router.post("/filters/delete", status_code=204)
def delete(wanted: DeleteFilter, collection: OpenCollection) -> None:
    """Forget a saved filter."""
    collection.delete_filter(wanted.name)


@router.get("/attributes/column")
def column(
    name: Annotated[str, Query(max_length=10_000, description="one of the attached CSV's columns")],
    collection: OpenCollection,
) -> Column:
    """A column of the attached CSV."""
    return payloads.column(collection, name)
