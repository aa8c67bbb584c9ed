"""Running: a process takes one run of a study after the other, and trains it, until there are no more."""

from __future__ import annotations

import itertools
import math
import random
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sqlalchemy as sa

from handlens.errors import ExperimentError, HandlensError, StorageError
from handlens.experiments.store import COMBINATIONS, EPOCHS, RUNS, STUDIES, RecordError, Store, read, storable, written
from handlens.experiments.training.asking import Asker
from handlens.experiments.training.choices import ATTEMPTS, Choices, OtherwiseAsked, Repeated
from handlens.experiments.training.claims import Claim, Nothing, RunPlan, claim
from handlens.experiments.training.facts import facts_here
from handlens.experiments.training.logs import Log
from handlens.experiments.training.owners import Owner, Watch
from handlens.experiments.training.record import Ended, RunRecord, as_number, check_number_name, is_number, stored
from handlens.experiments.training.recording import UnfitCheckpoint, remove_checkpoints
from handlens.experiments.trial import Trial
from handlens.io.problems import is_disk_full, reporting_disk_errors, storage_error

Train = Callable[[Trial], Any]
"""What users give: it takes a trial, and returns a learner, a number, numbers by name, or nothing."""

ALIKE = 5
"""How many combinations may fail with the same error, the first ones of a call, until the study ends."""

ALIKE_LATER = 20
"""How many may fail so one after the other once a run has ended well."""

PAUSE = 0.2
"""Seconds between two looks for a run where other processes have all that are left."""


_thread = threading.RLock()
"""Held by the thread that trains: what a run prints goes to its log, and all threads have one standard output."""


@dataclass
class Worker:
    """Trains runs of one study in this process.

    Args:
        store, study: which study, by its row in the store.
        plan: how much there is to train.
        train: the user's function.
        asker: Optuna's side.
        until: when no further run begins and those in training stop, in seconds since 1970; None for never.
        began: when the study was run, in seconds since 1970.
        show: is called after each epoch and each run.
    """

    store: Store
    study: Mapping[str, Any]
    plan: RunPlan
    train: Train
    asker: Asker
    until: float | None = None
    began: float = 0.0
    watch: Watch = field(default_factory=Watch)
    show: Callable[[], None] = lambda: None

    def is_over(self) -> bool:
        """Whether the time is over."""
        return self.until is not None and time.time() >= self.until

    def _after_epoch(self) -> bool:
        """Show the progress of the study; whether the time is over."""
        self.show()
        return self.is_over()

    def next(self, owner: str) -> Claim | Nothing:
        """Claim the next run."""
        return claim(self.store, self.study["name"], self.plan, self.study["seed"], owner, self.watch)

    def work(self) -> None:
        """Train run after run until there are no more, or the time is over.

        Raises:
            ExperimentError: one combination after the other failed with the same error, or another thread of this
                process trains.
        """
        if not _thread.acquire(blocking=False):
            raise ExperimentError("another thread of this process trains a study. To train several runs, give jobs=….")
        try:
            self._work()
        finally:
            _thread.release()

    def _work(self) -> None:
        self.tell()
        with Owner(self.store) as owner:
            while not self.is_over():
                found = self.once(owner.name)
                if isinstance(found, Claim):
                    self.show()
                elif found.waiting:
                    time.sleep(PAUSE)  # other processes have them; if one dies, its run is taken over here
                else:
                    return

    def once(self, owner: str) -> Claim | Nothing:
        """Claim one run and train it, well or not; what there was to claim."""
        found = self.next(owner)
        if isinstance(found, Claim):
            self._train(found, owner)
            self._check_failures()
            self.tell()
        return found

    def _train(self, run: Claim, owner: str) -> None:
        folder = self.store.place.run_folder(run.id)
        with reporting_disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if not run.epochs:  # what lies there is of another record in the same folder
                remove_checkpoints(folder)
        choices: Choices | None = Choices(self.store, self.study["name"], run.combination, self.asker)
        with (
            Log(folder / "log.txt") as log,
            redirect_stdout(log.beside_stdout()),
            redirect_stderr(log.beside_stderr()),
            log.tables(),
        ):
            while choices is not None:
                record = RunRecord(self.store, run, owner, self.study["metric"], choices, self.asker, self._after_epoch)
                try:
                    self._attempt(run, record)
                    return
                except Repeated:
                    again = choices.draw_again()
                    if again is None:
                        self._leave_out(choices)
                    choices = again
                except UnfitCheckpoint as error:
                    print(f"{error.__cause__} The run begins again.")
                    remove_checkpoints(folder)

    def _leave_out(self, choices: Choices) -> None:
        choices.leave_out()
        if not self.asker.is_fixed:
            self.plan = replace(self.plan, n=choices.number)
            self._note_exhausted()
            why = (
                f"{ATTEMPTS} times in a row one was drawn that it has already"
                if choices.made
                else "train asks for none"
            )
            made = "1 combination" if choices.number == 1 else f"{choices.number} combinations"
            print(f"The study ends with {made} of choices: {why}.")

    def _note_exhausted(self) -> None:
        """Put on record that there are no more combinations, for those who count what is to come."""
        mine = STUDIES.c.name == self.study["name"]
        with self.store.writing() as connection:
            settings = read(connection.scalar(sa.select(STUDIES.c.settings).where(mine)) or "{}")
            changed = written(settings | {"exhausted": True})
            connection.execute(STUDIES.update().where(mine).values(settings=changed))

    def _attempt(self, run: Claim, record: RunRecord) -> None:
        folder = self.store.place.run_folder(run.id)
        trial = Trial(run.combination, run.seed, run.split, folder, record.choices, record)
        self._put(record, facts=written(facts_here()))
        _seed(run.seed)
        try:
            returned = self.train(trial)
            record.begin()
            numbers, value = outcome(returned, record.numbers, self.study["metric"], record.choices.made)
        except Ended as error:
            if error.status != "lost":
                self._end(run, record, error.status)
        except (KeyboardInterrupt, SystemExit):
            self._end(run, record, "stopped")
            raise
        except Exception as error:
            if isinstance(error, (OtherwiseAsked, RecordError, StorageError)) or is_disk_full(error):
                self._let_go(run, record)
                if isinstance(error, OtherwiseAsked):
                    record.choices.forget()
                if isinstance(error, HandlensError):
                    raise
                raise storage_error(folder, error) from error
            traceback.print_exc()
            self._end(run, record, "failed", error=_traceback(error))
        else:
            self._end(run, record, "finished", value=stored(value), numbers=written(numbers), epochs=record.epochs)

    def _end(self, run: Claim, record: RunRecord, status: str, **values: Any) -> None:
        now, seconds = time.time(), RUNS.c.seconds + record.since_last()
        ending = {"status": status, "owner": None, "beat": None, "attempts": 0, "ended": now, "changed": now}
        if not self._put(record, **ending, seconds=seconds, **values):
            return  # another process has it now, with its epochs and checkpoints
        if status in ("finished", "failed", "pruned"):
            remove_checkpoints(self.store.place.run_folder(run.id))
        with self.store.writing() as connection:
            if status == "finished":  # of an attempt that was longer
                connection.execute(EPOCHS.delete().where((EPOCHS.c.run == run.id) & (EPOCHS.c.epoch > record.epochs)))
            if status == "pruned":
                others = (RUNS.c.study == self.study["name"]) & (RUNS.c.combination == run.combination)
                waiting = others & (RUNS.c.phase == run.phase) & (RUNS.c.status == "waiting")
                connection.execute(RUNS.update().where(waiting).values(status="pruned", changed=now))

    def _let_go(self, run: Claim, record: RunRecord) -> None:
        """The run is continued later: what went wrong is not its fault."""
        with suppress(HandlensError):  # it is taken over in any case, because its owner is gone
            self._end(run, record, "stopped")

    def _check_failures(self) -> None:
        """End the study if combination after combination fails with the same error: the choices are not at fault.

        Raises:
            ExperimentError: the first `ALIKE` of this call did, or `ALIKE_LATER` after one that ended well.
        """
        mine = RUNS.c.study == self.study["name"]
        over = mine & (RUNS.c.ended >= self.began) & RUNS.c.status.in_(("finished", "pruned", "failed"))
        columns = (RUNS.c.id, RUNS.c.combination, RUNS.c.status, RUNS.c.error)
        most = ALIKE_LATER * self.plan.repeats * self.plan.splits
        runs = self.store.rows(sa.select(*columns).where(over).order_by(RUNS.c.ended.desc()).limit(most + 1))
        error = _last_line(runs[0]["error"]) if runs and runs[0]["status"] == "failed" else ""
        alike = list(itertools.takewhile(lambda run: _last_line(run["error"]) == error, runs))
        is_first = len(alike) == len(runs) <= most
        if not error or len({run["combination"] for run in alike}) < (ALIKE if is_first else ALIKE_LATER):
            return
        advice = "run again: as long as no run has finished, those that failed are trained again."
        if self.store.rows(sa.select(RUNS.c.id).where(mine & (RUNS.c.status == "finished")).limit(1)):
            advice = "queue those that failed again, on the page of the study, before you run again."
        raise ExperimentError(
            f"the {'first' if is_first else 'last'} {len(alike)} runs all failed with the same error: {error} The log "
            f"of one is {self.store.place.run_folder(alike[-1]['id']) / 'log.txt'}. Correct the function and {advice}"
        )

    def _put(self, record: RunRecord, **values: Any) -> bool:
        """Write into the row of the run; whether it is ours."""
        with self.store.writing() as connection:
            return bool(connection.execute(RUNS.update().where(record.mine).values(**values)).rowcount)

    def tell(self) -> None:
        """Tell Optuna the outcome of each combination whose runs are over, if it does not know it."""
        tell_outcomes(self.store, self.study["name"], self.asker)


def tell_outcomes(store: Store, study: str, asker: Asker) -> None:
    """Tell Optuna the mean over the runs of each combination whose runs are all over, and that it does not know yet."""
    untold = COMBINATIONS.select().where(
        (COMBINATIONS.c.study == study) & COMBINATIONS.c.trial.is_not(None) & ~COMBINATIONS.c.told
    )
    for row in store.rows(untold):
        of = (RUNS.c.study == study) & (RUNS.c.combination == row["number"]) & (RUNS.c.phase == "study")
        runs = store.rows(RUNS.select().where(of))
        if any(
            run["status"] in ("waiting", "running") or (run["status"] == "stopped" and not run["stop"]) for run in runs
        ):
            continue
        finished = [run["value"] for run in runs if run["status"] == "finished"]
        value = None if not finished or None in finished else _mean(finished)
        asker.tell(row["trial"], value, pruned=any(run["status"] == "pruned" for run in runs))
        with store.writing() as connection:
            mine = (COMBINATIONS.c.study == study) & (COMBINATIONS.c.number == row["number"])
            connection.execute(COMBINATIONS.update().where(mine).values(told=True))


def outcome(
    returned: Any, recorded: Mapping[str, float], metric: str, choices: Mapping[str, Any]
) -> tuple[dict[str, float], float]:
    """The numbers of a run, and its value.

    Args:
        returned: by the user's function: a number, numbers by name, a learner, or None.
        recorded: the numbers of the last epoch.
        metric: the study's.
        choices: of the run, which may be returned too.

    Raises:
        ExperimentError: the metric is not among them, or one cannot have its name.
    """
    numbers = dict(recorded)
    if isinstance(returned, Mapping):
        returned = {name: value for name, value in returned.items() if name not in choices or value != choices[name]}
        for name in returned:
            if name != metric:
                check_number_name(name, choices)
        numbers |= {str(name): as_number(value, str(name)) for name, value in returned.items()}
    elif is_number(returned):
        numbers[metric] = as_number(returned, metric)
    if metric in numbers:
        return numbers, numbers[metric]
    if hasattr(returned, "recorder") and not recorded:
        raise ExperimentError(
            "train returned a learner, and no epoch was recorded. Give its fit the callbacks of the trial: "
            "learn.fit_one_cycle(5, callbacks=trial.callbacks)."
        )
    if recorded or isinstance(returned, Mapping):
        raise ExperimentError(
            f"the study's metric is {metric!r}, and the numbers of this run are {', '.join(numbers) or 'none'}. Give "
            "the learner a metric of this name, or the study one of these."
        )
    raise ExperimentError(
        f"train must return a number, numbers by name or a learner, or record {metric!r} with trial.record; it "
        f"recorded nothing and returned {returned!r}."
    )


def _mean(values: Sequence[float]) -> float | None:
    """None where there is no such number: of infinities of both signs, and of numbers whose sum is too large."""
    try:
        return math.fsum(values) / len(values)
    except (OverflowError, ValueError):
        return None


def _seed(seed: int) -> None:
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 — for trainings that use it
    torch.manual_seed(seed)


def _last_line(error: str | None) -> str:
    """The sentence of an error, without its traceback."""
    line = (error or "").strip().splitlines()[-1:] or [""]
    return line[0] if line[0].endswith((".", "!", "?")) else f"{line[0]}."


def _traceback(error: Exception) -> str:
    """The traceback from the user's function on."""
    frames = traceback.TracebackException.from_exception(error)
    while len(frames.stack) > 1 and frames.stack[0].filename == __file__:
        frames.stack.pop(0)
    return storable("".join(frames.format()).strip())
