"""A collection: a folder of photos, its labels, its maps and its model. The page does nothing that this cannot."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from handlens.audit.intervals import wilson
from handlens.core.files import whole_file
from handlens.errors import (
    ArtifactError,
    Cancelled,
    CollectionError,
    DownloadError,
    HandlensError,
    StorageError,
    TrainingError,
)
from handlens.studio import classifier as learning
from handlens.studio.attributes import Attached, attached
from handlens.studio.classifier import TrainingReport
from handlens.studio.features.extractor import Layer
from handlens.studio.heldout import HeldOut, packed_held_out, unpacked_held_out
from handlens.studio.labels import LabelInfo, LabelLog, LabelState
from handlens.studio.maps import LayerMaps
from handlens.studio.memory import give_back
from handlens.studio.neighbours import in_plane
from handlens.studio.pictures import LeftOut, open_photo, thumbnail
from handlens.studio.prepare import FIRST, THUMB, TILE, Looks, Preparation, Progress, Source, only_one
from handlens.studio.projections import LABELS, NEIGHBOURS, PCA, SEPARATE, TITLES, neighbour_agreement
from handlens.studio.register import Register
from handlens.studio.reports import packed_report, unpacked_report
from handlens.studio.separation import Floats, cross_validated_logits, folds
from handlens.studio.takeaway import model_card, write_csv, write_folders
from handlens.studio.tuned import TunedModel, kept_model, remove_others
from handlens.studio.tuning import FineTuning

if TYPE_CHECKING:
    from handlens.audit import Datasheet, Subgroups
    from handlens.studio.features.extractor import Extractor
    from handlens.studio.finetune import Job
    from handlens.studio.reviewing import Review
    from handlens.vision.heatmap import HeatMap
    from handlens.vision.learner import VisionLearner

FORMAT = "handlens-collection"
FORMAT_VERSION = 1
LEARNED = "patches"
ATTRIBUTES = "attributes.csv"
SHEET = 16  # tiles along a side of a sheet
_SCORED = 300  # labelled photos that the scores of the maps look at
_HEATMAPS = 200  # heat maps that are remembered

ModelKind = Literal["quick", "fine-tuned"]
_REPORTS: dict[ModelKind, str] = {"quick": "report", "fine-tuned": "fine-tuned"}
"""Under what name the report of each model is kept."""

_NO_MODEL = "there is no model yet. Label some photos of two kinds, then train."

Ids = Sequence[int] | NDArray[np.integer]
Listener = Callable[[str, dict[str, Any]], None]


class Collection:
    """A folder of photos being labelled.

    Photos are known by id, their position in `paths`, which never changes. Methods may be called
    from several threads. All errors are HandlensError with a sentence for the person.
    """

    # --- opening and closing -------------------------------------------------------------------

    def __init__(self, folder: Path) -> None:
        """Use `create` or `open`."""
        self.folder = folder
        about = _read_about(folder)
        self.name: str = about["name"]
        self.images = (folder / about["images"]).resolve()
        self.seed: int = about["seed"]
        if not self.images.is_dir():
            raise CollectionError(
                f"the photos of this collection were in {self.images}, and there is no such folder now. "
                "Plug the disk in or move the folder back; the labels are safe."
            )
        self._cache = folder / "cache"
        self._looks = Looks(self._cache)
        self._register = Register(folder / "collection.sqlite", self.images, seed=self.seed)
        self._log = LabelLog(folder / "collection.sqlite", len(self._register))
        self._lock = threading.RLock()
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self._listeners: list[Listener] = []
        self._maps: dict[str, LayerMaps] = {}
        self._scores: tuple[tuple[int, int], dict[str, Any]] | None = None
        self._probabilities: tuple[Any, list[str], Floats] | None = None
        self._refused: dict[int, str] = {int(i): r for i, r in dict(self._log.kept("refused") or {}).items()}  # type: ignore[call-overload]
        self._aspects: Floats = np.empty(0, np.float32)
        self._separating_score: float | None = None
        self._tuning = threading.Lock()  # held while a network is fine-tuned
        self._cancel_tuning = threading.Event()
        self._tuning_thread: threading.Thread | None = None
        self.fine_tuning = FineTuning()
        self._predicting = threading.Lock()  # held while the fine-tuned model predicts photos
        self._looking = threading.Lock()  # held while a heat map is worked out
        self._learner: tuple[str, VisionLearner] | None = None
        self._weights: tuple[str, dict[str, Floats]] | None = None
        self._heatmaps: OrderedDict[tuple[str, int, str], HeatMap] = OrderedDict()
        self._attached: tuple[object, Attached] | None = None
        self._review: Review | None = None
        self.notices: list[str] = []
        self.sources: list[Source] = [self._source(**wish) for wish in self._wishes()]
        done = self._prepared_everywhere()
        total = len(self._register)
        self.progress = Progress(phase="done" if done == total else "idle", done=done, total=total)
        self._maps_version = done
        self._settled = done  # photos that were there already when this was opened

    @classmethod
    def create(
        cls,
        folder: Path | str,
        *,
        images: Path | str,
        backbone: str | Sequence[str] | None = None,
        weights: Path | str | Sequence[Path | str] | None = None,
        seed: int = 0,
        name: str | None = None,
    ) -> Collection:
        """Make a collection in the new folder `folder` of the photos below `images`, which stay as they are.

        `backbone` names one or more networks of timm or torchvision, `weights` a safetensors file for
        each (the first goes with the first); None learns features on the photos themselves. Nothing
        is read until `prepare`. Raises CollectionError when a folder is missing or in the way.
        """
        target, photos = Path(folder).expanduser().resolve(), Path(images).expanduser().resolve()
        if not photos.is_dir():
            raise CollectionError(f"images must be a folder of photos; there is no folder {photos}.")
        if target == photos or photos in target.parents:
            raise CollectionError(
                f"the collection would lie among the photos it must not touch; choose a folder outside of {photos}."
            )
        if target.exists() and (not target.is_dir() or _other_files(target, photos)):
            raise CollectionError(f"{target} exists and is not an empty folder. Open it, or choose another folder.")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise CollectionError(f"seed must be a whole number, 0 or more; {seed!r} arrived.")
        wishes = _wishes(backbone, weights)
        about = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "name": name or photos.name,
            "images": os.path.relpath(photos, target) if target in photos.parents else str(photos),
            "seed": seed,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            target.mkdir(parents=True, exist_ok=True)
            partial = target / "collection.json.tmp"
            partial.write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
            log = LabelLog(target / "collection.sqlite", 0)
            log.keep("sources", wishes)
            log.close()
            partial.replace(target / "collection.json")  # last, so that a folder with it is whole
        except OSError as error:
            raise StorageError(f"{target} cannot be written: {error.strerror or error}.") from error
        return cls(target)

    @classmethod
    def open(cls, folder: Path | str) -> Collection:
        """Open the collection in `folder` where it was left; photos added to its images since are found.

        Raises CollectionError when there is none, it is newer than this library, or its photos are gone.
        """
        return cls(Path(folder).expanduser().resolve())

    def close(self) -> None:
        """Stop preparing and fine-tuning and close the files; labels are on disk already."""
        self.cancel_preparing()
        self.cancel_fine_tuning()
        for thread in (self._thread, self._tuning_thread):
            if thread:
                thread.join(30)
        if self._review:
            self._review.close()
        self._log.close()

    def __enter__(self) -> Collection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Collection({str(self.folder)!r}: {len(self.paths):,} photos, {len(self.layers)} layers)"

    # --- photos --------------------------------------------------------------------------------

    @property
    def paths(self) -> list[str]:
        """The photos, relative to `images`, by id."""
        return self._register.paths

    @property
    def left_out(self) -> list[LeftOut]:
        """Files and photos that are not used, each with its reason."""
        broken = [LeftOut(self.paths[photo], reason) for photo, reason in sorted(self._refused.items())]
        known = {out.path for out in broken}
        return [out for out in self._register.left_out if out.path not in known] + broken

    @property
    def order(self) -> NDArray[np.int64]:
        """The preparing order, a random one by the seed: `order[row]` is an id; int64 [N]."""
        return self._register.order

    @property
    def prepared(self) -> int:
        """How many photos, in the preparing order, have thumbnails."""
        return self._looks.prepared

    @property
    def aspects(self) -> Floats:
        """Width over height of each photo by id, 0 where unknown or unreadable; float32 [N]."""
        count = self.prepared
        if len(self._aspects) != count:
            self._aspects = np.array(self._looks.aspects.read()[:count, 0], np.float32)
        return self._by_id(self._aspects[:, None], missing=0.0)[:, 0]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which photos are prepared and readable, by id; bool [N]."""
        return self.aspects > 0

    def thumb(self, photo: int) -> bytes:
        """The thumbnail of a photo, a JPEG of at most 256 px; made on the spot when not prepared yet."""
        self._check_photo(photo)
        try:
            return self._looks.thumb(photo).read_bytes()
        except FileNotFoundError:
            return thumbnail(open_photo(self._register.file(photo), at_least=THUMB), THUMB)

    def view_photo(self, photo: int) -> bytes:
        """A photo large enough to look at closely, a JPEG of at most 1,600 px; PhotoError if unreadable."""
        self._check_photo(photo)
        return thumbnail(open_photo(self._register.file(photo), at_least=1600), 1600)

    def sheet(self, number: int) -> bytes:
        """256 map tiles of 64 px as one JPEG of 1024×1024: rows number·256 on of the preparing order."""
        import io

        from PIL import Image

        per_sheet = SHEET * SHEET
        tiles = self._looks.tiles.read()[number * per_sheet : (number + 1) * per_sheet]
        if number < 0 or not len(tiles):
            raise CollectionError(f"there is no sheet {number} yet; {self.prepared} photos are prepared.")
        canvas = np.zeros((per_sheet, TILE, TILE, 3), np.uint8)
        canvas[: len(tiles)] = tiles.reshape(-1, TILE, TILE, 3)
        picture = canvas.reshape(SHEET, SHEET, TILE, TILE, 3).swapaxes(1, 2).reshape(SHEET * TILE, SHEET * TILE, 3)
        out = io.BytesIO()
        Image.fromarray(picture).save(out, "JPEG", quality=85, subsampling=0)
        return out.getvalue()

    # --- preparing -----------------------------------------------------------------------------

    def add_features(self, backbone: str | None, weights: Path | str | None = None) -> None:
        """Add a network's layers (None: learned on these photos) beside those at hand; `prepare` computes them."""
        wishes = _wishes(backbone, weights)
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
        phase: dict[str, Any] = {"phase": "failed"}
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
                phase = {
                    "phase": "done",
                    "seconds_left": 0.0,
                    "done": len(self._register),
                    "total": len(self._register),
                }
            except Cancelled:
                phase = {"phase": "cancelled"}
                raise
            except HandlensError as error:
                phase = {"phase": "failed", "error": str(error)}
                raise
            except Exception as error:
                phase = {"phase": "failed", "error": f"preparing stopped unexpectedly: {error}"}
                raise
            finally:
                for source in self.sources:
                    if source.state == "preparing":
                        source.state = "waiting"
                self._maps_version += 1
                give_back()
                # Of all photos, whatever the phase at hand was counting.
                counts = {"done": self._prepared_everywhere(), "total": len(self._register)}
                changed(replace(run.progress, running=False, **(counts | phase)))
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

    def _prepared_everywhere(self) -> int:
        return min([self._looks.prepared, *(s.prepared for s in self.sources)])

    def _source(self, *, backbone: str | None, weights: str | None) -> Source:
        name = backbone or LEARNED
        title = backbone or "learned on these photos"
        source = Source(name, title, self._cache / "sources" / name.replace("/", "_"), backbone, weights)
        source.read_layers()
        if source.layers and source.prepared == len(self._register):
            source.state = "ready"
        return source

    def _wishes(self) -> list[dict[str, str | None]]:
        kept = self._log.kept("sources")
        return kept if isinstance(kept, list) else [{"backbone": None, "weights": None}]

    def _keep_wishes(self) -> None:
        self._log.keep("sources", [{"backbone": s.backbone, "weights": s.weights} for s in self.sources])

    def _notice(self, text: str) -> None:
        if text not in self.notices:
            self.notices.append(text)

    # --- maps ----------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers of every source that has features, first to last."""
        return [layer for source in self.sources for layer in source.layers]

    @property
    def maps_version(self) -> int:
        """Grows when the maps of prepared photos are fitted anew."""
        return self._maps_version

    @property
    def separating(self) -> list[str] | None:
        """The labels that the "separate" projection pulls apart, None before it was asked for."""
        kept = self._log.kept("separating")
        named = {info.colour: info.name for info in self._log.table}
        names = [named[colour] for colour in kept if colour in named] if isinstance(kept, list) else []
        return names if len(names) >= 2 else None

    @property
    def separating_score(self) -> float | None:
        """How well the layer that `separate` last found tells those labels apart, cross-validated, 0–1."""
        return self._separating_score

    def projections(self, layer: str | Layer) -> list[str]:
        """The projections that the layer can be seen in: PCA pairs, neighbours and, with labels, separating ones."""
        self._layer(layer)
        found = [*PCA, NEIGHBOURS]
        if sum(info.count > 0 for info in self._log.table) >= 2:
            found.append(LABELS)
        if self.separating:
            found.append(SEPARATE)
        return found

    @property
    def projection_titles(self) -> dict[str, str]:
        """Each projection's name for people."""
        return dict(TITLES)

    def map(self, layer: str | Layer, projection: str) -> Floats:
        """Where each photo lies, float32 [N, 2] by id; 99 % within −1…1, NaN where not prepared or unreadable.

        The neighbour embedding takes seconds the first time. Raises CollectionError for an unknown
        layer or projection and TrainingError when there are no labels to separate.
        """
        found = self._layer(layer)
        self._check_projection(found, projection)
        codes, version = self._projection_codes(projection)

        def report(done: int, total: int) -> bool:
            self._tell("projection", layer=found.id, projection=projection, done=done, total=total)
            return False

        rows = self._layer_maps(found).rows_of(projection, codes=codes, version=version, report=report)
        return self._by_id(rows, missing=np.nan)

    def _projection_codes(self, projection: str) -> tuple[NDArray[np.int32] | None, Any]:
        """Class codes by row for a separating projection, and what they rest on."""
        if projection not in (LABELS, SEPARATE):
            return None, None
        state = self._log.state
        names, codes, version = state.names, state.codes, state.version
        if projection == SEPARATE:
            chosen = self.separating or []
            codes = np.where(np.isin(codes, [names.index(n) for n in chosen]), codes, -1).astype(np.int32)
            version = (version, *chosen)  # type: ignore[assignment]
        return codes[self.order], version

    def _check_projection(self, layer: Layer, projection: str) -> None:
        known = self.projections(layer)
        if projection not in known:
            if projection in (LABELS, SEPARATE):
                raise TrainingError("there are no two labels to separate yet. Label photos of two kinds first.")
            raise CollectionError(f"projection must be one of {', '.join(known)}; “{projection}” arrived.")

    def _layer(self, layer: str | Layer) -> Layer:
        wanted = layer.id if isinstance(layer, Layer) else layer
        for known in self.layers:
            if known.id == wanted:
                return known
        names = ", ".join(known.id for known in self.layers) or "none before prepare()"
        raise CollectionError(f"layer must be one of: {names}; “{wanted}” arrived.")

    def _layer_maps(self, layer: Layer) -> LayerMaps:
        with self._lock:
            if layer.id not in self._maps:
                source = next(s for s in self.sources if layer in s.layers)
                stored = source.rows[source.layers.index(layer)]

                def fitted_rows() -> int:
                    # Fits rest on the first 500 photos until all are there, so the map holds still meanwhile;
                    # of fewer, on those that were there before new ones came.
                    count = source.prepared
                    return next((n for n in (len(self._register), FIRST, self._settled) if n <= count), 0)

                self._maps[layer.id] = LayerMaps(
                    lambda: np.asarray(stored.read()[: source.prepared], np.float32),
                    fitted_rows,
                    cache=self._cache,
                    name=layer.id,
                    seed=self.seed,
                )
            return self._maps[layer.id]

    def _by_id(self, rows: Floats, *, missing: float) -> Floats:
        out = np.full((len(self._register), rows.shape[1]), missing, np.float32)
        rows = rows[: len(out)]  # another process may know of more photos already
        out[self.order[: len(rows)]] = rows
        return out

    # --- labels --------------------------------------------------------------------------------

    def label(self, ids: Ids, name: str) -> None:
        """Give the photos the label `name`, on disk before this returns; made if it is new."""
        self._log.assign(np.asarray(ids), name)
        self._labels_changed()

    def unlabel(self, ids: Ids) -> None:
        """Take the labels off the photos."""
        self._log.remove(np.asarray(ids))
        self._labels_changed()

    def rename(self, name: str, to: str) -> None:
        """Rename a label; a name in use is refused."""
        self._log.rename(name, to)
        self._labels_changed()

    def merge(self, names: Sequence[str], into: str) -> None:
        """Give the photos of all `names` the label `into`."""
        self._log.merge(names, into)
        self._labels_changed()

    def delete(self, name: str) -> None:
        """Delete a label; its photos become unlabelled."""
        self._log.delete(name)
        self._labels_changed()

    def undo(self) -> bool:
        """Take the latest label change back, also one made before a restart; False when there is none."""
        undone = self._log.undo()
        self._labels_changed()
        return undone

    def redo(self) -> bool:
        """Bring back what undo took; False when there is nothing."""
        redone = self._log.redo()
        self._labels_changed()
        return redone

    @property
    def labels(self) -> pd.Series[str]:
        """Each photo's label by id, missing where none."""
        state = self._log.state
        values = pd.Categorical.from_codes(state.codes, pd.Index(state.names, dtype="str"))
        return pd.Series(values, name="label", index=pd.RangeIndex(len(values), name="id")).astype("str")

    @property
    def label_names(self) -> list[str]:
        """The labels in the order in which they were made."""
        return self._log.names

    @property
    def codes(self) -> NDArray[np.int32]:
        """Each photo's position in `label_names`, −1 where none; int32 [N]."""
        return self._log.codes

    @property
    def label_state(self) -> LabelState:
        """Version, table and codes of the labels at one and the same moment."""
        return self._log.state

    @property
    def label_table(self) -> list[LabelInfo]:
        """Each label with its count and the number of its colour."""
        return self._log.table

    @property
    def label_version(self) -> int:
        """Grows with every change of the labels."""
        return self._log.version

    @property
    def undo_text(self) -> str | None:
        """What undo would take back."""
        return self._log.undo_text

    @property
    def redo_text(self) -> str | None:
        """What redo would bring back."""
        return self._log.redo_text

    def _labels_changed(self) -> None:
        self._tell("labels", version=self._log.version)

    # --- finding -------------------------------------------------------------------------------

    def similar(
        self, ids: Ids, *, layer: str | Layer, projection: str | None = None, k: int | None = None
    ) -> pd.DataFrame:
        """All other photos, unlabelled first, then by distance from the centre of the photos `ids`.

        The distance is that of the standardised features of the layer; with a projection it is the
        root mean square of that and of the distance on its map, so that what is found is alike and
        lies near. Returns columns id, path, distance; the first k when given.
        """
        distance = self._distances(ids, layer, projection)
        distance[np.asarray(ids)] = np.inf
        found = np.flatnonzero(np.isfinite(distance))
        found = found[np.lexsort((distance[found], self._log.codes[found] >= 0))][:k]
        return pd.DataFrame({"id": found, "path": [self.paths[i] for i in found], "distance": distance[found]})

    def spread(self, ids: Ids, *, layer: str | Layer, projection: str | None = None) -> pd.DataFrame:
        """The photos `ids` themselves by distance from their centre, the odd ones first: columns id, path, distance."""
        distance = self._distances(ids, layer, projection)
        wanted = np.asarray(ids)
        wanted = wanted[np.argsort(-np.nan_to_num(distance[wanted], nan=-1), kind="stable")]
        return pd.DataFrame({"id": wanted, "path": [self.paths[i] for i in wanted], "distance": distance[wanted]})

    def _distances(self, ids: Ids, layer: str | Layer, projection: str | None) -> Floats:
        wanted = np.asarray(ids)
        if wanted.ndim != 1 or not wanted.size or wanted.dtype.kind not in "iu":
            raise CollectionError("at least one photo must be selected, by whole-number ids.")
        for photo in (wanted.min(), wanted.max()):
            self._check_photo(int(photo))
        found = self._layer(layer)
        maps = self._layer_maps(found)
        distances = maps.fit().distances
        rows = self._register.rows[wanted]
        good = maps.good()
        rows = rows[rows < len(good)]
        rows = rows[good[rows]]
        if not rows.size:
            raise CollectionError("none of the selected photos is prepared yet. Wait a moment, or select others.")
        squared = distances.from_centre_of(rows)
        if projection is not None:
            self._check_projection(found, projection)
            codes, version = self._projection_codes(projection)
            xy = np.full((len(squared), 2), np.nan, np.float32)
            placed = maps.rows_of(projection, codes=codes, version=version)[: len(xy)]
            xy[: len(placed)] = placed
            if np.isfinite(xy[rows]).any():
                near = in_plane(xy, rows)
                # Photos prepared since an embedding was made have no place in it: the layer's word alone counts.
                squared = np.where(np.isfinite(near), (squared + near) / 2, squared).astype(np.float32)
        return np.asarray(np.sqrt(self._by_id(squared[:, None], missing=np.nan)[:, 0]), np.float32)

    def separate(self, names: Sequence[str]) -> tuple[str, str]:
        """Find the layer whose projection pulls the labels `names` furthest apart; returns (layer, "separate").

        Every layer is searched; the best is the one whose shrinkage LDA tells the labels apart most
        often under cross-validation. Raises TrainingError with fewer than two labels of two photos each.
        """
        wanted = list(dict.fromkeys(names))
        state = self._log.state
        known, codes = state.names, state.codes
        for name in wanted:
            if name not in known:
                raise CollectionError(f"no label is called “{name}”. The labels are: {', '.join(known) or 'none yet'}.")
        if len(wanted) < 2:
            raise TrainingError(f"pick two or more labels to separate; {len(wanted)} arrived.")
        chosen = np.where(np.isin(codes, [known.index(n) for n in wanted]), codes, -1)
        scores = self._separation(chosen, known)
        best = max(scores, key=lambda layer: scores[layer])
        # By the number of its colour, which a label keeps when it is renamed.
        self._log.keep("separating", [state.table[known.index(name)].colour for name in wanted])
        self._separating_score = scores[best][0]
        self._changed()
        return best, SEPARATE

    def _separation(self, codes: NDArray[np.integer], names: list[str]) -> dict[str, tuple[float, float]]:
        """How well each layer tells the codes apart (balanced accuracy, sureness) under cross-validation."""
        features, classes, ids = self._labelled(codes, most=_SCORED)
        self._check_enough(codes, names, ids)
        fold = folds(classes, seed=self.seed)
        return {
            layer: learning.layer_quality(cross_validated_logits(x, classes, fold), classes)
            for layer, x in features.items()
        }

    def scores(self) -> dict[str, Any]:
        """How well each layer and each map at hand separates the labels so far, 0–1, None where it cannot be said."""
        state = self._log.state
        key, codes = (state.version, self._maps_version), state.codes
        if self._scores and self._scores[0] == key:
            return self._scores[1]
        layers: dict[str, float | None] = {layer.id: None for layer in self.layers}
        maps: dict[str, dict[str, float | None]] = {layer.id: {} for layer in self.layers}
        try:
            layers.update({layer: quality[0] for layer, quality in self._separation(codes, state.names).items()})
        except TrainingError:
            pass  # too few labels: every score stays None
        else:
            for layer in self.layers:
                if layers[layer.id] is not None:
                    maps[layer.id] = self._map_scores(layer, codes)
        found = {"labels_version": key[0], "layers": layers, "maps": maps}
        self._scores = (key, found)
        return found

    def _map_scores(self, layer: Layer, codes: NDArray[np.integer]) -> dict[str, float | None]:
        scores: dict[str, float | None] = {}
        for projection in self.projections(layer):
            # The separating ones are fitted to the labels, and an embedding nobody looked at is not worth seconds.
            if projection in (LABELS, SEPARATE):
                continue
            if projection == NEIGHBOURS and not self._layer_maps(layer).has_neighbours:
                scores[projection] = None
                continue
            xy = self.map(layer, projection)
            ids = np.flatnonzero((codes >= 0) & np.isfinite(xy).all(1))
            ids = ids[learning.stratified_sample(codes[ids], _SCORED, seed=self.seed)]
            enough = len(ids) > 2 and len(np.unique(codes[ids])) > 1
            scores[projection] = neighbour_agreement(xy[ids], codes[ids]) if enough else None
        return scores

    # --- training ------------------------------------------------------------------------------

    def train(self) -> TrainingReport:
        """Train on the labels and estimate by cross-validation how right the model is.

        Raises TrainingError, saying what is missing, with fewer than two labels of two photos each.
        """
        started = time.monotonic()
        state = self._log.state
        codes, version, names = state.codes, state.version, state.names
        features, classes, ids = self._labelled(codes, unlabelled=learning.TAKING_PART)
        self._check_enough(codes, names, ids[classes >= 0])
        used = np.unique(codes[ids[classes >= 0]])
        kept_names = [names[c] for c in used]
        counts = np.bincount(classes[classes >= 0], minlength=len(used)).tolist()
        trained = learning.train_classifier(features, classes, seed=self.seed)
        truth, predicted = classes[trained.rows], trained.scores.argmax(1)
        right = int((truth == predicted).sum())
        per_class, confusion = learning.report_tables(kept_names, counts, truth, predicted)
        low, high = wilson(right, len(truth))
        report = TrainingReport(
            accuracy=right / len(truth),
            interval=(float(low), float(high)),
            per_class=per_class,
            confusion=confusion,
            n_labelled=sum(counts),
            n_photos=int(self.usable.sum()),
            layers=list(trained.classifier.discriminants),
            labels_version=version,
            seconds=time.monotonic() - started,
            warnings=self._warnings(codes, per_class),
        )
        self._keep_model(trained.classifier, kept_names, [state.table[c].colour for c in used], report)
        self._keep_held_out("quick", ids[trained.rows], truth, predicted)
        self._use("quick")
        return report

    def _warnings(self, codes: NDArray[np.integer], per_class: pd.DataFrame) -> list[str]:
        """What the person should know of a model that was trained on these labels."""
        warnings = [learning.FLATTERY]
        thin = [name for name, is_thin in per_class["thin"].items() if is_thin]
        if thin:
            warnings.append(f"Fewer than {learning.ENOUGH} photos: {', '.join(map(str, thin))}. Label more of these.")
        if not (self.usable & (codes < 0)).any():
            warnings.append("Every photo has a label already, so there is nothing left for the model to predict.")
        return warnings

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

    def _use(self, kind: ModelKind) -> None:
        self._log.keep("in use", kind)
        self._tell("predictions", version=self.model_version)
        self._changed()

    def _kept_report(self, kind: ModelKind) -> dict[str, Any] | None:
        kept = self._log.kept(_REPORTS[kind])
        if not isinstance(kept, dict) or (kind == "fine-tuned" and self._tuned(kept) is None):
            return None
        return kept

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
            raise TrainingError(_NO_MODEL)
        tuned = self._tuned(kept) if kind == "fine-tuned" else None
        key = (self.model_version, self._prepared_everywhere() if tuned is None else tuned.rows.count)
        if self._probabilities is None or self._probabilities[0] != key:
            classes, p = self._quick_probabilities() if tuned is None else (tuned.classes, tuned.probabilities())
            self._probabilities = (key, classes, self._by_id(p, missing=np.nan))
        return self._called_now(self._probabilities[1], kept), self._probabilities[2]

    def _quick_probabilities(self) -> tuple[list[str], Floats]:
        """The quick model's classes and probabilities [rows, C] in preparing order."""
        from handlens.core.artifact import load_artifact
        from handlens.studio.predictor import KIND

        config, tensors = load_artifact(self.folder / "model", KIND)
        scores: Floats | None = None
        for layer in config["layers"]:
            x = self._layer_maps(self._layer(layer)).raw()
            part = x @ tensors[f"layer.{layer}"].numpy()
            scores = part if scores is None else scores[: len(part)] + part[: len(scores)]
        assert scores is not None
        return config["classes"], learning.softmax((scores + tensors["bias"].numpy()) / config["temperature"])

    def predictions(self) -> pd.DataFrame:
        """A row a photo that can be read: path, label (missing if none), predicted, probability, one column a class.

        Raises TrainingError before the first training.
        """
        from handlens.studio.predictor import class_columns

        names, p = self.probabilities()
        ids = np.flatnonzero(np.isfinite(p).all(1))
        p = p[ids]
        best = p.argmax(1)
        table = pd.DataFrame({"path": [self.paths[i] for i in ids], "label": self.labels.to_numpy()[ids]})
        table["predicted"] = [names[i] for i in best]
        table["probability"] = p.max(1) if len(p) else np.empty(0, np.float32)
        for i, column in enumerate(class_columns(names)):
            table[column] = p[:, i]
        return table

    def _check_enough(self, codes: NDArray[np.integer], names: list[str], ids: NDArray[np.int64]) -> None:
        """Raise TrainingError unless there are labels enough, also among the prepared, readable photos `ids`."""
        learning.check_labels(_counts(codes, names))
        try:
            learning.check_labels(_counts(codes[ids], names))
        except TrainingError as error:
            if self._prepared_everywhere() < len(self._register):
                raise TrainingError(
                    "too few of the labelled photos are prepared yet. Prepare the photos first, or wait a moment."
                ) from error
            raise TrainingError(f"some labelled photos cannot be read, and without them {error}") from error

    def _labelled(
        self, codes: NDArray[np.integer], *, most: int | None = None, unlabelled: int = 0
    ) -> tuple[dict[str, Floats], NDArray[np.int64], NDArray[np.int64]]:
        """Standardised features of each fitted layer, class codes 0…C−1, and ids, of the labelled photos.

        At most about `most` of them; unlabelled ones, with the code −1, fill up to `unlabelled` in all.
        """
        maps = {layer.id: self._layer_maps(layer) for layer in self.layers}
        maps = {layer: of_layer for layer, of_layer in maps.items() if of_layer.fit().rows}
        goods = [of_layer.good() for of_layer in maps.values()]
        # A photo may be readable for one source and gone when the next was added: it takes part in neither.
        least = min(map(len, goods), default=0)
        good = np.logical_and.reduce([of_layer[:least] for of_layer in goods]) if least else np.zeros(0, bool)
        known = self._by_id(good[:, None], missing=0.0)[:, 0] > 0
        ids = np.flatnonzero((codes >= 0) & known)
        if not len(ids):
            return {}, np.empty(0, np.int64), ids
        if most is not None:
            ids = ids[learning.stratified_sample(codes[ids], most, seed=self.seed)]
        classes = np.unique(codes[ids], return_inverse=True)[1]
        # The preparing order is random already: its first unlabelled photos are a random sample of them.
        others = np.flatnonzero((codes < 0) & known)
        others = others[np.argsort(self._register.rows[others])][: max(0, unlabelled - len(ids))]
        ids = np.concatenate([ids, others])
        classes = np.concatenate([classes, np.full(len(others), -1, np.int64)])
        rows = self._register.rows[ids]
        features = {layer: m.fit().scaling.apply(np.asarray(m.raw()[rows])) for layer, m in maps.items()}
        return features, classes, ids

    def _called_now(self, classes: list[str], kept: dict[str, Any]) -> list[str]:
        """A model's classes as their labels are called now; they are known by the number of their colour."""
        called = {info.colour: info.name for info in self._log.table}
        colours = dict(zip(kept["names"], kept["colours"], strict=True))
        now = [called.get(colours.get(name, -1), name) for name in classes]
        return now if len(set(now)) == len(now) else classes  # a deleted label's name may have been given anew

    def _keep_model(
        self, model: learning.Classifier, names: list[str], colours: list[int], report: TrainingReport
    ) -> None:
        from handlens.studio.predictor import Predictor

        weights: dict[str, Floats] = {}
        bias = np.zeros(len(names), np.float32)
        for layer, discriminant in model.discriminants.items():
            scaling = self._layer_maps(self._layer(layer)).fit().scaling
            # Scores of raw features: the standardisation is folded into the weights.
            weights[layer] = np.ascontiguousarray(discriminant.weights * scaling.inverse[:, None])
            bias += discriminant.bias - scaling.mean @ weights[layer]
        used = [s for s in self.sources if any(layer.id in weights for layer in s.layers)]
        extractors = []
        for source in used:
            if not source.restore() or source.extractor is None:
                source.state = "waiting"
                raise CollectionError(
                    f"the features of {source.title} are damaged on disk. Prepare the collection again."
                )
            extractors.append(source.extractor)
        Predictor(names, extractors, weights, bias, model.temperature).save(self.folder / "model")
        self._log.keep("report", packed_report(report, names, colours))

    # --- fine-tuning ---------------------------------------------------------------------------

    @property
    def networks(self) -> list[str]:
        """The pretrained networks that `fine_tune` can start from: the sources whose weights are at hand."""
        return [source.name for source in self.sources if source.backbone and source.has_weights]

    def fine_tune(
        self,
        *,
        backbone: str | None = None,
        minutes: float = 5.0,
        epochs: int | None = None,
        progress: Callable[[FineTuning], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> TrainingReport:
        """Train a copy of a pretrained network of this collection on the labels, and use it from then on.

        Four fifths of the labelled photos are learned from; the report is on the fifth that was held out. Then all
        photos are predicted. Labels and the quick model stay as they are; `use_model("quick")` goes back to it.

        Args:
            backbone: one of `networks`; the first unless given.
            minutes: how long training may take; predicting the photos comes on top.
            epochs: how often the whole network sees the photos, if the time allows; as often as it allows and is of
                use unless given.
            progress: called with a FineTuning along the way.
            cancel: setting it, also beforehand, raises Cancelled; the model in use stays the one from before.

        Raises:
            TrainingError: no network, too few labels, or one is being fine-tuned already.
            BackboneError: the network puts out no map, as most transformers.
        """
        return self._fine_tune(self._tuning_job(backbone, minutes, epochs), progress, cancel)

    def start_fine_tuning(
        self, *, backbone: str | None = None, minutes: float = 5.0, epochs: int | None = None
    ) -> None:
        """Run `fine_tune` in the background; what is wrong at once is raised, later errors are in `fine_tuning`."""
        job = self._tuning_job(backbone, minutes, epochs)
        self._tuning_thread = threading.Thread(
            target=self._fine_tune_quietly, args=(job,), name="handlens-fine-tune", daemon=True
        )
        self._tuning_thread.start()

    def cancel_fine_tuning(self) -> None:
        """Ask a running `fine_tune` to stop after the batch at hand."""
        self._cancel_tuning.set()

    def _fine_tune_quietly(self, job: Job) -> None:
        try:
            self._fine_tune(job, None, self._cancel_tuning)
        except HandlensError:
            return  # it is in `fine_tuning`

    def _tuning_job(self, backbone: str | None, minutes: float, epochs: int | None) -> Job:
        """What is to be learned; from here on nobody else may begin. Raises TrainingError for what is wrong at once."""
        from handlens.studio.finetune import Job, check_limits

        check_limits(minutes, epochs)
        networks = self.networks
        if not networks:
            raise TrainingError(
                "fine-tuning needs a pretrained network, and this collection has none that is ready. Add one: "
                "Sources in the page, or add_features and prepare."
            )
        if backbone is not None and backbone not in networks:
            raise TrainingError(f"backbone must be one of {', '.join(networks)}; “{backbone}” arrived.")
        state = self._log.state
        ids = np.flatnonzero((state.codes >= 0) & self.usable)
        self._check_enough(state.codes, state.names, ids)
        used, codes = np.unique(state.codes[ids], return_inverse=True)
        if not self._tuning.acquire(blocking=False):
            raise TrainingError("a network is being fine-tuned already. Wait for it, or cancel it first.")
        self._cancel_tuning.clear()
        return Job(
            source=next(s for s in self.sources if s.name == (backbone or networks[0])),
            files=[self._register.file(int(i)) for i in ids],
            codes=codes,
            classes=[state.names[c] for c in used],
            colours=[state.table[c].colour for c in used],
            labels_version=state.version,
            seconds=60.0 * minutes,
            epochs=epochs,
            seed=self.seed,
        )

    def _fine_tune(
        self, job: Job, progress: Callable[[FineTuning], None] | None, cancel: threading.Event | None
    ) -> TrainingReport:
        """Run a job; only when all is done is the new model the one in use, in one write."""
        from handlens.studio import finetune

        cancel = self._cancel_tuning if cancel is None else cancel
        started = time.monotonic()

        def changed(now: FineTuning) -> None:
            self.fine_tuning = now
            if progress:
                progress(now)
            self._changed()

        model = TunedModel.new(self.folder, self._cache, job.classes)
        news: dict[str, Any] = {"phase": "failed"}
        try:
            tuned = finetune.fine_tune(job, changed=changed, cancel=cancel)
            model.save(tuned.learner)
            self._predict_with(model, tuned.learner, finetune.telling(changed, self.fine_tuning, cancel))
            report = finetune.tuned_report(
                job, tuned, n_photos=int(self.usable.sum()), seconds=time.monotonic() - started
            )
            report = replace(report, warnings=[*self._warnings(self._log.codes, report.per_class), *report.warnings])
            self._log.keep("fine-tuned", packed_report(report, job.classes, job.colours) | {"id": model.id})
            self._keep_held_out("fine-tuned", self._held_out_of(job), tuned.truth, tuned.predicted)
            news = {"phase": "done", "share": 1.0, "seconds_left": 0.0}
        except Cancelled:
            news = {"phase": "cancelled"}
            raise
        except HandlensError as error:
            news = {"phase": "failed", "error": str(error)}
            raise
        except Exception as error:
            news = {"phase": "failed", "error": f"fine-tuning stopped unexpectedly: {error}"}
            raise
        finally:
            if news["phase"] == "done":
                remove_others(self.folder, self._cache, model)
            else:
                model.remove()
            give_back()
            self._tuning.release()
            changed(replace(self.fine_tuning, running=False, **news))
        self._use("fine-tuned")
        return report

    def _tuned(self, kept: object) -> TunedModel | None:
        return kept_model(self.folder, self._cache, kept)

    def _predict_with(self, model: TunedModel, learner: VisionLearner, step: Callable[[int, int], None]) -> None:
        """Predict the photos that are prepared and not predicted yet; `step(done, total)` may raise to stop."""
        with self._predicting:
            while model.rows.count < (upto := min(self._looks.prepared, len(self._register))):
                usable = self.usable
                files = [self._register.file(int(i)) if usable[i] else None for i in self.order[:upto]]
                model.predict(learner, files, step)

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

    # --- auditing ------------------------------------------------------------------------------

    @property
    def held_out(self) -> HeldOut | None:
        """What the model in use said of labelled photos that it had not seen, as in `report`; None if not kept."""
        kind = self.model
        kept = self._kept_report(kind) if kind else None
        if kept is None:
            return None
        return unpacked_held_out(self._log.kept(f"held out {kind}"), kept, self._called_now(kept["names"], kept))

    def attach(self, csv: Path | str, *, name: str | None = None) -> Attached:
        """Keep a CSV with the collection, in place of an earlier one: what it says of each photo can split the report.

        One column names the photos, by path or name, and the others are attributes (camera, site, skin tone, …).
        `name` is what the file is called, if not as it is. Raises CollectionError, with a sentence, for a file that
        cannot be read, or names no photo; StorageError if the disk refuses.
        """
        file = Path(csv)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CollectionError(f"csv must be a file that can be read: {file}: {error.strerror or error}.") from error
        found = attached(data, name or file.name, self.paths)
        with self._lock:
            with whole_file(self.folder / ATTRIBUTES) as partial:
                partial.write_bytes(data)
            self._log.keep("attached", found.name)
            self._attached = None
        return found

    def detach(self) -> None:
        """Remove the attached CSV from the collection; the file that it was read from stays."""
        with self._lock:
            self._log.keep("attached", None)
            (self.folder / ATTRIBUTES).unlink(missing_ok=True)

    @property
    def attached(self) -> Attached | None:
        """The attached CSV, matched with the photos that there are now; None without one."""
        name, file = self._log.kept("attached"), self.folder / ATTRIBUTES
        with self._lock:
            if not isinstance(name, str) or not file.is_file():
                return None
            key = (name, file.stat().st_mtime_ns, len(self.paths))
            if self._attached is None or self._attached[0] != key:
                self._attached = (key, attached(file.read_bytes(), name, self.paths))
            return self._attached[1]

    def subgroups(self, columns: str | Sequence[str], *, metrics: Sequence[str] = ("accuracy",)) -> Subgroups:
        """The accuracy of the model in use by one or several columns of the attached CSV, and their intersections.

        Of labelled photos alone, each predicted by a model that had not seen it, as in `report`; photos without a
        value are a group of their own, "missing". `metrics` as in `handlens.audit.subgroups`. Raises CollectionError
        for a column that is none, TrainingError where there is no such estimate.
        """
        from handlens.audit import subgroups

        given, found = self.attached, self.held_out
        if given is None:
            raise CollectionError("no CSV is attached to this collection. Attach one: “Split by” in the page.")
        wanted = [columns] if isinstance(columns, str) else list(columns)
        unknown = [column for column in wanted if column not in given.columns]
        if unknown or not wanted:
            raise CollectionError(
                f"columns must be among {', '.join(given.columns)}; {', '.join(map(str, unknown)) or 'none'} arrived."
            )
        if self.model is None:
            raise TrainingError(_NO_MODEL)
        if found is None:
            raise TrainingError("how the model did on each photo was not kept yet when it was trained. Train again.")
        groups = given.table[wanted].iloc[found.ids].reset_index(drop=True)
        return subgroups(found.truth, found.predicted, groups, metrics=metrics, seed=self.seed)

    def datasheet(self) -> Datasheet:
        """What the photos are: counts, classes, sizes, doubles, cameras, hashes, and what was answered so far.

        Reads every photo's file.
        """
        from handlens.audit import Datasheet

        sheet = Datasheet.from_data(self)
        sheet.answers = self.answers
        return sheet

    @property
    def answers(self) -> dict[str, str]:
        """The datasheet's answers so far, by the key of their question."""
        from handlens.audit import Datasheet

        kept = {key: self._log.kept(f"datasheet {key}") for key in _questions(Datasheet)}
        return {key: answer for key, answer in kept.items() if isinstance(answer, str) and answer}

    def answer(self, key: str, text: str) -> None:
        """Answer a question of the datasheet, on disk before this returns; an empty text takes the answer back.

        Raises AuditError if there is no such question.
        """
        from handlens.audit import Datasheet

        sheet = Datasheet(self.name, {})
        sheet.answer(key, text)
        self._log.keep(f"datasheet {key}", sheet.answers.get(key, ""))

    def export_datasheet(self, path: Path | str) -> None:
        """Write `datasheet()` as Markdown, which `handlens audit check` reads."""
        self.datasheet().save(path)

    @property
    def review(self) -> Review:
        """The queue of predictions that wait for a person."""
        from handlens.studio.reviewing import Review

        with self._lock:
            if self._review is None:
                self._review = Review(self, self.folder / "collection.sqlite", self._log)
            return self._review

    def export_review(self, path: Path | str) -> None:
        """Write the log of the review, every entry, as .csv or .jsonl."""
        self.review.export(path)

    def _keep_held_out(self, kind: ModelKind, ids: Ids, truth: Ids, predicted: Ids) -> None:
        kept = self._kept_report(kind)
        if kept is not None and len(ids) == len(truth):
            self._log.keep(f"held out {kind}", packed_held_out(kept, ids, truth, predicted))

    def _held_out_of(self, job: Job) -> NDArray[np.int64]:
        """The photos that fine-tuning holds out, in its order."""
        ids = {self._register.file(id): id for id in range(len(self._register))}
        return np.array(
            [ids[job.files[i]] for i in np.flatnonzero(folds(job.codes, seed=job.seed) == 0).tolist()], np.int64
        )

    # --- looking inside ------------------------------------------------------------------------

    def heatmap(self, photo: int, label: str | None = None) -> HeatMap:
        """Which places of a photo speak for a label, to the model in use; its prediction unless given.

        For the fine-tuned model Grad-CAM at its last map; the quick model's score is taken apart place by place, see
        `handlens.studio.attention`. Raises TrainingError before training, CollectionError for a label that the model
        does not know, and PhotoError or DataError for a photo that cannot be read.
        """
        self._check_photo(photo)
        names, p = self.probabilities()
        if label is None:
            if not np.isfinite(p[photo]).all():
                raise CollectionError(f"{self.paths[photo]} has no prediction yet. Wait a moment, or choose a label.")
            label = names[int(p[photo].argmax())]
        elif label not in names:
            raise CollectionError(f"label must be one that the model knows: {', '.join(names)}; “{label}” arrived.")
        key = (self.model_version, photo, label)
        with self._looking:
            if key not in self._heatmaps:
                self._heatmaps[key] = self._looked(photo, names.index(label), label)
            self._heatmaps.move_to_end(key)
            if len(self._heatmaps) > _HEATMAPS:
                self._heatmaps.popitem(last=False)
            return self._heatmaps[key]

    def _looked(self, photo: int, code: int, label: str) -> HeatMap:
        import io

        import torch
        from PIL import Image

        from handlens.vision.heatmap import HeatMap, heatmap

        small = np.asarray(Image.open(io.BytesIO(self.thumb(photo))).convert("RGB"))
        picture = torch.from_numpy(small.copy()).permute(2, 0, 1) / 255
        if self.model == "fine-tuned":
            found = heatmap(self._tuned_learner(), self._register.file(photo), cat=code)
            # Photos are squeezed to a square as a whole: the map lies over the photo in its own shape just as well.
            return replace(found, picture=picture, label=label)
        return HeatMap(torch.from_numpy(self._quick_heat(photo, code)), picture, code, label, "score by place")

    def _tuned_learner(self) -> VisionLearner:
        model = self._tuned(self._log.kept("fine-tuned"))
        assert model is not None
        if self._learner is None or self._learner[0] != model.id:
            self._learner = (model.id, model.load())
        return self._learner[1]

    def _quick_heat(self, photo: int, code: int) -> Floats:
        """The quick model's score of a class taken apart, [h, w] of its finest layer."""
        from handlens.core.artifact import load_artifact
        from handlens.studio.attention import Part, against_others, heat
        from handlens.studio.predictor import KIND

        if self._weights is None or self._weights[0] != self.model_version:
            config, tensors = load_artifact(self.folder / "model", KIND)
            self._weights = (self.model_version, {name: tensors[f"layer.{name}"].numpy() for name in config["layers"]})
        _, weights = self._weights
        parts = []
        for source in self.sources:
            used = {i: layer for i, layer in enumerate(source.layers) if layer.id in weights}
            if not used:
                continue
            if not source.restore() or source.extractor is None:
                raise CollectionError(f"the features of {source.title} are damaged on disk. Prepare again.")
            maps = source.extractor.maps(source.square(self._register.file(photo)))
            for i, layer in used.items():
                mean = self._layer_maps(layer).fit().scaling.mean
                towards = against_others(weights[layer.id], code)
                parts.append(Part(maps[i // 2][0].numpy(), towards, mean, layer.pooling))
        return heat(parts)

    # --- taking away ---------------------------------------------------------------------------

    def export_labels(self, path: Path | str) -> None:
        """Write the labelled photos as CSV: path, label."""
        table = pd.DataFrame({"path": self.paths, "label": self.labels.to_numpy()})
        write_csv(table.dropna(subset="label"), path)

    def export_predictions(self, path: Path | str) -> None:
        """Write `predictions()` as CSV."""
        write_csv(self.predictions(), path)

    def export_folders(self, path: Path | str) -> None:
        """Write a zip of the labelled photos in folders by label."""
        write_folders(self.images, self.paths, self.labels, path)

    def export_model(self, path: Path | str) -> None:
        """Write the model in use as a folder that `handlens predict` uses without Studio, with its model card.

        A card that is there already keeps what people answered. Raises TrainingError before training.
        """
        from handlens.core.artifact import load_artifact, save_artifact
        from handlens.studio.predictor import KIND

        kind = self.model
        kept = self._kept_report(kind) if kind else None
        if kept is None:
            raise TrainingError(_NO_MODEL)
        assert self.report is not None
        card = model_card(self.name, self.report).for_export(Path(path))
        tuned = self._tuned(kept) if kind == "fine-tuned" else None
        if tuned is not None:
            tuned.export(Path(path), self._called_now(tuned.classes, kept), card=card)
            return
        config, tensors = load_artifact(self.folder / "model", KIND)
        classes = self._called_now(config["classes"], kept)
        save_artifact(Path(path), KIND, config | {"classes": classes}, tensors, card=card)

    # --- the page ------------------------------------------------------------------------------

    @property
    def view(self) -> dict[str, Any] | None:
        """Where the page was left, free-form."""
        kept = self._log.kept("view")
        return kept if isinstance(kept, dict) else None

    def set_view(self, view: dict[str, Any]) -> None:
        """Remember where the page is."""
        self._log.keep("view", view)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener(kind, payload)` on every change, from whatever thread; returns how to stop."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def _tell(self, kind: str, **payload: Any) -> None:
        for listener in list(self._listeners):
            listener(kind, payload)

    def _changed(self) -> None:
        self._tell("state")

    def _check_photo(self, photo: int) -> None:
        if not 0 <= photo < len(self._register):
            raise CollectionError(
                f"ids must lie between 0 and {len(self._register) - 1}, the positions in paths; {photo} arrived."
            )


def _wishes(
    backbone: str | Sequence[str] | None, weights: Path | str | Sequence[Path | str] | None
) -> list[dict[str, str | None]]:
    backbones = [backbone] if isinstance(backbone, str) else list(backbone or [])
    files = [weights] if isinstance(weights, (str, Path)) else list(weights or [])
    if len(files) > len(backbones):
        raise CollectionError(f"weights need a backbone each; {len(files)} files and {len(backbones)} names arrived.")
    for file in files:
        if not Path(file).expanduser().is_file():
            raise CollectionError(f"weights must be a safetensors file; there is no file {file}.")
    paths: list[str | None] = [str(Path(file).expanduser().resolve()) for file in files]
    paths += [None] * (len(backbones) - len(paths))
    wishes: list[dict[str, str | None]] = [{"backbone": b, "weights": w} for b, w in zip(backbones, paths, strict=True)]
    return wishes or [{"backbone": None, "weights": None}]


def _questions(sheet: type[Datasheet]) -> list[str]:
    return [key for questions in sheet.sections.values() for key in questions] + ["notes"]


def _why(source: Source) -> str:
    """A failed source's reason as a sentence, and what to do."""
    reason = (source.message or "").rstrip(".")
    return f"{reason[:1].upper()}{reason[1:]}. To try again: Sources in the page, or add_features and prepare."


def _counts(codes: NDArray[np.integer], names: list[str]) -> dict[str, int]:
    return dict(zip(names, np.bincount(codes[codes >= 0], minlength=len(names)).tolist(), strict=True))


def _other_files(target: Path, photos: Path) -> bool:
    """Whether the folder holds more than the photos and what a `create` that was cut short left behind."""
    begun = ("collection.json.tmp", "collection.sqlite")
    return any(e != photos and not e.name.startswith(begun) for e in target.iterdir())


def _read_about(folder: Path) -> dict[str, Any]:
    file = folder / "collection.json"
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CollectionError(
            f"{folder} is not a collection: it has no collection.json. Create one with Collection.create."
        ) from None
    except (OSError, ValueError) as error:
        raise CollectionError(f"{file} cannot be read ({error}).") from error
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise CollectionError(f"{file} does not describe a handlens collection.")
    if not isinstance(about.get("version"), int) or about["version"] > FORMAT_VERSION:
        raise CollectionError(
            f"{folder} was made by a newer handlens (version {about.get('version')}). Update handlens to open it."
        )
    if not all(isinstance(about.get(key), kind) for key, kind in (("name", str), ("images", str), ("seed", int))):
        raise CollectionError(f"{file} is damaged: name, images or seed is missing.")
    return about
