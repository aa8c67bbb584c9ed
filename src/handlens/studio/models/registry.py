"""The models of a collection: which there are, which one is in use, and what it predicts."""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from handlens.errors import ArtifactError, CollectionError, HandlensError, TrainingError
from handlens.io.locks import process_lock
from handlens.studio.discriminant import Floats
from handlens.studio.labels import Labels, LabelState
from handlens.studio.layers import Layers
from handlens.studio.listeners import Listeners
from handlens.studio.models.checked import Checked, checked_by
from handlens.studio.models.fine_tuned import FineTunedModel
from handlens.studio.models.held_out import HeldOut, Tested, held_out_from_json, held_out_to_json
from handlens.studio.models.model import NO_MODEL, Model, ModelKind
from handlens.studio.models.quick import QuickModel
from handlens.studio.models.record import ModelRecord
from handlens.studio.photos import Photos
from handlens.studio.report import AT_LEAST
from handlens.studio.settings import Settings
from handlens.studio.spot_check import Check, SpotCheck

if TYPE_CHECKING:
    from handlens.vision.heatmap import HeatMap

KINDS: dict[ModelKind, type[Model]] = {"quick": QuickModel, "fine-tuned": FineTunedModel}
"""The class of each kind of model; a new kind needs one more entry."""

_HEATMAPS = 200  # heat maps that are kept

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SamePhotos:
    """A new model and the one in use, of another kind, on the same photos.

    Attributes:
        right: how many of them the new model predicts correctly.
        other_right, other: the same of the model in use, and its kind.
        n: number of photos.
        checked: whether they were drawn at random for a check; otherwise they are labelled photos, which say less.
    """

    right: int
    other_right: int
    other: ModelKind
    n: int
    checked: bool

    @property
    def sentence(self) -> str:
        """Whether the new model helps, and how much, as a sentence.

        Example:
            >>> SamePhotos(right=20, other_right=22, other="quick", n=24, checked=True).sentence
            'It does not help: of the same 24 checked photos it gets 20 right, and the quick model 22.'
        """
        photos = "checked photos" if self.checked else "labelled photos that neither learned from"
        helps = "It helps" if self.right > self.other_right else "It does not help"
        if self.right == self.other_right:
            helps = "It helps as much as the model in use"
        counts = f"it gets {self.right:,} right, and the {self.other} model {self.other_right:,}"
        said = f"{helps}: of the same {self.n:,} {photos} {counts}."
        return said if self.checked else f"{said} Photos that were drawn at random tell more: check 30."


M = TypeVar("M", bound=Model)
T = TypeVar("T")


class Models:
    """At most one model of each kind, one of which is in use.

    Args:
        photos, layers, labels: of the collection.
        spot_check: whose answers calibrate the probabilities.
        settings: where the models' records are kept.
        listeners: called when there are new predictions.
        folder: the collection's folder.
    """

    def __init__(
        self,
        photos: Photos,
        layers: Layers,
        labels: Labels,
        spot_check: SpotCheck,
        settings: Settings,
        listeners: Listeners,
        *,
        folder: Path,
    ) -> None:
        self._photos, self._layers, self._labels, self._spot_check = photos, layers, labels, spot_check
        self._settings, self._listeners, self._folder = settings, listeners, folder
        self._lock = threading.RLock()
        self._opened: dict[ModelKind, tuple[str, Model | None]] = {}  # the record as JSON, and its model
        self._scores: dict[ModelKind, tuple[tuple[str, int], Floats]] = {}
        self._checked: dict[ModelKind, tuple[Check, tuple[str, int], Checked]] = {}
        self._looking = threading.Lock()  # held while a heat map is computed
        self._heatmaps: OrderedDict[tuple[str, int, str], HeatMap] = OrderedDict()

    # --- which there are -----------------------------------------------------------------------

    def get(self, kind: ModelKind) -> Model | None:
        """The model of a kind, None if there is no such model on disk, or if its record is damaged."""
        kept = self._settings.model_record(kind)
        while kept is not None:
            model = self._open(kind, kept)
            if model is not None and model.exists:
                return model
            before, kept = kept, self._settings.model_record(kind)
            if kept == before:  # otherwise another process has just replaced the model
                return None
        return None

    @property
    def all(self) -> dict[ModelKind, Model]:
        """The models that there are, by kind."""
        found = {kind: self.get(kind) for kind in KINDS}
        return {kind: model for kind, model in found.items() if model is not None}

    @property
    def in_use(self) -> Model | None:
        """The model in use, None before training; see `Collection.model`."""
        found, wanted = self.all, self._settings.model_in_use
        return next((model for kind, model in found.items() if kind == wanted), next(iter(found.values()), None))

    @property
    def version(self) -> str:
        """The version of the model in use, "" before training."""
        model = self.in_use
        return "" if model is None else model.version

    @property
    def predictions_version(self) -> str:
        """Tells the predictions of now from those of other models, and from those with another calibration."""
        model = self.in_use
        if model is None:
            return ""
        try:
            return f"{model.version}-{self.temperature(model):.4g}"
        except ArtifactError:
            return model.version

    def use(self, kind: ModelKind) -> None:
        """Use the model of a kind from now on; see `Collection.use_model`."""
        if kind not in KINDS:
            raise CollectionError(f"a model is one of {', '.join(KINDS)}; “{kind}” arrived.")
        if self.get(kind) is None:
            raise TrainingError(f"there is no {kind} model yet. {KINDS[kind].remedy}")
        self._settings.model_in_use = kind
        self._tell()

    def lock(self, kind: ModelKind, *, busy: HandlensError | None = None) -> AbstractContextManager[None]:
        """Hold the right to write the model of a kind, which one process and thread may do at a time.

        Args:
            kind: of the model.
            busy: raised at once if another holds it. Without it, the call waits.
        """
        return process_lock(self._folder / "cache" / f"{kind}.lock", busy=busy)

    @contextmanager
    def draft(self, kind: type[M], record: ModelRecord) -> Iterator[M]:
        """A model of this kind to be written and given to `replace`; without that, it is deleted when the block ends.

        The caller must hold the `lock` of its kind.
        """
        model = kind(record, self._folder, self._photos, self._layers)
        try:
            yield model
        finally:
            opened = self._opened.get(model.kind)
            in_place = opened[1] if opened else None
            if in_place is None or in_place.record.id != model.record.id:
                model.remove()

    def replace(self, model: Model, tested: Tested, *, use: bool) -> None:
        """Put a model that was just written in the place of the earlier one of its kind.

        Record, held-out predictions and use change in one transaction: whenever the process is killed, a model and its
        report belong together.

        Args:
            model: it is on disk already.
            tested: what it said of labelled photos that it had not seen.
            use: use it from now on; if not, the model in use stays in use.
        """
        held_out, record = held_out_to_json(model.record, tested), model.record.to_json()
        with self._lock:
            self._settings.replace_model(model.kind, record, held_out, use=use)
            self._opened[model.kind] = (json.dumps(record), model)
        model.remove_others()
        self._tell()

    # --- what they say -------------------------------------------------------------------------

    def classes(self, model: Model) -> list[str]:
        """A model's classes as their labels are called now."""
        return self._current_names(model.record.names, model.record)

    def codes(self, model: Model, labels: LabelState) -> NDArray[np.int64]:
        """For each class the position of its label in `labels.table`, −1 if that was deleted; int64 [C]."""
        return np.array([labels.code_of_key(key) for key in model.record.colours], np.int64)

    def held_out(self, model: Model) -> HeldOut | None:
        """What a model said of labelled photos that it had not seen; None if that was not kept."""
        kept = self._settings.held_out(model.kind)
        return held_out_from_json(kept, model.record, self.classes(model), photos=len(self._photos))

    def scores(self, model: Model) -> Floats:
        """The log probability of each class up to a constant, as when the model was trained; float32 [N, C] by id.

        NaN for photos that it has not predicted.
        """
        key = (model.version, model.predicted)
        cached = self._scores.get(model.kind)
        if cached is None or cached[0] != key:
            cached = self._scores[model.kind] = (key, self._photos.by_id(model.scores(), missing=np.nan))
        return cached[1]

    def is_worse(self, new: Model, tested: Tested) -> bool:
        """Whether a model in use of another kind was right more often on the same photos; see `compare_to_used`."""
        found = self.compare_to_used(new, tested)
        return found is not None and found.right < found.other_right

    def compare_to_used(self, new: Model, tested: Tested) -> SamePhotos | None:
        """A new model and the model in use on the same photos, which neither had seen.

        These are the checked photos, or the labelled ones that both were tested on if few are checked.

        Args:
            new: a model that was just trained, on disk.
            tested: what it said of labelled photos that it had not seen.

        Returns:
            None if no model of another kind is in use, or there are no such photos.
        """
        other = self.in_use
        if other is None or other.kind == new.kind:
            return None
        check = self._spot_check.now()
        try:
            mine, its = self._checked_by(new, check, tested), self.checked(other, check)
        except ArtifactError:  # the model in use is damaged
            return None
        _, i, k = np.intersect1d(mine.ids, its.ids, return_indices=True)
        if len(i) >= AT_LEAST:
            return SamePhotos(int(mine.right[i].sum()), int(its.right[k].sum()), other.kind, len(i), checked=True)
        theirs = self.held_out(other)
        if theirs is None or np.isnan(theirs.scores).any():
            return None
        keys = np.array(new.record.colours)
        _, i, k = np.intersect1d(tested.ids, theirs.ids, return_indices=True)
        if not len(i):
            return None
        truth, said = keys[tested.truth[i]], keys[tested.scores[i].argmax(1)]
        its_said = np.array(other.record.colours)[theirs.scores[k].argmax(1)]
        return SamePhotos(int((said == truth).sum()), int((its_said == truth).sum()), other.kind, len(i), checked=False)

    def checked(self, model: Model, check: Check) -> Checked:
        """What a model says of the checked photos that count."""
        key = (model.version, model.predicted)
        kept = self._checked.get(model.kind)
        if kept is None or kept[0] is not check or kept[1] != key:
            kept = self._checked[model.kind] = (check, key, self._checked_by(model, check, self.held_out(model)))
        return kept[2]

    def temperature(self, model: Model) -> float:
        """What a model's scores are divided by to be calibrated on the spot check; 1 without one."""
        return self.checked(model, self._spot_check.now()).temperature

    def probabilities(self) -> tuple[list[str], Floats]:
        """The classes and each photo's probability of each, float32 [N, C] by id, NaN where not predicted.

        Raises:
            TrainingError: there is no model yet.
        """
        return self.with_model(self._probabilities_of)

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
        return self.with_model(lambda model: self._heatmap_of(model, photo, label))

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
                self._listeners.tell("predictions", version=self.predictions_version)

    def export(self, model: Model, path: Path, *, card: str) -> None:
        """Write a model with its model card, calibrated as it is now."""
        model.export(path, self.classes(model), temperature=self.temperature(model), card=card)

    # --- inside --------------------------------------------------------------------------------

    def _checked_by(self, model: Model, check: Check, tested: Tested | HeldOut | None) -> Checked:
        """What a model says of the checked photos: of those that it was tested on, what it said before it saw them."""

        def scores_of(ids: NDArray[np.int64]) -> Floats:
            scores = self.scores(model)[ids]
            if tested is not None:
                _, i, k = np.intersect1d(ids, tested.ids, return_indices=True)
                scores[i] = tested.scores[k]
            return scores

        return checked_by(check, self.codes(model, check.labels), scores_of)

    def _open(self, kind: ModelKind, kept: dict[str, Any]) -> Model | None:
        """The model of a record, whether or not it is on disk; None if the record is damaged."""
        text = json.dumps(kept)
        with self._lock:
            opened = self._opened.get(kind)
            if opened is None or opened[0] != text:
                model: Model | None = None
                try:
                    record = ModelRecord.from_json(kept)
                    model = KINDS[kind](record, self._folder, self._photos, self._layers)
                except ArtifactError as error:
                    _log.warning("The %s model cannot be used: %s", kind, error)
                opened = self._opened[kind] = (text, model)
            return opened[1]

    def with_model(self, use: Callable[[Model], T]) -> T:
        """What `use` gives for the model in use; again, if another process replaced it before its files were read."""
        while True:
            model = self.in_use
            if model is None:
                raise TrainingError(NO_MODEL)
            try:
                return use(model)
            except ArtifactError:
                if self.version == model.version:
                    raise

    def _probabilities_of(self, model: Model) -> tuple[list[str], Floats]:
        p = softmax(self.scores(model) / np.float32(self.temperature(model)), axis=1)
        return self.classes(model), np.asarray(p, np.float32)

    def _heatmap_of(self, model: Model, photo: int, label: str | None) -> HeatMap:
        names, p = self._probabilities_of(model)
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

    def _current_names(self, classes: list[str], record: ModelRecord) -> list[str]:
        """A model's classes as their labels are called now; these are known by the numbers of their colours."""
        current = {info.colour: info.name for info in self._labels.table}
        colours = dict(zip(record.names, record.colours, strict=True))
        names = [current.get(colours.get(name, -1), name) for name in classes]
        return names if len(set(names)) == len(names) else classes  # the name of a deleted label may be in use again

    def _tell(self) -> None:
        self._listeners.tell("predictions", version=self.predictions_version)
        self._listeners.tell("state")
