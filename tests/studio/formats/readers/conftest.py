"""What the tests of importers share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handlens.studio.formats import Importer, PhotoNames, importer_of


@pytest.fixture
def rows() -> Callable[..., list[tuple[Any, ...]]]:
    """What an importer finds: photo, label and place of each statement, and its box where it has one."""

    def read(importer: Importer, path: Path, photos: tuple[str, ...] = (), **choices: str) -> list[tuple[Any, ...]]:
        table = importer.read(path, PhotoNames(photos), **choices).labels
        boxes = table[["x", "y", "width", "height"]].to_numpy()
        texts = table[["photo", "label", "where"]].itertuples(index=False, name=None)
        return [text if box[0] != box[0] else (*text, tuple(box)) for text, box in zip(texts, boxes, strict=True)]

    return read


@pytest.fixture
def problems() -> Callable[..., list[tuple[str, str]]]:
    """What an importer cannot read: the place and the reason."""

    def read(importer: Importer, path: Path, photos: tuple[str, ...] = (), **choices: str) -> list[tuple[str, str]]:
        found = importer.read(path, PhotoNames(photos), **choices).problems
        return list(found.itertuples(index=False, name=None))

    return read


@pytest.fixture
def format_of() -> Callable[[Path], str]:
    """The name of the format that a file or folder is read as unless one is given."""
    return lambda path: importer_of(path).name
