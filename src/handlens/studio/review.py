"""The review queue of a collection: predictions that wait for a person, and what the person decides."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from handlens.audit.review import CONFIRMED, WAITING, Case, ReviewQueue
from handlens.errors import CollectionError
from handlens.studio.labels import Labels, check_name
from handlens.studio.layers import Layers
from handlens.studio.models.registry import Models
from handlens.studio.origins import UNKNOWN, Origin
from handlens.studio.photos import Photos
from handlens.studio.settings import Settings
from handlens.studio.similarity import Similarity

GESTURE: Final = "review"
"""The gesture of the labels that decisions give."""

NEAREST = 6
"""Labelled photos that are shown beside a case."""


class Review:
    """Predictions of a collection's model before a person, kept in an append-only log in the collection's file.

    A decision becomes the photo's label, which can be undone like any other; the log keeps the decision all the same.
    Cases are known by their number in the log. Methods may be called from several threads.

    Args:
        file: the SQLite file of the log.
        photos, layers, labels, models, similarity, settings: of the collection.

    Attributes:
        queue: the log, a `handlens.audit.ReviewQueue`.
    """

    def __init__(
        self,
        file: Path,
        photos: Photos,
        layers: Layers,
        labels: Labels,
        models: Models,
        similarity: Similarity,
        settings: Settings,
    ) -> None:
        self.queue = ReviewQueue(file)
        self._photos, self._layers, self._labels, self._models = photos, layers, labels, models
        self._similarity, self._settings = similarity, settings
        self._lock = threading.RLock()
        self._ids = {_reference(path): id for id, path in enumerate(photos.paths)}
        if not settings.read_only:
            self._finish_decisions()

    def close(self) -> None:
        """Close the file."""
        self.queue.close()

    def photo(self, case: Case) -> int:
        """The id of the photo that a case is about; CollectionError if it is gone."""
        if case.reference not in self._ids:
            raise CollectionError(
                f"case {case.id} is about {case.reference}, which is not a photo of this collection now."
            )
        return self._ids[case.reference]

    def waiting(self, *, below: float = 0.8) -> list[Case]:
        """The cases that wait: contested ones first, then unlabelled photos predicted with less than `below`.

        Predictions are those of the model in use; the least sure come first.

        Args:
            below: a probability, 0–1.

        Raises:
            TrainingError: there is no model yet.
            CollectionError: `below` is not a probability.
        """
        _check_probability(below)
        names, p = self._models.probabilities()
        p = p.astype(np.float64)
        unsure = np.isfinite(p).all(1) & (self._labels.codes < 0)
        unsure[unsure] = p[unsure].max(1) < below
        with self._lock:
            contested = {case.reference: case for case in self.queue.cases if case.contested and case.status == WAITING}
            references = {_reference(self._photos.paths[id]): id for id in np.flatnonzero(unsure).tolist()}
            # A contested case stays as it was, unless its classes have other names now.
            stays = {r for r, case in contested.items() if set(case.probabilities) == set(names)}
            new = [reference for reference in references if reference not in stays]
            self.queue.below = below
            self.queue.add_all(new, p[[references[reference] for reference in new]], classes=names)
            shown = contested.keys() | references.keys()
            return [case for case in self.queue.waiting if case.reference in shown and case.reference in self._ids]

    def contest(self, photo: int, *, by: str, why: str) -> Case:
        """Send a photo to the queue with a note, whatever the model predicts, also if it was decided before.

        Args:
            photo: its position in the collection's `paths`.
            by: who contests the prediction.
            why: the note.

        Raises:
            TrainingError: there is no model yet.
            CollectionError: there is no such photo, or it has no prediction yet.
            AuditError: `by` or `why` is missing.
        """
        names, p = self._models.probabilities()
        path = self._path(photo)
        if not np.isfinite(p[photo]).all():
            raise CollectionError(f"{path} has no prediction yet that could be contested. Wait a moment.")
        row = dict(zip(names, p[photo].astype(np.float64).tolist(), strict=True))
        with self._lock:
            case = self.queue.contest(_reference(path), by=by, why=why, probabilities=row, nearest=self.nearest(photo))
            self._settings.set_label_before_review(case.id, None, begun=False)
            return case

    def confirm(self, id: int, *, by: str, reason: str = "") -> Case:
        """Confirm the prediction, which becomes the photo's label.

        Args:
            id: the number of the case.
            by: who decides.
            reason: why; required if the case is contested.

        Raises:
            AuditError: as `handlens.audit.ReviewQueue.confirm`.
            CollectionError: the photo is gone.
        """
        with self._lock:
            self._show(id)
            return self._settle(self.queue.confirm(id, by=by, reason=reason))

    def overrule(self, id: int, label: str, *, by: str, reason: str = "") -> Case:
        """Replace a wrong prediction.

        Args:
            id: the number of the case.
            label: the right label, which becomes the photo's; it may be new.
            by: who decides.
            reason: why; required if the case is contested.

        Raises:
            AuditError: as `handlens.audit.ReviewQueue.overrule`.
            CollectionError: the photo is gone, or `label` is not a valid name.
        """
        name = check_name(label)
        with self._lock:
            self._show(id)
            return self._settle(self.queue.overrule(id, name, by=by, reason=reason))

    def take_back(self, id: int, *, by: str, reason: str = "") -> Case:
        """Undo a decision: the case waits again and the photo gets its earlier label, if any; the log keeps both.

        Args:
            id: the number of the case.
            by: who undoes the decision.
            reason: why; may be empty.

        Raises:
            AuditError: the case is not decided, or `by` is missing.
            CollectionError: the photo is gone.
        """
        with self._lock:
            case = self.queue.case(id)
            photo, before = self.photo(case), self._settings.label_before_review(case.id)
            if case.status != WAITING:
                self._settings.set_label_before_review(case.id, before, begun=True)
            waiting = self.queue.undo(id, by=by, reason=reason)
            if self._label(photo) == case.label:  # and nobody changed it since
                self._give_back(photo, before)
            self._settings.set_label_before_review(case.id, None, begun=False)
            return waiting

    def nearest(self, photo: int, *, k: int = NEAREST) -> pd.DataFrame:
        """The labelled photos most like one photo, in a layer that the model looks at.

        Args:
            photo: its position in the collection's `paths`.
            k: how many at most.

        Returns:
            DataFrame with columns reference, label and distance, the nearest first.
        """
        self._path(photo)
        model = self._models.in_use
        layers = [layer.id for layer in self._layers.all]
        used = [layer for layer in (model.record.training.layers if model else []) if layer in layers]
        found = self._similarity.similar([photo], layer=(used or layers[-1:])[0])
        labels = self._labels.series.to_numpy()[found["id"]]
        table = pd.DataFrame({"reference": found["path"], "label": labels, "distance": found["distance"]})
        return table.dropna(subset="label").head(k).reset_index(drop=True)

    def export(self, path: Path | str) -> None:
        """Write the log, every entry of it, as .csv or .jsonl."""
        self.queue.export(path)

    # --- inside ----------------------------------------------------------------------------------

    def _show(self, id: int) -> None:
        """Add to the log the labelled photos that the person sees beside the case; CollectionError if it is gone."""
        case = self.queue.case(id)
        photo = self.photo(case)
        if case.status == WAITING and not case.contested and not case.nearest:
            self.queue.add(case.reference, case.probabilities, nearest=self.nearest(photo))

    def _finish_decisions(self) -> None:
        """Give and take back the labels of decisions, where the process was killed before that was on disk."""
        with self._lock:
            for case in self.queue.cases:
                before, begun = self._settings.label_before_review(case.id), self._settings.review_begun(case.id)
                if case.reference not in self._ids:
                    continue
                if case.status != WAITING:
                    if before is None or begun:
                        self._settle(case)
                elif before is not None or begun:  # it waits again
                    photo = self.photo(case)
                    given = self._origin(photo)
                    if begun and given is not None and given.gesture == GESTURE:
                        self._give_back(photo, before)
                    self._settings.set_label_before_review(case.id, None, begun=False)

    def _settle(self, case: Case) -> Case:
        """Make a decision the photo's label; if it is killed meanwhile, `_finish_decisions` does the rest."""
        photo = self.photo(case)
        before = self._settings.label_before_review(case.id) if self._settings.review_begun(case.id) else None
        if before is None:
            before = self._label(photo) or ""
            self._settings.set_label_before_review(case.id, before, begun=True)
        origin = Origin(GESTURE, "suggested" if case.status == CONFIRMED else "by hand")
        self._labels.assign([photo], str(case.label), origin=origin)
        self._settings.set_label_before_review(case.id, before, begun=False)
        return case

    def _give_back(self, photo: int, before: str | None) -> None:
        """Give a photo the label that it had before a decision."""
        if before:
            self._labels.assign([photo], before, origin=self._labels.origin_before(photo) or UNKNOWN)
        else:
            self._labels.remove([photo])

    def _origin(self, photo: int) -> Origin | None:
        """Where the label of a photo comes from."""
        origins = self._labels.state.origins
        change = origins.by_change.get(int(origins.changes[photo]))
        return None if change is None else change.origin

    def _label(self, photo: int) -> str | None:
        state = self._labels.state
        code = int(state.codes[photo])
        return state.names[code] if code >= 0 else None

    def _path(self, photo: int) -> str:
        if not 0 <= photo < len(self._photos.paths):
            raise CollectionError(
                f"photo must lie between 0 and {len(self._photos.paths) - 1}, the positions in paths; {photo} arrived."
            )
        return self._photos.paths[photo]


def _reference(path: str) -> str:
    """A photo's path as the log holds it: bytes that are not valid text are escaped."""
    return path.encode("utf-8", "backslashreplace").decode()


def _check_probability(below: float) -> None:
    if isinstance(below, bool) or not isinstance(below, (int, float)) or not 0 <= below <= 1:
        raise CollectionError(f"below must be a probability from 0 to 1; {below!r} arrived.")
