"""Studio's app over a home of its own, with and without a prepared collection in it."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from handlens.studio.server.app import create_app

ADDRESS = "http://127.0.0.1:8600"
SHAPES = "shapes-0123456789"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where Studio keeps its collections; empty."""
    return tmp_path / "home"


@pytest.fixture
def client(home: Path, quick: None) -> Iterator[TestClient]:
    """The app, asked as its own page would."""
    with TestClient(create_app(home), base_url=ADDRESS, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def shapes(home: Path, prepared_folder: Path) -> str:
    """The address of a prepared collection of 40 photos below /api: ids 0–19 are circles, 20–39 squares."""
    shutil.copytree(prepared_folder, home / "collections" / SHAPES)
    return f"/api/collections/{SHAPES}"


@pytest.fixture(scope="session")
def selection() -> Callable[..., str]:
    """Ids as the API's bitmask over `count` photos."""

    def pack(ids: list[int], count: int = 40) -> str:
        bits = np.zeros(count, bool)
        bits[ids] = True
        return base64.b64encode(np.packbits(bits, bitorder="little")).decode()

    return pack


@pytest.fixture(scope="session")
def unpacked() -> Callable[[str, str], np.ndarray]:
    """The API's base64 as an array of a type such as "<i4"."""
    return lambda text, dtype: np.frombuffer(base64.b64decode(text), dtype)


@pytest.fixture(scope="session")
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Wait for something that happens in another thread or process; fails after five minutes."""

    def wait(happened: Callable[[], bool], seconds: float = 300.0) -> None:
        until = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < until, f"it did not happen within {seconds:.0f} seconds"
            time.sleep(0.02)

    return wait
