"""Searches of all photos of the shards that a collection stands on."""

from __future__ import annotations

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray

from handlens.serving.encoding import packed
from handlens.studio.collection import Collection
from handlens.studio.server.dependencies import OpenCollection
from handlens.studio.server.encoding import selected
from handlens.studio.server.schemas.shards import FoundEverywhere, LookEverywhere, LookForPredicted
from handlens.studio.similarity import Ids

router = APIRouter(prefix="/api/collections/{c}/everywhere", tags=["shards"])


@router.post("/similar")
def similar(wanted: LookEverywhere, collection: OpenCollection) -> FoundEverywhere:
    """The photos that are nearest to the centre of the selection, among all; those that are new are added."""
    before = len(collection.paths)
    ids = selected(wanted.selection, before)
    found = collection.similar_everywhere(ids, layer=wanted.layer, k=wanted.n)
    return _found(collection, found["id"].to_numpy(), before, found["distance"].to_numpy())


@router.post("/near")
def near(wanted: LookEverywhere, collection: OpenCollection) -> FoundEverywhere:
    """Add the photos that are nearest to those of the selection, such as those in view."""
    before = len(collection.paths)
    found = collection.look_closer(selected(wanted.selection, before), layer=wanted.layer, k=wanted.n)
    return _found(collection, found, before, np.empty(0, np.float32))


@router.post("/predicted")
def predicted(wanted: LookForPredicted, collection: OpenCollection) -> FoundEverywhere:
    """The photos that the quick model is surest to be of a label, among all; those that are new are added."""
    before = len(collection.paths)
    found = collection.predicted_everywhere(wanted.name, at_least=wanted.at_least, k=wanted.n)
    return _found(collection, found.ids, before, found.probability, found.counts)


@router.delete("", status_code=204)
def cancel(collection: OpenCollection) -> None:
    """Stop a search; who waits for it gets an error, and no photo is added."""
    collection.parts.work.cancel("search", None, None)


def _found(
    collection: Collection,
    ids: Ids,
    before: int,
    values: NDArray[np.float32],
    counts: dict[str, int] | None = None,
) -> FoundEverywhere:
    return FoundEverywhere(
        ids=packed(ids, "<i4"),
        paths=[collection.paths[i] for i in ids],
        values=packed(values, "<f4"),
        counts=counts or {},
        added=len(collection.paths) - before,
        count=len(collection.paths),
    )
