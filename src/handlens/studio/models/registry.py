"""The models of a collection: which there are, which one is in use, and what it predicts."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.errors import ArtifactError, CollectionError, TrainingError
from handlens.studio.classifier import TrainingReport
from handlens.studio.labels import Labels
from handlens.studio.layers import Layers
from handlens.studio.listeners import Listeners
from handlens.studio.models.fine_tuned import FineTunedModel
from handlens.studio.models.held_out import HeldOut, held_out_from_json, held_out_to_json
from handlens.studio.models.model import NO_MODEL, Model, ModelKind
from handlens.studio.models.quick import QuickModel
from handlens.studio.models.record import ModelRecord
from handlens.studio.photos import Photos
from handlens.studio.separation import Floats
from handlens.studio.settings import Settings

if TYPE_CHECKING:
    from handlens.vision.heatmap import HeatMap

KINDS: dict[ModelKind, Callable[[ModelRecord, Path, Photos, Layers], Model]] = {
    "quick": QuickModel,
    "fine-tuned": FineTunedModel,
}
"""How the model of each kind is opened; a new kind of model needs one more entry."""

_HEATMAPS = 200  # heat maps that are kept


class Models:
    """At most one model of each kind, one of which is in use.

    Args:
        photos, layers, labels: of the collection.
        settings: where the models' records are kept.
        listeners: told of new predictions.
        folder: the collection's folder.
    """

    def __init__(
        self, photos: Photos, layers: Layers, labels: Labels, settings: Settings, listeners: Listeners, *, folder: Path
    ) -> None:
        self._photos, self._layers, self._labels = photos, layers, labels
        self._settings, self._listeners, self._folder = settings, listeners, folder
        self._lock = threading.RLock()
        self._opened: dict[ModelKind, Model] = {}
        self._probabilities: tuple[tuple[str, int], list[str], Floats] | None = None
        self._looking = threading.Lock()  # held while a heat map is computed
        self._heatmaps: OrderedDict[tuple[str, int, str], HeatMap] = OrderedDict()

    # --- which there are -----------------------------------------------------------------------

    def new(self, kind: ModelKind, record: ModelRecord) -> Model:
        """A model of this kind that is still to be written."""
        return KINDS[kind](record, self._folder, self._photos, self._layers)

    def get(self, kind: ModelKind) -> Model | None:
        """The model of a kind, None if there is no such model on disk."""
        kept = self._settings.model_record(kind)
        if kept is None:
            return None
        record = ModelRecord.from_json(kept)
        with self._lock:
            model = self._opened.get(kind)
            if model is None or model.record != record:
                model = self._opened[kind] = self.new(kind, record)
        return model if model.exists else None

    @property
    def all(self) -> dict[ModelKind, Model]:
        """The models that there are, by kind."""
        found = {kind: self.get(kind) for kind in KINDS}
        return {kind: model for kind, model in found.items() if model is not None}

    @property
    def in_use(self) -> Model | None:
        """The model in use: the one trained last unless `use` said otherwise; None before training."""
        found, wanted = self.all, self._settings.model_in_use
        return next((model for kind, model in found.items() if kind == wanted), next(iter(found.values()), None))

    @property
    def version(self) -> str:
        """The version of the model in use, "" before training."""
        model = self.in_use
        return "" if model is None else model.version

    def use(self, kind: ModelKind) -> None:
        """Use the model of a kind from now on; see `Collection.use_model`."""
        if kind not in KINDS:
            raise CollectionError(f"a model is one of {', '.join(KINDS)}; “{kind}” arrived.")
        if self.get(kind) is None:
            remedy = self.new(kind, ModelRecord("", [], [], {})).remedy
            raise TrainingError(f"there is no {kind} model yet. {remedy}")
        self._settings.model_in_use = kind
        self._tell()

    def replace(
        self, model: Model, ids: Sequence[int] | NDArray[np.integer], truth: NDArray[Any], predicted: NDArray[Any]
    ) -> None:
        """Put a model that was just written in the place of the earlier one of its kind, and use it.

        Record, held-out predictions and use change in one transaction: whenever the process is killed, a model and its
        report belong together.

        Args:
            model: it is on disk already.
            ids: the photos that it was tested on, [m].
            truth, predicted: their class codes, [m].
        """
        held_out = held_out_to_json(model.record, ids, truth, predicted)
        self._settings.replace_model(model.kind, model.record.to_json(), held_out)
        with self._lock:
            self._opened[model.kind] = model
        model.remove_others()
        self._tell()

    # --- what they say -------------------------------------------------------------------------

    @property
    def reports(self) -> dict[ModelKind, TrainingReport]:
        """The report of each model that there is."""
        return {kind: self._report(model) for kind, model in self.all.items()}

    @property
    def report(self) -> TrainingReport | None:
        """The report of the model in use, None before training."""
        model = self.in_use
        return None if model is None else self._report(model)

    @property
    def held_out(self) -> HeldOut | None:
        """What the model in use predicted of labelled photos that it had not seen; None if that was not kept."""
        model = self.in_use
        if model is None:
            return None
        classes = self._current_names(model.record.names, model.record)
        return held_out_from_json(self._settings.held_out(model.kind), model.record, classes)

    def probabilities(self) -> tuple[list[str], Floats]:
        """The classes and each photo's probability of each, float32 [N, C] by id, NaN where not predicted.

        Raises:
            TrainingError: there is no model yet.
        """
        model = self._required()
        key = (model.version, model.predicted)
        cached = self._probabilities
        if cached is None or cached[0] != key:
            cached = (key, model.classes, self._photos.by_id(model.probabilities(), missing=np.nan))
            self._probabilities = cached
        return self._current_names(cached[1], model.record), cached[2]

    def predictions(self) -> pd.DataFrame:
        """The prediction of each photo; see `Collection.predictions`."""
        from handlens.core.predictions import LABEL, class_predictions_frame

        names, p = self.probabilities()
        paths = self._photos.paths
        known = np.asarray(np.isfinite(p).all(1))
        why = {out.path: out.reason for out in self._photos.left_out}
        reasons = ["" if known[i] else why.get(path, "not prepared yet") for i, path in enumerate(paths)]
        table = class_predictions_frame(paths, names, p, reasons=reasons)
        table.insert(1, LABEL, self._labels.series.to_numpy())
        return table

    def heatmap(self, photo: int, label: str | None = None) -> HeatMap:
        """Which places of a photo count in favour of a label; see `Collection.heatmap`."""
        self._photos.check(photo)
        model = self._required()
        names, p = self.probabilities()
        if label is None:
            if not np.isfinite(p[photo]).all():
                path = self._photos.paths[photo]
                raise CollectionError(f"{path} has no prediction yet. Wait a moment, or choose a label.")
            label = names[int(p[photo].argmax())]
        elif label not in names:
            raise CollectionError(f"label must be one that the model knows: {', '.join(names)}; “{label}” arrived.")
        key = (model.version, photo, label)
        with self._looking:
            if key not in self._heatmaps:
                self._heatmaps[key] = model.heatmap(photo, names.index(label), label)
            self._heatmaps.move_to_end(key)
            if len(self._heatmaps) > _HEATMAPS:
                self._heatmaps.popitem(last=False)
            return self._heatmaps[key]

    def predict_new_photos(self, step: Callable[[int, int], None]) -> None:
        """Predict prepared photos that models have not predicted yet; `step(done, total)` may raise to stop.

        Raises:
            ArtifactError: a model is damaged; the message names its kind.
        """
        for kind, model in self.all.items():
            before = model.predicted
            try:
                model.predict_new_photos(step)
            except ArtifactError as error:
                reason = str(error).rstrip(".")
                raise ArtifactError(
                    f"The {kind} model cannot be used: {reason}. Train it again, or use another one."
                ) from error
            if model.predicted != before:
                self._listeners.tell("predictions", version=self.version)

    def export(self, path: Path, *, name: str) -> None:
        """Write the model in use with its model card; see `Collection.export_model`."""
        from handlens.studio.exports import model_card

        model = self._required()
        card = model_card(name, self._report(model)).for_export(path)
        model.export(path, self._current_names(model.classes, model.record), card=card)

    # --- inside --------------------------------------------------------------------------------

    def _required(self) -> Model:
        model = self.in_use
        if model is None:
            raise TrainingError(NO_MODEL)
        return model

    def _report(self, model: Model) -> TrainingReport:
        return model.record.training_report(self._current_names(model.record.names, model.record))

    def _current_names(self, classes: list[str], record: ModelRecord) -> list[str]:
        """A model's classes as their labels are called now; these are known by the numbers of their colours."""
        current = {info.colour: info.name for info in self._labels.table}
        colours = dict(zip(record.names, record.colours, strict=True))
        names = [current.get(colours.get(name, -1), name) for name in classes]
        return names if len(set(names)) == len(names) else classes  # the name of a deleted label may be in use again

    def _tell(self) -> None:
        self._listeners.tell("predictions", version=self.version)
        self._listeners.tell("state")
