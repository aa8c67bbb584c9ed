"""The record of one run while it is trained: each epoch is committed at once, and the order to stop is heard."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Container, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from handlens.errors import ExperimentError
from handlens.experiments.store import EPOCHS, RUNS, Store, read, written
from handlens.experiments.training.asking import Asker
from handlens.experiments.training.choices import Choices
from handlens.experiments.training.claims import Claim
from handlens.experiments.training.facts import check_name, data_facts, facts_here

if TYPE_CHECKING:
    from handlens.core.learner import Learner

SAVING_SHARE = 0.005
"""How much of the time of training checkpoints may take."""

FIRST_SAVE = 0.1
"""Seconds that a checkpoint takes, as long as none was written."""


class Ended(BaseException):
    """A run ends early; not an Exception, so that a training does not catch it.

    Args:
        status: "stopped", "pruned", or "lost" where another process has the run, or it was deleted.
    """

    def __init__(self, status: str) -> None:
        self.status = status


class RunRecord:
    """Writes what one run comes to.

    Args:
        store, claim, owner: which run, and who trains it.
        metric: the study's.
        choices: of its combination.
        asker: decides on pruning, if the study prunes.
        is_over: whether the time of the study is over.
    """

    def __init__(
        self,
        store: Store,
        claim: Claim,
        owner: str,
        metric: str,
        choices: Choices,
        asker: Asker,
        is_over: Callable[[], bool],
    ) -> None:
        self.store, self.claim, self.owner, self.metric = store, claim, owner, metric
        self.choices, self.asker, self.is_over = choices, asker, is_over
        self.epochs = 0  # recorded by this attempt
        self.numbers: dict[str, float] = {}  # of the last of them
        self.on_record = claim.epochs
        self._began = self._last = time.perf_counter()
        self._fits = 0
        self._seconds = 0.0  # of the last epoch
        self._saving = 0.0  # seconds that went into checkpoints
        self._one_save = FIRST_SAVE

    @property
    def mine(self) -> sa.ColumnElement[bool]:
        """The run, as long as it is ours."""
        return (RUNS.c.id == self.claim.id) & (RUNS.c.owner == self.owner) & (RUNS.c.status == "running")

    def next_fit(self) -> int:
        """The number of the next fit of the run, from 1."""
        self._fits += 1
        return self._fits

    def went_on(self, epoch: int) -> None:
        """So many epochs need not be trained, because a checkpoint has them."""
        if epoch > self.epochs:
            self.epochs = epoch
            place = (EPOCHS.c.run == self.claim.id) & (EPOCHS.c.epoch == epoch)
            self.numbers = read(self.store.rows(EPOCHS.select().where(place))[0]["numbers"])
        self._last = time.perf_counter()

    def may_save(self) -> bool:
        """Whether another checkpoint takes no more than its share of the time of training."""
        spent = time.perf_counter() - self._began
        return self._saving + self._one_save <= SAVING_SHARE * spent

    def saved(self, seconds: float) -> None:
        """A checkpoint was written in so many seconds."""
        self._saving += seconds
        self._one_save = seconds
        self._last += seconds  # it belongs to no epoch

    def since_last(self) -> float:
        """Seconds since the last epoch, or since the run began: those that no epoch has counted."""
        return time.perf_counter() - self._last

    def begin(self, learn: Learner | None = None) -> None:
        """Training begins, of a learner or not: all choices are made."""
        self.choices.finish()
        if learn is not None and not self._fits:
            facts = facts_here() | {"data": data_facts(learn)}
            with self.store.writing() as connection:
                connection.execute(RUNS.update().where(self.mine).values(facts=written(facts)))

    def epoch(
        self, numbers: Mapping[str, Any], epoch: int | None = None, before_end: Callable[[], None] | None = None
    ) -> None:
        """Put an epoch on record, and end the run if it is to end.

        Args:
            numbers: of the epoch.
            epoch: which one, from 1; the next one unless given.
            before_end: is called where the run ends here and may be continued.

        Raises:
            Ended: a person or the time limit stops the run, other runs are better, or it is not ours any more.
            ExperimentError: something is not a number, or has a name that it cannot have.
        """
        self.begin()
        number = self.epochs + 1 if epoch is None else _whole_epoch(epoch)
        if number < self.epochs:
            raise ExperimentError(
                f"epoch {number} arrived after epoch {self.epochs}, and epochs are recorded in order. Leave out "
                "epoch=… to count on."
            )
        row = self._checked(numbers)
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        if number == self.epochs:  # more numbers of the same epoch
            row = self.numbers | row
        self._seconds = seconds + (self._seconds if number == self.epochs else 0)
        self.epochs, self.numbers = number, row
        stop = self._write(number, row, seconds)
        if stop or self.is_over():
            if before_end:
                before_end()
            raise Ended("stopped")
        trial = self.choices.trial  # None before the first choice, without which there is nothing to compare
        may_end = self.asker.prune and self.claim.is_first and self.claim.phase == "study" and self.metric in row
        if may_end and trial is not None and self.asker.report(trial, row[self.metric], number):
            raise Ended("pruned")

    def _write(self, number: int, row: dict[str, float], seconds: float) -> bool:
        """Write the epoch and what the run's row has of it; whether a person asked for the run to stop."""
        text, now = written(row), time.time()
        values: dict[str, Any] = {"beat": now, "changed": now, "attempts": 0, "seconds": RUNS.c.seconds + seconds}
        if number >= self.on_record:
            values |= {"epochs": number, "numbers": text}
        with self.store.writing() as connection:
            if not connection.execute(RUNS.update().where(self.mine).values(**values)).rowcount:
                raise Ended("lost")
            place = (EPOCHS.c.run == self.claim.id) & (EPOCHS.c.epoch == number)
            epoch = {"seconds": self._seconds, "numbers": text}
            there = number <= self.on_record
            if not there or not connection.execute(EPOCHS.update().where(place).values(**epoch)).rowcount:
                connection.execute(EPOCHS.insert().values(run=self.claim.id, epoch=number, **epoch))
            stop = connection.scalar(sa.select(RUNS.c.stop).where(RUNS.c.id == self.claim.id))
        self.on_record = max(self.on_record, number)
        return bool(stop)

    def _checked(self, numbers: Mapping[str, Any]) -> dict[str, float]:
        found = {}
        for name, value in numbers.items():
            check_number_name(name, self.choices.made)
            found[name] = as_number(value, name)
        if not found:
            raise ExperimentError("an epoch is recorded with its numbers, trial.record(valid_loss=…); none arrived.")
        return found


def check_number_name(name: Any, choices: Container[str]) -> None:
    """Raise ExperimentError for what cannot be the name of a number, beside these choices."""
    check_name(name, "a number")
    if name in choices and name != "rate":
        raise ExperimentError(
            f"a number cannot be called {name!r}, because a choice is. Give one of them another name."
        )


def as_number(value: Any, name: str) -> float:
    """A number of any kind, also of NumPy or PyTorch, as a float.

    Example:
        >>> as_number(np.float32(0.5), "valid_loss")
        0.5
    """
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, (Real, np.number)):
        return float(value)
    raise ExperimentError(f"{name} must be a number; {value!r} arrived.")


def is_number(value: Any) -> bool:
    """Whether `as_number` takes it."""
    return isinstance(value, (Real, np.number)) or (getattr(value, "ndim", None) == 0 and hasattr(value, "item"))


def stored(value: float | None) -> float | None:
    """A value as the database has it: nan is NULL there."""
    return None if value is None or math.isnan(value) else value


def _whole_epoch(epoch: Any) -> int:
    from handlens.core.checks import whole

    return whole(epoch, "epoch", ExperimentError)
