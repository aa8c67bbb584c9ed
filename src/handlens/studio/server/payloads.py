"""What the HTTP API sends of a collection: its state, photos, labels, reports and predictions."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from handlens.studio.models.registry import KINDS
from handlens.studio.projections import TITLES
from handlens.studio.server.encoding import finite, packed, readable
from handlens.studio.server.schemas.base import LeftOutFile
from handlens.studio.server.schemas.collection import (
    CollectionState,
    LayerInfo,
    Notice,
    PhotoList,
    PreparationState,
    ProjectionInfo,
    SourceState,
)
from handlens.studio.server.schemas.labels import LabelCount, LabelsState
from handlens.studio.server.schemas.models import (
    ClassReport,
    ConfusionTable,
    FineTuningState,
    HeatMapPicture,
    ModelInfo,
    PhotoPredictions,
    Report,
)

if TYPE_CHECKING:
    from handlens.studio.classifier import TrainingReport
    from handlens.studio.collection import Collection
    from handlens.studio.models.model import ModelKind
    from handlens.vision.heatmap import HeatMap


def state(id: str, collection: Collection) -> CollectionState:
    """Everything about a collection except its photos and labels."""
    parts = collection.parts
    models, model = collection.models, collection.model
    report = models.get(model) if model else None
    return CollectionState(
        id=id,
        name=collection.name,
        images=str(collection.images),
        count=len(collection.paths),
        left_out=len(collection.left_out),
        preparation=_preparation(collection),
        sources=[
            SourceState(name=s.name, title=s.title, state=s.state, message=s.message) for s in list(collection.sources)
        ],
        layers=_layers(collection),
        projections=_projections(collection),
        separating=parts.maps.separating,
        notices=[Notice(id=_short_hash(text), text=text) for text in list(collection.notices)],
        view=parts.settings.view,
        maps_version=parts.layers.version,
        labels_version=parts.labels.version,
        report=None if report is None or model is None else training(model, report),
        model=model,
        models=[
            ModelInfo(
                kind=kind,
                title=KINDS[kind].title,
                network=made.network,
                accuracy=finite(made.accuracy),
                labels_version=made.labels_version,
            )
            for kind, made in models.items()
        ],
        networks=collection.networks,
        fine_tuning=_fine_tuning(collection),
    )


def _fine_tuning(collection: Collection) -> FineTuningState:
    now = collection.fine_tuning
    numbers = {name: finite(getattr(now, name)) for name in ("seconds_left", "loss", "accuracy")}
    return FineTuningState.model_validate(asdict(now) | numbers)


def _preparation(collection: Collection) -> PreparationState:
    now = collection.progress
    return PreparationState.model_validate(
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


def _layers(collection: Collection) -> list[LayerInfo]:
    titles = {source.name: source.title for source in list(collection.sources)}
    return [
        LayerInfo(
            id=layer.id,
            source=layer.source,
            stage=layer.stage,
            pooling=layer.pooling,
            title=f"{titles.get(layer.source, layer.source)} · {layer.stage} · {layer.pooling}",
        )
        for layer in collection.layers
    ]


def _projections(collection: Collection) -> list[ProjectionInfo]:
    layers = collection.layers
    if not layers:
        return []
    return [ProjectionInfo(id=p, title=TITLES.get(p, p)) for p in collection.projections(layers[0])]


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def photos(collection: Collection) -> PhotoList:
    """The photos with their order and shapes, and the files that are left out."""
    found = collection.parts.photos
    return PhotoList(
        paths=[readable(path) for path in found.paths],
        order=packed(found.order, "<i4"),
        aspect=packed(found.aspects, "<f4"),
        prepared=found.prepared,
        left_out=[LeftOutFile(path=readable(out.path), reason=readable(out.reason)) for out in collection.left_out],
    )


def labels(collection: Collection) -> LabelsState:
    """The labels at one moment: read again if another tab changed them in the meantime."""
    found = collection.parts.labels
    for _ in range(10):
        state, undo, redo = found.state, found.undo_text, found.redo_text
        if found.version == state.version:
            break
    return LabelsState(
        version=state.version,
        names=[LabelCount(name=info.name, count=info.count, colour=info.colour) for info in state.table],
        codes=packed(state.codes, "<i2"),
        undo=undo,
        redo=redo,
    )


def training(kind: ModelKind, report: TrainingReport) -> Report:
    """The report of a model of this kind."""
    low, high = report.interval
    names = [str(name) for name in report.per_class.index]
    columns = {column: report.per_class[column].tolist() for column in ("count", "correct", "recall", "thin")}
    return Report(
        accuracy=finite(report.accuracy),
        low=finite(low),
        high=finite(high),
        n_labelled=report.n_labelled,
        n_photos=report.n_photos,
        method=KINDS[kind].method,
        layers=list(report.layers),
        per_class=[
            ClassReport(
                name=name,
                count=int(columns["count"][i]),
                correct=int(columns["correct"][i]),
                recall=finite(columns["recall"][i]),
                thin=bool(columns["thin"][i]),
            )
            for i, name in enumerate(names)
        ],
        confusion=ConfusionTable(names=names, counts=report.confusion.to_numpy().tolist()),
        warnings=list(report.warnings),
        labels_version=report.labels_version,
        seconds=report.seconds,
        network=report.network,
    )


def predictions(collection: Collection) -> PhotoPredictions:
    """What the model in use predicts for each photo."""
    version = collection.parts.models.version  # first: if a new model comes now, the page asks again
    names, p = collection.parts.models.probabilities()
    known = np.isfinite(p).all(1)
    best = np.where(known, np.nan_to_num(p).argmax(1), -1)
    sure = np.where(known, np.nan_to_num(p).max(1), 0)
    return PhotoPredictions(
        version=version,
        names=[str(name) for name in names],
        codes=packed(best, "<i2"),
        probability=packed(sure, "<f4"),
    )


def heat_map(found: HeatMap) -> HeatMapPicture:
    """A heat map as a picture of the photo's shape."""
    from PIL import Image

    png: str | None = None
    if found.data.max() > found.data.min():
        out = io.BytesIO()
        pixels = (found.drawn(alpha=1).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(out, "PNG")
        png = base64.b64encode(out.getvalue()).decode("ascii")
    rows, columns = found.data.shape
    return HeatMapPicture(label=str(found.label), method=found.method, rows=rows, columns=columns, png=png)
