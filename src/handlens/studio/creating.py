"""Making the folder of a new collection."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from handlens.errors import Cancelled, CollectionError, StorageError
from handlens.io.files import atomic_write
from handlens.io.problems import reason_of
from handlens.scale.manifest import has_shards
from handlens.scale.manifest import read_manifest as read_shards_manifest
from handlens.studio.costs import check_room
from handlens.studio.manifest import DATABASE, MANIFEST, new_manifest
from handlens.studio.photo_sources.gathering import Gathering
from handlens.studio.photo_sources.source import PhotoSource
from handlens.studio.photo_sources.table import GatheredTable
from handlens.studio.progress import GatheringProgress
from handlens.studio.settings import RequestedSource, Settings
from handlens.studio.sources import AUTO, LEARNED, requested_sources

OWN_PHOTOS = "photos"
"""The folder of a collection's own photos, in its folder."""

_TOLD = 0.5
"""Seconds between two reports of how far looking at a folder is."""

_UNFINISHED = re.compile(rf"\.[0-9a-f]+\.tmp\.json|{re.escape(MANIFEST)}\.tmp")
"""The name of what `atomic_write` had not finished when it was killed, in this version and in earlier ones."""


def create_collection(
    folder: Path | str,
    *,
    images: PhotoSource,
    backbone: str | Sequence[str | None] | None,
    weights: Path | str | Sequence[Path | str] | None,
    seed: int,
    name: str | None,
    progress: Callable[[GatheringProgress], None] | None,
    cancel: threading.Event | None,
) -> Path:
    """Make the folder of a collection, complete or not at all; see `Collection.create`.

    Returns:
        The folder, as an absolute path.
    """
    images.check()
    target = Path(folder).expanduser().resolve()
    photos = images.folder or target / OWN_PHOTOS
    on_shards = images.folder is not None and has_shards(images.folder)
    check_apart(target, photos)
    if target.exists() and (not target.is_dir() or _other_files(target, photos)):
        raise CollectionError(f"{target} exists and is not an empty folder. Open it, or choose another folder.")
    if images.folder is None and photos.exists() and not GatheredTable(target / DATABASE).exists:
        raise CollectionError(f"{photos} exists, and photos would be copied there. Choose another folder.")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise CollectionError(f"seed must be a whole number, 0 or more; {seed!r} arrived.")
    sources = _of_shards(photos, backbone, weights) if on_shards else requested_sources(backbone, weights)
    check_room(images, backbone=backbone, folder=target, step=looking(progress, cancel))
    manifest = new_manifest(target, photos, name=name or images.name, seed=seed, shards=on_shards)
    try:
        target.mkdir(parents=True, exist_ok=True)
        settings = Settings(target / DATABASE)
        settings.requested_sources = sources
        settings.place = str(target)
        settings.close()
        if images.folder is None:
            Gathering(images, photos, target / DATABASE, progress=progress, cancel=cancel).run()
        with atomic_write(target / MANIFEST) as partial:  # last, so that a folder with it is complete
            partial.write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {reason_of(error)}.") from error
    return target


def looking(
    progress: Callable[[GatheringProgress], None] | None, cancel: threading.Event | None
) -> Callable[[int], None]:
    """What is called with the number of files seen, while the folder of a new collection is looked at.

    It reports the progress twice a second at most, and raises Cancelled when asked to.
    """
    told = time.monotonic()

    def step(files: int) -> None:
        nonlocal told
        if cancel is not None and cancel.is_set():
            raise Cancelled("looking at the photos was cancelled; nothing was changed.")
        if progress and time.monotonic() - told > _TOLD:
            told = time.monotonic()
            progress(GatheringProgress(files=files, total=files))

    return step


def _of_shards(
    folder: Path, backbone: str | Sequence[str | None] | None, weights: Path | str | Sequence[Path | str] | None
) -> list[RequestedSource]:
    """The source of the features that shards have."""
    if backbone not in (AUTO, [AUTO], (AUTO,)) or weights:
        raise CollectionError(
            f"the photos in {folder} were embedded already, so no backbone can be chosen. To use another one, run "
            "`handlens embed` with it, into another folder."
        )
    name = read_shards_manifest(folder).backbone
    return [{"backbone": None if name == LEARNED else name, "weights": None}]


def check_apart(folder: Path, photos: Path) -> None:
    """Raise CollectionError if a collection's folder is the folder of photos or below it."""
    if folder == photos or photos in folder.parents:
        raise CollectionError(
            f"the collection would be among the photos, which it must not change; choose a folder outside of {photos}."
        )


def _other_files(target: Path, photos: Path) -> bool:
    """Whether the folder holds more than the photos and what an interrupted call left."""
    return any(
        e != photos and not e.name.startswith(DATABASE) and not _UNFINISHED.fullmatch(e.name) for e in target.iterdir()
    )
