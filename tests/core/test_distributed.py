"""Two processes that torchrun starts train as one: the same numbers, one voice, and no process waits for ever."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
import torch

from handlens.core.distributed import ALONE, processes, share_sizes
from handlens.core.loaders import Share, TensorLoader
from handlens.errors import TrainingError
from tests.core import training_in_processes

SAME = ["tabular", "few_rows", "conv", "best"]
"""Cases that one process and two end with the same numbers."""


def alone(folder, *cases):
    """Run cases in this process."""
    training_in_processes.run(folder, *cases)


def together(folder, *cases):
    """Run cases in two processes that torchrun starts; what they print."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    several = ["-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}"]
    command = [sys.executable, *several, training_in_processes.__file__, str(folder), *cases]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def found(folder, case, rank=0):
    return json.loads((folder / f"{case} {rank}.json").read_text())


def check_same(one, two):
    assert one.keys() == two.keys()
    for name, numbers in one.items():
        if name == "rows":
            assert len(numbers) == len(two[name])
            for first, second in zip(numbers, two[name], strict=True):
                assert second == pytest.approx(first, rel=1e-6, abs=1e-6)
        elif name != "said":
            torch.testing.assert_close(torch.tensor(two[name]), torch.tensor(numbers), rtol=1e-6, atol=1e-6)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folders of one process and of two, the same pictures in both, and what the two printed."""
    root = tmp_path_factory.mktemp("trained")
    one, two = root / "one", root / "two"
    for folder in (one, two):
        training_in_processes.write_pictures(folder)
    alone(one, *SAME, "interrupted", "uninterrupted")
    (one / "models").rename(root / "from one")
    cases = [*SAME, "unseeded", "one_stops", "one_fails", "different", "full_disk", "interrupted", "resumed"]
    said = together(two, *cases)
    shutil.copytree(two / "models of two", one / "models")
    alone(one, "checkpoint")  # what two began, one ends
    return one, two, said


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("case", SAME)
def test_two_processes_train_validate_and_predict_as_one(trained, case, rank):
    one, two, _ = trained
    check_same(found(one, case), found(two, case, rank))
    assert len(found(one, case)["rows"]) >= 1


def test_only_the_first_process_prints(trained):
    lines = trained[2].splitlines()
    assert [line for line in lines if "learning rate" in line] == lines[:1]
    assert sum(line.startswith("stopped after epoch") for line in lines) == 1


def test_processes_without_a_seed_begin_with_the_model_of_the_first(trained):
    first, second = (found(trained[1], "unseeded", rank) for rank in (0, 1))
    assert first == second


def test_all_stop_where_one_stops(trained):
    first, second = (found(trained[1], "one_stops", rank) for rank in (0, 1))
    assert first["complete"]
    assert second["complete"]
    assert first["weight"] == second["weight"]


def test_an_error_of_one_process_ends_all_and_is_told(trained):
    first, second = (found(trained[1], "one_fails", rank) for rank in (0, 1))
    assert second["said"] == "ValueError: odd"
    assert first["said"].startswith("TrainingError: another process of the training stopped: ValueError: odd")
    assert first["rows"] == second["rows"] == 1  # of the fit that followed


def test_processes_with_different_data_are_refused(trained):
    for rank in (0, 1):
        said = found(trained[1], "different", rank)["said"]
        assert said.startswith("TrainingError: all processes of a training must do the same; the training data, the ")
        assert "Give random splits a seed" in said


def test_an_error_of_the_disk_is_told_by_all(trained):
    for rank in (0, 1):
        said = found(trained[1], "full_disk", rank)["said"]
        assert said.startswith("StorageError: ")
        assert "set learn.path = Path(…)" in said


def test_a_checkpoint_continues_in_another_number_of_processes(trained):
    one, two, _ = trained
    whole = found(one, "uninterrupted")
    assert found(one, "interrupted")["said"] == found(two, "interrupted")["said"] == "RuntimeError: the power failed"
    check_same(whole, found(one, "checkpoint"))  # two processes began it
    check_same(whole, found(two, "resumed"))  # one process began it
    check_same(whole, found(two, "resumed", 1))


def test_the_shares_of_a_batch_are_all_of_it():
    for count in range(1, 6):
        for n in range(12):
            parts = [Share(rank, count).rows(n) for rank in range(count)]
            sizes = share_sizes(n, count)
            assert sum(sizes) == n
            rows = [i for part, size in zip(parts, sizes, strict=True) if size for i in range(part.start, part.stop)]
            assert rows == list(range(n))


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_loader_gives_each_process_its_rows_of_the_same_batches(shuffle):
    loader = TensorLoader(
        None, (torch.arange(11.0),), torch.arange(11), bs=3, device=torch.device("cpu"), shuffle=shuffle
    )
    torch.manual_seed(0)
    wholes = [targets.tolist() for _, targets in loader]
    shares = []
    for rank in (0, 1):
        torch.manual_seed(0)
        shares.append([targets.tolist() for _, targets in loader.batches(Share(rank, 2))])
    assert [first + second for first, second in zip(*shares, strict=True)] == wholes


def test_a_process_that_was_not_started_as_one_of_several_is_alone(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")  # as some clusters set it for everything
    assert processes() is ALONE


def test_an_environment_that_is_wrong_is_said(monkeypatch):
    wrong = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "none"}
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match=r"was started as one of several \(RANK=0, .*, and cannot join them"):
        processes()
