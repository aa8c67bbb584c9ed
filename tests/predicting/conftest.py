"""Features are learned on few patches: these tests are about what is done with them, not about how good they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def few_patches() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("handlens.studio.features.patches._SAMPLES", 1_000)
        yield
