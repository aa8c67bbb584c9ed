"""A collection's state in the words of the HTTP API."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from handlens.errors import CollectionError
from handlens.studio.projections import TITLES
from handlens.studio.server import schemas

if TYPE_CHECKING:
    from handlens.studio.classifier import TrainingReport
    from handlens.studio.collection import Collection
    from handlens.vision.heatmap import HeatMap

METHOD = "5-fold cross-validation on the labelled photos"
HELD_OUT = "a fifth of the labelled photos, held out"


def packed(values: Any, dtype: str) -> str:
    """An array as base64 of its little-endian bytes; `dtype` is numpy's, such as "<i4"."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")


def selected(selection: str, count: int) -> NDArray[np.int64]:
    """The ids in a selection over `count` photos, ascending, int64 [n]; CollectionError if it is not one."""
    try:
        data = base64.b64decode(selection, validate=True)
    except (binascii.Error, ValueError):
        raise CollectionError("selection must be base64 of a bitmask; what arrived is not base64.") from None
    if len(data) != (count + 7) // 8:
        raise CollectionError(
            f"selection must be a bitmask of {(count + 7) // 8} bytes for {count} photos; {len(data)} arrived."
        )
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
    if bits[count:].any():
        raise CollectionError(f"selection has a photo beyond the {count} there are.")
    return np.flatnonzero(bits[:count])


def finite(value: float | None) -> float | None:
    """A number JSON can hold; None for NaN and infinity."""
    return None if value is None or not math.isfinite(value) else float(value)


def state(id: str, collection: Collection) -> schemas.State:
    """Everything about a collection but its photos and labels."""
    parts = collection.parts
    models, model = collection.models, collection.model
    report = models.get(model) if model else None
    return schemas.State(
        id=id,
        name=collection.name,
        images=str(collection.images),
        count=len(collection.paths),
        left_out=len(collection.left_out),
        preparation=_preparation(collection),
        sources=[
            schemas.SourceState(name=s.name, title=s.title, state=s.state, message=s.message)
            for s in list(collection.sources)
        ],
        layers=_layers(collection),
        projections=_projections(collection),
        separating=parts.maps.separating,
        notices=[schemas.Notice(id=_short_hash(text), text=text) for text in list(collection.notices)],
        view=parts.settings.view,
        maps_version=parts.layers.version,
        labels_version=parts.labels.version,
        report=None if report is None else training(report),
        model=model,
        models=[
            schemas.Model(
                kind=kind, network=made.network, accuracy=finite(made.accuracy), labels_version=made.labels_version
            )
            for kind, made in models.items()
        ],
        networks=collection.networks,
        fine_tuning=_fine_tuning(collection),
    )


def _fine_tuning(collection: Collection) -> schemas.FineTuning:
    now = collection.fine_tuning
    numbers = {name: finite(getattr(now, name)) for name in ("seconds_left", "loss", "accuracy")}
    return schemas.FineTuning.model_validate(asdict(now) | numbers)


def _preparation(collection: Collection) -> schemas.Preparation:
    now = collection.progress
    return schemas.Preparation.model_validate(
        {
            "running": now.running,
            "phase": now.phase,
            "done": now.done,
            "total": now.total,
            "rate": finite(now.rate) or None,
            "seconds_left": finite(now.seconds_left),
            "error": now.error,
            "current_sources": [s.name for s in list(collection.sources) if s.state == "preparing"],
        }
    )


def _layers(collection: Collection) -> list[schemas.LayerInfo]:
    titles = {source.name: source.title for source in list(collection.sources)}
    return [
        schemas.LayerInfo(
            id=layer.id,
            source=layer.source,
            stage=layer.stage,
            pooling=layer.pooling,
            title=f"{titles.get(layer.source, layer.source)} · {layer.stage} · {layer.pooling}",
        )
        for layer in collection.layers
    ]


def _projections(collection: Collection) -> list[schemas.ProjectionInfo]:
    layers = collection.layers
    if not layers:
        return []
    return [schemas.ProjectionInfo(id=p, title=TITLES.get(p, p)) for p in collection.projections(layers[0])]


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def photos(collection: Collection) -> schemas.Photos:
    """The photos with their order, shapes and what was left out."""
    found = collection.parts.photos
    return schemas.Photos(
        paths=[readable(path) for path in found.paths],
        order=packed(found.order, "<i4"),
        aspect=packed(found.aspects, "<f4"),
        prepared=found.prepared,
        left_out=[
            schemas.LeftOutFile(path=readable(out.path), reason=readable(out.reason)) for out in collection.left_out
        ],
    )


def readable(text: str) -> str:
    """A file's name as text that UTF-8 can hold: bytes that are no text show as question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def labels(collection: Collection) -> schemas.Labels:
    """The labels of one moment: read again when another tab changed them meanwhile."""
    found = collection.parts.labels
    for _ in range(10):
        state, undo, redo = found.state, found.undo_text, found.redo_text
        if found.version == state.version:
            break
    return schemas.Labels(
        version=state.version,
        names=[schemas.LabelCount(name=info.name, count=info.count, colour=info.colour) for info in state.table],
        codes=packed(state.codes, "<i2"),
        undo=undo,
        redo=redo,
    )


def training(report: TrainingReport) -> schemas.Report:
    """A training report."""
    low, high = report.interval
    names = [str(name) for name in report.per_class.index]
    columns = {column: report.per_class[column].tolist() for column in ("count", "correct", "recall", "thin")}
    return schemas.Report(
        accuracy=finite(report.accuracy),
        low=finite(low),
        high=finite(high),
        n_labelled=report.n_labelled,
        n_photos=report.n_photos,
        method=METHOD if report.network is None else HELD_OUT,
        layers=list(report.layers),
        per_class=[
            schemas.ClassReport(
                name=name,
                count=int(columns["count"][i]),
                correct=int(columns["correct"][i]),
                recall=finite(columns["recall"][i]),
                thin=bool(columns["thin"][i]),
            )
            for i, name in enumerate(names)
        ],
        confusion=schemas.Confusion(names=names, counts=report.confusion.to_numpy().tolist()),
        warnings=list(report.warnings),
        labels_version=report.labels_version,
        seconds=report.seconds,
        network=report.network,
    )


def predictions(collection: Collection) -> schemas.Predictions:
    """The model's word on each photo."""
    names, p = collection.parts.models.probabilities()
    known = np.isfinite(p).all(1)
    best = np.where(known, np.nan_to_num(p).argmax(1), -1)
    sure = np.where(known, np.nan_to_num(p).max(1), 0)
    return schemas.Predictions(
        version=collection.parts.models.version,
        names=[str(name) for name in names],
        codes=packed(best, "<i2"),
        probability=packed(sure, "<f4"),
    )


def heat_map(found: HeatMap) -> schemas.HeatMap:
    """A heat map as a picture of the photo's shape."""
    from PIL import Image

    png: str | None = None
    if found.data.max() > found.data.min():
        out = io.BytesIO()
        pixels = (found.drawn(alpha=1).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(out, "PNG")
        png = base64.b64encode(out.getvalue()).decode("ascii")
    rows, columns = found.data.shape
    return schemas.HeatMap(label=str(found.label), method=found.method, rows=rows, columns=columns, png=png)
