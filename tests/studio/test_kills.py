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


Found = dict[str, object]


@pytest.fixture(scope="module")
def found(prepared_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Found]]:
    """For each piece of work what the collection says before it, after it, and after each kill."""
    place = tmp_path_factory.mktemp("kills") / "place"
    shutil.copytree(prepared_folder, place / "collection")
    for name, column in (("first", "camera"), ("second", "site")):
        (place / f"{name}.csv").write_text(f"path,{column}\ncircles/0.png,a\n")
    with Collection.open(place / "collection") as collection:
        collection.label([0, 1, 2, 3], "round")
        collection.label([20, 21, 22, 23], "angular")
        collection.train()
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2] / "src"), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, SCRIPT, place / "collection", *LEAST],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    said: dict[str, list[Found]] = {work: [] for work in LEAST}
    for work, answer in (json.loads(line) for line in ran.stdout.splitlines() if line.startswith("[")):
        said[work].append(answer)
    return said


@pytest.mark.parametrize("work", LEAST)
def test_s10_killed_before_each_step(found: dict[str, list[Found]], work: str) -> None:
    before, after, *killed = found[work]
    assert before != after or work == "export"
    assert len(killed) >= LEAST[work]
    assert killed[-1] == after
    for step, said in enumerate(killed):
        assert said["given"] == list(said["decisions"].values()), step
        if work == "take back" and said not in (before, after):  # the case waits, and keeps who saw it
            assert (said["labels"], said["decisions"]) == (after["labels"], after["decisions"]), step
        else:
            assert said in (before, after), step
