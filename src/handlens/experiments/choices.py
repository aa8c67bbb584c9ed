"""Choices: those of one combination, from the record, and from Optuna those that are not there yet."""

from __future__ import annotations

import json
import time
from typing import Any

import sqlalchemy as sa

from handlens.errors import ExperimentError
from handlens.experiments.asking import Asker
from handlens.experiments.facts import check_name
from handlens.experiments.spaces import Space, described
from handlens.experiments.store import CHOICES, COMBINATIONS, RUNS, Store, read, written

ATTEMPTS = 50
"""How often a combination is drawn again because an earlier one has the same choices."""


class Repeated(BaseException):
    """The choices are those of an earlier combination; not an Exception, so that a training does not catch it."""


class Choices:
    """The choices of one combination.

    Args:
        store, study, number: which combination.
        asker: draws what is not on record.
        attempt: how often it was drawn before.
    """

    def __init__(self, store: Store, study: str, number: int, asker: Asker, attempt: int = 0) -> None:
        self.store, self.study, self.number, self.asker, self.attempt = store, study, number, asker, attempt
        row = store.rows(COMBINATIONS.select().where(self._mine))[0]
        self.made: dict[str, Any] = read(row["choices"])
        self.complete: bool = row["complete"]
        self.trial: int | None = row["trial"]

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return (COMBINATIONS.c.study == self.study) & (COMBINATIONS.c.number == self.number)

    def value(self, name: str, space: Space) -> Any:
        """The value of a choice, as JSON: as it was made, or else drawn now and put on record.

        Raises:
            ExperimentError: the study knows this name with another space, or it cannot be the name of a choice.
            Repeated: an earlier combination has the same choices.
        """
        self._check(name, space)
        if name not in self.made:
            trial = self._trial()
            drawn = self.asker.value(trial, name, space, combination=self.number, attempt=self.attempt)
            self._keep(name, drawn)
            if not self.complete and self._is_repeated():
                raise Repeated
        return self.made[name]

    def finish(self) -> None:
        """All choices are made: training begins.

        Raises:
            Repeated: an earlier combination has the same choices.
        """
        if not self.complete:
            if self._is_repeated():
                raise Repeated
            with self.store.writing() as connection:
                connection.execute(COMBINATIONS.update().where(self._mine).values(complete=True))
            self.complete = True

    def draw_again(self) -> Choices | None:
        """The same combination without its choices, to be drawn again; None if that was tried often enough."""
        if self.trial is not None:
            self.asker.tell(self.trial, None)
        if self.asker.is_fixed or self.attempt + 1 == ATTEMPTS:
            return None
        blank = {"trial": None, "choices": "{}"}
        with self.store.writing() as connection:
            connection.execute(COMBINATIONS.update().where(self._mine).values(**blank))
        return Choices(self.store, self.study, self.number, self.asker, self.attempt + 1)

    def leave_out(self) -> None:
        """There is nothing new to train: the combination has no runs, and its number is not used again."""
        with self.store.writing() as connection:
            connection.execute(RUNS.delete().where((RUNS.c.study == self.study) & (RUNS.c.combination == self.number)))
            connection.execute(COMBINATIONS.update().where(self._mine).values(complete=True, told=True))

    def _trial(self) -> int:
        if self.trial is None:
            asked = self.asker.ask()
            with self.store.writing() as connection:
                there = connection.scalar(sa.select(COMBINATIONS.c.trial).where(self._mine))
                if there is None:
                    connection.execute(COMBINATIONS.update().where(self._mine).values(trial=asked))
            self.trial = asked if there is None else int(there)
        return self.trial

    def _keep(self, name: str, value: Any) -> None:
        """Put a value on record, unless another run of the combination was first."""
        with self.store.writing() as connection:
            made = read(connection.scalar(sa.select(COMBINATIONS.c.choices).where(self._mine)) or "{}")
            if name not in made:
                made[name] = value
                connection.execute(COMBINATIONS.update().where(self._mine).values(choices=written(made)))
                of = (RUNS.c.study == self.study) & (RUNS.c.combination == self.number)
                connection.execute(RUNS.update().where(of).values(changed=time.time()))
        self.made = made

    def _is_repeated(self) -> bool:
        others = COMBINATIONS.select().where(
            (COMBINATIONS.c.study == self.study) & (COMBINATIONS.c.number != self.number) & COMBINATIONS.c.complete
        )
        mine = json.dumps(self.made, sort_keys=True)
        return any(json.dumps(read(row["choices"]), sort_keys=True) == mine for row in self.store.rows(others))

    def _check(self, name: str, space: Space) -> None:
        """Raise ExperimentError if the study knows this name with another space; put a new one on record."""
        check_name(name, "a choice")
        known = self._spaces()
        if name not in known:
            row = {"study": self.study, "name": name, "position": len(known), "space": written(space.record)}
            try:
                with self.store.writing() as connection:
                    connection.execute(CHOICES.insert().values(**row))
            except sa.exc.IntegrityError:  # another process asked first
                known = self._spaces()
        if name in known and known[name] != written(space.record):
            raise ExperimentError(
                f"the study {self.study!r} knows the choice {name!r} as {described(read(known[name]))}; it was asked "
                f"for as {described(space.record)}. Give it another name, or begin a study of another name."
            )

    def _spaces(self) -> dict[str, str]:
        return {
            row["name"]: row["space"] for row in self.store.rows(CHOICES.select().where(CHOICES.c.study == self.study))
        }
