"""How long handlens takes to start, and how much the packages weigh that it requires and that its extras bring.

    python benchmarks/startup.py [--only times,weights] [--out benchmarks/results]

`times` starts a new process each time, as a person or a script does; its files are in the system's cache. `weights`
adds up the files of installed packages: each extra with all that it requires and a plain installation does not have.
An extra that is not installed is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib import metadata

import report
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from report import ROOT, Bench

RUNS = 15

COMMANDS = {
    "`handlens --help`": (["-m", "handlens", "--help"], 0.25),
    "`import handlens`": (["-c", "import handlens"], 0.1),
    "`import handlens.studio`": (["-c", "import handlens.studio"], 1.5),
    "a word completed in a shell": (["-m", "handlens"], 0.25),
    "Python alone": (["-c", "pass"], None),
}

PARTS = ("torchvision", "timm", "opencv-python-headless", "matplotlib", "openTSNE", "scikit-learn")
"""What parts of handlens do without; timm requires torchvision, and openTSNE scikit-learn."""

GPU = ("nvidia-", "triton", "cuda-")


def times(bench: Bench) -> None:
    """Seconds from the start of a process to its end."""
    words = {"_HANDLENS_COMPLETE": "complete_bash", "COMP_WORDS": "handlens st", "COMP_CWORD": "1"}
    for what, (arguments, most) in COMMANDS.items():
        environment = {**os.environ, **(words if "completed" in what else {})}
        runs = [seconds(arguments, environment) for _ in range(RUNS + 1)][1:]  # the first one fills the cache
        bench.add(what, runs, at_most=most, unit="s")


def seconds(arguments: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def weights(bench: Bench) -> None:
    """Megabytes on disk."""
    core = required("handlens")
    for_gpus = {name for name in core if name.startswith(GPU)}
    bench.add("a plain installation, PyTorch's packages for GPUs left out", [size(core - for_gpus)], unit="MB")
    bench.add("PyTorch's packages for GPUs", [size(for_gpus)], unit="MB")
    for name in PARTS:
        bench.add(f"less without {name}", [size(core - required("handlens", without=name))], unit="MB")
    for extra in metadata.metadata("handlens").get_all("Provides-Extra") or []:
        try:
            brought = required("handlens", extra) - core
        except metadata.PackageNotFoundError as error:
            print(f"-  extra {extra} is left out: {error.name} is not installed")
            continue
        bench.add(f"extra {extra}", [size(brought)], unit="MB")


def required(package: str, extra: str = "", *, without: str = "") -> set[str]:
    """The packages that one requires, directly or not, and itself; `without` one of them and what it alone requires."""
    waiting, found = [(package, "")] + [(package, extra)] * bool(extra), set()
    while waiting:
        name, extra = waiting.pop()
        if (canonicalize_name(name), extra) in found or canonicalize_name(name) == canonicalize_name(without):
            continue
        found.add((canonicalize_name(name), extra))
        for text in metadata.requires(name) or []:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
                waiting += [(wanted.name, ""), *((wanted.name, more) for more in wanted.extras)]
    return {name for name, _ in found}


def size(packages: set[str]) -> float:
    """Megabytes of the files of packages; files that are gone, and what Python has compiled, count nothing."""
    total = 0
    for package in packages - {"handlens"}:
        for file in metadata.files(package) or []:
            path = file.locate()
            total += os.stat(path).st_size if file.suffix != ".pyc" and os.path.exists(path) else 0
    return total / 1e6


SECTIONS = {"times": times, "weights": weights}

if __name__ == "__main__":
    bench = Bench(ROOT)
    given = report.options(__doc__ or "", SECTIONS)
    sys.exit(report.run("startup", bench, SECTIONS, given))
