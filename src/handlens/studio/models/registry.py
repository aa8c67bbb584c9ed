"""The models of a collection: which there are, which one is in use, and what it predicts."""

from __future__ import annotations

import json
import logging
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from handlens.core.row_blocks import Report
from handlens.errors import ArtifactError, Cancelled, CollectionError, HandlensError, TrainingError
from handlens.io.locks import process_lock
from handlens.studio.discriminant import Floats
from handlens.studio.labels import Labels, LabelState
from handlens.studio.layers import Layers
from handlens.studio.listeners import Listeners
from handlens.studio.models.checked import Checked, checked_by
from handlens.studio.models.ensemble import EnsembleModel
from handlens.studio.models.fine_tuned import FineTunedModel
from handlens.studio.models.held_out import HeldOut, Tested, held_out_from_json, held_out_of_both, held_out_to_json
from handlens.studio.models.model import NO_MODEL, BestGuess, Model, ModelKind, TrainedModel
from handlens.studio.models.quick import QuickModel
from handlens.studio.models.record import ModelRecord
from handlens.studio.models.same_photos import SamePhotos
from handlens.studio.photos import Photos
from handlens.studio.report import AT_LEAST
from handlens.studio.settings import Settings
from handlens.studio.spot_check import Check, SpotCheck

if TYPE_CHECKING:
    from handlens.vision.heatmap import HeatMap

TRAINED: dict[ModelKind, type[TrainedModel]] = {"quick": QuickModel, "fine-tuned": FineTunedModel}
"""The class of each kind of model that is trained and kept."""

KINDS: dict[ModelKind, type[Model]] = {**TRAINED, "both": EnsembleModel}
"""The class of each kind of model."""

UNKNOWN = "Whether it helps is not known: nothing tells which model is better. Check 30 random photos."
"""What is said of a training when nothing tells."""

_AT_ONCE = 2**16  # photos whose probabilities are computed at once
_HEATMAPS = 200  # heat maps that are kept
_COMPARED = 16  # photos that an ONNX file is compared on

_log = logging.getLogger(__name__)


M = TypeVar("M", bound=TrainedModel)
T = TypeVar("T")


class Models:
    """At most one model of each kind, one of which is in use; the ensemble is there when its two models are.

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
        self._opened: dict[ModelKind, tuple[str, TrainedModel | None]] = {}  # the record as JSON, and its model
        self._scores: dict[ModelKind, tuple[tuple[str, int], Floats]] = {}
        self._checked: dict[ModelKind, tuple[Check, tuple[str, int], Checked]] = {}
        self._forgotten = 0  # how often photos that had been predicted were replaced
        self._hash: tuple[tuple[str, float], str] | None = None  # of a model with a temperature
        self._looking = threading.Lock()  # held while a heat map is computed
        self._heatmaps: OrderedDict[tuple[str, int, str], HeatMap] = OrderedDict()

    # --- which there are -----------------------------------------------------------------------

    def get(self, kind: ModelKind) -> Model | None:
        """The model of a kind, None if there is no such model."""
        return self.all.get(kind)

    @property
    def all(self) -> dict[ModelKind, Model]:
        """The models that there are, by kind."""
        return _with_ensemble(self._trained)

    @property
    def _trained(self) -> dict[ModelKind, TrainedModel]:
        """The models that are on disk, by kind, without those whose record is damaged."""
        found = {kind: self._on_disk(kind) for kind in TRAINED}
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
            again = f"-{self._forgotten}" if self._forgotten else ""
            return f"{model.version}-{self.temperature(model):.4g}{again}"
        except ArtifactError:
            return model.version

    def use(self, kind: ModelKind) -> None:
        """Use the model of a kind from now on; see `Collection.use_model`."""
        if not isinstance(kind, str) or kind not in KINDS:
            raise CollectionError(f"a model is one of {', '.join(KINDS)}; “{kind}” arrived.")
        if self.get(kind) is None:
            which = "ensemble of both models" if kind == "both" else f"{kind} model"
            raise TrainingError(f"there is no {which} yet. {KINDS[kind].remedy}")
        self._settings.model_in_use = kind
        self._tell()

    def lock(self, kind: ModelKind, *, busy: HandlensError | None = None) -> AbstractContextManager[None]:
        """Hold the right to write the model of a kind, which one process and thread may do at a time.

        Args:
            kind: of the model.
            busy: raised at once if another holds it. Without it, the call waits.

        Raises:
            StorageError: the collection was deleted, moved or replaced since it was opened.
        """
        self._settings.check_in_place()
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

    def replace(self, model: TrainedModel, tested: Tested) -> str:
        """Put a model that was just written in the place of the earlier one of its kind.

        Of all models that there are then, the best on the same photos is used from now on if it is clearly better than
        the one in use; see `compare` and `SamePhotos.best`. Where nothing tells, the model in use stays, unless the new
        one knows labels that it does not know.

        Record, held-out predictions and use change in one transaction: whenever the process is killed, a model and its
        report belong together.

        Args:
            model: it is on disk already.
            tested: what it said of labelled photos that it had not seen.

        Returns:
            Whether it helps, as a sentence; "" if there is no other model.
        """
        held_out, record = held_out_to_json(model.record, tested), model.record.to_json()
        use, outcome = self._chosen(model, tested)
        with self._lock:
            self._settings.replace_model(model.kind, record, held_out, use=use, outcome=outcome)
            self._opened[model.kind] = (json.dumps(record), model)
        model.remove_others()
        self._tell()
        return outcome

    @property
    def outcome(self) -> str:
        """Whether the latest training helped, as a sentence; "" if there was no other model."""
        return self._settings.outcome

    # --- what they say -------------------------------------------------------------------------

    def classes(self, model: Model) -> list[str]:
        """A model's classes as their labels are called now."""
        return self._current_names(model.record.names, model.record)

    def codes(self, model: Model, labels: LabelState) -> NDArray[np.int64]:
        """For each class the position of its label in `labels.table`, −1 if that was deleted; int64 [C]."""
        return np.array([labels.code_of_key(key) for key in model.record.colours], np.int64)

    def held_out(self, model: Model) -> HeldOut | None:
        """What a model said of labelled photos that it had not seen; None if that was not kept.

        Of the ensemble, these are the photos that both of its models were tested on, with the same label, and the
        checked ones.
        """
        if not isinstance(model, EnsembleModel):
            kept = self._settings.held_out(model.kind)
            return held_out_from_json(kept, model.record, self.classes(model), photos=len(self._photos))
        quick, tuned = self.held_out(model.quick), self.held_out(model.tuned)
        if quick is None or tuned is None or np.isnan(quick.scores).any() or np.isnan(tuned.scores).any():
            return None
        try:
            return held_out_of_both(quick, tuned, self._blind(model, {}), self.classes(model))
        except ArtifactError:  # one of its models is damaged
            return None

    def scores(self, model: Model, *, report: Report | None = None) -> Floats:
        """The log probability of each class up to a constant, as when the model was trained; float32 [N, C] by id.

        NaN for photos that it has not predicted.

        Args:
            model: one of these models.
            report: called as `report(done, total)` while they are computed; if it returns True, `Cancelled` is raised.
        """
        key = (model.version, model.predicted)
        cached = self._scores.get(model.kind)
        if cached is None or cached[0] != key:
            cached = self._scores[model.kind] = (key, self._computed(model, report))
        return cached[1]

    def compare(self, new: TrainedModel, tested: Tested) -> SamePhotos | None:
        """The models that there will be with a new one, on the same photos, which none of them had seen.

        These are the checked photos. If few are checked, they are the labelled ones that all were tested on, unless
        the models know different labels.

        Args:
            new: a model that was just trained, on disk.
            tested: what it said of labelled photos that it had not seen.

        Returns:
            None if there is no other model, or there are few such photos.
        """
        models, check = self._beside(new), self._spot_check.now()
        if len(models) == 1:
            return None
        known: dict[ModelKind, Tested | HeldOut | None] = {new.kind: tested}
        found = [self._checked_by(model, check, known) for model in models.values()]
        ids = reduce(np.intersect1d, [of_model.ids for of_model in found])
        if len(ids) >= AT_LEAST:
            rights = [of_model.right[np.isin(of_model.ids, ids)] for of_model in found]
            return SamePhotos(dict(zip(models, rights, strict=True)), new.kind, checked=True)
        other = next(model for kind, model in models.items() if kind not in (new.kind, "both"))
        theirs = self.held_out(other)
        if "both" not in models or theirs is None or np.isnan(theirs.scores).any():
            return None
        ids, i, _ = np.intersect1d(tested.ids, theirs.ids, return_indices=True)
        if len(ids) < AT_LEAST:
            return None
        truth = np.array(new.record.colours)[tested.truth[i]]
        right: dict[ModelKind, NDArray[np.bool_]] = {}
        for kind, model in models.items():
            said = np.array(model.record.colours)[self._blind(model, known)[ids].argmax(1)]
            right[kind] = said == truth
        return SamePhotos(right, new.kind, checked=False)

    def checked(self, model: Model, check: Check) -> Checked:
        """What a model says of the checked photos that count."""
        key = (model.version, model.predicted)
        kept = self._checked.get(model.kind)
        if kept is None or kept[0] is not check or kept[1] != key:
            kept = self._checked[model.kind] = (check, key, self._checked_by(model, check, {}))
        return kept[2]

    def temperature(self, model: Model) -> float:
        """What a model's scores are divided by to be calibrated on the spot check; 1 without one."""
        return self.checked(model, self._spot_check.now()).temperature

    def probabilities(self, *, report: Report | None = None) -> tuple[list[str], Floats]:
        """The classes and each photo's probability of each, float32 [N, C] by id, NaN where not predicted.

        Args:
            report: called as `report(done, total)`; if it returns True, the work is cancelled.

        Raises:
            Cancelled: `report` returned True.
            TrainingError: there is no model yet.
        """
        return self.with_model(lambda model: self._probabilities_of(model, report))

    def best(self, *, report: Report | None = None, what: str = "predicting") -> BestGuess:
        """What the model in use predicts, photo by photo; computed in blocks, and a hundredth of `predictions`.

        Args:
            report: called as `report(done, total)`; if it returns True, the work is cancelled.
            what: is called so when it is cancelled.

        Raises:
            Cancelled: `report` returned True.
            TrainingError: there is no model yet.
        """
        return self.with_model(lambda model: self._best_of(model, report, what))

    def predictions(self, *, report: Report | None = None) -> pd.DataFrame:
        """The prediction of each photo; see `Collection.predictions`, and `probabilities` for `report`."""
        from handlens.core.predictions import LABEL, class_predictions_frame

        names, p = self.probabilities(report=report)
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
        for kind, model in self._trained.items():
            before = model.predicted
            try:
                model.predict_new_photos(step)
            except ArtifactError as error:
                reason = str(error).rstrip(".")
                raise ArtifactError(
                    f"The {kind} model cannot be used: {reason}. Train it again, or use another one."
                ) from error
            self._scores.pop(kind, None)
            self._checked.pop(kind, None)
            if model.predicted != before:
                self._listeners.tell("predictions", version=self.predictions_version)

    def forget(self, photos: list[int]) -> None:
        """Drop what models have predicted of photos that are about to change, and all that was computed of it."""
        self._forgotten += 1
        for kept in (self._scores, self._checked, self._heatmaps):
            kept.clear()
        rows = [int(self._photos.rows[photo]) for photo in photos]
        for model in self._trained.values():
            model.forget(rows)

    def export(self, model: Model, path: Path, *, card: str) -> None:
        """Write a model with its model card, calibrated as it is now."""
        from handlens.core.artifact import save_artifact

        saved = model.saved(self.classes(model), temperature=self.temperature(model))
        save_artifact(path, *saved, card=card)

    def export_onnx(self, path: Path) -> None:
        """Write the model in use as one ONNX graph, calibrated as it is now; see `Collection.export_onnx`."""
        from handlens.core.artifact import save_artifact, tensors_hash
        from handlens.core.saved import load_learner
        from handlens.studio.onnx_graph import write_onnx

        order, usable = self._photos.order.tolist(), self._photos.usable
        files = [self._photos.file(i) for i in order if usable[i] and self._photos.is_inside(i)][:_COMPARED]

        def write(model: Model) -> None:
            saved = model.saved(self.classes(model), temperature=self.temperature(model))
            with tempfile.TemporaryDirectory() as folder:
                save_artifact(Path(folder) / "model", *saved)
                loaded = load_learner(Path(folder) / "model")
            write_onnx(loaded, path, photos=files, about={"model": tensors_hash(saved.tensors)})

        self.with_model(write)

    @property
    def content_hash(self) -> str | None:
        """The hash of the model in use: SHA-256 of the file of tensors that `export` writes; None without a model."""
        return None if self.in_use is None else self.with_model(self.hash_of)

    def hash_of(self, model: Model) -> str:
        """The hash of a model; see `content_hash`."""
        from handlens.core.artifact import tensors_hash

        key = (model.version, self.temperature(model))
        if self._hash is None or self._hash[0] != key:
            saved = model.saved(self.classes(model), temperature=key[1])
            self._hash = (key, tensors_hash(saved.tensors))
        return self._hash[1]

    # --- inside --------------------------------------------------------------------------------

    def _beside(self, new: TrainedModel) -> dict[ModelKind, Model]:
        """The models that there will be with a new one, without one that is damaged; the new one comes first."""
        models: dict[ModelKind, TrainedModel] = {new.kind: new}
        for kind, model in self._trained.items():
            if kind != new.kind:
                with suppress(ArtifactError):
                    self.scores(model)
                    models[kind] = model
        return _with_ensemble(models)

    def _chosen(self, new: TrainedModel, tested: Tested) -> tuple[ModelKind, str]:
        """The kind of the model to use with a new one, and whether that one helps, as a sentence."""
        models, used = self._beside(new), self.in_use
        if len(models) == 1 or used is None:
            return new.kind, ""
        same = self.compare(new, tested)
        if same is not None:
            return same.best(used.kind), same.sentence
        new_labels = set(new.record.colours) - set(used.record.colours)
        stays = used.kind in models and not new_labels
        return used.kind if stays else new.kind, UNKNOWN

    def _computed(self, model: Model, report: Report | None) -> Floats:
        """The scores of a model, float32 [N, C] by id."""
        if isinstance(model, EnsembleModel):
            return model.scores(self.scores(model.quick, report=report), self.scores(model.tuned, report=report))
        return self._photos.by_id(cast(TrainedModel, model).scores(report=report), missing=np.nan)

    def _blind(self, model: Model, known: Mapping[ModelKind, Tested | HeldOut | None]) -> Floats:
        """The scores of a model, float32 [N, C] by id: of photos that it was tested on, as it saw them then.

        NaN if it has learned from checked photos, and what it said of them before is not known.

        Args:
            model: of any kind.
            known: what models were tested on, by kind, if it is not kept yet.
        """
        if isinstance(model, EnsembleModel):
            return model.scores(self._blind(model.quick, known), self._blind(model.tuned, known))
        scores = self.scores(model)
        tested = known[model.kind] if model.kind in known else self.held_out(model)
        if tested is not None:
            scores = scores.copy()
            scores[tested.ids] = tested.scores
        elif model.record.training.drawn:
            scores = np.full_like(scores, np.nan)
        return scores

    def _checked_by(self, model: Model, check: Check, known: Mapping[ModelKind, Tested | HeldOut | None]) -> Checked:
        """What a model says of the checked photos: of those that it was tested on, what it said before it saw them."""
        return checked_by(check, self.codes(model, check.labels), lambda ids: self._blind(model, known)[ids])

    def _on_disk(self, kind: ModelKind) -> TrainedModel | None:
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

    def _open(self, kind: ModelKind, kept: dict[str, Any]) -> TrainedModel | None:
        """The model of a record, whether or not it is on disk; None if the record is damaged."""
        text = json.dumps(kept)
        with self._lock:
            opened = self._opened.get(kind)
            if opened is None or opened[0] != text:
                model: TrainedModel | None = None
                try:
                    record = ModelRecord.from_json(kept)
                    model = TRAINED[kind](record, self._folder, self._photos, self._layers)
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

    def _probabilities_of(self, model: Model, report: Report | None = None) -> tuple[list[str], Floats]:
        p = softmax(self.scores(model, report=report) / np.float32(self.temperature(model)), axis=1)
        return self.classes(model), np.asarray(p, np.float32)

    def _best_of(self, model: Model, report: Report | None, what: str) -> BestGuess:
        scores, temperature = self.scores(model, report=report), np.float32(self.temperature(model))
        codes, probability = np.full(len(scores), -1, np.int32), np.full(len(scores), np.nan, np.float32)
        for start in range(0, len(scores), _AT_ONCE):
            if report and report(start, len(scores)):
                raise Cancelled(f"{what} was cancelled.")
            block = scores[start : start + _AT_ONCE]
            known = np.flatnonzero(np.isfinite(block).all(1))
            p = softmax(block[known] / temperature, axis=1)
            codes[start + known], probability[start + known] = p.argmax(1), p.max(1)
        return BestGuess(self.classes(model), codes, probability)

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


def _with_ensemble(models: Mapping[ModelKind, TrainedModel]) -> dict[ModelKind, Model]:
    """Trained models, and their ensemble if they make one."""
    ensemble = EnsembleModel.of(models)
    return {**models, "both": ensemble} if ensemble else {**models}
