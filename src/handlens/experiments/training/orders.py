"""Orders: all that a process requires to take part in a study, as bytes that can be sent to it."""

from __future__ import annotations

import io
import pickle
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cloudpickle

from handlens.errors import ExperimentError
from handlens.experiments.store import STUDIES, Place, Store
from handlens.experiments.training.asking import Asker, Grid
from handlens.experiments.training.claims import RunPlan
from handlens.experiments.training.running import Train, Worker
from handlens.io.problems import reason_of

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

REFUSED = 3
"""The exit status of a process whose last line on stderr is a sentence for the user."""

AT_WORK = "at work"
"""What a process writes to stderr when it begins with its order."""


@dataclass(frozen=True)
class Order:
    """What is to be trained, and where it is recorded.

    Attributes:
        place, study: where the record is, and the name of the study in it.
        train: the user's function.
        plan, sampler, grid: as `Study.run` takes them.
        until: when no further run begins and those in training stop, in seconds since 1970; None for never.
        began: when it was given, in seconds since 1970.

    Example:
        >>> from handlens.experiments import Study
        >>> study = Study("experiments")
        >>> order = Order(study.place, study.name, lambda trial: trial.real("x", 0, 1), RunPlan(n=2))
        >>> Order.unpacked(order.packed()).worker().work()
        >>> len(study.frame())
        2
    """

    place: Place
    study: str
    train: Train
    plan: RunPlan
    sampler: str | BaseSampler = "random"
    grid: Mapping[str, Sequence[Any]] | None = None
    until: float | None = None
    began: float = field(default_factory=time.time)

    def packed(self) -> bytes:
        """The order for another process, with the function by value if it is of a notebook or a script.

        Raises:
            ExperimentError: the function uses something that cannot be sent to another process, such as an open file.
        """
        try:
            return pickle.dumps((sys.path, sys.argv, cloudpickle.dumps(self)))
        except Exception as error:  # anything that the function refers to may refuse in a way of its own
            raise ExperimentError(
                f"the function that trains cannot be sent to other processes: {reason_of(error)}. Let it open or make "
                "within itself what it uses, or give jobs=1."
            ) from error

    @classmethod
    def unpacked(cls, data: bytes) -> Order:
        """What `packed` gave: only for bytes that this program made, because they run code."""
        path, sys.argv[:], order = pickle.load(io.BytesIO(data))  # noqa: S301 — from the process that started this one
        sys.path[:] = [*path, *(folder for folder in sys.path if folder not in path)]
        found: Order = pickle.loads(order)  # noqa: S301
        return found

    def worker(self, show: Callable[[], None] = lambda: None) -> Worker:
        """Open the record here, and return what trains.

        Each process makes its own: `worker().work()` trains until there is nothing left, and `worker().once(owner)`
        trains one run; `show` is called after each epoch and each run.
        """
        store = Store(self.place)
        study = store.rows(STUDIES.select().where(STUDIES.c.name == self.study))[0]
        grid = Grid(self.grid) if self.grid is not None else None
        asker = Asker(
            self.place,
            self.study,
            study["direction"],
            study["seed"],
            sampler=self.sampler,
            grid=grid,
            prune=self.plan.prune,
        )
        return Worker(store, study, self.plan, self.train, asker, self.until, self.began, show=show)
