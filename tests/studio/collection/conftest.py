"""Labels for the drawn shapes: ids 0–19 are circles, 20–39 squares."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from handlens.studio.collection import Collection


@pytest.fixture(scope="session")
def label_some() -> Callable[..., None]:
    """Labels the first `n` of each kind."""

    def label(collection: Collection, n: int = 6) -> None:
        collection.label(range(n), "circle")
        collection.label(range(20, 20 + n), "square")

    return label
