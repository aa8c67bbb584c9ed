"""Runs the numerical tests as on other processors, and prints a table: `make test-anywhere`, about 20 minutes.

Processors round differently, because BLAS, ATen and oneDNN each pick kernels by what a processor has. A processor that
has much can run what was made for one that has less, so one machine stands for many. A test that passes with some
kernels only depends on rounding, or on luck: correct the test, or what it tests.

    python tests/anywhere.py [options of pytest]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]

PATHS = [
    "tests/audit",
    "tests/callbacks",
    "tests/compat",
    "tests/core",
    "tests/estimators",
    "tests/studio/collection",
    "tests/studio/features",
    "tests/studio/models",
    "tests/studio/test_classifier.py",
    "tests/studio/test_neighbours.py",
    "tests/studio/test_predictor.py",
    "tests/studio/test_projections.py",
    "tests/studio/test_discriminant.py",
    "tests/studio/test_spurious_flags.py",
    "tests/tabular",
    "tests/vision",
]
"""The tests whose numbers come from BLAS or PyTorch."""

ATEN = {
    "default": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "avx512": {"ATEN_CPU_CAPABILITY": "avx512", "ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
}
"""PyTorch's own kernels, and oneDNN's for convolutions, by instruction set."""

KERNELS = [("Sandybridge", "default"), ("Haswell", "avx2"), ("Zen", "avx2"), ("SkylakeX", "avx512")]
"""What is run: kernels of OpenBLAS, beside those of PyTorch on processors of that age."""

PROBE = """
import numpy, scipy.linalg, threadpoolctl, torch
ones = numpy.ones((64, 64), numpy.float32)
assert (ones @ ones == 64).all() and (torch.ones(64, 64) @ torch.ones(64, 64) == 64).all()
cores = {pool["architecture"] for pool in threadpoolctl.threadpool_info() if pool["internal_api"] == "openblas"}
print(*sorted(cores), torch.backends.cpu.get_cpu_capability())
"""


@dataclass
class Setting:
    """One way to run the tests: kernels, None for those that the libraries choose, and threads of each library."""

    openblas: str | None
    aten: str | None
    threads: int | None
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        named = ("OPENBLAS_", "OMP_", "MKL_", "ATEN_CPU", "ONEDNN_", "HANDLENS_")
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(named[:-1])}
        self.environment["PYTHONPATH"] = str(ROOT / "src")
        if self.openblas:
            self.environment["OPENBLAS_CORETYPE"] = self.openblas
        if self.aten:
            self.environment |= ATEN[self.aten]
        if self.threads:
            self.environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(self.threads))

    @property
    def title(self) -> str:
        kernels = f"{self.openblas} {self.aten}" if self.openblas else "unset"
        return f"{kernels:<20} {f'{self.threads} threads' if self.threads else 'unset':<10}".replace(
            "1 threads", "1 thread "
        )

    def missing(self) -> str | None:
        """What this processor, or these builds of the libraries, lack for the setting."""
        ran = subprocess.run([sys.executable, "-c", PROBE], env=self.environment, capture_output=True, text=True)
        if ran.returncode:
            return f"the libraries end with status {ran.returncode}"
        *cores, aten = ran.stdout.split()
        if self.openblas and {core.lower() for core in cores} != {self.openblas.lower()}:
            return f"OpenBLAS runs {' and '.join(cores) or 'not at all'} instead"
        if self.aten and aten.lower() != self.aten:
            return f"PyTorch runs {aten} instead"
        return None


def settings() -> Iterator[Setting]:
    yield Setting(None, None, None)
    for kernels in KERNELS:
        for threads in (1, 2):
            yield Setting(*kernels, threads)


def run(setting: Setting, options: list[str]) -> tuple[dict[str, int], float, list[str]]:
    """Counts of tests, seconds, and the names of those that failed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not browser", "-p", "no:cacheprovider"]
        began = time.monotonic()
        ran = subprocess.run(
            [*command, f"--junit-xml={report}", *PATHS, *options],
            env=setting.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        seconds = time.monotonic() - began
        if ran.returncode:
            print(ran.stdout)
        if not report.is_file():
            return {"failed": 1}, seconds, [f"pytest ended with status {ran.returncode}"]
        cases = list(ElementTree.parse(report).iter("testcase"))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failed = []
    for case in cases:
        found = {child.tag for child in case} & {"failure", "error", "skipped"}
        outcome = "skipped" if found == {"skipped"} else "failed" if found else "passed"
        counts[outcome] += 1
        if outcome == "failed":
            failed.append(f"{case.get('classname')}::{case.get('name')}")
    if ran.returncode and not failed:
        failed, counts["failed"] = [f"pytest ended with status {ran.returncode}"], 1
    return counts, seconds, failed


def main(options: list[str]) -> int:
    lines, failures = [f"{'kernels':<20} threads passed failed skipped seconds"], []
    for setting in settings():
        missing = setting.missing()
        if missing:
            lines.append(f"{setting.title} not run: {missing}")
        else:
            counts, seconds, failed = run(setting, options)
            numbers = (counts.get(name, 0) for name in ("passed", "failed", "skipped"))
            lines.append(f"{setting.title} {'{:6} {:6} {:7}'.format(*numbers)} {seconds:7.0f}")
            failures += [f"{setting.title} {name}" for name in failed]
        print(lines[-1], flush=True)
    print("", *lines, "", *failures, sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
