"""Ray: each task claims one run of the study and trains it, on whichever machine of a cluster has room."""

from __future__ import annotations

import importlib
import logging
import math
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import lru_cache
from io import TextIOBase
from typing import Any, TextIO

from handlens.errors import ExperimentError, HandlensError
from handlens.experiments.store import RUNS, Place, Store
from handlens.experiments.training.claims import Claim, Nothing
from handlens.experiments.training.orders import Order
from handlens.experiments.training.owners import Owner
from handlens.experiments.training.running import Worker
from handlens.experiments.training.worker import Nowhere
from handlens.io.problems import reason_of

NAMES = {"num_cpus": "CPU", "num_gpus": "GPU", "memory": "memory"}
"""What a run may need, as Ray's functions name it and as its machines list it."""

LOST = 10
"""How many tasks may die, one after the other and before any ends well, until the study ends."""

PATIENCE = 30.0
"""Seconds for tasks to stop by themselves."""

LOCAL = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it sends nothing anywhere
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's name for: listen at this machine's own address alone
}
"""The environment of a Ray that is started here."""


def work_on_ray(
    order: Order,
    store: Store,
    show: Callable[[], None],
    *,
    address: str | None = None,
    resources: Mapping[str, Any] | None = None,
) -> None:
    """Train by tasks of Ray until there is nothing left or the time is over.

    Args:
        order: what to train.
        store: of the study.
        show: is called again and again meanwhile.
        address: of the cluster, as `ray.init` takes it. Unless given, the cluster is used that this process is
            connected to; if there is none, a Ray is started on this machine and ended afterwards.
        resources: what one run needs: `num_cpus` (1 unless given), `num_gpus`, `memory` in bytes, and `resources`, a
            dict of those that have names of their own.

    Raises:
        ExperimentError: Ray is not installed, the cluster cannot be reached or has not what a run needs, its machines
            do not reach the database, or a task refused.
    """
    needs = needed(resources)
    data = order.packed()
    with connected(address) as ray:
        nodes = living(ray)
        client = {socket.gethostname()} if ray.util.client.ray.is_connected() else set()
        check_database(order.place, client | {node["NodeManagerHostname"] for node in nodes})
        if not any(room(node["Resources"], needs) for node in nodes):
            said = f"a run needs {needs}, and this Ray has no machine with that"
            if address is None:
                raise ExperimentError(f"{said}. Ask for less with resources={{…}}.")
            print(f"Waiting for a machine: {said}.", file=sys.stderr, flush=True)
        with redirect_stdout(WithoutRay(sys.stdout)):
            Tasks(ray, data, store, order.study, needs).work(order.until, show)


class Tasks:
    """The tasks of one study.

    Args:
        ray: the module, connected.
        data: a packed order.
        store, study: of the study.
        needs: the resources of each task.
    """

    def __init__(self, ray: Any, data: bytes, store: Store, study: str, needs: Mapping[str, Any]) -> None:
        self.ray, self.store, self.study, self.needs = ray, store, study, needs
        self._data = ray.put(data)
        # Ray repeats nothing: the run of a task that dies waits until another task claims it.
        self._train = ray.remote(train_next).options(max_retries=0, **needs)
        self._marks: dict[Any, str] = {}  # of the tasks that have not ended
        self._lost = 0

    def work(self, until: float | None, show: Callable[[], None]) -> None:
        """Keep as many tasks as there is room for, until none finds a run.

        Args:
            until: when no further task begins, in seconds since 1970.
            show: is called about once a second.
        """
        is_left, again = True, 0.0
        try:
            while is_left or self._marks:
                if is_left and time.monotonic() >= again:
                    self._start()
                for found in self._ended():
                    is_left = not isinstance(found, Nothing) or found.waiting
                    if isinstance(found, Nothing):  # other tasks, or other processes, have what is left
                        again = time.monotonic() + 1.0
                if until is not None and time.time() >= until:
                    is_left = False
                show()
        finally:
            self._stop()

    def _start(self) -> None:
        """Start tasks, one more than there is room for: by it a cluster that grows knows that it should."""
        places = sum(room(node["Resources"], self.needs) for node in living(self.ray))
        while len(self._marks) <= places:
            mark = secrets.token_hex(8)
            self._marks[self._train.remote(self._data, mark)] = mark

    def _ended(self) -> Iterator[Claim | Nothing | None]:
        """What the tasks found that end within a second; None for one that died."""
        if not self._marks:
            time.sleep(0.2)
            return
        tasks, _ = self.ray.wait(list(self._marks), num_returns=len(self._marks), timeout=0.2)
        for task in tasks:
            yield self._outcome(task, self._marks.pop(task))

    def _outcome(self, task: Any, mark: str) -> Claim | Nothing | None:
        try:
            found: Claim | Nothing = self.ray.get(task)
        except self.ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, HandlensError):
                raise error.cause from None
            raise ExperimentError(f"a task of Ray failed before it trained anything: {reason_of(error)}.") from None
        except self.ray.exceptions.RayError as error:  # its process or its machine died
            self._release(mark, status="running")
            self._lost += 1
            if self._lost > LOST:
                raise ExperimentError(
                    f"{self._lost} tasks of Ray died, one after the other; the last one: {reason_of(error)}."
                ) from None
            return None
        self._lost = 0
        return found

    def _release(self, mark: str, status: str) -> None:
        """Let the run of a task that died be claimed by another."""
        its = (RUNS.c.study == self.study) & (RUNS.c.status == "running") & RUNS.c.owner.endswith(f":{mark}")
        with self.store.writing() as connection:
            connection.execute(RUNS.update().where(its).values(status=status, owner=None, changed=time.time()))

    def _stop(self) -> None:
        """Stop the tasks that have not ended, as Ctrl-C does; those that do not obey are ended."""
        for task in self._marks:
            self.ray.cancel(task)
        _, left = (
            self.ray.wait(list(self._marks), num_returns=len(self._marks), timeout=PATIENCE)
            if self._marks
            else ([], [])
        )
        for task in left:
            self.ray.cancel(task, force=True)
        for mark in self._marks.values():
            self._release(mark, status="stopped")


def train_next(data: bytes, mark: str) -> Claim | Nothing:
    """The task: claim one run and train it; what there was to claim."""
    with redirect_stdout(Nowhere()), redirect_stderr(Nowhere()):  # runs have logs
        worker = _worker(data)
        worker.tell()
        with Owner(worker.store, mark) as owner:
            return worker.once(owner.name)


@lru_cache(maxsize=1)
def _worker(data: bytes) -> Worker:
    return Order.unpacked(data).worker()


def needed(resources: Mapping[str, Any] | None) -> dict[str, Any]:
    """The resources of a run, as Ray takes them."""
    found: dict[str, Any] = {"num_cpus": 1, **(resources or {})}
    amounts = {name: value for name, value in found.items() if name != "resources"} | dict(found.get("resources") or {})
    wrong = [name for name in found if name not in NAMES and name != "resources"]
    wrong += [name for name, value in amounts.items() if not _is_amount(value)]
    if wrong:
        raise ExperimentError(
            f"resources must be amounts by the names {', '.join(NAMES)}, and a dict of others by the name resources, "
            f"such as {{'num_cpus': 2, 'resources': {{'fast': 1}}}}; {wrong[0]!r} is wrong in {resources!r}."
        )
    if not any(amounts.values()):
        raise ExperimentError(f"resources must say what a run needs, such as {{'num_cpus': 1}}; {resources!r} arrived.")
    return {name: value for name, value in found.items() if value}


def _is_amount(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def room(has: Mapping[str, float], needs: Mapping[str, Any]) -> int:
    """How many runs a machine has room for.

    Example:
        >>> room({"CPU": 8.0, "GPU": 1.0}, {"num_cpus": 2}), room({"CPU": 8.0}, {"num_cpus": 2, "num_gpus": 1})
        (4, 0)
    """
    amounts = {NAMES[name]: value for name, value in needs.items() if name in NAMES} | needs.get("resources", {})
    return min(math.floor(has.get(name, 0) / amount) for name, amount in amounts.items() if amount)


def living(ray: Any) -> list[dict[str, Any]]:
    """The machines of the cluster, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def check_database(place: Place, hosts: set[str]) -> None:
    """Raise ExperimentError if several hosts would write to one SQLite file."""
    if place.url.startswith("sqlite") and len(hosts) > 1:
        raise ExperimentError(
            f"this study would be trained by {len(hosts)} machines, and its record is a SQLite file, which only "
            "processes of one machine may write to, also on a disk that they share. Give the study a database that all "
            'of them reach, such as storage="postgresql+psycopg://user@host/name".'
        )


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """A block in which Ray is connected to a cluster, as a module."""
    ray = usable_ray(address)
    if ray.is_initialized():
        if address is not None:
            raise ExperimentError(
                "this process is connected to a Ray already. Leave out the address to use it, or call ray.shutdown()."
            )
        yield ray
        return
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        with _same_environment():
            if address is None:
                with _local():
                    ray.init("local", include_dashboard=False, **quiet)
            else:
                ray.init(address, **quiet)
    except Exception as error:  # of many kinds
        where = "cannot be started" if address is None else f"at {address!r} cannot be reached"
        raise ExperimentError(f"the Ray {where}: {reason_of(error)}.") from error
    try:
        yield ray
    finally:
        with redirect_stdout(Nowhere()):  # it prints what its threads had not yet
            ray.shutdown()


def usable_ray(address: str | None) -> Any:
    """Ray as a module; ExperimentError if it is not installed, or nothing answers at the address."""
    try:
        import ray
    except ImportError as error:
        raise ExperimentError(
            f"engine='ray' requires Ray, which is not installed ({reason_of(error)}): pip install 'handlens[ray]'."
        ) from error
    if address is not None and not ray.is_initialized():
        _check_reachable(address)
    return ray


def _check_reachable(address: str) -> None:
    """Raise ExperimentError if nothing answers at host:port or ray://host:port, which Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or "/" in address or not port.isdigit():
        return  # "auto", or an address of another kind
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except OSError as error:
        raise ExperimentError(
            f"the Ray at {address!r} cannot be reached: {reason_of(error)}. `ray start --head` on the first machine of "
            "a cluster prints its address."
        ) from error


@contextmanager
def _local() -> Iterator[None]:
    """A block in which a Ray that is started sends nothing, and is reached from this machine alone."""
    constants: Any = importlib.import_module("ray._private.ray_constants")  # it read the environment when imported
    default = constants.ENABLE_RAY_CLUSTER
    os.environ.update(LOCAL)
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = default


@contextmanager
def _same_environment() -> Iterator[None]:
    """A block after which the environment is as it was: Ray sets variables of its own."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


class WithoutRay(TextIOBase):
    """A text stream without what Ray's threads print, such as a page of advice for each process that died.

    Args:
        stream: where everything else goes.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        return len(text) if threading.current_thread().name.startswith("ray_") else self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()
