"""The files of the repository that tests read, found without a look at the thousands of the page's packages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOT_OURS = {"node_modules", "page", "__pycache__"}
"""Folders of packages, of what is built, and of what Python compiled."""


def files_below(folder: Path) -> Iterator[Path]:
    """All files in a folder and the folders in it, but for those of `NOT_OURS`."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - NOT_OURS)
        yield from (Path(place, name) for name in names)


@cache
def python_files(*folders: str) -> tuple[Path, ...]:
    """The modules in some folders of the repository, such as "src", in order."""
    found = (file for folder in folders for file in files_below(ROOT / folder))
    return tuple(sorted(file for file in found if file.suffix == ".py"))


@cache
def text_of(file: Path) -> str:
    """What stands in a file."""
    return file.read_text(encoding="utf-8")
