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
import os, sys
from pathlib import Path
from ray.cluster_utils import Cluster
from handlens.embedding import embed, plan
from handlens.predicting import predict
from handlens.studio.features import patches

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
    found = embed("photos", "shards", backbone=None, **by_ray, progress=after)
    print("complete", found.complete, len(removed))
    cluster.shutdown()
"""
"""A process of its own: what Ray starts ends with it, and its threads warn of nothing here."""

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
    source = str(Path(__file__).resolve().parents[2] / "src")
    process = subprocess.Popen(
        [sys.executable, str(folder / "two.py"), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **PATIENT, "PYTHONPATH": source},
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
