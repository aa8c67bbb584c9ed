"""Choices: those of one combination, from the record, and from Optuna those that are not there yet."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from handlens.errors import ExperimentError
from handlens.experiments.store import CHOICES, COMBINATIONS, RUNS, Store, read, written
from handlens.experiments.training.asking import Asker
from handlens.experiments.training.facts import check_name
from handlens.experiments.training.owners import Watch
from handlens.experiments.training.spaces import Space, described, space_of

ATTEMPTS = 50
"""How often a combination is drawn again because an earlier one has the same choices."""


class Repeated(BaseException):
    """The choices are those of an earlier combination; not an Exception, so that a training does not catch it."""


class OtherwiseAsked(ExperimentError):
    """The function that trains asks for other choices than the study has: no run of it is worth training."""


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
        self._watch = Watch()

    @property
    def _mine(self) -> sa.ColumnElement[bool]:
        return (COMBINATIONS.c.study == self.study) & (COMBINATIONS.c.number == self.number)

    def value(self, name: str, space: Space) -> Any:
        """The value of a choice, as JSON: as it was made, or else drawn now and put on record.

        Raises:
            OtherwiseAsked: the study knows this name with another space, or the grid has a value that is not in it.
            ExperimentError: it cannot be the name of a choice.
            Repeated: an earlier combination has the same choices.
        """
        self._check(name, space)
        if name not in self.made:
            try:
                self.asker.check(name, space)
            except ExperimentError as error:
                raise OtherwiseAsked(str(error)) from None
            trial = self._trial()
            drawn = self.asker.value(trial, name, space, combination=self.number, attempt=self.attempt)
            self._keep(name, drawn)
            if not self.complete and any(_same(row, self.made) for row in self._others() if row["complete"]):
                raise Repeated
        return self.made[name]

    def finish(self) -> None:
        """All choices are made: training begins.

        Of two equal combinations that are drawn at the same time, the one with the higher number is drawn again, as it
        would be if one came after the other. For that it waits while the other is still drawing.

        Raises:
            OtherwiseAsked: no training of the study asked for anything that is in the grid.
            Repeated: an earlier combination has the same choices.
        """
        if not self.complete:
            self._check_grid()
            while self._is_lower_drawing():
                time.sleep(0.05)
            with self.store.writing() as connection:
                connection.execute(COMBINATIONS.update().where(self._mine).values(complete=True))
            self.complete = True

    def draw_again(self) -> Choices | None:
        """The same combination without its choices, to be drawn again; None if that was tried often enough."""
        if self.trial is not None:
            self.asker.tell(self.trial, None)
        if self.asker.is_fixed or not self.made or self.attempt + 1 == ATTEMPTS:
            return None
        self.forget()
        return Choices(self.store, self.study, self.number, self.asker, self.attempt + 1)

    def forget(self) -> None:
        """Take the choices off the record again, unless training has begun with them."""
        mine = self._mine & ~COMBINATIONS.c.complete
        with self.store.writing() as connection:
            connection.execute(COMBINATIONS.update().where(mine).values(trial=None, choices="{}"))

    def leave_out(self) -> None:
        """There is nothing new to train: the combination has no runs, and its number is not used again."""
        with self.store.writing() as connection:
            connection.execute(RUNS.delete().where((RUNS.c.study == self.study) & (RUNS.c.combination == self.number)))
            connection.execute(COMBINATIONS.update().where(self._mine).values(complete=True, told=True))

    def _trial(self) -> int:
        """Optuna's number of the combination: a new one if it knows the outcome of the one that there is."""
        before = self.trial
        if before is None or self.asker.is_over(before):
            asked = self.asker.ask()
            known = self._spaces()
            for name, value in self.made.items():
                self.asker.repeat(asked, name, space_of(read(known[name])), value)
            with self.store.writing() as connection:
                there = connection.scalar(sa.select(COMBINATIONS.c.trial).where(self._mine))
                if there is None or there == before:  # another run of the combination may have been first
                    connection.execute(COMBINATIONS.update().where(self._mine).values(trial=asked, told=False))
            before = self.trial = asked if there is None or there == before else int(there)
        return before

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

    def _check_grid(self) -> None:
        """Raise OtherwiseAsked if no training asked for anything that is in the grid."""
        grid = self.asker.grid_names
        if grid and not self.made.keys() & grid and not self._spaces().keys() & grid:
            raise OtherwiseAsked(
                f"grid has values for {', '.join(map(repr, grid))}, and train asks for "
                f"{', '.join(map(repr, self.made)) or 'no choices'}. Write the names in grid as train has them."
            )

    def _is_lower_drawing(self) -> bool:
        """Whether a combination of a lower number may come to have the same choices.

        Raises:
            Repeated: one has them, or one of any number is trained with them.
        """
        in_training = self._in_training()
        for row in self._others():
            drawing = row["number"] < self.number and row["number"] in in_training
            if (row["complete"] or drawing) and _same(row, self.made):
                raise Repeated
            if drawing and not row["complete"] and _is_part(row, self.made):
                return True
        return False

    def _others(self) -> list[dict[str, Any]]:
        of = (COMBINATIONS.c.study == self.study) & (COMBINATIONS.c.number != self.number)
        return self.store.rows(COMBINATIONS.select().where(of))

    def _in_training(self) -> set[int]:
        """The combinations that some process trains."""
        running = (RUNS.c.study == self.study) & (RUNS.c.status == "running")
        return {
            run["combination"] for run in self.store.rows(RUNS.select().where(running)) if not self._watch.is_dead(run)
        }

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
            raise OtherwiseAsked(
                f"the study {self.study!r} knows the choice {name!r} as {described(read(known[name]))}; it was asked "
                f"for as {described(space.record)}. Give it another name, or begin a study of another name."
            )

    def _spaces(self) -> dict[str, str]:
        return {
            row["name"]: row["space"] for row in self.store.rows(CHOICES.select().where(CHOICES.c.study == self.study))
        }


def _same(row: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    return json.dumps(read(row["choices"]), sort_keys=True) == json.dumps(made, sort_keys=True)


def _is_part(row: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
    return all(name in made and made[name] == value for name, value in read(row["choices"]).items())
