"""Facts of a run: where, with what and on what it was trained; and which names are theirs."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from handlens.errors import ExperimentError

FACTS = (
    "run",
    "combination",
    "phase",
    "seed",
    "split",
    "status",
    "epochs",
    "value",
    "bumpiness",
    "seconds",
    "started",
    "ended",
    "machine",
    "commit",
    "error",
    "note",
    "star",
    "hidden",
    "epoch",
)
"""Names of columns that choices and numbers may not have."""

_PACKAGES = ("handlens", "torch", "numpy", "pandas", "scikit-learn", "optuna")


def check_name(name: Any, what: str) -> None:
    """Raise ExperimentError for what cannot be the name of a choice or a number."""
    if not isinstance(name, str) or not name.strip() or len(name) > 200:
        raise ExperimentError(f"the name of {what} must be text of 1 to 200 characters; {name!r} arrived.")
    if name in FACTS:
        raise ExperimentError(
            f"{what} cannot be called {name!r}: study.frame() and study.curves() have a column of this name. Give it "
            "another name."
        )


def facts_here(owner_machine: str) -> dict[str, Any]:
    """What is known of this process before training: machine, versions, commit."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "machine": owner_machine.partition("/")[0],
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "versions": versions,
        "commit": _commit(),
        "script": sys.argv[0] if sys.argv else "",
        "data": None,
    }


def _commit() -> str | None:
    """The commit of the folder that the program was started in, with + if files differ from it; None without git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
