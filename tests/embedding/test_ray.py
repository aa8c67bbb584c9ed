"""The engine ray on two machines, as processes here: what one process gives, also if a machine goes away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from handlens.embedding import embed
from handlens.errors import ShardError
from handlens.predicting import PredictionSet
from handlens.predicting.stage import Scoring
from handlens.scale import ShardSet
from tests.embedding.made_photos import write_photos
from tests.predicting.made_models import save_model, small_network, write_shards

ON_TWO_MACHINES = """
import os, sys, threading, time
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from handlens.embedding import embed, plan
from handlens.predicting import predict
from handlens.embedding.ray_engine import on_ray
from handlens.embedding.work import EngineJob
from handlens.studio.features import patches

class Told(Exception):
    pass

def check():
    if Path("begun").exists():
        raise Told

def is_there(process):
    status = Path("/proc", process, "stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] not in "XZ"
    except (FileNotFoundError, ProcessLookupError):
        return False

def add(**options):
    for _ in range(4):  # Ray gives a machine 30 seconds to start, which may not do where others are at work
        try:
            return cluster.add_node(num_cpus=1, include_log_monitor=False, **options)
        except Exception as error:
            print("again:", error, file=sys.stderr)
    return cluster.add_node(num_cpus=1, **options)

def after(now):
    if now.units == 2:
        cluster.remove_node(second, allow_graceful=False)
        removed.append(second)

if __name__ == "__main__":
    plan.A_UNIT, patches._SAMPLES = 5, 1_000
    os.chdir(sys.argv[1])
    cluster, removed = Cluster(), []
    add(include_dashboard=False)
    second = add()
    by_ray = {"engine": "ray", "address": cluster.address}
    told = []
    found = predict("model", "made", **by_ray, progress=told.append)
    print("predicted", found.predicted, len(told))
    slow = EngineJob("slow:Slow", Path.cwd(), "now", 1, "slow", "done")
    try:
        for done in on_ray(slow, range(20), address=cluster.address, processes=1, check=check):
            if done is not None:
                print("a unit ended", done)
    except Told:
        names = [thread.name for thread in threading.enumerate()]
        left = [name for name in names if name.startswith(("Streaming", "handlens-ray"))]
        print("stopped", ray.is_initialized(), left)
    process = Path("begun").read_text()
    while is_there(process):
        time.sleep(0.1)
    print("its actor ended", Path("ended").exists())
    found = embed("photos", "shards", backbone=None, **by_ray, progress=after)
    print("complete", found.complete, len(removed))
    cluster.shutdown()
"""
"""A process of its own: what Ray starts ends with it, and its threads warn of nothing here."""

SLOW = """
import os, time
from handlens.embedding.work import UnitDone

class Slow:
    def __init__(self, out, *, threads):
        self.out = out

    @staticmethod
    def created(out):
        return "now"

    def run(self, number):
        (self.out / "begin").write_text(str(os.getpid()))
        os.replace(self.out / "begin", self.out / "begun")
        time.sleep(600)
        (self.out / "ended").touch()
        return UnitDone(number, 1, 0)
"""
"""A unit that takes much longer than it takes to stop."""

PATIENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_timeout_ms": "60000",
    "RAY_health_check_period_ms": "500",
    "RAY_worker_register_timeout_seconds": "300",
    "PYTHONWARNINGS": "ignore",
}
"""A machine that is gone is soon known to be, and one that is slow is not taken for gone."""


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """A folder in which two machines predicted shards, and then embedded photos until one of them was gone."""
    folder = tmp_path_factory.mktemp("two machines")
    network = small_network()
    save_model(folder / "model", network)
    write_shards(folder / "made", network)
    write_photos(folder / "photos", 30)
    (folder / "two.py").write_text(ON_TWO_MACHINES)
    (folder / "slow.py").write_text(SLOW)
    source = str(Path(__file__).resolve().parents[2] / "src")
    process = subprocess.Popen(
        [sys.executable, str(folder / "two.py"), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **PATIENT, "PYTHONPATH": os.pathsep.join((source, str(folder)))},
        start_new_session=True,
    )
    try:
        said, errors = process.communicate(timeout=900)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, errors[-3000:]
    return folder, said.splitlines()


if sys.platform == "win32":
    pytest.skip("Ray's clusters of several machines are of Linux and macOS", allow_module_level=True)


def test_two_machines_predict_what_one_process_predicts(ended):
    folder, said = ended
    assert "predicted 25 4" in said
    found = PredictionSet.open(folder / "made" / "predictions")
    found.check()
    table = found.frame()
    assert table["row"].tolist() == list(range(25))
    scored = Scoring(found.folder)
    expected = [scored._scorer(number).p for number in range(3)]
    assert table.filter(like="probability of ").to_numpy().tolist() == [row for p in expected for row in p.tolist()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_run_that_is_told_to_stop_leaves_its_unit_and_ends_the_actor(ended):
    _, said = ended
    assert "stopped False []" in said
    assert "its actor ended False" in said
    assert not [line for line in said if "a unit ended" in line]


def test_a_machine_that_goes_away_loses_no_photo(ended):
    folder, said = ended
    assert "complete True 1" in said
    shards = ShardSet.open(folder / "shards")
    shards.check()
    paths = shards.paths(range(len(shards)))
    assert [Path(path).name for path in paths] == [f"{i}.jpg" for i in range(30)]
    assert list(shards.left_out()) == []


def test_a_cluster_that_does_not_answer_is_said(tmp_path):
    write_photos(tmp_path / "photos", 2)
    with pytest.raises(ShardError, match=r"the Ray at '127.0.0.1:1' cannot be reached: Connection refused"):
        embed(tmp_path / "photos", tmp_path / "out", backbone=None, engine="ray", address="127.0.0.1:1")
