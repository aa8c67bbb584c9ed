"""A collection to import into, which is not prepared: ids 0–19 are circles/0.png …, ids 20–39 squares/0.png …."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from handlens.studio.collection import Collection


@pytest.fixture
def bare(drawn: Path, tmp_path: Path) -> Iterator[Collection]:
    with Collection.create(tmp_path / "bare", images=drawn, backbone=None) as opened:
        yield opened
