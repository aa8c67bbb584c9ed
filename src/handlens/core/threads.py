"""How many threads each kind of work gets, and which comes first: the one place that decides it.

NumPy, SciPy, PyTorch and openTSNE each bring a pool of threads, and each takes as many threads as there are cores.

| work | threads | why |
|---|---|---|
| linear algebra in NumPy and SciPy | 1, see `one_blas_thread` | threads wait for each other most of the time |
| a neighbour embedding | `embedding_threads` | a few threads, and only for many photos |
| a pass over all rows of a table | `reading_threads`, see `one_openmp_thread` | one core reads slower than memory |
| networks, in PyTorch | PyTorch's own choice | large products, which gain from every core |

`handlens/__init__.py` sets how PyTorch's threads wait for work: asleep. While a person waits for an answer, work in the
background gives way: see `answering_first` and `give_way`.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

SWITCH = 0.0005
"""Seconds after which Python takes its lock from a thread that computes if another waits for it, in a server."""

GIVES_WAY = 5
"""How much lower the priority of work in the background is, in steps of `nice`."""

_lock = threading.Lock()
_blocks = 0  # blocks of `one_blas_thread` that are being executed now, in all threads
_changed: list[tuple[Any, int]] = []  # libraries with fewer threads because of that, and their numbers before


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let NumPy and SciPy multiply and solve in the calling thread alone; use it with `with`, or as a decorator.

    The threads of OpenBLAS wait for their next share of work by spinning. Next to other work, and between products that
    take less than a millisecond each, they wait most of the time: training a model on 2,250 photos takes
    80 times the CPU time.

    OpenBLAS has one number of threads for the whole process. So blocks may be nested, and executed in several threads
    at once: the first one to begin sets the number to one, the last one to end sets it back. Other products computed
    meanwhile have one thread too; their results are the same but for rounding.

    Example:
        >>> import numpy as np
        >>> with one_blas_thread():
        ...     float(np.ones(3, np.float32) @ np.ones(3, np.float32))
        3.0
    """
    global _blocks, _changed
    with _lock:
        if _blocks == 0:
            _changed = _set_to_one()
        _blocks += 1
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if _blocks == 0:
                _set_back(_changed)


def _set_to_one() -> list[tuple[Any, int]]:
    libraries = _libraries()
    before = [library.get_num_threads() for library in libraries]
    for library in libraries:
        library.set_num_threads(1)
    _let_other_threads_set()
    # None where it was one already, or where another thread of the program keeps it at another number.
    return [(one, n) for one, n in zip(libraries, before, strict=True) if n != one.get_num_threads() == 1]


def _set_back(changed: list[tuple[Any, int]]) -> None:
    for library, threads in changed:
        library.set_num_threads(threads)
    _let_other_threads_set()


def _let_other_threads_set() -> None:
    """Threadpoolctl lets only the thread that set a number set it again, and here another one may be the last."""
    from threadpoolctl import OpenBLASController

    OpenBLASController.clear_controlling_thread()


@contextmanager
def one_openmp_thread() -> Iterator[None]:
    """Let PyTorch compute in the calling thread alone; other threads keep theirs.

    For work that is shared out among threads already: each of its operations is short, and waking a sleeping thread
    takes as long as some of them. OpenMP has a number of threads for each thread that calls it.

    Example:
        >>> import torch
        >>> with one_openmp_thread():
        ...     torch.get_num_threads()
        1
    """
    if "torch" not in sys.modules:
        yield
        return
    import torch

    torch.get_num_threads()  # PyTorch sets the number of a new thread when it first needs it, which is now
    libraries = _openmp()
    before = [library.get_num_threads() for library in libraries]
    try:
        for library in libraries:
            library.set_num_threads(1)
        yield
    finally:
        for library, threads in zip(libraries, before, strict=True):
            library.set_num_threads(threads)


@functools.cache
def _openmp() -> list[Any]:
    """The OpenMP libraries, of which PyTorch's is loaded."""
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="openmp").lib_controllers)


@functools.cache
def _libraries() -> list[Any]:
    """The BLAS libraries of NumPy and SciPy; finding them takes milliseconds, so it is done once."""
    import scipy.linalg  # noqa: F401 — its BLAS must be loaded to be found
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def embedding_threads(photos: int) -> int:
    """How many threads openTSNE gets for so many photos: of a few, threads take longer to meet than to work."""
    return min(2, os.cpu_count() or 1) if photos > 1000 else 1


def reading_threads(numbers: int) -> int:
    """How many threads go through so many numbers block by block: of a few million, one is done before others start."""
    return min(4, os.cpu_count() or 1) if numbers > 2**23 else 1


@contextmanager
def answering_first() -> Iterator[None]:
    """Let threads that compute in Python wait for those that answer requests, while the block is executed.

    An answer takes Python's lock about ten times, after each wait for the disk or the network. Python's own 5
    milliseconds for each add up to those that a person notices.

    Example:
        >>> with answering_first():
        ...     sys.getswitchinterval()
        0.0005
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def give_way() -> None:
    """Let this thread, and those that it starts, compute when nothing else has to; only Linux has this for a thread.

    There is no way back without the rights of the system, so call it in threads that end with their work.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + GIVES_WAY)
