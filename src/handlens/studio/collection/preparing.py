"""Preparing the photos: thumbnails and features, of every source that is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlens.errors import ArtifactError, Cancelled, CollectionError, DownloadError, HandlensError
from handlens.studio.collection.endings import ended_by
from handlens.studio.collection.layers import wishes_for
from handlens.studio.collection.models import Models
from handlens.studio.memory import give_back
from handlens.studio.prepare import FIRST, Preparation, Progress, Source, only_one

if TYPE_CHECKING:
    from handlens.studio.features.extractor import Extractor


class Preparing(Models):
    """One run at a time, in this thread or in one of its own; a fine-tuned model then predicts what is new."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self.notices: list[str] = []
        done, total = self._settled, len(self._register)
        self.progress = Progress(phase="done" if done == total else "idle", done=done, total=total)

    def add_features(self, backbone: str | None, weights: Path | str | None = None) -> None:
        """Add a network's layers (None: learned on these photos) beside those at hand; `prepare` computes them."""
        wishes = wishes_for(backbone, weights)
        with self._lock:
            for wish in wishes:
                known = next((s for s in self.sources if s.backbone == wish["backbone"]), None)
                if known is None:
                    self.sources.append(self._source(**wish))
                elif wish["weights"] and wish["weights"] != known.weights:
                    if known.state == "preparing":
                        raise CollectionError(f"{known.title} is being prepared with other weights. Cancel that first.")
                    known.forget()
                    known.weights, known.state, known.message = wish["weights"], "waiting", None
                elif known.state == "failed":
                    known.state, known.message = "waiting", None
            self._keep_wishes()
        self._changed()

    def prepare(
        self, *, progress: Callable[[Progress], None] | None = None, cancel: threading.Event | None = None
    ) -> None:
        """Compute thumbnails and features of every layer for all photos; goes on from where it was.

        The first map can be looked at after 500 photos. `progress` is called with a Progress along
        the way. Setting `cancel`, also beforehand, raises Cancelled; what was done stays. A network that
        cannot be had is noted in `notices` and its source marked failed; if no other features are asked for, features
        learned on these photos are used instead. Raises WeightsError, StorageError.
        """
        if cancel is None:
            cancel = self._cancel
            cancel.clear()

        def changed(now: Progress) -> None:
            self.progress = now
            if progress:
                progress(now)
            self._changed()

        if all(source.state == "failed" for source in self.sources):
            for source in self.sources:  # nothing to go on with: try again
                source.state, source.message = "waiting", None
        ended: dict[str, Any]
        with only_one(self._cache):
            run = Preparation(self._register, self._looks, changed=changed, refuse=self._refuse, cancel=cancel)
            changed(run.progress)
            # Photos whose turn comes (again) are judged anew.
            self._refused = {i: r for i, r in self._refused.items() if self._register.rows[i] < self._looks.prepared}
            try:
                with run.reading():
                    while waiting := [s for s in self.sources if s.state == "waiting"]:
                        self._build(run, waiting)
                        ready = [s for s in self.sources if s.state == "preparing"]
                        run.stream(ready, self._reached)
                        for source in ready:
                            source.state = "ready"
                    if self._looks.prepared < len(self._register):
                        run.stream([], self._reached)
                self._predict_the_rest(run)
                ended = {
                    "phase": "done",
                    "seconds_left": 0.0,
                    "done": len(self._register),
                    "total": len(self._register),
                }
            except BaseException as error:
                ended = ended_by(error, "preparing")
                raise
            finally:
                for source in self.sources:
                    if source.state == "preparing":
                        source.state = "waiting"
                self._maps_version += 1
                give_back()
                # Of all photos, whatever the phase at hand was counting.
                counts = {"done": self._prepared_everywhere(), "total": len(self._register)}
                changed(replace(run.progress, running=False, **(counts | ended)))
                self._tell("maps", version=self._maps_version, prepared=self.prepared)

    def start_preparing(self) -> None:
        """Run `prepare` in the background, unless it runs already; its errors end up in `progress`."""
        with self._lock:
            if self._thread and self._thread.is_alive():
                return
            self._cancel.clear()
            self._thread = threading.Thread(target=self._prepare_quietly, name="handlens-prepare", daemon=True)
            self._thread.start()

    def cancel_preparing(self) -> None:
        """Ask a running `prepare` to stop after the photo at hand."""
        self._cancel.set()

    def _prepare_quietly(self) -> None:
        try:
            self.prepare(cancel=self._cancel)
        except HandlensError as error:
            if not isinstance(error, Cancelled) and not self.progress.error:
                self.progress = replace(self.progress, running=False, phase="failed", error=str(error))
                self._changed()

    def _build(self, run: Preparation, waiting: list[Source]) -> None:
        """Make the extractors of the waiting sources; what cannot be downloaded gives way to learned features."""
        from handlens.studio.features import backbone_extractor, patches_extractor

        for source in [s for s in waiting if s.backbone]:
            if not source.restore():
                try:
                    weights = Path(source.weights) if source.weights else None
                    self._adopt(source, backbone_extractor(str(source.backbone), weights=weights))
                except (DownloadError, HandlensError) as error:
                    source.state, source.message = "failed", str(error)
                    if not isinstance(error, DownloadError):
                        raise
                    continue
            source.state = "preparing"
        failed = [s for s in self.sources if s.state == "failed"]
        if failed and all(s.state == "failed" for s in self.sources):
            names = ", ".join(s.title for s in failed)
            learned = self._source(backbone=None, weights=None)
            self.sources.append(learned)
            waiting = [*waiting, learned]
            self._keep_wishes()
            self._notice(
                f"{names} cannot be used, so features learned on these photos are in use instead. {_why(failed[0])}"
            )
        elif failed:
            ready = ", ".join(s.title for s in self.sources if s.state != "failed")
            self._notice(f"{failed[-1].title} cannot be used; in use: {ready}. {_why(failed[-1])}")
        for source in [s for s in waiting if not s.backbone]:
            if not source.restore():
                sizes = {s.extractor.size for s in self.sources if s.extractor and s.state == "preparing"}
                pictures = run.learn_pictures(sizes)
                if not len(self._register):
                    raise CollectionError(
                        f"there are no photos in {self.images}. Put some there and open the collection again."
                    )
                if not len(pictures):
                    raise CollectionError(
                        f"none of the {len(self._register):,} photos could be read. See “left out” for the reasons."
                    )
                self._adopt(source, patches_extractor(pictures, seed=self.seed))
            source.state = "preparing"

    def _adopt(self, source: Source, extractor: Extractor) -> None:
        source.adopt(extractor)
        with self._lock:
            # Maps of an earlier extractor's features, as after its file was damaged, mean nothing now.
            for layer in source.layers:
                self._layer_maps(layer).forget()
                del self._maps[layer.id]

    def _reached(self, rows: int) -> None:
        if rows >= min(FIRST, len(self._register)):
            if rows in (FIRST, len(self._register)):
                self._maps_version += 1
            self._tell("maps", version=self._maps_version, prepared=rows)

    def _refuse(self, reasons: dict[int, str]) -> None:
        self._refused.update(reasons)
        self._log.keep("refused", self._refused)

    def _predict_the_rest(self, run: Preparation) -> None:
        """Bring the fine-tuned model's predictions up to date, as after photos were added or the cache was deleted."""
        model = self._tuned(self._log.kept("fine-tuned"))
        if model is None or model.rows.count >= len(self._register):
            return
        try:
            learner = model.load()
        except ArtifactError as error:
            self._notice(f"The fine-tuned model cannot be used: {error}. Fine-tune again, or use the quick one.")
            return
        self._predict_with(model, learner, run.telling("predicting"))
        self._tell("predictions", version=self.model_version)

    def _keep_wishes(self) -> None:
        self._log.keep("sources", [{"backbone": s.backbone, "weights": s.weights} for s in self.sources])

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)


def _why(source: Source) -> str:
    """A failed source's reason as a sentence, and what to do."""
    reason = (source.message or "").rstrip(".")
    return f"{reason[:1].upper()}{reason[1:]}. To try again: Sources in the page, or add_features and prepare."
