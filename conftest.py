"""Runs the Python code of README.md and docs/ as tests, and what these share with the tests: small tables."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pandas as pd
import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from tests.made_tables import EXECUTED, seven_tables, write_csv_files, write_made_tables


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect thousands of tests, all of which stay, without looking for some that could be thrown away."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def rossmann_tables() -> dict[str, pd.DataFrame]:
    """A small set of the seven Rossmann tables, by name; a new one for each test."""
    return seven_tables()


@pytest.fixture
def write_tables() -> Callable[..., Path]:
    """Writes tables as CSV files, compressed for the suffix .csv.gz; gives the folder."""
    return write_csv_files


@pytest.fixture(scope="module")
def documentation_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder for one page of documentation: data/rossmann, data/adult, docs/data, and HANDLENS_HOME.

    As the tables are small ones, so are the collections that come with Studio, and features are learned on fewer
    patches: otherwise that would take longer than all else on these pages.
    """
    folder = tmp_path_factory.mktemp("documentation")
    write_made_tables(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HANDLENS_HOME", str(folder / "home"))
        patch.setenv("MPLBACKEND", "agg")  # pictures are drawn, and shown nowhere
        patch.setattr("handlens.studio.builtin.digits.COUNT", 600)
        patch.setattr("handlens.studio.builtin.vehicles.COUNT", 240)
        patch.setattr("handlens.studio.features.patches._SAMPLES", 5_000)
        yield folder
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md"],
    excludes=[f"docs/{page}.md" for page in EXECUTED],  # by the build of the site, which is a test too
    fixtures=["documentation_folder"],
).pytest()
