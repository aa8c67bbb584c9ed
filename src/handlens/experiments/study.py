"""Study: many trainings of one function with different choices, on record, to be compared."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import sqlalchemy as sa

from handlens.core.checks import whole
from handlens.errors import ExperimentError
from handlens.experiments.reading import frames
from handlens.experiments.reading.best import Best, best
from handlens.experiments.reading.comparison import compare
from handlens.experiments.reading.confirm import CONFIRM, Confirmation, confirmation, new_seeds, number_of, picked
from handlens.experiments.reading.pivot import INDEPENDENT, Pivot, direction_of, note_sampler, pivot
from handlens.experiments.store import COMBINATIONS, STUDIES, Place, Store, read, storable
from handlens.experiments.training.asking import Grid, check_sampler
from handlens.experiments.training.claims import RunPlan, add_runs, make_ready
from handlens.experiments.training.orders import Order
from handlens.experiments.training.processes import work_in_processes
from handlens.experiments.training.progress import StudyProgress
from handlens.experiments.training.ray_engine import work_on_ray
from handlens.experiments.training.running import Train
from handlens.experiments.training.spaces import json_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from optuna.samplers import BaseSampler


MOST_SEED = 2**53 - 2**20
"""So that also the last run of a combination has a seed that every program reads exactly."""


class Study:
    """Many trainings with different choices: each epoch of each is on record, and what was interrupted continues.

    Args:
        folder: where the record, logs and checkpoints are kept; it is made if it does not exist.
        name: of the study; a folder may hold several.
        metric: the number that tells good runs from bad ones, such as "valid_loss" or the name of a metric; a run has
            the value of its last epoch, or what the function that trains returns.
        direction: "minimize" or "maximize".
        storage: the address of a database to use in place of a file in the folder, as SQLAlchemy writes it, such as
            "postgresql+psycopg://user@host/name"; by it several machines work on one study.
        seed: of the choices; and of the first run of each combination, the next has one more.

    Raises:
        ExperimentError: the database cannot be reached, or has a study of this name that measures something else.

    Example:
        >>> def train(trial):
        ...     rate = trial.real("rate", 1e-3, 1e-1, log=True)
        ...     layers = trial.categorical("layers", [[200, 100], [50]])
        ...     return {"valid_loss": rate * len(layers) + trial.seed}
        >>> study = Study("experiments", metric="valid_loss")
        >>> study.run(train, n=4, repeats=3)
        12 of 12 runs; lowest valid_loss 0.00228287, of run 10; ...
        >>> frame = study.frame()
        >>> len(frame), frame["layers"].nunique(), frame["seed"].unique().tolist()
        (12, 1, [0, 1, 2])
    """

    def __init__(
        self,
        folder: Path | str,
        name: str = "study",
        *,
        metric: str = "valid_loss",
        direction: str = "minimize",
        storage: str | None = None,
        seed: int = 0,
    ) -> None:
        if direction not in ("minimize", "maximize"):
            raise ExperimentError(f'direction must be "minimize" or "maximize"; {direction!r} arrived.')
        for value, what in ((name, "name"), (metric, "metric")):
            if not isinstance(value, str) or not 0 < len(value) <= 200 or value != storable(value):
                raise ExperimentError(f"the {what} of a study must be text of 1 to 200 characters; {value!r} arrived.")
        self.name, self.metric, self.direction = name, metric, direction
        self.seed = whole(seed, "the seed of a study", ExperimentError, least=0)
        if self.seed > MOST_SEED:
            raise ExperimentError(f"the seed of a study must be {MOST_SEED} or less; {seed!r} arrived.")
        self.place = Place.of(folder, storage)
        self.store = Store(self.place)
        self.store.check()
        self._function: Train | None = None  # of the latest `run`
        self._begin()

    def _begin(self) -> None:
        row = {"name": self.name, "metric": self.metric, "direction": self.direction, "seed": self.seed}
        with suppress(sa.exc.IntegrityError), self.store.writing() as connection:  # another process was first
            if connection.scalar(sa.select(STUDIES.c.name).where(STUDIES.c.name == self.name)) is None:
                connection.execute(STUDIES.insert().values(**row, made=time.time(), settings="{}"))
        there = self._row()
        for key, what in (("metric", "the metric"), ("direction", "the direction"), ("seed", "the seed")):
            if there[key] != row[key]:
                raise ExperimentError(
                    f"{self.place.shown} has a study {self.name!r} already; {what} of it is {there[key]!r}, and "
                    f"{row[key]!r} arrived. Ask for what it has, or give this study another name."
                )

    def _row(self) -> dict[str, Any]:
        return self.store.rows(STUDIES.select().where(STUDIES.c.name == self.name))[0]

    def run(
        self,
        train: Train,
        n: int | None = None,
        *,
        repeats: int = 1,
        splits: int = 1,
        minutes: float | None = None,
        jobs: int = 1,
        sampler: str | BaseSampler = "random",
        grid: Mapping[str, Sequence[Any]] | None = None,
        prune: bool = False,
        engine: str = "local",
        address: str | None = None,
        resources: Mapping[str, Any] | None = None,
        retries: int = 2,
    ) -> None:
        """Train until the study has `n` combinations of choices; what an earlier call left is continued first.

        Several processes or machines may run one study at the same time. This one returns when no run is left, also of
        those that others train: if one of them dies, its runs are continued here.

        Args:
            train: takes a `Trial`, asks it for choices, trains, and returns the learner, a number, or numbers by name.
            n: how many combinations the study is to have in all, those of earlier calls included; with `grid`, all of
                it unless given.
            repeats: how many seeds each combination is trained with.
            splits: how many splits of the data each is trained on; the function asks for `trial.split`.
            minutes: after so long no further run begins, and those in training stop after their epoch; the next call
                continues them.
            jobs: how many processes train at once.
            sampler: "random", "tpe" (Optuna's TPESampler, which learns from the values so far), or a sampler of Optuna.
            grid: values by the names of choices, every combination of which is trained; choices that are not in it
                are drawn by the sampler.
            prune: end runs early that are worse than others at the same epoch (Optuna's SuccessiveHalvingPruner). The
                first run of a combination decides for all of its runs.
            engine: "local" for this machine, or "ray" for a Ray cluster, each of whose tasks trains one run.
            address: of the Ray cluster, such as "host:6379" or "auto". Unless given, the one that this process is
                connected to; if there is none, a Ray is started on this machine for the time of the call.
            resources: what a run needs on Ray: `num_cpus` (1 unless given), `num_gpus`, `memory` in bytes, and
                `resources`, a dict of those that have names of their own. As many runs train at once as there is room.
            retries: how often a run may lose its process without an epoch on record before it counts as failed.

        Raises:
            ExperimentError: the arguments do not fit together, the database cannot be reached, or one combination
                after the other failed with the same error: the first five, or twenty later on.
        """
        if not callable(train):
            raise ExperimentError(f"train must be a function that takes a trial; {train!r} arrived.")
        check_sampler(sampler)
        if n is None and grid is None and minutes is None:
            raise ExperimentError("say how much to train: n=…, grid=… or minutes=….")
        total = None if n is None else whole(n, "n, the number of combinations,", ExperimentError)
        if grid is not None:
            grid = Grid(grid).values
            total = len(Grid(grid)) if total is None else min(total, len(Grid(grid)))
        plan = RunPlan(
            total,
            whole(repeats, "repeats", ExperimentError),
            whole(splits, "splits", ExperimentError),
            prune,
            whole(retries, "retries", ExperimentError, least=0),
        )
        jobs = whole(jobs, "jobs", ExperimentError)
        _check_engine(engine, jobs, address, resources)
        until = None if minutes is None else time.time() + 60 * _positive(minutes)
        if grid is not None:
            Grid(grid).check_fits(self._made())
        make_ready(self.store, self.name, plan, self.seed)
        self._note(plan, sampler, grid, jobs)
        self._function = train
        order = Order(self.place, self.name, train, plan, sampler, grid, until)
        self._train(order, jobs, engine, address, resources)

    def _made(self) -> dict[int, dict[str, Any]]:
        """The choices of each combination, by its number."""
        rows = self.store.rows(COMBINATIONS.select().where(COMBINATIONS.c.study == self.name))
        return {row["number"]: read(row["choices"]) for row in rows}

    def _note(self, plan: RunPlan, sampler: str | BaseSampler, grid: Any, jobs: int) -> None:
        """Put on record how the study was last run."""
        name = sampler if isinstance(sampler, str) else type(sampler).__name__
        before = read(self._row()["settings"]).get("sampler", name)
        if before not in INDEPENDENT and self._made():
            name = before  # that a sampler learned from the values is true of the study from then on
        settings = {**asdict(plan), "sampler": name, "grid": grid, "jobs": jobs}
        with self.store.writing() as connection:
            mine = STUDIES.c.name == self.name
            connection.execute(STUDIES.update().where(mine).values(settings=json_text(settings)))

    def _train(
        self,
        order: Order,
        jobs: int,
        engine: str = "local",
        address: str | None = None,
        resources: Mapping[str, Any] | None = None,
    ) -> None:
        progress = StudyProgress(self.store, self._row(), order.plan, order.until, order.grid or ())
        try:
            if engine == "ray":
                work_on_ray(order, self.store, progress.show, address=address, resources=resources)
            elif jobs == 1:
                order.worker(progress.show).work()
            else:
                work_in_processes(order, self.store, jobs, progress.show)
        finally:
            progress.end()

    def frame(self) -> pd.DataFrame:
        """A row a run, by its id: facts, then choices in the order first asked for, then numbers of the last epoch."""
        return frames.frame(self.store, self.name)

    def curves(self) -> pd.DataFrame:
        """A row an epoch: run, epoch, seconds, and every number that was recorded, such as train_loss."""
        return frames.curves(self.store, self.name)

    @property
    def choices(self) -> list[str]:
        """The names of the choices, in the order in which they were first asked for."""
        return list(frames.spaces(self.store, self.name))

    def pivot(
        self,
        rows: str | Sequence[str],
        columns: str | Sequence[str] | None = None,
        values: str = "value",
        aggregate: str = "mean",
        *,
        baseline: Any = None,
    ) -> Pivot:
        """Summarise the runs in a table with a cell for each value of some choices, and compare it with one of them.

        Runs that do not have a number are counted and not averaged. A choice of numbers with more than 12 different
        values is cut into four ranges; runs that were not asked for a choice are in a cell "(not asked)".

        Args:
            rows: the choices, or `combination`, `phase`, `seed`, `split`, `machine`, `commit` or `star`, that make the
                rows; one name or a list.
            columns: those that make the columns, if any.
            values: the column of `frame` that is summarised; the study's metric at the end of each run unless given.
            aggregate: "mean", "median", "best", "sd" or "count".
            baseline: the cell that the others are compared with: the value of the row choice, or a dict of the value of
                each row and column choice.

        Returns:
            The table; its `cells` has all numbers, with intervals and a verdict where there is a baseline.

        Raises:
            ExperimentError: there are no runs, a name is not known, the values are not numbers, or the baseline is not
                a cell of the table.
        """
        direction = direction_of(values, self.metric, self.direction)
        table = pivot(
            self._frame(values), self.choices, rows, columns, values, aggregate, direction=direction, baseline=baseline
        )
        if baseline is not None:
            note_sampler(table, read(self._row()["settings"]))
        return table

    def _frame(self, values: str) -> pd.DataFrame:
        """The frame for what looks at one column of it; curves are read only where it is about them."""
        return frames.frame(self.store, self.name, bumpy=values == "bumpiness")

    def compare(self, combinations: Iterable[int], values: str = "value", *, baseline: int | None = None) -> Pivot:
        """Compare combinations in pairs of runs with the same seed and split.

        Args:
            combinations: their numbers, two or more.
            values: the column of `frame` that is compared.
            baseline: the combination that the others are compared with; the first one unless given.

        Returns:
            A table with a row for each of them, with the choices that they differ in.

        Raises:
            ExperimentError: fewer than two combinations, or one that the study does not have.
        """
        direction = direction_of(values, self.metric, self.direction)
        return compare(self._frame(values), self.choices, combinations, values, direction=direction, baseline=baseline)

    def importance(self, values: str = "value", *, seed: int = 0) -> pd.DataFrame:
        """How much of the differences between combinations each choice explains by itself (Optuna's fANOVA).

        Args:
            values: the column of `frame` that is explained.
            seed: of the forests that it is computed with.

        Returns:
            A row a choice, the most important first: `choice`, `importance` from 0 to 1, its 95 % interval `low` and
            `high`, `chance`, what random numbers reach in 95 % of samples, `combinations`, how many it is from, 200
            at most, which are drawn at random, and `verdict`: "beyond chance" or "chance could explain it".

        Raises:
            ExperimentError: fewer than 10 combinations ended with a number, or none of the choices varies.
        """
        from handlens.experiments.reading.importance import importance

        return importance(self._frame(values), self.choices, values, seed=seed)

    def best(self) -> Best:
        """The combination with the best mean, and what it is worth after having been picked for that.

        Raises:
            ExperimentError: no run has ended with a number.
        """
        return best(self.frame(), self.choices, direction=self.direction)

    def confirm(
        self,
        k: int = 3,
        seeds: int = 5,
        *,
        train: Train | None = None,
        baseline: int | Mapping[str, Any] | None = None,
        jobs: int = 1,
    ) -> Confirmation:
        """Train the best combinations again, with seeds that had no part in picking them.

        A call that was interrupted is continued by the next one. Runs that an interrupted `run` left are not trained.

        Args:
            k: how many of the best combinations, of those that have all their runs.
            seeds: how many new seeds each is trained with, on every split of the study.
            train: the function that trains, as for `run`; the one of the latest `run` unless given.
            baseline: a combination that is trained again too and that the others are compared with: its number, or a
                dict of its choices. The best one unless given.
            jobs: how many processes train at once.

        Returns:
            The table of what each came to, beside what it was picked for.

        Raises:
            ExperimentError: no run has ended with a number, there is no such baseline, or `train` is missing.
        """
        train = train or self._function
        if train is None:
            raise ExperimentError("confirm requires the function that trains: give train=….")
        frame = self.frame()
        chosen = picked(frame, whole(k, "k", ExperimentError), direction=self.direction)
        base = chosen[0] if baseline is None else number_of(frame, self.choices, baseline)
        fresh = new_seeds(frame, whole(seeds, "seeds", ExperimentError))
        splits = sorted(map(int, set(frame["split"])))
        wanted = [(number, CONFIRM, seed, split) for number in {*chosen, base} for split in splits for seed in fresh]
        add_runs(self.store, self.name, wanted)
        plan = RunPlan(int(frame["combination"].max()) + 1, phase=CONFIRM)
        self._train(Order(self.place, self.name, train, plan), whole(jobs, "jobs", ExperimentError))
        return confirmation(self.frame(), self.choices, chosen, base, direction=self.direction)

    def small_multiples(
        self,
        rows: str | Sequence[str] | None = None,
        columns: str | Sequence[str] | None = None,
        values: str | None = None,
    ) -> Figure:
        """Draw a small training graph for each cell of a grid, all on one scale.

        A thin line is one run, the thick one the mean of the finished runs of the cell, at the epochs that all of them
        have. Above each graph stand the mean of what the runs ended with, how many runs that is, and their mean
        bumpiness. Runs that failed, were pruned or stopped, or ended without a number, are marked and are not part of a
        mean. One run that exploded does not stretch the scale: it is cut off and marked. A scale over more than a
        factor of 20 is logarithmic.

        Args:
            rows, columns: the choices whose values make the rows and the columns, as in a pivot table; at least one.
            values: the number that is drawn, such as a metric; the training and the validation loss unless given.

        Raises:
            ExperimentError: no run has begun, there is no such choice or number, or they make more than 500 graphs.
        """
        from handlens.experiments.drawing.small_multiples import small_multiples

        return small_multiples(
            self.frame(), self.curves(), rows=rows, columns=columns, values=values, metric=self.metric
        )

    def parallel_coordinates(self) -> Figure:
        """Draw a line for each combination, through the value of each choice to the mean value of its runs.

        The better the mean, the darker and thicker the line. Choices that were drawn on a log scale lie on one.

        Raises:
            ExperimentError: no run has begun, or the study has no choices.
        """
        from handlens.experiments.drawing.choice_plots import parallel_coordinates

        return parallel_coordinates(self.frame(), self.choices, **self._scales())

    def slices(self) -> Figure:
        """Draw the value of each run over each choice, with the runs of a combination joined.

        Combinations of the same level lie side by side, always in the same order; a bar is the mean of the level. The
        other choices differ too: `pivot` says which differences chance could explain.

        Raises:
            ExperimentError: no run has begun, or the study has no choices.
        """
        from handlens.experiments.drawing.choice_plots import slices

        return slices(self.frame(), self.choices, **self._scales())

    def how_chosen(self, confirmed: Confirmation, combination: int | None = None) -> dict[str, str]:
        """Facts for a model card: how much was tried, what was chosen, and what it came to with new seeds.

        `ModelCard.from_learner(learn, chosen=study.how_chosen(confirmed))` puts them into the card.

        Args:
            confirmed: what `confirm` gave.
            combination: the one that the model has; the best of the study unless given.

        Raises:
            ExperimentError: this combination was not confirmed.
        """
        from handlens.experiments.sharing.card import how_chosen

        return how_chosen(
            self.frame(), confirmed, name=self.name, metric=self.metric, choices=self.choices, combination=combination
        )

    def to_csv(self, path: Path | str, *, curves: bool = False, spreadsheet: bool = False) -> None:
        """Write the runs as CSV: a row a run, with each number such that it is read again exactly.

        Args:
            path: the file.
            curves: write a row an epoch in place of a row a run.
            spreadsheet: put an apostrophe before text that a spreadsheet program would run as a formula.

        Raises:
            StorageError: the disk refused; what was there before stays.
        """
        from handlens.experiments.sharing.exports import write_csv

        write_csv(self.curves() if curves else self.frame(), path, spreadsheet=spreadsheet)

    def to_parquet(self, path: Path | str, *, curves: bool = False) -> None:
        """Write the runs as Parquet; args and errors as in `to_csv`. Choices that are lists become JSON."""
        from handlens.experiments.sharing.exports import write_parquet

        write_parquet(self.curves() if curves else self.frame(), path)

    def to_html(self, path: Path | str, *, pivot: Pivot | None = None) -> None:
        """Write one HTML file with facts, training graphs and all runs, that any browser opens without a server.

        It requests nothing from the network. The table of runs is sorted by a click on the name of a column; of more
        than 500 runs the first ones are shown until all are asked for. Graphs are drawn for the best 200 combinations,
        or as many cells of the pivot table.

        Args:
            path: the file.
            pivot: of this study: it is shown, and its cells have the graphs; a graph a combination unless given.

        Raises:
            ExperimentError: `pivot` is something else.
            StorageError: the disk refused; what was there before stays.
        """
        from handlens.experiments.sharing.html_page import write_html

        write_html(
            path, self.frame(), self.curves(), name=self.name, metric=self.metric, direction=self.direction,
            choices=self.choices, pivot=pivot,
        )  # fmt: skip

    def _scales(self) -> dict[str, Any]:
        """What the value is, and which choices lie on a log scale."""
        log = [name for name, space in frames.spaces(self.store, self.name).items() if space.get("log")]
        return {"metric": self.metric, "maximize": self.direction == "maximize", "log": log}


def _check_engine(engine: str, jobs: int, address: str | None, resources: Mapping[str, Any] | None) -> None:
    if engine not in ("local", "ray"):
        raise ExperimentError(f'engine must be "local" or "ray"; {engine!r} arrived.')
    if engine == "local" and (address is not None or resources is not None):
        raise ExperimentError(
            'address and resources are for engine="ray"; here, jobs says how many runs train at once.'
        )
    if engine == "ray" and jobs != 1:
        raise ExperimentError('jobs is for engine="local"; with Ray, as many runs train at once as there is room.')


def _positive(minutes: float) -> float:
    if isinstance(minutes, bool) or not isinstance(minutes, (int, float)) or not minutes > 0:
        raise ExperimentError(f"minutes must be a number above 0; {minutes!r} arrived.")
    return minutes
