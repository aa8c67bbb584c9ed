"""The models there are, which of them is in use, and what it says of each photo."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from handlens.core.predictions import LABEL, class_predictions_frame
from handlens.core.products import product
from handlens.errors import CollectionError, TrainingError
from handlens.studio import classifier as learning
from handlens.studio.classifier import TrainingReport
from handlens.studio.collection.labelling import Ids, Labelling
from handlens.studio.collection.layers import Layers
from handlens.studio.heldout import HeldOut, packed_held_out, unpacked_held_out
from handlens.studio.reports import unpacked_report
from handlens.studio.separation import Floats
from handlens.studio.tuned import TunedModel, kept_model

if TYPE_CHECKING:
    from handlens.vision.learner import VisionLearner

ModelKind = Literal["quick", "fine-tuned"]
_REPORTS: dict[ModelKind, str] = {"quick": "report", "fine-tuned": "fine-tuned"}
"""Under what name the report of each model is kept."""

NO_MODEL = "there is no model yet. Label some photos of two kinds, then train."


class Models(Layers, Labelling):
    """Reports, predictions and what was held out, of the quick and of the fine-tuned model."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._probabilities: tuple[Any, list[str], Floats] | None = None
        self._predicting = threading.Lock()  # held while the fine-tuned model predicts photos

    @property
    def models(self) -> dict[ModelKind, TrainingReport]:
        """The models there are, at most one "quick" and one "fine-tuned", with their reports."""
        found: dict[ModelKind, TrainingReport] = {}
        for kind in _REPORTS:
            kept = self._kept_report(kind)
            if kept is not None:
                found[kind] = unpacked_report(kept, self._called_now(kept["names"], kept))
        return found

    @property
    def model(self) -> ModelKind | None:
        """Which model is in use: the one trained last, unless `use_model` said otherwise; None before training."""
        there = [kind for kind in _REPORTS if self._kept_report(kind) is not None]
        wanted = self._log.kept("in use")
        return next((kind for kind in there if kind == wanted), there[0] if there else None)

    def use_model(self, kind: ModelKind) -> None:
        """Use "quick" or "fine-tuned", whichever was trained last, for predictions, report, heat maps and export."""
        if kind not in _REPORTS:
            raise CollectionError(f"a model is one of {', '.join(_REPORTS)}; “{kind}” arrived.")
        if self._kept_report(kind) is None:
            raise TrainingError(f"there is no {kind} model yet. {'Train' if kind == 'quick' else 'Fine-tune'} first.")
        self._use(kind)

    @property
    def model_version(self) -> str:
        """Names the model in use; another one, or one trained anew, has another name. Empty before training."""
        kind = self.model
        kept = self._kept_report(kind) if kind else None
        if kept is None:
            return ""
        return f"{kind}-{kept['id']}" if kind == "fine-tuned" else f"{kind}-{kept['labels_version']}-{kept['seconds']}"

    @property
    def report(self) -> TrainingReport | None:
        """The report of the model in use, None before the first training."""
        kind = self.model
        return None if kind is None else self.models.get(kind)

    def probabilities(self) -> tuple[list[str], Floats]:
        """The classes and each photo's probability of each, float32 [N, C] by id, NaN where not prepared."""
        kind = self.model
        kept = self._kept_report(kind) if kind else None
        if kept is None:
            raise TrainingError(NO_MODEL)
        tuned = self._tuned(kept) if kind == "fine-tuned" else None
        key = (self.model_version, self._prepared_everywhere() if tuned is None else tuned.rows.count)
        if self._probabilities is None or self._probabilities[0] != key:
            classes, p = self._quick_probabilities() if tuned is None else (tuned.classes, tuned.probabilities())
            self._probabilities = (key, classes, self._by_id(p, missing=np.nan))
        return self._called_now(self._probabilities[1], kept), self._probabilities[2]

    def predictions(self) -> pd.DataFrame:
        """What the model in use says of each photo, a row a photo, by id.

        Returns:
            The columns of `photo_predictions_frame`, with `label`, what a person said, after `path`; a photo that
            cannot be read or is not prepared yet has no prediction, and `reason` says why.

        Raises:
            TrainingError: nothing has been trained yet.
        """
        names, p = self.probabilities()
        known = np.isfinite(p).all(1).tolist()
        why = {out.path: out.reason for out in self.left_out}
        reasons = [
            "" if there else why.get(path, "not prepared yet") for path, there in zip(self.paths, known, strict=True)
        ]
        table = class_predictions_frame(self.paths, names, p, reasons=reasons)
        table.insert(1, LABEL, self.labels.to_numpy())
        return table

    @property
    def held_out(self) -> HeldOut | None:
        """What the model in use said of labelled photos that it had not seen, as in `report`; None if not kept."""
        kind = self.model
        kept = self._kept_report(kind) if kind else None
        if kept is None:
            return None
        return unpacked_held_out(self._log.kept(f"held out {kind}"), kept, self._called_now(kept["names"], kept))

    def _use(self, kind: ModelKind) -> None:
        self._log.keep("in use", kind)
        self._tell("predictions", version=self.model_version)
        self._changed()

    def _kept_report(self, kind: ModelKind) -> dict[str, Any] | None:
        kept = self._log.kept(_REPORTS[kind])
        if not isinstance(kept, dict) or (kind == "fine-tuned" and self._tuned(kept) is None):
            return None
        return kept

    def _called_now(self, classes: list[str], kept: dict[str, Any]) -> list[str]:
        """A model's classes as their labels are called now; they are known by the number of their colour."""
        called = {info.colour: info.name for info in self._log.table}
        colours = dict(zip(kept["names"], kept["colours"], strict=True))
        now = [called.get(colours.get(name, -1), name) for name in classes]
        return now if len(set(now)) == len(now) else classes  # a deleted label's name may have been given anew

    def _quick_probabilities(self) -> tuple[list[str], Floats]:
        """The quick model's classes and probabilities [rows, C] in preparing order."""
        from handlens.core.artifact import load_artifact
        from handlens.studio.predictor import KIND

        config, tensors = load_artifact(self.folder / "model", KIND)
        scores: Floats | None = None
        for layer in config["layers"]:
            x = self._layer_maps(self._layer(layer)).raw()
            part = product(x, tensors[f"layer.{layer}"].numpy())
            scores = part if scores is None else scores[: len(part)] + part[: len(scores)]
        assert scores is not None
        return config["classes"], learning.softmax((scores + tensors["bias"].numpy()) / config["temperature"])

    def _tuned(self, kept: object) -> TunedModel | None:
        return kept_model(self.folder, self._cache, kept)

    def _predict_with(self, model: TunedModel, learner: VisionLearner, step: Callable[[int, int], None]) -> None:
        """Predict the photos that are prepared and not predicted yet; `step(done, total)` may raise to stop."""
        with self._predicting:
            while model.rows.count < (upto := min(self._looks.prepared, len(self._register))):
                usable = self.usable
                files = [self._register.file(int(i)) if usable[i] else None for i in self.order[:upto]]
                model.predict(learner, files, step)

    def _keep_held_out(self, kind: ModelKind, ids: Ids, truth: Ids, predicted: Ids) -> None:
        kept = self._kept_report(kind)
        if kept is not None and len(ids) == len(truth):
            self._log.keep(f"held out {kind}", packed_held_out(kept, ids, truth, predicted))
