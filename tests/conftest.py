"""What all tests share."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about the machine than about the code. In CI the examples are the same each
# time, so that a run fails because of what was changed; elsewhere each run looks at new ones.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the repository (or in HANDLENS_SHARED); skips the test without it."""
    named = os.environ.get("HANDLENS_SHARED")
    folder = (Path(named) if named else Path(__file__).resolve().parents[2] / "shared") / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data, which is not at {folder} (HANDLENS_SHARED names another place)")
    return folder


class _Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise SystemExit('code from a file was run')",)


@pytest.fixture
def bomb() -> bytes:
    """A pickle that ends the test run when something loads it."""
    return pickle.dumps(_Bomb())
