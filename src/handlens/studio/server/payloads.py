"""What the HTTP API sends of a collection: its state, photos, labels, reports and predictions."""

from __future__ import annotations

import base64
import hashlib
import io
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from handlens.serving.encoding import finite, packed
from handlens.studio.history import why_it_moved
from handlens.studio.label_differences import LabelDifference
from handlens.studio.labels import LabelState
from handlens.studio.models.registry import KINDS
from handlens.studio.projections import TITLES
from handlens.studio.server import columns
from handlens.studio.server.encoding import packed_ids, packed_values, readable
from handlens.studio.server.schemas.base import LeftOutFile
from handlens.studio.server.schemas.checking import Comparison, FinishPlan, HistoryPoint, SpotCheckState
from handlens.studio.server.schemas.collection import (
    CollectionState,
    ColumnMarks,
    LayerInfo,
    Notice,
    PhotoList,
    PreparationState,
    ProjectionInfo,
    ScanState,
    SourceState,
)
from handlens.studio.server.schemas.filters import NumbersColumn, TextColumn
from handlens.studio.server.schemas.labels import ChangedLabel, LabelCount, LabelsDelta, LabelsState
from handlens.studio.server.schemas.models import (
    ClassReport,
    ConfusionTable,
    FineTuningState,
    Guess,
    HeatMapPicture,
    ModelInfo,
    PhotoPredictions,
    Report,
)
from handlens.studio.server.schemas.reviewing import DuplicateGroups, DuplicateSearch, SuspectLabels
from handlens.studio.server.schemas.shards import ShardsState

if TYPE_CHECKING:
    from handlens.studio.collection import Collection
    from handlens.studio.finishing import Finished
    from handlens.studio.models.model import ModelKind
    from handlens.studio.report import TrainingReport
    from handlens.vision.heatmap import HeatMap


def state(id: str, collection: Collection) -> CollectionState:
    """Everything about a collection except its photos and labels."""
    as_of, parts = time.time(), collection.parts
    models, model = collection.models, collection.model
    report = models.get(model) if model else None
    return CollectionState(
        id=id,
        as_of=as_of,
        name=collection.name,
        images=str(collection.images),
        folder_gone=not parts.photos.register.is_there,
        count=len(collection.paths),
        left_out=len(collection.left_out),
        scanning=ScanState.model_validate(asdict(collection.scanning)),
        found=collection.found,
        shards=None
        if (shards := collection.shards) is None
        else ShardsState(total=shards.total, sampled=int(shards.sampled.sum()), complete=shards.is_complete),
        preparation=_preparation(collection),
        sources=[
            SourceState(
                name=s.name, title=s.title, backbone=s.backbone, state=s.state, message=s.message, reason=s.reason
            )
            for s in list(collection.sources)
        ],
        layers=_layers(collection),
        projections=_projections(collection),
        separating=parts.maps.separating,
        notices=[Notice(id=_short_hash(text), text=text) for text in list(collection.notices)],
        view=parts.settings.view,
        maps_version=parts.layers.version,
        photos_version=parts.photos.version,
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
        comparisons=_comparisons(collection),
        spot_check=spot_check(collection),
        finished=parts.finishing.count,
        text_search=source.title if (source := parts.text_search.source) else None,
        networks=collection.networks,
        fine_tuning=_fine_tuning(collection),
        duplicates=_duplicate_search(collection),
    )


def _fine_tuning(collection: Collection) -> FineTuningState:
    now = collection.fine_tuning
    numbers = {name: finite(getattr(now, name)) for name in ("seconds_left", "loss", "accuracy")}
    return FineTuningState.model_validate(asdict(now) | numbers)


def _duplicate_search(collection: Collection) -> DuplicateSearch:
    search = collection.parts.duplicates
    found = search.found
    groups = None if found is None else len(np.unique(found.groups))
    return DuplicateSearch.model_validate(asdict(search.progress) | {"groups": groups})


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
    """What there is to know of the photos, without the columns that have a place for each of them."""
    found = collection.parts.photos
    of_list = columns.list_mark(found)
    aspects = columns.mark_of(columns.numbers(found.aspects, "<f4"))
    return PhotoList(
        marks=ColumnMarks(paths=of_list, order=of_list, aspects=aspects),
        prepared=found.prepared,
        left_out=[LeftOutFile(path=readable(out.path), reason=readable(out.reason)) for out in collection.left_out],
    )


def labels(collection: Collection, since: int = -1) -> LabelsState | LabelsDelta:
    """The labels, or what has changed since a version where that is known."""
    found = collection.parts.labels
    for _ in range(10):  # read again if another tab changed them in the meantime
        change = found.since(since)
        if change is not None and all(label.gestures is not None for label in change.labels):
            return _delta(change, [label.gestures or 0 for label in change.labels], len(collection.paths))
        state, undo, redo = found.state, found.undo_text, found.redo_text
        if found.version == state.version:
            break
    if change is not None and change.version == state.version:
        return _delta(change, _gestures(collection, state), len(collection.paths))
    return LabelsState(
        version=state.version,
        last_by_person=state.last_by_person,
        names=[
            LabelCount(name=info.name, count=info.count, gestures=gestures, colour=info.colour)
            for info, gestures in zip(state.table, _gestures(collection, state), strict=True)
        ],
        codes=packed(state.codes, "<i2"),
        undo=undo,
        redo=redo,
    )


def _delta(change: LabelDifference, gestures: list[int], count: int) -> LabelsDelta:
    return LabelsDelta(
        since=change.since,
        version=change.version,
        last_by_person=change.last_by_person,
        names=[
            ChangedLabel(place=new.place, name=new.name, count=new.photos, gestures=given, colour=new.key)
            for new, given in zip(change.labels, gestures, strict=True)
        ],
        gone=change.gone,
        ids=packed_ids(change.ids, count),
        keys=packed_values(change.keys),
        undo=change.undo,
        redo=change.redo,
    )


def suspects(collection: Collection) -> SuspectLabels:
    """The labels in whose place the model suggests another one."""
    judged = collection.parts.suspects.judged()
    known = {key: code for code, key in enumerate(judged.names)}
    doubted = judged.doubted
    return SuspectLabels(
        version=doubted.version,
        judged=len(judged),
        names=list(judged.names.values()),
        ids=packed(doubted.ids, "<i4"),
        given=packed([known[key] for key in doubted.given.tolist()], "<i2"),
        suggested=packed([known[key] for key in doubted.suggested.tolist()], "<i2"),
        probability=packed(doubted.probability, "<f4"),
        suggested_probability=packed(doubted.suggested_probability, "<f4"),
    )


def duplicates(collection: Collection) -> DuplicateGroups | None:
    """The groups of duplicates, None while they are not known."""
    found = collection.parts.duplicates.found
    if found is None:
        return None
    return DuplicateGroups(
        ids=packed(found.ids, "<i4"), groups=packed(found.groups, "<i4"), kinds=packed(found.kinds, "<i2")
    )


def _gestures(collection: Collection, state: LabelState) -> list[int]:
    """By label the number of gestures that gave it to photos."""
    labelled, gestures = state.codes >= 0, collection.parts.duplicates.gestures(state.origins)
    last = gestures.max(initial=0) + 1
    pairs = np.unique(state.codes[labelled] * last + gestures[labelled])
    return np.bincount(pairs // last, minlength=len(state.table)).tolist()


def training(kind: ModelKind, report: TrainingReport) -> Report:
    """The report of a model of this kind."""
    low, high = report.interval or (None, None)
    low_of_all, high_of_all = report.accuracy_of_all or (None, None)
    classes = report.per_class.reset_index().to_dict("records")
    return Report(
        kind=kind,
        accuracy=finite(report.accuracy),
        low=finite(low),
        high=finite(high),
        guess=None if report.guess is None else Guess(low=report.guess[0], high=report.guess[1]),
        reason=report.reason,
        checked=report.checked,
        unsure=report.unsure,
        low_of_all=finite(low_of_all),
        high_of_all=finite(high_of_all),
        unlabelled=report.unlabelled,
        n_labelled=report.n_labelled,
        n_by_model=report.n_by_model,
        n_photos=report.n_photos,
        layers=list(report.layers),
        per_class=[
            ClassReport(
                name=str(row["label"]),
                count=int(row["count"]),
                thin=bool(row["thin"]),
                said=int(row["said"]),
                right=int(row["right"]),
                precision=finite(row["precision"]),
                low=finite(row["low"]),
                high=finite(row["high"]),
            )
            for row in classes
        ],
        confusion=ConfusionTable(
            names=[str(name) for name in report.confusion.index], counts=report.confusion.to_numpy().tolist()
        ),
        calibration_error=finite(report.calibration_error),
        warnings=list(report.warnings),
        labels_version=report.labels_version,
        seconds=report.seconds,
        network=report.network,
        outcome=report.outcome,
    )


def spot_check(collection: Collection) -> SpotCheckState:
    """What waits, and what was answered."""
    now = collection.spot_check
    return SpotCheckState(
        waiting=now.waiting,
        answered=now.answered,
        unsure=now.unsure,
        none_of_these=now.none_of_these,
        gone=now.gone,
        left=int(now.open.sum()),
    )


def finish(found: Finished) -> FinishPlan:
    """What finishing labels, or would label."""
    return FinishPlan(
        labels=len(found.ids),
        left=found.left,
        bound=finite(found.bound),
        sure_from=finite(found.sure_from),
        checked=found.checked,
        more_checks=found.more_checks,
        sentence=found.sentence,
    )


def history(collection: Collection) -> list[HistoryPoint]:
    """The models that were trained, with their accuracy."""
    points = collection.history
    return [
        HistoryPoint(
            at=point.at,
            kind=point.kind,
            n_labelled=point.n_labelled,
            accuracy=point.accuracy,
            low=point.interval and point.interval[0],
            high=point.interval and point.interval[1],
            guess_low=point.guess and point.guess[0],
            guess_high=point.guess and point.guess[1],
            checked=point.checked,
            unsure=point.unsure,
            sentence=why,
        )
        for point, why in zip(points, why_it_moved(points), strict=True)
    ]


def _comparisons(collection: Collection) -> list[Comparison]:
    return [
        Comparison(
            better=found.better,
            other=found.other,
            difference=found.difference.value,
            low=found.difference.low,
            high=found.difference.high,
            n=found.n,
            sentence=found.sentence,
        )
        for found in collection.comparisons
    ]


def predictions(collection: Collection) -> PhotoPredictions:
    """What the model in use predicts for each photo."""
    version = collection.parts.models.predictions_version  # first: if it changes now, the page asks again
    with collection.parts.work.begin("predict") as report:
        best = collection.parts.models.best(report=report)
    return PhotoPredictions(
        version=version,
        names=best.names,
        codes=packed(best.codes, "<i2"),
        probability=packed(np.nan_to_num(best.probability), "<f4"),
    )


def column(collection: Collection, name: str) -> NumbersColumn | TextColumn:
    """A column of the attached CSV."""
    values = collection.parts.filtering.column(name)
    if values.dtype.kind == "f":
        return NumbersColumn(values=packed(values, "<f4"))
    given = values.value_counts().index
    return TextColumn(
        values=[readable(str(value)) for value in given], codes=packed(given.get_indexer(pd.Index(values)), "<i4")
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
