"""Trial: what a training asks for its choices, and tells its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from handlens.errors import ExperimentError
from handlens.experiments.training.choices import Choices
from handlens.experiments.training.record import RunRecord
from handlens.experiments.training.spaces import Options, Range, Space, described

if TYPE_CHECKING:
    from handlens.core.events import Callback

T = TypeVar("T")


class Trial:
    """One run of a study, as the function that trains sees it.

    Attributes:
        number: of the combination of choices, from 0.
        seed: for everything random in this run. Python's `random`, NumPy and PyTorch are seeded with it already.
        split: which split of the data to train on, from 0; always 0 unless the study is run with `splits`.
        folder: for files of this run; it is kept when the run is continued.

    Example:
        >>> from handlens.experiments import Study
        >>> def train(trial):
        ...     side = trial.categorical("side", ["left", "right"])
        ...     x = trial.real("x", 0, 1)
        ...     for epoch in range(3):
        ...         trial.record(valid_loss=x / (epoch + 1))
        >>> study = Study("experiments", metric="valid_loss")
        >>> study.run(train, n=2)
        2 of 2 runs; lowest valid_loss 0.0137825, of run 2; ...
        >>> study.curves()["epoch"].tolist()
        [1, 2, 3, 1, 2, 3]
    """

    def __init__(self, number: int, seed: int, split: int, folder: Path, choices: Choices, record: RunRecord) -> None:
        self.number, self.seed, self.split, self.folder = number, seed, split, folder
        self._choices, self._record = choices, record
        self._asked: dict[str, Space] = {}

    def categorical(self, name: str, options: Sequence[T]) -> T:
        """One of several options.

        Args:
            name: of the choice; it is the name of a column of `study.frame()`.
            options: what JSON has: text, numbers, True and False, None, and lists and dicts of them. Options of other
                kinds are looked up by a name: `{"adam": Adam, "sgd": SGD}[trial.categorical("opt", ["adam", "sgd"])]`.

        Raises:
            ExperimentError: the study knows this name with other options, or it is the name of a fact.
        """
        chosen: T = self._ask(name, Options.of(name, options))
        return chosen

    def integer(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        """A whole number from `low` to `high`, both included; with `log`, small ones are drawn as often as large ones.

        Raises:
            ExperimentError: as `categorical`.
        """
        chosen: int = self._ask(name, Range.integers(name, low, high, log=log))
        return chosen

    def real(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number from `low` to `high`; with `log`, each factor of ten in between is drawn equally often.

        Raises:
            ExperimentError: as `categorical`.
        """
        chosen: float = self._ask(name, Range.reals(name, low, high, log=log))
        return chosen

    def _ask(self, name: str, space: Space) -> Any:
        before = self._asked.setdefault(name, space)
        if before.record != space.record:
            raise ExperimentError(
                f"the choice {name!r} was asked for twice in one run: as {described(before.record)}, and as "
                f"{described(space.record)}. Give one of them another name."
            )
        return before.given(self._choices.value(name, space))

    @property
    def choices(self) -> dict[str, Any]:
        """The choices made so far, by their names, as plain JSON."""
        return dict(self._choices.made)

    @property
    def callbacks(self) -> list[Callback]:
        """What to give to `learn.fit` and `learn.fit_one_cycle`: every epoch is recorded and the run can be continued.

        Several fits of one run are recorded one after the other, as epochs that count on.
        """
        from handlens.experiments.training.recording import Record

        return [Record(self._record, self.folder)]

    def record(self, *, epoch: int | None = None, **numbers: float) -> None:
        """Record an epoch of a training loop of your own.

        The run may end here: because a person or the time limit stops it, or because other runs are better.

        Args:
            epoch: which one, from 1; the one after the last, unless given. The last one again gets more numbers.
            numbers: of this epoch, such as train_loss=…, valid_loss=….

        Raises:
            ExperimentError: something is not a number, or has the name of a fact or of a choice; or a later epoch is
                on record.
        """
        self._record.epoch(numbers, epoch)
