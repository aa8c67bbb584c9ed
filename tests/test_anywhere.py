"""What `make test-anywhere` runs: tests that exist, in environments that say what is meant."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "tests" / "anywhere.py"))


def test_every_path_exists(script: dict[str, Any]) -> None:
    assert [path for path in script["PATHS"] if not (ROOT / path).exists()] == []


def test_environments(script: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "ATEN_CPU_CAPABILITY"):
        monkeypatch.setenv(name, "of this machine")
    setting = script["Setting"]
    unset = setting(None, None, None).environment
    assert [name for name, value in unset.items() if value == "of this machine"] == []
    given = setting("Haswell", "avx2", 2).environment
    assert given["OPENBLAS_CORETYPE"] == "Haswell"
    assert given["ATEN_CPU_CAPABILITY"] == "avx2"
    assert given["OMP_NUM_THREADS"] == given["MKL_NUM_THREADS"] == "2"
    every = {(s.openblas, s.aten, s.threads) for s in script["settings"]()}
    assert {cores for cores, _, _ in every} == {None, "Sandybridge", "Haswell", "Zen", "SkylakeX"}
    assert {aten for _, aten, _ in every} == {None, "default", "avx2", "avx512"}
    assert {threads for _, _, threads in every} == {None, 1, 2}


def test_kernels_that_a_library_does_not_have_are_not_run(script: dict[str, Any]) -> None:
    missing = script["Setting"]("Nothing", None, 1).missing()
    assert missing is not None
    assert "OpenBLAS runs" in missing
