"""A collection: a folder of photos, its labels, its maps and its model. The page does nothing that this cannot.

`Collection` is put together from its parts, a module each. A part keeps its own state, and its bases are the parts that
it stands on, down to the open folder: the parts above them cannot be used there, nor can the whole.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from handlens.errors import CollectionError, StorageError
from handlens.io.problems import reason_of
from handlens.studio.collection.about import ABOUT, new_about
from handlens.studio.collection.checking import Checking
from handlens.studio.collection.fine_tuning import Tuning
from handlens.studio.collection.heatmaps import HeatMaps
from handlens.studio.collection.layers import wishes_for
from handlens.studio.collection.preparing import Preparing
from handlens.studio.collection.separating import Separating
from handlens.studio.collection.taking_away import TakingAway
from handlens.studio.collection.training import Training
from handlens.studio.labels import LabelLog


class Collection(Preparing, Separating, Training, Tuning, HeatMaps, Checking, TakingAway):
    """A folder of photos being labelled.

    Photos are known by id, their position in `paths`, which never changes. Methods may be called
    from several threads. All errors are HandlensError with a sentence for the person.
    """

    def __init__(self, folder: Path) -> None:
        """Use `create` or `open`."""
        super().__init__(folder)

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
        wishes = wishes_for(backbone, weights)
        about = new_about(target, photos, name=name, seed=seed)
        try:
            target.mkdir(parents=True, exist_ok=True)
            partial = target / "collection.json.tmp"
            partial.write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
            log = LabelLog(target / "collection.sqlite", 0)
            log.keep("sources", wishes)
            log.close()
            partial.replace(target / ABOUT)  # last, so that a folder with it is whole
        except OSError as error:
            raise StorageError(f"{target} cannot be written: {reason_of(error)}.") from error
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


def _other_files(target: Path, photos: Path) -> bool:
    """Whether the folder holds more than the photos and what a `create` that was cut short left behind."""
    begun = ("collection.json.tmp", "collection.sqlite")
    return any(e != photos and not e.name.startswith(begun) for e in target.iterdir())
