"""How work in the background ended."""

from __future__ import annotations

import pytest

from handlens.errors import Cancelled, StorageError
from handlens.studio.progress import ended_by


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (Cancelled(), {"phase": "cancelled"}),
        (StorageError("no room."), {"phase": "failed", "error": "no room."}),
        (ValueError("odd"), {"phase": "failed", "error": "preparing stopped unexpectedly: odd."}),
        (KeyboardInterrupt(), {"phase": "failed"}),
    ],
)
def test_what_the_person_reads(error: BaseException, ended: dict[str, str]) -> None:
    assert ended_by(error, "preparing") == ended
