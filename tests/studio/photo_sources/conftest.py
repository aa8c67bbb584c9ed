"""Gathering a source of photos into a folder, and what came of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from handlens.studio.photo_sources import PhotoSource
from handlens.studio.photo_sources.gathering import Gathering
from handlens.studio.photo_sources.table import GatheredTable


class Gathered(NamedTuple):
    """The files in the folder of photos, where each came from, and what was left out."""

    folder: Path
    files: list[str]
    places: dict[str, tuple[Any, ...]]
    left_out: dict[str, str]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The folder of a collection that is being made."""
    folder = tmp_path / "own"
    folder.mkdir()
    return folder


@pytest.fixture
def gather(own: Path) -> Callable[..., Gathered]:
    """Copies the photos of a source; places are (name of the source, member, page, second)."""

    def run(images: Any, *, progress: Any = None, cancel: threading.Event | None = None, **options: Any) -> Gathered:
        photos, database = own / "photos", own / "collection.sqlite"
        Gathering(PhotoSource(images, **options), photos, database, progress=progress, cancel=cancel).run()
        table = GatheredTable(database)
        places = {kept.path: (Path(place.source).name, *place[1:]) for place, kept in table.kept().items()}
        left_out = {out.path: out.reason for found in table.left_out().values() for out in found}
        files = sorted(file.relative_to(photos).as_posix() for file in photos.rglob("*") if file.is_file())
        return Gathered(photos, files, places, left_out)

    return run


@pytest.fixture(scope="session")
def photo() -> Callable[..., Path]:
    """Writes a small picture of one grey, a PNG unless its name says otherwise."""

    def write(path: Path, grey: int = 100) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((12, 16), grey, np.uint8)).save(path)
        return path

    return write
