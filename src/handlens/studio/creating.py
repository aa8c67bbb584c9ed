"""Making the folder of a new collection."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from handlens.errors import CollectionError, StorageError
from handlens.io.files import atomic_write
from handlens.io.problems import reason_of
from handlens.studio.manifest import DATABASE, MANIFEST, new_manifest
from handlens.studio.settings import Settings
from handlens.studio.sources import requested_sources

_UNFINISHED = re.compile(rf"\.[0-9a-f]+\.tmp\.json|{re.escape(MANIFEST)}\.tmp")
"""The name of what `atomic_write` had not finished when it was killed, in this version and in earlier ones."""


def create_collection(
    folder: Path | str,
    *,
    images: Path | str,
    backbone: str | Sequence[str | None] | None,
    weights: Path | str | Sequence[Path | str] | None,
    seed: int,
    name: str | None,
) -> Path:
    """Make the folder of a collection, complete or not at all; see `Collection.create`.

    Returns:
        The folder, as an absolute path.
    """
    target, photos = Path(folder).expanduser().resolve(), Path(images).expanduser().resolve()
    if not photos.is_dir():
        raise CollectionError(f"images must be a folder of photos; there is no folder {photos}.")
    check_apart(target, photos)
    if target.exists() and (not target.is_dir() or _other_files(target, photos)):
        raise CollectionError(f"{target} exists and is not an empty folder. Open it, or choose another folder.")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise CollectionError(f"seed must be a whole number, 0 or more; {seed!r} arrived.")
    sources = requested_sources(backbone, weights)
    manifest = new_manifest(target, photos, name=name, seed=seed)
    try:
        target.mkdir(parents=True, exist_ok=True)
        settings = Settings(target / DATABASE)
        settings.requested_sources = sources
        settings.place = str(target)
        settings.close()
        with atomic_write(target / MANIFEST) as partial:  # last, so that a folder with it is complete
            partial.write_text(json.dumps(manifest, indent=1, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {reason_of(error)}.") from error
    return target


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
