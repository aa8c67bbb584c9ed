"""Preparing a collection: one run at a time, in this thread or in one of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from handlens.core.threads import give_way
from handlens.errors import ArtifactError, Cancelled, CollectionError, DownloadError, HandlensError, WeightsError
from handlens.io.deep_pictures import about_limits
from handlens.studio.layers import FIRST, Layers
from handlens.studio.listeners import Listeners
from handlens.studio.memory import release_memory
from handlens.studio.models.registry import Models
from handlens.studio.photos import Photos
from handlens.studio.preparation_run import LEARN_SIZE, Preparation, only_one
from handlens.studio.progress import Progress, ended_by
from handlens.studio.shards.preparation import ShardPreparation
from handlens.studio.shards.register import ShardRegister
from handlens.studio.sources import AUTO, Source

FOR_PHOTOGRAPHS, TITLE_FOR_PHOTOGRAPHS, SIZE_FOR_PHOTOGRAPHS = "tf_efficientnet_lite0", "EfficientNet-Lite0", 224
"""The network that describes photographs unless a person chooses another, and the side of its pictures in pixels."""


class Preparing:
    """Computes thumbnails and features, and what the models predict of new photos.

    Args:
        photos, layers, models: of the collection.
        listeners: called with the progress, and when there are new maps.
        cache: the folder of thumbnails and features.
        seed: of the features that are learned.
        shards: the list of photos, where thumbnails and features are copied from shards.

    Attributes:
        progress: how far the current or latest run is.
        notices: sentences for the person, such as why a network is not used.
    """

    def __init__(
        self,
        photos: Photos,
        layers: Layers,
        models: Models,
        listeners: Listeners,
        *,
        cache: Path,
        seed: int,
        shards: ShardRegister | None = None,
    ) -> None:
        self._photos, self._layers, self._models, self._listeners = photos, layers, models, listeners
        self._cache, self._seed, self._shards = cache, seed, shards
        self._starting = threading.Lock()
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self.notices = [text] if (text := about_limits(photos.limits)) else []
        self.progress = self._at_rest()

    def look_again(self) -> None:
        """See whether there is something to prepare, after photos were found to have changed."""
        if not self.progress.running and self.progress.phase in ("idle", "done"):
            self.progress = self._at_rest()

    def _at_rest(self) -> Progress:
        total = len(self._photos)
        done = max(0, self._layers.prepared - len(self._photos.to_read_again))
        return Progress(phase="done" if done == total else "idle", done=done, total=total)

    def run(self, *, progress: Callable[[Progress], None] | None = None, cancel: threading.Event | None = None) -> None:
        """Prepare in this thread; see `Collection.prepare`."""
        if cancel is None:
            cancel = self._cancel
            cancel.clear()

        def changed(now: Progress) -> None:
            self.progress = now
            if progress:
                progress(now)
            self._listeners.tell("state")

        sources = self._layers.sources
        if all(source.state == "failed" for source in sources):
            for source in sources:  # there is nothing else to work with: try again
                source.state, source.message = "waiting", None
        for source in sources:
            if source.state == "ready" and source.prepared < len(self._photos):  # the cache was deleted meanwhile
                source.reload()
        ended: dict[str, Any]
        self._photos.check_in_place()  # nothing is written to where a collection was
        with only_one(self._cache):
            run = (
                Preparation(self._photos, changed=changed, cancel=cancel)
                if self._shards is None
                else ShardPreparation(self._photos, self._shards, changed=changed, cancel=cancel)
            )
            changed(run.progress)
            try:
                self._photos.forget_unreadable_from(self._photos.prepared)
                run.find_limits()
                self._notice(about_limits(self._photos.limits))
                run.move_thumbnails()
                with run.reading():
                    if any(source.backbone == AUTO for source in sources):
                        self._choose(run)
                    while waiting := [s for s in sources if s.state == "waiting"]:
                        if isinstance(run, ShardPreparation):
                            run.take_layers(waiting)
                        else:
                            self._build(run, waiting)
                        ready = [s for s in sources if s.state == "preparing"]
                        run.stream(ready, self._reached)
                        for source in ready:
                            source.state = "ready"
                    if self._photos.prepared < len(self._photos):
                        run.stream([], self._reached)
                    changed_again = run.read_again([s for s in sources if s.state == "ready"], self._models.forget)
                self._predict(run)
                if changed_again:
                    self._layers.forget_maps()
                    self._listeners.tell("predictions", version=self._models.predictions_version)
                ended = {"phase": "done", "seconds_left": 0.0}
            except BaseException as error:
                ended = ended_by(error, "preparing")
                raise
            finally:
                for source in sources:
                    if source.state == "preparing":
                        source.state = "waiting"
                self._layers.version += 1
                release_memory()
                total = len(self._photos)
                done = total if ended["phase"] == "done" else self._layers.prepared
                changed(replace(run.progress, running=False, done=done, total=total, **ended))
                self._listeners.tell("maps", version=self._layers.version, prepared=self._photos.prepared)

    def start(self) -> None:
        """Run in the background, unless it runs already; errors are in `progress`."""
        with self._starting:
            if self._thread and self._thread.is_alive():
                return
            self._cancel.clear()
            self._thread = threading.Thread(target=self._run_quietly, name="handlens-prepare", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Ask a run to stop after the current photo."""
        self._cancel.set()

    def join(self, seconds: float | None = None) -> bool:
        """Wait for a run in the background to end, so many seconds at most; returns whether it has ended."""
        if self._thread:
            self._thread.join(seconds)
        return self._thread is None or not self._thread.is_alive()

    def _run_quietly(self) -> None:
        give_way()
        try:
            self.run(cancel=self._cancel)
        except HandlensError as error:
            if not isinstance(error, Cancelled) and not self.progress.error:
                self.progress = replace(self.progress, running=False, phase="failed", error=str(error))
                self._listeners.tell("state")

    def _choose(self, run: Preparation) -> None:
        """Choose a source by the photos: a network for photographs, learned features for everything else."""
        from handlens.studio.features import backbone_extractor

        looks = run.photographs({LEARN_SIZE, SIZE_FOR_PHOTOGRAPHS})
        if not looks:
            raise self._nothing_to_read()
        count = f"{sum(looks)} of the {len(looks)} that were looked at"
        if 2 * sum(looks) < len(looks):
            reason = f"These do not look like photographs ({count} do), so features learned on them describe them."
            self._layers.choose(None, reason)
        else:
            look = f"These look like photographs ({count})"
            try:
                extractor = backbone_extractor(FOR_PHOTOGRAPHS)
            except HandlensError as error:
                reason = f"{look}, but {TITLE_FOR_PHOTOGRAPHS} cannot be used, so features learned on them describe "
                reason += f"them. {_sentence(str(error))}"
                self._layers.choose(None, reason)
            else:
                reason = f"{look}, so the network {TITLE_FOR_PHOTOGRAPHS} describes them."
                chosen = self._layers.choose(FOR_PHOTOGRAPHS, reason)
                if chosen is not None:
                    self._layers.adopt(chosen, extractor)
        self._notice(reason)

    def _nothing_to_read(self) -> CollectionError:
        if not len(self._photos):
            return CollectionError(
                f"there are no photos in {self._photos.register.images}. Put some there and open the collection again."
            )
        return CollectionError(
            f"none of the {len(self._photos):,} photos could be read. See “left out” for the reasons."
        )

    def _build(self, run: Preparation, waiting: list[Source]) -> None:
        """Make the extractors of the waiting sources; learned features replace networks without weights."""
        from handlens.studio.features import backbone_extractor, patches_extractor

        sources = self._layers.sources
        for source in [s for s in waiting if s.backbone]:
            if not source.load():
                weights = Path(source.weights) if source.weights else None
                try:
                    self._layers.adopt(source, backbone_extractor(str(source.backbone), weights=weights))
                except HandlensError as error:
                    source.state, source.message = "failed", str(error)
                    is_unavailable = isinstance(error, DownloadError | WeightsError) and weights is None
                    if not is_unavailable:
                        raise
                    continue
            source.state = "preparing"
        failed = [s for s in sources if s.state == "failed"]
        if failed and all(s.state == "failed" for s in sources):
            names = ", ".join(s.title for s in failed)
            self._layers.request({"backbone": None, "weights": None})
            waiting = [*waiting, sources[-1]]
            self._notice(
                f"{names} cannot be used, so features learned on these photos are in use instead. {_why(failed[0])}"
            )
        elif failed:
            ready = ", ".join(s.title for s in sources if s.state != "failed")
            self._notice(f"{failed[-1].title} cannot be used; in use: {ready}. {_why(failed[-1])}")
        for source in [s for s in waiting if not s.backbone]:
            if not source.load():
                sizes = {s.extractor.size for s in sources if s.extractor and s.state == "preparing"}
                pictures = run.learn_pictures(sizes)
                if not len(pictures):
                    raise self._nothing_to_read()
                self._layers.adopt(source, patches_extractor(pictures, seed=self._seed))
            source.state = "preparing"

    def _reached(self, rows: int) -> None:
        self._photos.check_in_place()
        total = len(self._photos)
        if rows >= min(FIRST, total):
            if rows in (FIRST, total):
                self._layers.version += 1
            self._listeners.tell("maps", version=self._layers.version, prepared=rows)

    def _predict(self, run: Preparation) -> None:
        """Update the predictions of models that keep them, as after photos were added or the cache was deleted."""
        try:
            self._models.predict_new_photos(run.reporter("predicting"))
        except ArtifactError as error:
            self._notice(str(error))

    def _notice(self, text: str) -> None:
        if text and text not in self.notices:
            self.notices.append(text)


def _why(source: Source) -> str:
    """A failed source's reason as a sentence, and what to do."""
    return f"{_sentence(source.message or '')} To try again: Sources in the page, or add_features and prepare."


def _sentence(message: str) -> str:
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."
