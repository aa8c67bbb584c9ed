"""Several processes train one study: the same numbers as one, whatever dies, and a notebook's functions work."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from handlens.errors import ExperimentError
from handlens.experiments import Study
from handlens.experiments.training import orders
from handlens.experiments.training.worker import Nowhere

WINDOWS = sys.platform == "win32"


def test_two_processes_give_the_numbers_of_one_and_a_killed_one_is_replaced(tmp_path):
    def train(trial):
        x = trial.real("x", 0, 1) + trial.categorical("y", [10, 20])
        for epoch in range(3):
            kills = epoch == 1 and trial.number == 1 and trial.seed == 0 and not alone
            if kills and not (trial.folder / "killed").exists():
                (trial.folder / "killed").touch()
                os.kill(os.getpid(), signal.SIGTERM if WINDOWS else signal.SIGKILL)
            trial.record(valid_loss=x + epoch, torch=float(torch.rand(1)))

    import torch

    columns = ["combination", "seed", "status", "epochs", "value", "x", "y", "torch"]
    alone = True
    one = Study(tmp_path / "one")
    one.run(train, n=4, repeats=2)
    alone = False
    two = Study(tmp_path / "two")
    two.run(train, n=4, repeats=2, jobs=2)
    order = ["combination", "seed"]
    expected = one.frame()[columns].sort_values(order).values.tolist()
    assert two.frame()[columns].sort_values(order).values.tolist() == expected
    assert len(list(tmp_path.glob("two/runs/*/killed"))) == 1


@pytest.mark.skipif(WINDOWS, reason="a process cannot be sent Ctrl-C alone there")
def test_ctrl_c_stops_every_process_and_the_next_call_goes_on(tmp_path):
    def train(trial):
        import time

        trial.real("x", 0, 1)
        trial.record(valid_loss=1)
        while not (study_folder / "go on").exists():
            time.sleep(0.05)
        trial.record(valid_loss=2)

    # Where the tests are a background job of a shell, the signal is ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    study_folder = tmp_path
    study = Study(tmp_path)

    def interrupt():
        while len(study.curves()) < 2:
            over.wait(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    over = threading.Event()
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        study.run(train, n=2, jobs=2)
    signal.signal(signal.SIGINT, before)
    thread.join()
    assert study.frame()[["status", "epochs"]].values.tolist() == [["stopped", 1]] * 2
    (tmp_path / "go on").touch()
    study.run(train, n=2)
    assert study.frame()[["status", "epochs"]].values.tolist() == [["finished", 2]] * 2


def test_a_process_has_the_arguments_of_the_script(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mine.py", "--scale", "3"])
    study = Study(tmp_path)
    study.run(lambda trial: trial.integer("n", 1, 1) * float(sys.argv[2]), n=1, jobs=2)
    assert study.frame()["value"].tolist() == [3]
    assert '"script": "mine.py"' in study.store.runs("study")[0]["facts"]


def test_what_cannot_be_sent_to_another_process_is_said(tmp_path):
    lock = threading.Lock()

    def train(trial):
        with lock:
            return 0

    with pytest.raises(ExperimentError, match=r"cannot be sent to other processes: .*lock.*or give jobs=1\."):
        Study(tmp_path).run(train, n=1, jobs=2)


def test_a_stream_that_keeps_nothing():
    assert Nowhere().write("text") == 4


def test_processes_that_die_without_getting_anywhere_end_the_study(tmp_path, monkeypatch):
    order = orders.Order.packed
    monkeypatch.setattr(orders.Order, "packed", lambda self: order(self)[:-100])
    with pytest.raises(
        ExperimentError, match=r"end before they get anywhere, with status 1: (.|\n)*pickle(.|\n)*jobs=1"
    ):
        Study(tmp_path).run(lambda trial: 0, n=1, jobs=2)
