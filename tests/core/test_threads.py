"""How many threads BLAS has: one while a block is being executed, in whichever thread, and as before afterwards."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import scipy.linalg
from threadpoolctl import OpenBLASController, ThreadpoolController

from handlens.core.threads import (
    GIVES_WAY,
    SWITCH,
    answering_first,
    embedding_threads,
    give_way,
    one_blas_thread,
    one_openmp_thread,
)

BLAS = ThreadpoolController().select(user_api="blas")


def counts() -> set[int]:
    return {pool["num_threads"] for pool in BLAS.info()}


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    assert BLAS.info(), "NumPy's and SciPy's BLAS are libraries that can be told their number of threads"
    with BLAS.limit(limits=2):
        OpenBLASController.clear_controlling_thread()  # as in a program that never set a number
        yield


def test_one_within_a_block_and_as_before_after_it() -> None:
    with one_blas_thread():
        assert counts() == {1}
        with one_blas_thread():
            assert counts() == {1}
        assert counts() == {1}, "the outer block goes on"
    assert counts() == {2}


def test_as_a_decorator_and_after_an_error() -> None:
    @one_blas_thread()
    def fail(value: int) -> None:
        assert counts() == {1}
        raise ValueError(value)

    for value in (1, 2):
        with pytest.raises(ValueError, match=str(value)):
            fail(value)
        assert counts() == {2}


def test_blocks_in_several_threads_that_end_in_another_order() -> None:
    first_began, second_began, first_ended = threading.Event(), threading.Event(), threading.Event()
    seen: list[set[int]] = []

    def second() -> None:
        first_began.wait()
        with one_blas_thread():
            second_began.set()
            first_ended.wait()
            seen.append(counts())

    thread = threading.Thread(target=second)
    thread.start()
    with one_blas_thread():
        first_began.set()
        second_began.wait()
    first_ended.set()
    thread.join()
    assert seen == [{1}], "the second block was still being executed"
    assert counts() == {2}


def test_many_threads_leave_nothing_behind() -> None:
    def work(seed: int) -> None:
        x = np.random.default_rng(seed).normal(size=(30, 30))
        for _ in range(50):
            with one_blas_thread():
                found.append(counts() == {1})
                scipy.linalg.cho_factor(x @ x.T + np.eye(30))

    found: list[bool] = []
    workers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert found == [True] * 200
    assert counts() == {2}


def test_a_number_that_another_thread_keeps_is_left_alone() -> None:
    # As scikit-learn does in a thread of its own; threadpoolctl lets no other thread change it meanwhile.
    limited, ended = threading.Event(), threading.Event()

    def limit() -> None:
        with BLAS.limit(limits=1):
            limited.set()
            ended.wait()

    other = threading.Thread(target=limit)
    other.start()
    limited.wait()
    with one_blas_thread():
        ended.set()
        other.join()
    assert counts() == {2}, "one was that thread's number, not the one from before"


def test_the_libraries_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with one_blas_thread():
        pass
    monkeypatch.setattr("threadpoolctl.ThreadpoolController", None)
    with one_blas_thread():
        assert counts() == {1}


def test_pytorch_computes_in_one_thread_of_those_that_share_out_work() -> None:
    import torch

    before, found = torch.get_num_threads(), []

    def work() -> None:
        with one_openmp_thread():
            found.append(torch.get_num_threads())
        found.append(torch.get_num_threads())

    torch.set_num_threads(3)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert found == [1, 3]
        with one_openmp_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
        with pytest.raises(KeyError), one_openmp_thread():
            raise KeyError
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_pytorch_is_not_loaded_to_compute_in_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    with one_openmp_thread():
        assert "torch" not in sys.modules


def test_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert [embedding_threads(n) for n in (2, 1000, 1001, 3000)] == [1, 1, 2, 2]
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert embedding_threads(3000) == 1


def test_threads_that_answer_come_first_while_a_server_runs() -> None:
    before = sys.getswitchinterval()
    with answering_first():
        assert sys.getswitchinterval() == SWITCH == 0.0005
    assert sys.getswitchinterval() == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_a_thread_that_gives_way_and_those_that_it_starts_have_a_lower_priority() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before, found = priority(), []

    def work() -> None:
        give_way()
        found.append(priority())
        child = threading.Thread(target=lambda: found.append(priority()))
        child.start()
        child.join()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert GIVES_WAY == 5
    assert found == [min(before + 5, 19)] * 2
    assert priority() == before
