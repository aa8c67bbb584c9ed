"""The server of a folder with one study, for tests of the page of experiments."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Studio, start_server

LAYERS = ([200, 100], [1000, 500])
ERROR = "Traceback (most recent call last):\n  …\nFloatingPointError: the loss is NaN"


def serving(make: Callable[[Path], None]) -> tuple[Any, Any]:
    """The fixtures `studio` and `folder` of a module: the server, and its folder, in which `make` made the study."""

    @pytest.fixture(scope="module")
    def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
        home = tmp_path_factory.mktemp("experiments") / "home"
        make(home / "study")
        server = start_server("handlens experiments", home, "experiments", home / "study")
        yield server
        server.stop()

    @pytest.fixture
    def folder(studio: Studio) -> Iterator[Path]:
        """As it was after the test; to be asked for before a page, which it outlives."""
        yield studio.home / "study"
        shutil.rmtree(studio.home / "study", ignore_errors=True)  # the server may look into it meanwhile
        make(studio.home / "study")

    return studio, folder
