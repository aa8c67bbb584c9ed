"""A process that is killed before any step on the disk leaves what was there before, or all that is new."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handlens.studio.collection import Collection

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that are forked")

SCRIPT = Path(__file__).with_name("kill_everywhere.py")
LEAST = {"train": 8, "decide": 7, "take back": 7, "attach": 5, "export": 7}


@pytest.mark.parametrize("work", LEAST)
def test_s10_killed_before_each_step(folder: Path, tmp_path: Path, work: str, quick) -> None:
    place = tmp_path / "place"
    shutil.copytree(folder, place / "collection")
    for name, column in (("first", "camera"), ("second", "site")):
        (place / f"{name}.csv").write_text(f"path,{column}\ncircles/0.png,a\n")
    with Collection.open(place / "collection") as collection:
        collection.label([0, 1, 2, 3], "round")
        collection.label([20, 21, 22, 23], "angular")
        collection.train()
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2] / "src"), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, SCRIPT, place / "collection", work],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    before, after, *killed = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    assert before != after or work == "export"
    assert len(killed) >= LEAST[work]
    assert killed[-1] == after
    for step, found in enumerate(killed):
        assert found["given"] == list(found["decisions"].values()), step
        if work == "take back" and found not in (before, after):  # the case waits, and keeps who saw it
            assert (found["labels"], found["decisions"]) == (after["labels"], after["decisions"]), step
        else:
            assert found in (before, after), step
