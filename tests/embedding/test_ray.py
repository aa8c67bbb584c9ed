"""The engine ray on two machines, as processes here: the same shards as in one process, also if a machine goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from handlens.embedding import embed
from handlens.errors import ShardError
from handlens.scale import ShardSet
from tests.embedding.made_photos import write_photos

ON_TWO_MACHINES = """
import os, signal, sys
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from handlens.embedding import embed, plan, stage

if __name__ == "__main__":
    plan.A_UNIT = 5  # twelve units
    cluster = Cluster()
    cluster.add_node(num_cpus=1, include_dashboard=False)
    second = cluster.add_node(num_cpus=1)
    removed = []

    def after(now):
        if now.units == 3:
            cluster.remove_node(second, allow_graceful=False)
            removed.append(second)

    found = embed(
        sys.argv[1], sys.argv[2], backbone=None, engine="ray", address=cluster.address, progress=after
    )
    print("complete", found.complete, len(removed))
    cluster.shutdown()
"""
"""A process of its own: what Ray starts ends with it, and its threads warn of nothing here."""


def environment():
    source = Path(__file__).resolve().parents[2] / "src"
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONWARNINGS": "ignore", "RAY_raylet_start_wait_time_s": "120"}
    return {**os.environ, **quiet, "PYTHONPATH": str(source)}


@pytest.mark.skipif(sys.platform == "win32", reason="Ray's clusters of several machines are of Linux and macOS")
def test_a_machine_that_goes_away_loses_no_photo(tmp_path):
    paths = write_photos(tmp_path / "photos", 60)
    (tmp_path / "two.py").write_text(textwrap.dedent(ON_TWO_MACHINES))
    command = [sys.executable, str(tmp_path / "two.py"), str(tmp_path / "photos"), str(tmp_path / "out")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), start_new_session=True
    )
    try:
        said, errors = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert "complete True 1" in said, errors[-2000:]
    shards = ShardSet.open(tmp_path / "out")
    shards.check()
    assert shards.paths(range(len(shards))) == paths
    assert list(shards.left_out()) == []


def test_a_cluster_that_does_not_answer_is_said(tmp_path):
    write_photos(tmp_path / "photos", 2)
    with pytest.raises(ShardError, match=r"the Ray at '127.0.0.1:1' cannot be reached: Connection refused"):
        embed(tmp_path / "photos", tmp_path / "out", backbone=None, engine="ray", address="127.0.0.1:1")
