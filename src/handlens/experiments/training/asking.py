"""Asking Optuna: which value a choice gets, whether a run is pruned, and what came out.

Each combination is a trial of the Optuna study of the same name, in the same database. Its values are drawn by a
sampler that is seeded by the study's seed, the number of the combination and the name of the choice, so random and
grid search give the same choices on any number of processes, in whatever order they ask.
"""

from __future__ import annotations

import itertools
import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa

from handlens.errors import ExperimentError
from handlens.experiments.store import Place, patiently, reporting
from handlens.experiments.training.spaces import Space, json_text

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna import Trial as OptunaTrial
    from optuna.samplers import BaseSampler

SAMPLERS = ("random", "tpe")


def check_sampler(sampler: Any) -> None:
    """Raise ExperimentError for what cannot draw the choices of a study."""
    from optuna.samplers import BaseSampler, BruteForceSampler, GridSampler

    if isinstance(sampler, (GridSampler, BruteForceSampler)):  # they end Optuna's own loop
        raise ExperimentError(
            f"give grid=… in place of Optuna's {type(sampler).__name__}: every combination is trained."
        )
    if sampler not in SAMPLERS and not isinstance(sampler, BaseSampler):
        raise ExperimentError(f'sampler must be "random", "tpe" or a sampler of Optuna; {sampler!r} arrived.')


class Grid:
    """Every combination of the values of some choices, in order, the last name fastest.

    Args:
        values: the values of each choice, by its name.

    Example:
        >>> grid = Grid({"layers": [[200, 100], [500]], "ps": [0.0, 0.5]})
        >>> len(grid), grid[1]
        (4, {'layers': [200, 100], 'ps': 0.5})
    """

    def __init__(self, values: Mapping[str, Sequence[Any]]) -> None:
        lists = {name: _list(one) for name, one in values.items()} if isinstance(values, Mapping) else {}
        if not lists or not all(one and len({*map(json_text, one)}) == len(one) for one in lists.values()):
            raise ExperimentError(
                f"grid must be lists of values by the names of the choices, such as {{'ps': [0, 0.5]}}, "
                f"each with one value or more and none twice; {values!r} "
                "arrived."
            )
        self.values = lists

    def __len__(self) -> int:
        return math.prod(len(options) for options in self.values.values())

    def __getitem__(self, number: int) -> dict[str, Any]:
        chosen = next(itertools.islice(itertools.product(*self.values.values()), number, None))
        return dict(zip(self.values, chosen, strict=True))

    def check_fits(self, made: Mapping[int, Mapping[str, Any]]) -> None:
        """Raise ExperimentError if a study has other combinations than these: they are told apart by their numbers.

        Args:
            made: the choices of each combination of the study, by its number.
        """
        for number, choices in made.items():
            wanted = self[number] if number < len(self) else {}
            # By way of JSON, which has lists where the grid may have tuples.
            if any(name in choices and choices[name] != json.loads(json_text(value)) for name, value in wanted.items()):
                raise ExperimentError(
                    f"the study has a combination {number} already, with {_said(choices)}; in this grid it has "
                    f"{_said(wanted)}. A grid can be given more values at the end of its first list; give another grid "
                    "a study of another name."
                )


class Asker:
    """The Optuna study beside ours.

    Args:
        place: whose database holds it.
        name, direction, seed: of our study.
        sampler: "random", "tpe", or a sampler of Optuna.
        grid: what a combination is made of before the sampler is asked for the rest.
        prune: whether runs may be ended early, by Optuna's SuccessiveHalvingPruner.
    """

    def __init__(
        self,
        place: Place,
        name: str,
        direction: str,
        seed: int,
        *,
        sampler: str | BaseSampler = "random",
        grid: Grid | None = None,
        prune: bool = False,
    ) -> None:
        self.seed, self.sampler, self.grid, self.prune = seed, sampler, grid, prune
        with quiet(place):
            self._study, self._study_id = _open(place, name, direction, prune)
        self._place = place
        self._trials: dict[int, OptunaTrial] = {}

    @property
    def is_fixed(self) -> bool:
        """Whether asking again gives the same: in a grid."""
        return self.grid is not None

    @property
    def grid_names(self) -> list[str]:
        """The names of the choices in the grid, if there is one."""
        return list(self.grid.values) if self.grid else []

    def check(self, name: str, space: Space) -> None:
        """Raise ExperimentError if the grid has a value for a choice that is not one of those asked for."""
        for value in self.grid.values.get(name, []) if self.grid else []:
            space.check(name, value)

    def ask(self) -> int:
        """Begin a new trial, and return Optuna's number of it."""
        with quiet(self._place):
            trial = self._study.ask()
        self._trials[trial.number] = trial
        return trial.number

    def is_over(self, trial: int) -> bool:
        """Whether Optuna was told what came out of a trial, which gets no more values then."""
        with quiet(self._place):
            asked = self._trial(trial)
            return asked.storage.get_trial(asked._trial_id).state.is_finished()

    def repeat(self, trial: int, name: str, space: Space, value: Any) -> None:
        """Give a trial a value that was drawn before."""
        with quiet(self._place):
            asked = self._trial(trial)
            asked.study.sampler = self._sampler({name: space.internal(value)}, (0,))
            space.ask(asked, name)

    def value(self, trial: int, name: str, space: Space, *, combination: int, attempt: int) -> Any:
        """The value that a trial gets for a choice, as JSON; of a combination, asked for the `attempt`-th time."""
        fixed = self.grid[combination] if self.grid else {}
        if name in fixed:
            fixed = {name: space.internal(fixed[name])}
        with quiet(self._place):
            asked = self._trial(trial)
            asked.study.sampler = self._sampler(fixed, (combination, attempt, *name.encode()))
            return space.ask(asked, name)

    def report(self, trial: int, value: float, epoch: int) -> bool:
        """Report the metric after an epoch; whether the trial is not worth going on with."""
        with quiet(self._place):
            asked = self._trial(trial)
            if asked.storage.get_trial(asked._trial_id).state.is_finished():  # a person queued the run again
                return False
            if epoch not in asked.storage.get_trial(asked._trial_id).intermediate_values:
                asked.report(value, epoch)
            return asked.should_prune()

    def tell(self, trial: int, value: float | None, *, pruned: bool = False) -> None:
        """Tell what came out: a number, or that there is none, because the trial failed or was pruned."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        state = None if value is not None else TrialState.PRUNED if pruned else TrialState.FAIL
        with suppress(UpdateFinishedTrialError), quiet(self._place):  # another process told it at the same time
            self._trial(trial)
            self._study.tell(trial, value, state, skip_if_finished=True)

    def _trial(self, number: int) -> OptunaTrial:
        if number not in self._trials:
            import optuna

            self._study.get_trials(deepcopy=False)  # the storage knows a trial of another process once it is read
            storage = self._study._storage
            identity = storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
            self._trials[number] = optuna.Trial(self._study, identity)
        return self._trials[number]

    def _sampler(self, fixed: dict[str, Any], key: tuple[int, ...]) -> BaseSampler:
        from optuna.samplers import PartialFixedSampler, RandomSampler, TPESampler

        if not isinstance(self.sampler, str):
            base = self.sampler
        else:
            seed = int(np.random.SeedSequence([abs(self.seed), *key]).generate_state(1)[0])
            base = TPESampler(seed=seed) if self.sampler == "tpe" else RandomSampler(seed=seed)
        return PartialFixedSampler(fixed, base) if fixed else base


@contextmanager
def quiet(place: Place) -> Iterator[None]:
    """A block in which Optuna neither logs nor warns, and errors of the database are raised as sentences."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings(), reporting(place):
            warnings.simplefilter("ignore")
            yield
    except optuna.exceptions.StorageInternalError as error:
        with reporting(place):
            raise (error.__cause__ or error) from None
    finally:
        optuna.logging.set_verbosity(level)


def _open(place: Place, name: str, direction: Any, prune: bool) -> tuple[OptunaStudy, int]:
    import optuna

    wait = {"connect_args": {"timeout": 60}} if place.url.startswith("sqlite") else {"pool_pre_ping": True}
    pruner = optuna.pruners.SuccessiveHalvingPruner() if prune else optuna.pruners.NopPruner()

    def make() -> tuple[OptunaStudy, int]:
        storage = optuna.storages.RDBStorage(place.url, engine_kwargs=wait)
        if place.url.startswith("sqlite"):

            @sa.event.listens_for(storage.engine, "connect")
            def _(connection: Any, _record: Any) -> None:
                connection.execute("PRAGMA synchronous=NORMAL")

            storage.engine.dispose()
        study = optuna.create_study(
            storage=storage, study_name=name, direction=direction, pruner=pruner, load_if_exists=True
        )
        return study, storage.get_study_id_from_name(name)

    return patiently(make)


def _said(choices: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value!r}" for name, value in choices.items())


def _list(values: Any) -> list[Any]:
    """What has an order, as a list; empty for anything else."""
    plain = values.tolist() if hasattr(values, "tolist") else values  # of NumPy and pandas
    return list(plain) if isinstance(plain, Sequence) and not isinstance(plain, (str, bytes)) else []
