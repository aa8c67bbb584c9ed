"""A collection: a folder of photos, its labels, its maps and its models. The page is a thin client of this class."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.core.description import DataDescription, picture_files
from handlens.core.display import facts_html
from handlens.errors import Cancelled, CollectionError, StorageError
from handlens.studio.attributes import Attached
from handlens.studio.creating import OWN_PHOTOS, create_collection, looking
from handlens.studio.discriminant import Floats
from handlens.studio.evaluation import PairedComparison
from handlens.studio.exports import about_origins, model_card, write_csv
from handlens.studio.features.extractor import Layer
from handlens.studio.filters import Filter
from handlens.studio.finishing import Finished
from handlens.studio.formats.found import FoundLabels
from handlens.studio.formats.importing import ImportPlan
from handlens.studio.formats.truth import Truth
from handlens.studio.history import Point
from handlens.studio.listeners import Listeners
from handlens.studio.manifest import DATABASE, read_manifest, write_version
from handlens.studio.models.held_out import HeldOut
from handlens.studio.models.model import Model, ModelKind
from handlens.studio.origins import certificate_sentence
from handlens.studio.own_files import check_own_files
from handlens.studio.parts import Parts
from handlens.studio.photo_sources.gathering import Gathering
from handlens.studio.photo_sources.source import PhotoSource
from handlens.studio.photo_sources.table import GatheredTable
from handlens.studio.progress import FineTuningProgress, GatheringProgress, Progress, ScanProgress
from handlens.studio.relocating import relocate
from handlens.studio.report import TrainingReport
from handlens.studio.scanning import LeftOut
from handlens.studio.separating import Scores
from handlens.studio.shards.everywhere import MOST as MOST_ADDED
from handlens.studio.shards.everywhere import Everywhere, PredictedEverywhere
from handlens.studio.shards.photo_list import HowFound
from handlens.studio.shards.register import ShardRegister
from handlens.studio.similarity import Ids
from handlens.studio.sources import AUTO, Source, requested_sources
from handlens.studio.spot_check import Check

if TYPE_CHECKING:
    from handlens.audit import Datasheet, Subgroups
    from handlens.studio.formats.exporting import Exported
    from handlens.studio.review import Review
    from handlens.studio.widget.map_widget import MapWidget
    from handlens.vision.heatmap import HeatMap


class Collection:
    """A folder of photos that is being labelled.

    Photos are known by id, their position in `paths`, which never changes. Methods may be called from several threads.
    All errors are HandlensError, with a sentence for the person. Create one with `create` or `open`.

    Attributes:
        folder: the collection's own folder.
        name: what it is called.
        images: the folder of the photos, which are never changed.
        seed: of all random choices.
        parts: what it is made of; the server uses these for what only a page needs.

    Example:
        >>> from handlens.studio.builtin import write_builtin
        >>> names = write_builtin("digits", Path("digits"))
        >>> with Collection.create("my-digits", images="digits") as collection:
        ...     collection.label([0, 10], "zero")
        ...     collection.undo()
        ...     len(collection.paths), collection.label_names
        True
        (1797, [])
    """

    def __init__(self, folder: Path, *, step: Callable[[int], None] = lambda _files: None) -> None:
        check_own_files(folder)
        manifest = read_manifest(folder)
        check_own_files(folder, manifest.images)
        self.folder = folder
        self._growing = threading.Lock()  # held while photos of shards are looked for and added
        self.name, self.images, self.seed = manifest.name, manifest.images, manifest.seed
        self.parts = Parts(folder, manifest, Listeners(), step=step)
        with suppress(StorageError):  # a disk that cannot be written
            write_version(folder)
        self._say_where_photos_are()

    # --- making, opening, closing --------------------------------------------------------------

    @classmethod
    def create(
        cls,
        folder: Path | str,
        *,
        images: Path | str | Sequence[Path | str] | PhotoSource,
        backbone: str | Sequence[str | None] | None = AUTO,
        weights: Path | str | Sequence[Path | str] | None = None,
        seed: int = 0,
        name: str | None = None,
        progress: Callable[[GatheringProgress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Collection:
        """Make a collection of photos, which are never changed.

        The photos of a folder stay there, and none is read before `prepare`. All else that `PhotoSource` names is
        copied into the folder of the collection first; called again, an interrupted call goes on where it ended.
        `handlens.studio.cost_of` says beforehand what a folder of photos will cost.

        Args:
            folder: a new or empty folder for the collection, not among the photos.
            images: the folder of the photos; or an archive, a pattern, a list, an address, a document, a video, or a
                `handlens.studio.PhotoSource` of these.
            backbone: what describes the photos: one or more networks of timm or torchvision, None to learn features on
                the photos themselves, or "auto": when they are first prepared, some photos are looked at. Photographs
                are then described by EfficientNet-Lite0, which comes with handlens, anything else by learned features.
                `sources` and `notices` say what was chosen and why, and the choice is kept.
            weights: a safetensors file for each network, the first for the first; unless given, those that come with
                handlens, or else of the hub's cache, or downloaded.
            seed: of all random choices, 0 or more.
            name: what the collection is called; the name of `images` unless given.
            progress: called with a GatheringProgress while photos are copied, and while their folder is looked at.
            cancel: setting it, also beforehand, stops that and raises Cancelled; what was copied stays.

        Raises:
            Cancelled: `cancel` was set.
            CollectionError: a folder does not exist or is not empty, or an argument is not as described.
            StorageError: the folder cannot be written, or its disk has not enough room; nothing is written then.
        """
        own = create_collection(
            folder,
            images=PhotoSource.of(images),
            backbone=backbone,
            weights=weights,
            seed=seed,
            name=name,
            progress=progress,
            cancel=cancel,
        )
        return cls(own, step=looking(progress, cancel))

    @classmethod
    def open(cls, folder: Path | str, *, images: Path | str | None = None) -> Collection:
        """Open the collection in `folder` as it was left, without looking at its photos.

        What has changed in their folder since, such as photos that were added, is found by `scan` or `prepare`.

        Args:
            folder: of the collection.
            images: where the folder of its photos is now, if it was moved. Some photos are looked for there and
                compared with those that were prepared; the new place is kept.

        Raises:
            CollectionError: there is no collection, a newer version wrote it, or `images` has other photos.
            FolderGoneError: the folder of its photos is gone.
            StorageError: its files cannot be read or written.
        """
        own = Path(folder).expanduser().resolve()
        if images is not None:
            relocate(own, Path(images))
        return cls(own)

    def relocate(self, images: Path | str) -> None:
        """Say where the folder of the photos is now, as `open` with `images` does, while the collection is open.

        Args:
            images: the folder that has the photos now, under the same paths.

        Raises:
            CollectionError: it is not a folder, or has other photos; nothing has changed then.
        """
        self.parts.photos.register.images = self.images = relocate(self.folder, Path(images))
        self.parts.listeners.tell("state")

    def add_photos(
        self,
        images: Path | str | Sequence[Path | str] | PhotoSource,
        *,
        progress: Callable[[GatheringProgress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        """Copy more photos into a collection that has its own; they are used once `scan` has found them.

        What was copied from the same place before is not copied again.

        Args:
            images: as in `create`; a folder by itself is copied too.
            progress: called with a GatheringProgress along the way.
            cancel: setting it, also beforehand, stops copying and raises Cancelled; what was copied stays.

        Raises:
            Cancelled: `cancel` was set.
            CollectionError: the photos of this collection are in a folder elsewhere, or `images` has no photo.
            StorageError: the disk refused.
        """
        if self.images != self.folder / OWN_PHOTOS:
            raise CollectionError(
                f"only to photos that a collection copied can others be added; those of this one are in {self.images}. "
                "Put the others there, and look at the folder again."
            )
        source = PhotoSource.of(images)
        if source.folder is not None:
            source = replace(source, images=[source.folder])
        Gathering(source, self.images, self.folder / DATABASE, progress=progress, cancel=cancel).run()

    @property
    def gathered(self) -> pd.DataFrame:
        """Where each photo came from that was copied into the collection.

        Returns:
            DataFrame with columns path, as in `paths`; source, the path or address of a file; member, the path in it if
            it is an archive; page, from 1; second, of a frame of a video.
        """
        return GatheredTable(self.folder / DATABASE).frame()

    def close(self) -> None:
        """Stop preparing and fine-tuning and close the files; labels are on disk already."""
        self.parts.close()

    def __enter__(self) -> Collection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Collection({str(self.folder)!r}: {len(self.paths):,} photos, {len(self.layers)} layers)"

    def _repr_html_(self) -> str:
        table = self.parts.labels.table
        facts = {
            "photos": f"{len(self.paths):,}, in {self.images}",
            "labelled": f"{sum(info.count for info in table):,}",
            "labels": ", ".join(f"{info.name} {info.count:,}" for info in table) or "none",
            "layers": f"{len(self.layers)}, described for {self.parts.layers.prepared:,} photos",
            "folder": self.folder,
        }
        return facts_html("Collection; widget() shows its map", facts)

    def _say_where_photos_are(self) -> None:
        """Say where the photos are of a collection that was made elsewhere: its maker chose the folder."""
        settings, place = self.parts.settings, str(self.folder)
        if settings.place != place:
            if self.folder not in self.images.parents:
                self.parts.preparing.notices.append(
                    f"This collection is opened here for the first time. Its photos are in {self.images}."
                )
            with suppress(StorageError):  # a disk that cannot be written
                settings.place = place

    # --- photos and preparing ------------------------------------------------------------------

    def scan(
        self, *, progress: Callable[[ScanProgress], None] | None = None, cancel: threading.Event | None = None
    ) -> int:
        """Look for what has changed in the folder of photos: photos that are new, moved, replaced or gone.

        New photos get the next ids. A photo that was moved keeps its id and its label. One that has other bytes keeps
        them too, is among `replaced`, and is read again by `prepare`.

        Args:
            progress: called with a ScanProgress along the way.
            cancel: setting it, also beforehand, raises Cancelled; what was known before stays.

        Returns:
            how many photos are new.

        Raises:
            Cancelled: `cancel` was set.
            CollectionError: the folder cannot be read, or a network is being trained and there are new photos.
            StorageError: the collection's file cannot be read or written, or is damaged.
        """
        self.parts.folder_scan.run(progress=progress, cancel=cancel)
        return self.add_found()

    def start_scanning(self) -> None:
        """Run `scan` in the background, unless it runs already; new photos wait for `add_found`.

        Then `prepare` runs in the background, if there is something to prepare.
        """
        self.parts.folder_scan.start(self._prepare_what_changed)

    def cancel_scanning(self) -> None:
        """Ask a running `scan` to stop after the current file."""
        self.parts.folder_scan.cancel()

    @property
    def scanning(self) -> ScanProgress:
        """How far the current or latest `scan` is."""
        return self.parts.folder_scan.progress

    @property
    def found(self) -> int:
        """How many photos a scan in the background has found that are not among `paths` yet."""
        return self.parts.photos.register.added

    def add_found(self) -> int:
        """Use the photos that a scan in the background has found: they get the next ids.

        Preparing that runs meanwhile is stopped, and what was taken from `parts` or `review` before is closed.

        Returns:
            how many photos are new.

        Raises:
            CollectionError: a network is being trained.
            StorageError: the collection's file cannot be read; all stays as it was.
        """
        before = len(self.paths)
        if not self.found:
            return 0
        if self.fine_tuning.running:
            raise CollectionError("a network is being trained on these photos. Add the new ones when it is done.")
        old = self.parts
        old.stop()
        new = Parts(self.folder, read_manifest(self.folder), old.listeners)
        new.folder_scan.progress = old.folder_scan.progress
        new.preparing.notices[:] = old.preparing.notices
        self.parts = new
        old.close()
        self.parts.listeners.tell("state")
        return len(self.paths) - before

    def _prepare_what_changed(self) -> None:
        if self.progress.phase == "idle" and self.scanning.phase != "cancelled":
            self.start_preparing()

    @property
    def paths(self) -> list[str]:
        """The photos' paths below `images`, by id."""
        return self.parts.photos.paths

    @property
    def left_out(self) -> list[LeftOut]:
        """Files and photos that are not used, each with its reason."""
        return self.parts.photos.left_out

    @property
    def replaced(self) -> Ids:
        """The labelled photos in whose place another one was found after they got their label; int64 [n].

        Their labels are kept, and may be wrong now. A photo that gets a label again is no longer among them.
        """
        return np.flatnonzero(self.parts.filtering.replaced)

    @property
    def sources(self) -> list[Source]:
        """The sources of features: networks, or features learned on the photos."""
        return self.parts.layers.sources

    def add_features(self, backbone: str | None, weights: Path | str | None = None) -> None:
        """Add the layers of another source; `prepare` computes them.

        Args:
            backbone: the name of a network; None for features learned on the photos; "auto" as in `create`; or a CLIP
                or SigLIP model, which finds photos by words (`search`): its folder, such as "./clip", or its name on
                the hub, such as "google/siglip-base-patch16-224", which is downloaded unless the hub's cache has it.
            weights: a safetensors file of the network; as in `create` unless given.

        Raises:
            BackboneError: no network has the name.
            CollectionError: the file of weights does not exist, or the network is being prepared with other weights.
            DownloadError: the CLIP or SigLIP model could not be downloaded.
            WeightsError: there is no such CLIP or SigLIP model, or it cannot be used.
        """
        if self.parts.shards is not None:
            raise CollectionError(
                "the features of this collection are those of its shards. To use another backbone, run `handlens "
                "embed` with it, into another folder."
            )
        for request in requested_sources(backbone, weights):
            self.parts.layers.request(request)
        self.parts.listeners.tell("state")

    def remove_features(self, name: str) -> None:
        """Remove a source that failed, such as a network whose weights cannot be downloaded.

        Args:
            name: of one of `sources`.

        Raises:
            CollectionError: there is no such source, it did not fail, or there is no other.
        """
        self.parts.layers.remove(name)
        self.parts.listeners.tell("state")

    def prepare(
        self, *, progress: Callable[[Progress], None] | None = None, cancel: threading.Event | None = None
    ) -> None:
        """Compute thumbnails and the features of every layer for all photos; continues where it was interrupted.

        If the folder was not looked at since the collection was opened, that comes first, see `scan`. The first map
        can be looked at after 500 photos. A network whose weights cannot be downloaded, or are missing or damaged
        although they should come with handlens, is said in `notices`, and learned features are used instead if no
        other features were asked for.

        Args:
            progress: called with a Progress along the way.
            cancel: setting it, also beforehand, raises Cancelled; what was done stays.

        Raises:
            Cancelled: `cancel` was set.
            CollectionError: another process prepares the collection, or there is no photo that can be read.
            StorageError: the disk is full or cannot be written.
            WeightsError: the file of weights does not fit its network.
        """
        if self.scanning.phase != "done":
            self.scan(cancel=cancel)
        self.parts.preparing.run(progress=progress, cancel=cancel)

    def start_preparing(self) -> None:
        """Run `prepare` in the background, unless it runs already; its errors are in `progress`."""
        self.parts.preparing.start()

    def cancel_preparing(self) -> None:
        """Ask a running `prepare` to stop after the current photo."""
        self.parts.preparing.cancel()

    @property
    def progress(self) -> Progress:
        """How far preparing is."""
        return self.parts.preparing.progress

    @property
    def notices(self) -> list[str]:
        """Sentences for the person: what is damaged on the disk, which features were chosen, why no network is used."""
        return self.parts.notices

    # --- layers and maps -----------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers of every source that has features, first to last."""
        return self.parts.layers.all

    def projections(self, layer: str | Layer) -> list[str]:
        """The projections of a layer: PCA pairs, neighbours and, once there are labels, separating ones."""
        return self.parts.maps.projections(layer)

    def map(
        self,
        layer: str | Layer,
        projection: str,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Floats:
        """The position of each photo on a map; the neighbour embedding takes seconds the first time.

        Args:
            layer: one of `layers`, or its id.
            projection: one of `projections(layer)`.
            progress: called with the steps of a neighbour embedding that are done, and their total.
            cancel: setting it, also beforehand, stops a neighbour embedding and raises Cancelled.

        Returns:
            float32 [N, 2] by id; 99 % are within −1…1, NaN for photos that are not prepared or cannot be read.

        Raises:
            Cancelled: `cancel` was set.
            CollectionError: there is no such layer or projection.
            TrainingError: there are no labels to separate.
        """
        return self.parts.maps.map(layer, projection, progress=progress, cancel=cancel)

    def similar(
        self, ids: Ids, *, layer: str | Layer, projection: str | None = None, k: int | None = None
    ) -> pd.DataFrame:
        """All other photos, unlabelled ones first, then by their distance from the centre of the photos `ids`.

        The distance is that of the layer's standardised features. With a projection it is the root mean square of
        that and of the distance on the map, so that what is found is both alike and near.

        Args:
            ids: the photos, one or more.
            layer: the layer, or its id.
            projection: of the layer's projections.
            k: return the first so many.

        Returns:
            DataFrame with columns id, path, distance.
        """
        return self.parts.similarity.similar(ids, layer=layer, projection=projection, k=k)

    @property
    def shards(self) -> ShardRegister | None:
        """Of a collection that stands on shards, which of their photos it has; None for any other."""
        return self.parts.shards

    def similar_everywhere(
        self,
        ids: Ids,
        *,
        layer: str | Layer,
        k: int = 100,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> pd.DataFrame:
        """The photos of the shards that are nearest to the centre of the photos `ids`, among all; exact.

        Those that are not in the collection are added; they are not a part of its random sample. The distance is that
        of `similar` without a projection.

        Args:
            ids: the photos, one or more.
            layer: the layer, or its id.
            k: how many, 1 to 5,000.
            progress: called with the photos that were compared and their total.
            cancel: setting it, also beforehand, raises Cancelled; no photo is added then.

        Returns:
            DataFrame with columns id, path, distance, the nearest first.

        Raises:
            Cancelled: `cancel` was set.
            CollectionError: the collection does not stand on shards, or is not prepared.
            ShardError: a shard is missing or damaged.
        """
        with self._growing:
            rows, distances = self._everywhere(k).alike(ids, layer, k, progress=progress, cancel=cancel)
            found = self._joined(rows, "alike")
        return pd.DataFrame({"id": found, "path": [self.paths[i] for i in found.tolist()], "distance": distances})

    def look_closer(
        self,
        ids: Ids,
        *,
        layer: str | Layer,
        k: int = 200,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Ids:
        """Add the photos of the shards that are nearest to some, such as those in view; nothing on the maps moves.

        They are not a part of the random sample.

        Args:
            ids: the photos, one or more; of many, 16 stand for all.
            layer: the layer, or its id, in whose features photos are near.
            k: how many are added at most, 1 to 5,000.
            progress, cancel: as in `similar_everywhere`.

        Returns:
            ids of the photos that were added, int64 [n].

        Raises:
            Cancelled, CollectionError, ShardError: as in `similar_everywhere`.
        """
        with self._growing:
            return self._joined(self._everywhere(k).near(ids, layer, k, progress=progress, cancel=cancel), "near")

    def predicted_everywhere(
        self,
        name: str,
        *,
        at_least: float = 0.5,
        k: int = 1000,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> PredictedEverywhere:
        """The photos of the shards that the quick model is surest to be of a label, among all.

        Those that are not in the collection are added; they are not a part of its random sample.

        Args:
            name: the label.
            at_least: the least probability, 0–1.
            k: how many, 1 to 5,000.
            progress, cancel: as in `similar_everywhere`.

        Raises:
            Cancelled, CollectionError, ShardError: as in `similar_everywhere`.
            TrainingError: there is no model, or the one in use is not the quick one.
        """
        if isinstance(at_least, bool) or not isinstance(at_least, int | float) or not 0 <= at_least <= 1:
            raise CollectionError(f"at_least must be from 0 to 1; {at_least!r} arrived.")
        with self._growing:
            everywhere, before = self._everywhere(k), len(self.paths)
            classes, found = everywhere.predicted(name, k, at_least=at_least, progress=progress, cancel=cancel)
            ids = self._joined(found.best.rows, "predicted")
        counts = dict(zip(classes, found.counts.tolist(), strict=True))
        return PredictedEverywhere(counts, ids, found.best.values, len(self.paths) - before)

    def _everywhere(self, k: int) -> Everywhere:
        """What searches the shards; CollectionError if there are none, or the collection is not prepared."""
        if self.parts.everywhere is None:
            raise CollectionError(
                "this collection has all of its photos. Only one that was opened on the folder of `handlens embed` can "
                "look for others."
            )
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= MOST_ADDED:
            raise CollectionError(f"k must be a whole number from 1 to {MOST_ADDED:,}; {k!r} arrived.")
        if self.progress.running or self.parts.layers.prepared < len(self.paths):
            raise CollectionError("the sample is still being copied. Wait a moment.")
        return self.parts.everywhere

    def _joined(self, rows: NDArray[np.int64], how: HowFound) -> NDArray[np.int64]:
        """The ids of photos of the shards, which are added to the collection and prepared if they are not in it."""
        shards = self.parts.shards
        if shards is not None and shards.add(rows.tolist(), how):
            self.add_found()
            self.parts.preparing.run()
        shards = self.parts.shards
        assert shards is not None
        return shards.ids_of(rows)

    def search(self, sentence: str, n: int = 24) -> pd.DataFrame:
        """The photos that a sentence describes best, by the first CLIP or SigLIP model among `sources`.

        Args:
            sentence: such as "a red car", 1 to 1,000 characters, in a language that the model was trained on.
            n: how many at most, 1 to 1,000.

        Returns:
            DataFrame with columns id, path, similarity (cosine, −1…1), the best first. All photos are ranked, also
            those that the sentence does not describe, and similarities compare photos for one sentence only.

        Raises:
            CollectionError: there is no such source yet, or the sentence is longer than its model can take.
            WeightsError: transformers is not installed.
        """
        return self.parts.text_search.search(sentence, n)

    def next(self, n: int = 24) -> Ids:
        """The photos that are most worth a label now, the one that is worth most first.

        Each stands for many others that no labelled photo stands for, and of which the model in use is unsure; before
        there is a model, the photos are typical of groups without labels. Photos that wait in a spot check are left
        out.

        Args:
            n: how many at most, 1 to 200.

        Returns:
            ids, int64 [n] or fewer.

        Raises:
            CollectionError: no photo is left that could be suggested.
        """
        return self.parts.suggestions.next(n)

    def suspects(self) -> pd.DataFrame:
        """The labels that may be wrong, the most doubtful first.

        Each label is judged by a quick model that was trained without the gesture that gave it, by the probability that
        it gives the label (self-confidence: Northcutt, Jiang & Chuang 2021, Confident Learning, arXiv 1911.00068).
        Labels that have changed since training are left out, those whose photos all come from one gesture, and those
        that were kept (`keep`) although this suggestion was known.

        Returns:
            DataFrame, index id: path, label, probability (0–1, of the label), suggested, suggested_probability. Where
            `suggested` is the label, the model agrees.

        Raises:
            TrainingError: there is no model yet.
        """
        return self.parts.suspects.ranked()

    def keep(self, ids: Ids) -> None:
        """Keep labels that `suspects` doubts: they are left out there until a model suggests another label.

        Like a change of labels it can be undone, and it is on disk when this returns.

        Args:
            ids: positions of the photos in `paths`.

        Raises:
            CollectionError: the model does not suggest another label for one of the photos.
            TrainingError: there is no model yet.
        """
        self.parts.suspects.keep(ids)

    def spread(self, ids: Ids, *, layer: str | Layer, projection: str | None = None) -> pd.DataFrame:
        """Sort photos by their distance from their common centre, the farthest first.

        Args:
            ids: positions of the photos in `paths`.
            layer: one of `layers`, or its id, in whose features distances are measured.
            projection: as in `similar`.

        Returns:
            A frame with the columns id, path and distance.
        """
        return self.parts.similarity.spread(ids, layer=layer, projection=projection)

    def duplicates(
        self, *, progress: Callable[[int, int], None] | None = None, cancel: threading.Event | None = None
    ) -> pd.DataFrame:
        """Find the photos that are in the collection more than once, exactly or nearly.

        Near duplicates are the same photo slightly cropped (up to about a tenth of a side), resized, compressed, or
        with slightly different brightness, contrast or colours. A mirrored or turned photo is another one, and so are a
        photo in black and white and another shot of the same thing. Every photo of a group is a duplicate of its first
        one, so that a chain of photos, each a little different from the one before, is not one group. Files with the
        same bytes as another one are not in the collection: see `left_out`.

        10,000 photos take about 20 seconds. The groups are kept until other photos are prepared. From then on no model
        is tested on a photo of which it has learned a duplicate.

        Args:
            progress: called with the steps that are done and their total.
            cancel: setting it, also beforehand, raises Cancelled.

        Returns:
            DataFrame with a row for each photo that has duplicates, and the columns group (0, 1, …), id, path, kind
            ("first" of its group, "exact" if it has the same pixels as the first, compared at 256 px, or "near") and
            distance (from the first, 0–0.02: 1 less the correlation of the gradients). Without duplicates it has no
            rows.

        Raises:
            Cancelled: `cancel` was set.
            CollectionError: no photo is prepared.

        Example:
            >>> from PIL import Image, ImageDraw
            >>> Path("photos").mkdir()
            >>> picture = Image.linear_gradient("L").convert("RGB")
            >>> ImageDraw.Draw(picture).ellipse((60, 90, 180, 160), fill="red")
            >>> picture.save("photos/1.png")
            >>> picture.crop((10, 5, 250, 256)).save("photos/cropped.jpg", quality=40)
            >>> picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM).save("photos/mirrored.png")
            >>> with Collection.create("found-twice", images="photos", backbone=None) as collection:
            ...     collection.prepare()
            ...     collection.duplicates()[["group", "path", "kind"]].values.tolist()
            [[0, '1.png', 'first'], [0, 'cropped.jpg', 'near']]
        """

        def report(done: int, total: int) -> bool:
            if progress:
                progress(done, total)
            return cancel is not None and cancel.is_set()

        return self.parts.duplicates.table(report=report)

    def label_duplicates(self) -> Ids:
        """Give photos without a label that of their duplicates, in one change.

        That is done in each group of `duplicates` in which persons have given one label and no other, and have not said
        in a spot check that a photo shows none of the labels.

        Returns:
            ids of the photos that were labelled, int64 [n].

        Raises:
            CollectionError: the duplicates have not been searched for since photos were prepared.
        """
        return self.parts.duplicates.label_alike()

    def separate(
        self,
        names: Sequence[str],
        *,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> tuple[str, str]:
        """Find the layer whose projection separates the labels `names` best.

        Every layer is searched; the best is the one whose shrinkage LDA has the highest balanced accuracy on held-out
        gestures, or on held-out photos if no label has two gestures.

        Args:
            names: of the labels, two or more.
            progress: called with the layers that are searched, and their number.
            cancel: setting it, also beforehand, raises Cancelled; the projection stays as it was.

        Returns:
            the id of the layer, and "separate", the projection of it.

        Raises:
            Cancelled: `cancel` was set.
            CollectionError: there is no such label.
            TrainingError: there are fewer than two labels with two photos each.
        """
        with self.parts.work.begin("separate", progress=progress, cancel=cancel) as report:
            return self.parts.separating.separate(names, report=report)

    def scores(self) -> Scores:
        """How well each layer and each computed map separates the labels so far, 0–1; None where unknown.

        Photos that were labelled together are held out together, so that labels of one gesture each have no score.
        """
        return self.parts.separating.scores()

    # --- labels --------------------------------------------------------------------------------

    @property
    def labels(self) -> pd.Series[str]:
        """Each photo's label by id, missing where it has none."""
        return self.parts.labels.series

    @property
    def origins(self) -> pd.DataFrame:
        """Where each photo's label comes from, a row for each photo, by id, with missing values where it has no label.

        Returns:
            DataFrame with columns path, label, gesture (how the photos were selected, such as lasso), kind (by hand,
            suggested, checked, certified or imported), at (when, in UTC), and for certified labels error (the largest
            share of all labels that may be wrong, 0–1) and confidence (that of this bound, 0–1), and by (what gave the
            label, if it was not a person: the hash of the model of certified labels, the file of imported ones).

        Example:
            >>> from handlens.studio.builtin import write_builtin
            >>> names = write_builtin("digits", Path("digits"))
            >>> with Collection.create("my-digits", images="digits") as collection:
            ...     collection.label([0, 10], "zero")
            ...     collection.origins.loc[10, ["label", "gesture", "kind"]].tolist()
            ['zero', 'call', 'by hand']
        """
        state = self.parts.labels.state
        table = state.origins.frame
        table.insert(0, "path", self.paths)
        table.insert(1, "label", state.series)
        return table

    @property
    def label_names(self) -> list[str]:
        """The labels in the order of their creation."""
        return self.parts.labels.names

    def label(self, ids: Ids, name: str) -> None:
        """Give photos a label; it is on disk when this returns.

        Args:
            ids: positions of the photos in `paths`.
            name: the label, 1 to 100 printable characters; it is created if it is new.

        Raises:
            CollectionError: there is no such photo, or `name` is not a valid name.
        """
        self.parts.labels.assign(ids, name)

    def unlabel(self, ids: Ids) -> None:
        """Remove the labels of photos, given by their positions in `paths`."""
        self.parts.labels.remove(ids)

    def rename(self, name: str, to: str) -> None:
        """Rename a label.

        Args:
            name: the label.
            to: its new name, which no other label has.

        Raises:
            CollectionError: there is no such label, or `to` is not a valid name or is in use: `merge` joins labels.
        """
        self.parts.labels.rename(name, to)

    def merge(self, names: Sequence[str], into: str) -> None:
        """Join labels into one.

        Args:
            names: labels, which no longer exist afterwards, except `into` itself.
            into: the label that all their photos get; it is created if it is new.

        Raises:
            CollectionError: one of `names` is not a label, or `into` is not a valid name.
        """
        self.parts.labels.merge(names, into)

    def delete(self, name: str) -> None:
        """Delete a label; its photos become unlabelled."""
        self.parts.labels.delete(name)

    def undo(self) -> bool:
        """Take back the latest change of labels, also one made before a restart; False if there is nothing to undo."""
        return self.parts.labels.undo()

    def redo(self) -> bool:
        """Make the change again that undo took back last; False if there is nothing to redo."""
        return self.parts.labels.redo()

    # --- importing -----------------------------------------------------------------------------

    def plan_import(self, path: Path | str, /, *, format: str | None = None, **choices: str) -> ImportPlan:
        """What `import_labels` would do; nothing changes.

        Args:
            path: a file or folder with labels.
            format: its format, one of `handlens.studio.formats.importers()`; recognised unless given.
            choices: what the format leaves open, such as label_column="species"; `ImportPlan.choices` lists it.

        Raises:
            ImportProblem: it cannot be read, or a choice is not one that it offers.
        """
        return self.parts.importing.plan(path, format=format, **choices)

    def import_labels(
        self,
        source: ImportPlan | Path | str,
        /,
        *,
        format: str | None = None,
        replace: bool = False,
        as_truth: bool = False,
        **choices: str,
    ) -> ImportPlan:
        """Give photos the labels that a file or folder gives them, in one change, which `undo` takes back.

        Labels for photos that are not there and photos with several labels are left out; the plan lists them.

        Args:
            source: a file or folder, or a plan of `plan_import`. Where labels have changed since, the plan is made
                again.
            format: as in `plan_import`.
            replace: give photos that have another label the one of the file too; otherwise they keep theirs.
            as_truth: keep the labels aside as `truth`, in place of earlier ones, and give no photo a label.
            choices: as in `plan_import`.

        Returns:
            What was done.

        Raises:
            ImportProblem: as in `plan_import`; nothing has changed then.
        """
        return self.parts.importing.do(source, format=format, replace=replace, as_truth=as_truth, **choices)

    def crop_boxes(
        self,
        source: ImportPlan | Path | str,
        folder: Path | str,
        /,
        *,
        format: str | None = None,
        **choices: str,
    ) -> FoundLabels:
        """Cut the boxes of a file of labels out of the photos, as photos in a new folder; no label is imported.

        A crop has the pixels whose middle lies in the box. The folder can be made a collection, into which its
        labels.csv is imported.

        Args:
            source: a file or folder, or a plan of `plan_import`.
            folder: for the crops and labels.csv, which says what each shows; new or empty, and not among the photos.
            format: as in `plan_import`.
            choices: as in `plan_import`.

        Returns:
            The labels of the crops, which `photo` names by their paths in the folder; `problems` are boxes without one.

        Raises:
            ImportProblem: as in `plan_import`.
            CollectionError: there are no boxes, or the folder is not as it must be.
            StorageError: the disk refuses; nothing is written then.
        """
        return self.parts.importing.crop(source, Path(folder).expanduser(), format=format, **choices)

    @property
    def truth(self) -> Truth | None:
        """The labels that `import_labels` kept aside, against which predictions are measured; None without any."""
        return self.parts.truths.now

    def remove_truth(self) -> None:
        """Forget the labels that are kept aside."""
        self.parts.truths.remove()

    # --- filters -------------------------------------------------------------------------------

    def where(self, filter: Filter) -> Ids:
        """The photos that a filter means.

        Args:
            filter: conditions of `handlens.studio.filters`, joined with `&` (and), `|` (or) and `~` (not).

        Returns:
            ids, ascending, int64 [n].

        Raises:
            CollectionError: the filter asks for a label, column or value that there is not, or for duplicates that
                have not been searched for.
            TrainingError: it asks for predictions, and there is no model yet.

        Example:
            >>> from handlens.studio.builtin import write_builtin
            >>> from handlens.studio.filters import label, origin
            >>> names = write_builtin("digits", Path("digits"))
            >>> with Collection.create("my-digits", images="digits") as collection:
            ...     collection.label([0, 10], "zero")
            ...     collection.label([1], "one")
            ...     collection.where(label("zero") | label("one") & ~origin("call"))
            array([ 0, 10])
        """
        return np.flatnonzero(self.parts.filtering.mask(filter))

    @property
    def filters(self) -> dict[str, Filter]:
        """The saved filters by name; where a label was renamed since, they have its new name."""
        return self.parts.filtering.saved

    def save_filter(self, name: str, filter: Filter) -> None:
        """Keep a filter with the collection, in place of an earlier one with this name.

        Args:
            name: 1 to 100 printable characters.
            filter: as in `where`.

        Raises:
            CollectionError: `name` is not such a name, or 100 filters are kept already.
        """
        self.parts.filtering.save(name, filter)

    def delete_filter(self, name: str) -> None:
        """Forget a saved filter; CollectionError if there is no such filter."""
        self.parts.filtering.delete(name)

    # --- models --------------------------------------------------------------------------------

    def train(
        self, *, progress: Callable[[int, int], None] | None = None, cancel: threading.Event | None = None
    ) -> TrainingReport:
        """Train the quick model on the labels; those that `finish` gave are not learned from.

        If there is a fine-tuned model too, the one that is used from now on, and `report.outcome`, are found as in
        `fine_tune`.

        Args:
            progress: called with the models that are fitted, most of them for testing, and their total.
            cancel: setting it, also beforehand, raises Cancelled; the model in use does not change.

        Returns:
            The report on it. It has no accuracy until photos are checked: `draw_spot_check`.

        Raises:
            Cancelled: `cancel` was set.
            TrainingError: there are fewer than two labels with two photos each; the message says what is missing.
        """
        self.parts.history.update()  # what is known of the model that is replaced
        trained = self.parts.quick_training.train(progress=progress, cancel=cancel)
        return self.parts.evaluation.report(trained)

    @property
    def networks(self) -> list[str]:
        """The pretrained networks that `fine_tune` can start from: the sources whose weights are on disk."""
        return self.parts.fine_tuner.networks

    def fine_tune(
        self,
        *,
        backbone: str | None = None,
        minutes: float = 5.0,
        epochs: int | None = None,
        progress: Callable[[FineTuningProgress], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> TrainingReport:
        """Train a copy of a pretrained network of this collection on the labels, and predict all photos with it.

        With a quick model of the same labels there is then also an ensemble of both. Another model is used from now on
        if it is clearly better than the one in use on the same photos, which none had seen: checked ones, or labelled
        ones that were held out if few are checked. `report.outcome` says whether it helps; `use_model` changes the
        model in use.

        Args:
            backbone: one of `networks`; the first unless given.
            minutes: how long training may take; predicting the photos comes on top.
            epochs: how often the whole network sees the photos, if there is time; as often as time allows and is of
                use unless given.
            progress: called with a FineTuningProgress along the way.
            cancel: setting it, also beforehand, raises Cancelled; the model in use does not change.

        Raises:
            Cancelled: `cancel` was set.
            TrainingError: there is no network, there are too few labels, or a network is being fine-tuned already.
            BackboneError: the network has no map of features at its end, as most transformers.
        """
        self.parts.history.update()
        trained = self.parts.fine_tuner.run(
            backbone=backbone, minutes=minutes, epochs=epochs, progress=progress, cancel=cancel
        )
        return self.parts.evaluation.report(trained)

    def start_fine_tuning(
        self, *, backbone: str | None = None, minutes: float = 5.0, epochs: int | None = None
    ) -> None:
        """Run `fine_tune` in the background; errors that come up later are in `fine_tuning`.

        Args:
            backbone: one of `networks`; the first unless given.
            minutes: how long training may take; predicting the photos comes on top.
            epochs: how often the whole network sees the photos at most; as often as is of use unless given.

        Raises:
            TrainingError: an argument is out of range, there is no such network, there are too few labels, or a
                network is being fine-tuned already.
        """
        self.parts.history.update()
        self.parts.fine_tuner.start(backbone=backbone, minutes=minutes, epochs=epochs)

    def cancel_fine_tuning(self) -> None:
        """Ask a running `fine_tune` to stop after the current batch."""
        self.parts.fine_tuner.cancel()

    @property
    def fine_tuning(self) -> FineTuningProgress:
        """How far fine-tuning is."""
        return self.parts.fine_tuner.progress

    @property
    def models(self) -> dict[ModelKind, TrainingReport]:
        """The report of each model that there is: at most one "quick", one "fine-tuned", and "both" together.

        “Both” is the ensemble of the other two, where these know the same labels.
        """
        return self.parts.evaluation.reports

    @property
    def model(self) -> ModelKind | None:
        """The model in use; None before training.

        It is the first that was trained until another one is clearly better after a training, or `use_model` is called.
        """
        found = self.parts.models.in_use
        return None if found is None else found.kind

    def use_model(self, kind: ModelKind) -> None:
        """Use the "quick" or the "fine-tuned" model, or "both", for predictions, report, heat maps and export.

        Raises:
            CollectionError: there is no such kind.
            TrainingError: there is no model of this kind yet.
        """
        self.parts.models.use(kind)

    @property
    def report(self) -> TrainingReport | None:
        """The report of the model in use, None before the first training."""
        model = self.parts.models.in_use
        return None if model is None else self.parts.evaluation.report(model)

    @property
    def comparisons(self) -> list[PairedComparison]:
        """The model in use and each other one on the same checked photos; empty while too few are checked."""
        return self.parts.evaluation.comparisons()

    @property
    def history(self) -> list[Point]:
        """The models that were trained, the earliest first, with what was known of their accuracy."""
        return self.parts.history.points

    @property
    def held_out(self) -> HeldOut | None:
        """What the model in use predicted of labelled photos that it had not seen; None if that was not kept."""
        model = self.parts.models.in_use
        return None if model is None else self.parts.models.held_out(model)

    def confused(self, label: str, predicted: str) -> Ids:
        """The photos of one cell of `report.confusion`.

        Args:
            label: what the photos are.
            predicted: what the model in use predicted, not having seen them.

        Returns:
            Their ids, int64 [n].

        Raises:
            TrainingError: there is no model yet.
            CollectionError: the model does not know a label.
        """
        return self.parts.evaluation.confused(label, predicted)

    def predictions(
        self, *, progress: Callable[[int, int], None] | None = None, cancel: threading.Event | None = None
    ) -> pd.DataFrame:
        """The prediction of each photo by the model in use, a row for each photo, by id.

        Args:
            progress: called with the steps that are done and their total, unless the scores are known already.
            cancel: setting it, also beforehand, raises Cancelled.

        Returns:
            DataFrame with columns path, label (missing without one), predicted, probability (0–1), one
            `probability of NAME` for each class, and reason: why a photo has no prediction, "" if it has one.

        Raises:
            Cancelled: `cancel` was set.
            TrainingError: there is no model yet.
        """
        with self.parts.work.begin("predict", progress=progress, cancel=cancel) as report:
            return self.parts.models.predictions(report=report)

    def heatmap(self, photo: int, label: str | None = None) -> HeatMap:
        """Which places of a photo count in favour of a label, by the model in use.

        Args:
            photo: its id.
            label: one of the model's classes; the photo's prediction unless given.

        Raises:
            TrainingError: there is no model yet.
            CollectionError: the model does not know the label.
            PhotoError, DataError: the photo cannot be read.
        """
        return self.parts.models.heatmap(photo, label)

    # --- the spot check, and finishing ---------------------------------------------------------

    def draw_spot_check(self, n: int = 30) -> Ids:
        """Photos to check: drawn at random, without replacement, among those that no person has labelled yet.

        A person labels them without seeing what the model predicts, which tells how often it is right; see
        `TrainingReport.accuracy`. The draw is kept: photos that wait for an answer come first the next time.

        Args:
            n: how many; fewer if there are no more.

        Returns:
            Their ids, in the order in which they are to be answered, int64 [n].

        Raises:
            CollectionError: `n` is not a number from 1 to 10,000, or a person has labelled or checked every photo.
        """
        return self.parts.spot_check.draw(n)

    def answer_spot_check(self, id: int, name: str | None = None, *, unsure: bool = False) -> None:
        """Say what a drawn photo shows; the answer is on disk when this returns, and the latest one counts.

        A photo that waits before others in its draw is to be answered before them: later answers do not count until
        it is, so that a check is not made of the easiest photos.

        Args:
            id: of a photo that `draw_spot_check` gave.
            name: the label, which the photo gets; created if it is new. None if none of the labels fits.
            unsure: the person cannot tell; the photo is then not counted as right or wrong.

        Raises:
            CollectionError: the photo was not drawn, is gone or has changed since, or `name` is not a valid name.
            FolderGoneError: the folder of all photos is gone; the check waits until it is back.
        """
        self.parts.spot_check.answer(id, name, unsure=unsure)

    @property
    def spot_check(self) -> Check:
        """The draws so far, what waits, and what was answered."""
        return self.parts.spot_check.now()

    def plan_finish(self, *, error: float = 0.05, confidence: float = 0.95) -> Finished:
        """What `finish` would do; nothing changes. With too few checked photos it would label none, and says how many.

        Args, Raises: as for `finish`, except that few checked photos are not an error here.
        """
        return self.parts.finishing.plan(error=error, confidence=confidence)

    def finish(self, *, error: float = 0.05, confidence: float = 0.95) -> Finished:
        """Label the rest by the model in use, as far as the spot check can certify it.

        With probability `confidence`, at most the share `error` of all labels in the collection is wrong afterwards,
        labels by persons counted as right (probably approximately correct labels: arXiv 2506.10908). Photos of which
        the model is less sure are left. Labels of an earlier `finish` are replaced; `undo` takes all of it back.

        Args:
            error: share of all labels that may be wrong, between 0 and 1.
            confidence: with which that holds, between 0.5 and 1.

        Returns:
            What was labelled, what is left, and how many more checks would label more.

        Raises:
            CollectionError: `error` is not between 0 and 1, or `confidence` not between 0.5 and 1.
            TrainingError: there is no model yet, or too few photos are checked; the message says how many are needed.
        """
        return self.parts.finishing.finish(error=error, confidence=confidence)

    # --- checking ------------------------------------------------------------------------------

    def attach(self, csv: Path | str, *, name: str | None = None) -> Attached:
        """Keep a CSV with the collection, in place of an earlier one: its columns can split the report.

        One column names the photos, by path or name, and the others are attributes (camera, site, skin tone, …).

        Args:
            csv: the file.
            name: what it is called; its own name unless given.

        Returns:
            Its columns, matched with the photos.

        Raises:
            CollectionError: it cannot be read, or names no photo.
            StorageError: the disk refuses.
        """
        return self.parts.checks.attach(csv, name=name)

    def detach(self) -> None:
        """Remove the attached CSV from the collection; the file that it was read from stays."""
        self.parts.checks.detach()

    @property
    def attached(self) -> Attached | None:
        """The attached CSV, matched with the photos that there are now; None without one."""
        return self.parts.checks.attached

    def subgroups(self, columns: str | Sequence[str], *, metrics: Sequence[str] = ("accuracy",)) -> Subgroups:
        """The accuracy of the model in use by columns of the attached CSV, and by their intersections.

        Only checked photos count if 30 or more are checked. With fewer, labelled ones do, which were picked by eye, so
        that it may be too high. Each is predicted by a model that had not seen it. Photos without a value are a group
        of their own, "missing".

        Args:
            columns: one or several columns of the attached CSV.
            metrics: as in `handlens.audit.subgroups`.

        Raises:
            CollectionError: no CSV is attached, or it has no such column.
            TrainingError: there is no model, or its predictions of held-out photos were not kept.
        """
        return self.parts.checks.subgroups(columns, metrics=metrics)

    @property
    def review(self) -> Review:
        """The queue of predictions that wait for a person."""
        return self.parts.review

    def describe(self) -> DataDescription:
        """The photos with their labels so far, for a datasheet."""
        inside = [photo for photo in range(len(self.paths)) if self.parts.photos.is_inside(photo)]
        labels = self.labels.iloc[inside].tolist()
        photos = picture_files([self.paths[photo] for photo in inside], self.images, labels)
        return DataDescription(parts={"data": photos}, name=self.name, about=about_origins(self.parts.labels.state))

    def datasheet(self) -> Datasheet:
        """The datasheet of the photos: counts, classes, sizes, duplicates, cameras, hashes, and the answers so far.

        Reads every photo's file.
        """
        from handlens.audit import Datasheet

        sheet = Datasheet.from_data(self)
        sheet.answers = self.parts.checks.answers
        return sheet

    def answer(self, key: str, text: str) -> None:
        """Answer a question of the datasheet; it is on disk when this returns.

        Args:
            key: of one of `datasheet().questions`, or "notes".
            text: the answer; an empty text removes the answer that there is.

        Raises:
            AuditError: there is no such question.
        """
        self.parts.checks.answer(key, text)

    # --- in a notebook -------------------------------------------------------------------------

    def widget(self) -> MapWidget:
        """The map in a notebook: what is selected there is in `selection` at once, and labels go both ways.

        Returns:
            A widget of anywidget: the last line of a cell shows it.

        Raises:
            CollectionError: anywidget is not installed, or no photo is prepared.
        """
        from handlens.studio.widget import open_widget

        return open_widget(self)

    # --- taking away ---------------------------------------------------------------------------

    def export(
        self,
        path: Path | str,
        format: str,
        *,
        where: Filter | None = None,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Exported:
        """Write the labels in a format that other tools read, each with its origin.

        Args:
            path: the file, or for a format that is a folder, a new or empty folder.
            format: "csv", "spreadsheet" (CSV whose text no spreadsheet program runs as a formula), "parquet", "folders"
                (a zip of the photos by label), "coco", "label-studio", "fiftyone", "hugging-face", "croissant", "yolo"
                (a folder with splits), or the name of a plugin. What each holds is in docs/exporting.md.
            where: only the photos that this filter means.
            progress: called with the steps that are done and their total.
            cancel: setting it, also beforehand, raises Cancelled; nothing is written then.

        Returns:
            How many labels were written, and which photos could not be read.

        Raises:
            Cancelled: `cancel` was set.
            CollectionError: there is no such format, or the folder is not empty or is among the photos.
            StorageError: the disk refuses; what was at `path` before stays.

        Example:
            >>> from handlens.studio.builtin import write_builtin
            >>> names = write_builtin("digits", Path("digits"))
            >>> with Collection.create("my-digits", images="digits") as collection:
            ...     collection.label([0, 10], "zero")
            ...     str(collection.export("labels.csv", "csv"))
            '2 labels: labels.csv'
        """
        from handlens.studio.formats.exporting import export

        return export(self, path, format, where=where, progress=progress, cancel=cancel)

    def export_predictions(
        self,
        path: Path | str,
        *,
        where: Filter | None = None,
        spreadsheet: bool = False,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        """Write `predictions()` as CSV.

        Args:
            path: the file.
            where: only the photos that this filter means.
            spreadsheet: put an apostrophe before text that a spreadsheet program would run as a formula.
            progress: called with the steps that are done and their total: first of predicting, then of writing.
            cancel: setting it, also beforehand, raises Cancelled; what was at `path` before stays.

        Raises:
            Cancelled: `cancel` was set.
            TrainingError: there is no model yet.
        """

        def report(done: int, total: int) -> None:
            if progress:
                progress(done, total)
            if cancel is not None and cancel.is_set():
                raise Cancelled("the export was cancelled; nothing was written.")

        table = self._only(self.predictions(progress=progress, cancel=cancel), where)
        write_csv(table, path, spreadsheet=spreadsheet, report=report)

    def _only(self, table: pd.DataFrame, where: Filter | None) -> pd.DataFrame:
        """The rows, by photo id, of the photos that a filter means; all without one."""
        return table if where is None else table[self.parts.filtering.mask(where)]

    def export_model(self, path: Path | str) -> None:
        """Write the model in use, with its model card, as a folder that `handlens predict` uses without Studio.

        A card that is there already keeps the answers that people gave.

        Raises:
            TrainingError: there is no model yet.
            StorageError: the folder cannot be written.
        """
        models, evaluation, labels = self.parts.models, self.parts.evaluation, self.parts.labels.state
        certificate = certificate_sentence(labels.origins, labels.made)

        def export(model: Model) -> None:
            report = evaluation.report(model)
            card = model_card(self.name, report, model.recipe, certificate=certificate)
            models.export(model, Path(path), card=card.for_export(Path(path)))

        models.with_model(export)

    def export_onnx(self, path: Path | str) -> None:
        """Write the model in use as one ONNX graph, from the pixels of photos to the probability of each label.

        The file is run on photos of the collection and compared with the model's predictions before it counts. Its
        metadata say under "handlens", as JSON, what the classes are, and how photos become its inputs. It computes with
        float32.

        Args:
            path: the file.

        Raises:
            TrainingError: there is no model yet.
            ExportError: ONNX's packages are missing, the model cannot be written, or the file predicts something else.
            StorageError: the disk refuses; what was at `path` before stays.
        """
        self.parts.models.export_onnx(Path(path))

    def export_datasheet(self, path: Path | str) -> None:
        """Write `datasheet()` as Markdown, which `handlens audit check` reads."""
        self.datasheet().save(path)

    def export_review(self, path: Path | str) -> None:
        """Write the log of the review, every entry, as .csv or .jsonl."""
        self.review.export(path)
