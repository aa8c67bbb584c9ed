"""Runs as tasks of Ray: the same numbers as in one process, whatever happens to a task; and clear answers."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from handlens.errors import ExperimentError
from handlens.experiments import Study
from handlens.experiments.store import Place
from handlens.experiments.training.ray_engine import check_database, needed, room

pytestmark = pytest.mark.ray

WILDCARDS = {"00000000", "0" * 32}
"""The addresses of /proc/net/tcp and tcp6 at which everybody is heard."""


def parent_of(process):
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def is_below(process, ancestor):
    while process > 1:
        if process == ancestor:
            return True
        process = parent_of(process)
    return False


def heard_by_everybody(ancestor):
    """The processes below this one that listen at every address of the machine, on Linux."""
    inodes = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[1].rpartition(":")[0] in WILDCARDS:
                inodes[f"socket:[{fields[9]}]"] = fields[1]
    found = []
    for file in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(file) in inodes and is_below(int(file.parts[2]), ancestor):
                found.append(Path("/proc", file.parts[2], "cmdline").read_text()[:80])
        except (OSError, ValueError):  # it is gone
            continue
    return found


def train_in(folder, driver):
    """A training that, by its choice, is well, raises, or with seed 0 loses its process once; files say what it did."""

    def train(trial):
        kind = trial.categorical("kind", ["well", "raises", "dies"])
        (folder / f"{kind} {trial.seed} {os.getpid()}").touch()
        if kind == "well" and sys.platform == "linux":
            (folder / f"heard {trial.seed}").write_text("\n".join(heard_by_everybody(driver)))
        trial.record(valid_loss=trial.seed + 0.5)
        if kind == "raises":
            raise ValueError("the rate is not right")
        if kind == "dies" and driver != os.getpid() and trial.seed == 0 and len(list(folder.glob("dies 0 *"))) == 1:
            os._exit(1)
        trial.record(valid_loss=trial.seed + 0.25)

    return train


def is_alive(process):
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


def outcome(study):
    columns = ["combination", "seed", "kind", "status", "epochs", "value"]
    return study.frame()[columns].fillna({"value": -1.0}).sort_values(columns[:2]).values.tolist()


def test_a_ray_on_this_machine_trains_as_one_process_does(tmp_path, capfd):
    kinds = {"kind": ["well", "raises", "dies"]}
    here, on_ray = tmp_path / "here", tmp_path / "ray"
    for folder in (here, on_ray):
        folder.mkdir()
    one = Study(here)
    one.run(train_in(here, os.getpid()), grid=kinds, repeats=2)
    capfd.readouterr()
    before = dict(os.environ)
    study = Study(on_ray)
    study.run(train_in(on_ray, os.getpid()), grid=kinds, repeats=2, engine="ray")
    changed = {name for name in os.environ.keys() | before.keys() if os.environ.get(name) != before.get(name)}
    assert changed <= {"RAY_CLIENT_MODE"}  # Ray sets it where it is imported

    said = capfd.readouterr()
    lines = said.out.splitlines()
    assert [line for line in lines if " of 6 runs" not in line] == []
    assert lines[-1].startswith("6 of 6 runs (2 failed)")
    assert said.err == ""
    frame = study.frame()
    assert outcome(study) == [
        [0, 0, "well", "finished", 2, 0.25],
        [0, 1, "well", "finished", 2, 1.25],
        [1, 0, "raises", "failed", 1, -1.0],
        [1, 1, "raises", "failed", 1, -1.0],
        [2, 0, "dies", "finished", 2, 0.25],
        [2, 1, "dies", "finished", 2, 1.25],
    ]
    assert outcome(one) == outcome(study)
    assert frame["error"].dropna().str.endswith("ValueError: the rate is not right").tolist() == [True, True]
    attempts = [file.name.split() for file in on_ray.iterdir() if file.name.count(" ") == 2]
    # An error is not tried again, and a run whose process died is.
    assert sorted(kind for kind, *_ in attempts) == [*["dies"] * 3, *["raises"] * 2, *["well"] * 2]
    assert [file.read_text() for file in on_ray.glob("heard *")] == ([""] * 2 if sys.platform == "linux" else [])
    processes = {int(process) for _, _, process in attempts}
    end = time.monotonic() + 300
    while any(map(is_alive, processes)) and time.monotonic() < end:
        time.sleep(0.1)
    assert [process for process in processes if is_alive(process)] == []


def test_what_a_run_needs_is_one_cpu_unless_said():
    assert needed(None) == {"num_cpus": 1}
    assert needed({"num_gpus": 1}) == {"num_cpus": 1, "num_gpus": 1}
    assert needed({"num_cpus": 0, "resources": {"fast": 2}}) == {"resources": {"fast": 2}}


@pytest.mark.parametrize(
    "resources", [{"cpus": 1}, {"num_cpus": "1"}, {"num_cpus": True}, {"num_gpus": -1}, {"resources": {"fast": None}}]
)
def test_what_is_no_amount_is_refused(resources):
    with pytest.raises(ExperimentError, match="resources must be amounts by the names num_cpus, num_gpus, memory"):
        needed(resources)


def test_a_run_that_needs_nothing_is_refused():
    with pytest.raises(ExperimentError, match="resources must say what a run needs"):
        needed({"num_cpus": 0})


def test_the_scarcest_thing_says_for_how_many_runs_there_is_room():
    machine = {"CPU": 8.0, "GPU": 2.0, "memory": 10.0, "fast": 3.0}
    assert room(machine, {"num_cpus": 1}) == 8
    assert room(machine, {"num_cpus": 3}) == 2
    assert room(machine, {"num_cpus": 1, "num_gpus": 0.5}) == 4
    assert room(machine, {"num_cpus": 1, "memory": 4}) == 2
    assert room(machine, {"resources": {"fast": 1}}) == 3
    assert room(machine, {"resources": {"slow": 1}}) == 0


def test_several_machines_do_not_share_a_sqlite_file(tmp_path):
    file, server = Place.of(tmp_path), Place.of(tmp_path, "postgresql+psycopg://ann@db/studies")
    check_database(file, {"a"})
    check_database(server, {"a", "b"})
    with pytest.raises(
        ExperimentError, match=r"would be trained by 2 machines, and .* Give the study a database that all"
    ):
        check_database(file, {"a", "b"})


def test_ray_that_is_missing_is_said_with_the_command_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        ExperimentError, match=r"requires Ray, which is not installed .*: pip install 'handlens\[ray\]'"
    ):
        Study(tmp_path).run(lambda trial: trial.real("x", 0, 1), n=1, engine="ray")


@pytest.mark.parametrize("kind", ["", "ray://"])
def test_a_cluster_that_does_not_answer_is_said(tmp_path, kind):
    with socket.socket() as taken:  # and does not listen
        taken.bind(("127.0.0.1", 0))
        address = f"{kind}127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ExperimentError, match=f"the Ray at '{address}' cannot be reached"):
            Study(tmp_path).run(lambda trial: trial.real("x", 0, 1), n=1, engine="ray", address=address)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"engine": "slurm"}, 'engine must be "local" or "ray"'),
        ({"address": "auto"}, 'address and resources are for engine="ray"'),
        ({"resources": {"num_gpus": 1}}, 'address and resources are for engine="ray"'),
        ({"engine": "ray", "jobs": 2}, 'jobs is for engine="local"'),
    ],
)
def test_arguments_of_another_engine_are_refused(tmp_path, how, said):
    with pytest.raises(ExperimentError, match=said):
        Study(tmp_path).run(lambda trial: trial.real("x", 0, 1), n=1, **how)
