"""What an open collection is made of."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from handlens.errors import HandlensError
from handlens.io.sqlite import damaged_log, mend_database
from handlens.studio.checks import Checks
from handlens.studio.duplicates import Duplicates
from handlens.studio.evaluation import Evaluation
from handlens.studio.filtering import Filtering
from handlens.studio.finishing import Finishing
from handlens.studio.folder_scan import FolderScan
from handlens.studio.formats.importing import Importing
from handlens.studio.formats.truth import Truths
from handlens.studio.history import History
from handlens.studio.labels import Labels
from handlens.studio.layers import Layers
from handlens.studio.listeners import Listeners
from handlens.studio.manifest import DATABASE, Manifest
from handlens.studio.map_tiles import MapTiles
from handlens.studio.maps import Maps
from handlens.studio.models.fine_tuner import FineTuner
from handlens.studio.models.quick_training import QuickTraining
from handlens.studio.models.registry import Models
from handlens.studio.photo_sources.dicom import BURNED_IN
from handlens.studio.photo_sources.table import GatheredTable
from handlens.studio.photos import Photos
from handlens.studio.preparing import Preparing
from handlens.studio.register import Register
from handlens.studio.separating import Separating
from handlens.studio.settings import Settings
from handlens.studio.shards.everywhere import Everywhere
from handlens.studio.shards.register import ShardRegister
from handlens.studio.similarity import Similarity
from handlens.studio.spot_check import SpotCheck
from handlens.studio.suggestions import Suggestions
from handlens.studio.suspects import Suspects
from handlens.studio.text_search import TextSearch
from handlens.studio.thumbnails import ThumbnailCache
from handlens.studio.training_data import TrainingData
from handlens.studio.work import Work

if TYPE_CHECKING:
    from handlens.studio.review import Review


CHECKED_AT_ONCE = 2**26
"""Bytes of the collection's file up to which it is checked wholly before it is used. Of a larger one, as of 250,000
photos, the list of photos and each change of labels are compared with their checksums when they are read; all else,
page by page, is looked at afterwards, in the background."""


class Parts:
    """The parts of an open collection; each is a plain class that is given the parts that it needs.

    Args:
        folder: the collection's own folder.
        manifest: of the collection.
        listeners: to be told of changes.
        step: called with the number of files seen so far, while the folder of a new collection is looked at; what it
            raises ends that.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        listeners: Listeners,
        *,
        step: Callable[[int], None] = lambda _files: None,
    ) -> None:
        database, cache, seed = folder / DATABASE, folder / "cache", manifest.seed
        is_large = database.exists() and database.stat().st_size > CHECKED_AT_ONCE
        mend_database(database, later=is_large)
        self.listeners = listeners
        kind = ShardRegister if manifest.shards else Register
        register = kind(database, manifest.images, seed=seed, step=step)
        self.shards = shards = register if isinstance(register, ShardRegister) else None
        self.settings = settings = Settings(database)
        not_copied = [out for of_file in GatheredTable(database).left_out().values() for out in of_file]
        self.photos = photos = Photos(register, ThumbnailCache(cache), settings, not_copied=not_copied)
        self.labels = labels = Labels(
            database, len(photos), changed=lambda version: listeners.tell("labels", version=version)
        )
        self.layers = layers = Layers(photos, settings, cache=cache, seed=seed)
        self.work = work = Work(listeners)
        self.maps = maps = Maps(photos, layers, labels, settings, work, listeners)
        self.map_tiles = MapTiles(photos, layers, maps)
        self.similarity = Similarity(photos, layers, labels, maps)
        self.text_search = TextSearch(photos, layers)
        self.spot_check = check = SpotCheck(database, photos, labels, seed=seed, changed=self._checked)
        self.duplicates = duplicates = Duplicates(photos, labels, check, listeners, cache=cache)
        data = TrainingData(photos, layers, seed=seed)
        self.separating = Separating(layers, maps, labels, data, duplicates, settings, listeners, seed=seed)
        self.models = models = Models(photos, layers, labels, check, settings, listeners, folder=folder)
        self.evaluation = Evaluation(models, check)
        self.finishing = Finishing(photos, labels, models, check)
        self.history = History(database, models, self.evaluation)
        self.suspects = Suspects(photos, labels, models)
        self.suggestions = Suggestions(check, data, models, seed=seed)
        self.quick_training = QuickTraining(photos, layers, labels, check, data, duplicates, models, work, seed=seed)
        self.fine_tuner = FineTuner(photos, layers, labels, check, data, duplicates, models, listeners, seed=seed)
        self.preparing = Preparing(photos, layers, models, listeners, cache=cache, seed=seed, shards=shards)
        self.folder_scan = FolderScan(
            photos, listeners, database=database, unchecked=is_large, finished=self.preparing.look_again
        )
        self.everywhere = None if shards is None else Everywhere(shards, photos, layers, models, work)
        self.checks = Checks(photos, models, self.evaluation, settings, folder=folder, seed=seed)
        self.truths = Truths(database, photos, labels, models, duplicates)
        self.importing = Importing(photos, labels, self.truths)
        self.filtering = Filtering(photos, labels, models, self.checks, duplicates, settings)
        self._database, self._lock = database, threading.Lock()
        self._review: Review | None = None
        self._notices: list[str] = []
        if (log := damaged_log(database)).exists():
            self._notices.append(
                "When this collection was not closed, its last changes were damaged on the disk, and may be missing. "
                f"What is left of them is kept in {log.name}. Compare the labels with a backup, then remove that file."
            )
        if burned_in := GatheredTable(database).noted(BURNED_IN):
            self._notices.append(
                f"As their DICOM files say, text is burned into pictures ({len(burned_in):,}, such as {burned_in[0]}), "
                "and may name patients. Look at them before you pass anything of this collection on."
            )
        if self.settings.has_table("review_log"):
            try:
                _ = self.review  # which finishes decisions whose labels were not on disk when the process was killed
            except HandlensError as error:
                self._notices.append(f"The review cannot be opened: {error}")

    @property
    def review(self) -> Review:
        """The queue of predictions that wait for a person; opened when it is first asked for."""
        from handlens.studio.review import Review

        with self._lock:
            if self._review is None:
                self._review = Review(
                    self._database,
                    self.photos,
                    self.layers,
                    self.labels,
                    self.models,
                    self.similarity,
                    self.settings,
                )
            return self._review

    @property
    def notices(self) -> list[str]:
        """Sentences for the person: what is damaged on the disk, and what preparing has to say."""
        return [
            *self.labels.damage,
            *self.settings.damage.values(),
            *self.spot_check.damage,
            *self.checks.damage,
            *self.history.damage,
            *self.truths.damage,
            *self._notices,
            *self.folder_scan.notices,
            *self.preparing.notices,
            *self.maps.faults.values(),
            *self.filtering.replaced_notice,
        ]

    def stop(self) -> None:
        """Stop preparing, fine-tuning and searching, and wait until they have stopped."""
        self.folder_scan.cancel()
        self.preparing.cancel()
        self.fine_tuner.cancel()
        self.duplicates.cancel()
        self.maps.close()
        self.duplicates.join(30)
        self.folder_scan.join(30)
        self.preparing.join(30)
        self.fine_tuner.join(30)

    def close(self) -> None:
        """Stop all that runs, and close the files."""
        self.stop()
        if self._review:
            self._review.close()
        for part in (self.history, self.truths, self.spot_check, self.labels, self.settings):
            part.close()

    def _checked(self, counted: bool) -> None:
        """Tell that photos were drawn or an answer was given, and whether other answers count than before."""
        self.listeners.tell("state")
        if counted and self.models.in_use:  # from here on the probabilities are calibrated on these answers
            self.history.update()
            self.listeners.tell("predictions", version=self.models.predictions_version)
