"""What an engine runs: units of work, each of which becomes files that are committed whole, in any process."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, NamedTuple, Protocol


class UnitDone(NamedTuple):
    """What came of a unit: photos that are done, and photos that are left out."""

    unit: int
    photos: int
    left_out: int


class UnitWork(Protocol):
    """Does units of one run, in one process; it is made with the folder of the run and `threads`."""

    @staticmethod
    def created(out: Path) -> str:
        """What tells the run in a folder from others; ShardError if there is none."""

    def run(self, number: int) -> UnitDone:
        """Do a unit, unless it is done already."""


class EngineJob(NamedTuple):
    """One run, as an engine takes it.

    Attributes:
        work: the class of the work, as "module:name"; each process imports it.
        out: the folder of the run.
        created: what `UnitWork.created` must say of the folder.
        threads: of each process.
        command: what people call it, such as "handlens embed".
        what: what happens to photos: "embedded".
    """

    work: str
    out: Path
    created: str
    threads: int
    command: str
    what: str


def class_of(work: str) -> Any:
    """The class that a job names."""
    module, name = work.split(":")
    return getattr(importlib.import_module(module), name)
