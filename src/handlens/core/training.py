"""Training: the loop that fits a model, and the one that looks for a learning rate, on one screen."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn

from handlens.core.bunch import DataBunch
from handlens.core.comparing import each_with_its_own
from handlens.core.distributed import Alone
from handlens.core.events import Callback, Events, StopTraining
from handlens.core.labels import Loss
from handlens.core.optimizer import Optimizer
from handlens.core.outputs import apply_model, as_targets
from handlens.core.progress import ProgressTable
from handlens.core.recorder import Recorder
from handlens.core.schedule import SMOOTHING, Schedule
from handlens.errors import TrainingError

CHECK_EVERY = 50
"""Steps between two checks that the loss is finite; each check waits for the device."""


@dataclass
class Run:
    """The state of a training run, as callbacks see it, `learn.run`.

    Attributes:
        epochs: how many epochs the run has.
        schedule: the rates and momenta of each step.
        wd: weight decay.
        seed: the seed of the run, if it was given.
        epoch, step: the current ones, counted from 0 over the whole run.
        inputs, targets: the current batch, on the device, or this process's rows of it; a callback may replace them.
        outputs: the model's outputs for them.
        loss: the mean loss over the batch.
        complete: whether the run came to its end, or a callback ended it early without an error.
    """

    epochs: int
    schedule: Schedule
    wd: float
    seed: int | None = None
    epoch: int = 0
    step: int = 0
    inputs: Any = None
    targets: Any = None
    outputs: Any = None
    loss: Any = None
    complete: bool = False

    def release(self) -> None:
        """Let go of the graph that the latest outputs and loss were computed by; their numbers stay."""
        if isinstance(self.outputs, Tensor):
            self.outputs = self.outputs.detach()
        if isinstance(self.loss, Tensor):
            self.loss = self.loss.detach()


class Trainee(Protocol):
    """What the loops need of a learner; its data may be replaced from one epoch to the next."""

    model: nn.Module
    loss_func: Loss
    optimizer: Optimizer
    recorder: Recorder
    run: Run
    processes: Alone

    @property
    def data(self) -> DataBunch: ...

    def autocast(self) -> AbstractContextManager[Any]: ...


def fit(learn: Trainee, events: Events, validate: Callable[[], dict[str, float]]) -> None:
    """Train for all epochs of `learn.run`; validate, record and print each."""
    run, progress = learn.run, ProgressTable(learn.recorder.columns, learn.run.epochs)
    try:
        events.call("before_fit")
        while run.epoch < run.epochs:
            progress.start_epoch()
            train_epoch(learn, events, progress)
            events.call("before_validate")
            learn.model.eval()
            learn.recorder.epoch(validate())
            progress.row(run.epoch, learn.recorder.row)
            events.call_all("after_epoch")
            run.epoch += 1
        run.complete = True
        learn.processes.leave(learn.model)
    except StopTraining:
        run.complete = True
        learn.processes.leave(learn.model)
    except BaseException as error:
        learn.processes.leave(learn.model, error)
        raise
    finally:
        progress.close()
        with suppress(StopTraining):  # there is nothing left to stop
            events.call_all("after_fit")


def find_rate(learn: Trainee, events: Events) -> None:
    """Train on batches alone, without validation, until a callback stops it: `StopWhenWorse` is one."""
    try:
        events.call("before_fit")
        for _ in range(learn.run.epochs):
            train_epoch(learn, events)
        learn.processes.leave(learn.model)
    except StopTraining:
        learn.processes.leave(learn.model)
    except BaseException as error:
        learn.processes.leave(learn.model, error)
        raise
    finally:
        with suppress(StopTraining):
            events.call_all("after_fit")


def train_epoch(learn: Trainee, events: Events, progress: ProgressTable | None = None) -> None:
    """Train on every batch of the training data once."""
    run, model, loss_func, optimizer, together = (
        learn.run,
        learn.model,
        learn.loss_func,
        learn.optimizer,
        learn.processes,
    )
    model.train()
    events.call("before_epoch")
    rates, momenta = run.schedule.rates.tolist(), run.schedule.momenta.tolist()
    total = len(learn.data.train_dl)
    # The labels' own loss counts every item of most, and need not be waited for.
    own = loss_func is not learn.data.y.loss_func
    weighted = own or not learn.data.y.every_item_counts
    last: float | Tensor = 0.0
    empty = 0
    for done, (run.inputs, run.targets) in enumerate(together.batches(learn.data.train_dl), 1):
        if run.step == len(rates):
            raise TrainingError(
                f"the schedule is made for {len(rates)} batches, and learn.data was replaced by data with more of "
                "them. Replace it by data with as many batches, or between two fits."
            )
        events.call("before_batch")
        optimizer.set(rates[run.step], momenta[run.step])
        with learn.autocast(), together.layers():
            run.outputs = apply_model(model, run.inputs)
        outputs, targets = together.whole(run.outputs, run.targets)
        guard = each_with_its_own("learn.loss_func", targets) if own and done == 1 else nullcontext()
        with learn.autocast(), guard:
            loss = loss_func(as_targets(outputs, targets), targets)
        if weighted and not targets.is_floating_point() and _is_without_loss(loss, outputs):
            # Nothing is learned from the batch, and the mean loss stays as it is.
            loss = outputs.sum() * 0 + last
            empty += 1
            if empty == total:
                raise TrainingError(
                    "no training item counts in the loss: it is nan for each batch, though the model gives numbers. "
                    "Either all classes of these items have the weight 0 or are ignored, and learn.loss_func "
                    "needs others; or it divides by 0 or takes the logarithm of 0: call it on a batch by hand."
                )
        run.loss = loss
        last = loss.detach()
        events.call("after_loss")
        together.backward(run.loss, optimizer)
        events.call("after_backward")
        optimizer.step()
        optimizer.zero_grad()
        learn.recorder.step(run.loss.detach())
        run.step += 1
        events.call("after_step")
        if done % CHECK_EVERY == 0 or done == total:
            finite = _finite_loss(run)
            if progress:
                progress.batch(run.epoch, done, total, finite)


def _is_without_loss(loss: Tensor, outputs: Tensor) -> bool:
    """Whether no item of a batch counts, as where all are of classes of weight 0: the mean over none is nan."""
    return bool(loss.isnan()) and bool(outputs.isfinite().all())


def _finite_loss(run: Run) -> float:
    loss = float(run.loss.detach())
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss became {loss} by step {run.step} (epoch {run.epoch + 1}): the learning rate is too high, or the "
            "inputs are far from normalised. Lower max_lr (see learn.lr_find()), or add GradientClipping."
        )
    return loss


class StopWhenWorse(Callback):
    """Stop when the smoothed loss is four times its lowest or not a number, or after `steps` steps; for `lr_find`.

    Above a lowest loss that is negative it is as far as four times would be above a positive one. Without `grown` it
    goes on at four times its lowest. The losses of the first tenth of the steps are one: a single one says little.
    """

    order = sys.maxsize  # what other callbacks do after a step is done even after the last

    def __init__(self, steps: int, *, grown: bool = True) -> None:
        self.steps, self.grown = steps, grown
        self._average = 0.0
        self._lowest = math.inf

    def after_step(self, learn: Trainee) -> None:
        step, loss = learn.run.step, float(learn.run.loss.detach())
        self._average = SMOOTHING * self._average + (1 - SMOOTHING) * loss
        smoothed = self._average / (1 - SMOOTHING**step)
        if step >= self.steps // 10:
            self._lowest = min(self._lowest, smoothed)
        if (
            step >= self.steps
            or not math.isfinite(loss)
            or (self.grown and smoothed > self._lowest + 3 * abs(self._lowest))
        ):
            raise StopTraining
