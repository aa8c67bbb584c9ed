"""Facts of a run: where, with what and on what it was trained; and which names are theirs."""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from handlens.errors import ExperimentError
from handlens.experiments.reading import frames
from handlens.experiments.store import storable

if TYPE_CHECKING:
    from handlens.core.learner import Learner

_TAKEN = ("run", *frames.FACTS, "epoch")
"""Names of columns that choices and numbers may not have."""

_PACKAGES = ("handlens", "torch", "numpy", "pandas", "scikit-learn", "optuna")


def check_name(name: Any, what: str) -> None:
    """Raise ExperimentError for what cannot be the name of a choice or a number."""
    if not isinstance(name, str) or not name.strip() or len(name) > 200 or name != storable(name):
        raise ExperimentError(f"the name of {what} must be text of 1 to 200 characters; {name!r} arrived.")
    if name in _TAKEN:
        raise ExperimentError(
            f"{what} cannot be called {name!r}: study.frame() and study.curves() have a column of this name. Give it "
            "another name."
        )


@cache
def facts_here() -> dict[str, Any]:
    """What is known of this process before training: machine, versions, commit."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "machine": socket.gethostname(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "versions": versions,
        "commit": _commit(),
        "script": sys.argv[0] if sys.argv else "",
        "data": None,
    }


def data_facts(learn: Learner) -> dict[str, Any]:
    """What a learner is trained and validated on: how many items of which classes, and a hash of them.

    The hash is of the rows and their labels; of pictures, it is of their names and labels.
    """
    data = learn.data
    digest = hashlib.blake2b(digest_size=16)
    for part in (data.train_dl, data.valid_dl):
        tensors = getattr(part, "tensors", None)
        if tensors is None:
            tensors = [part.dataset.y.data] if len(part) else []
            digest.update("\n".join(map(str, getattr(part.dataset.x, "items", ()))).encode())
        for tensor in tensors:
            digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).data)
    return {**data.facts(), "hash": digest.hexdigest()}


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
