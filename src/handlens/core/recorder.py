"""Recorder: what happened in the latest run, as arrays and as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handlens.core.schedule import Schedule, smooth, suggest_rate
from handlens.errors import TrainingError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

_ROOM = 1024  # losses to make room for at a time


class Recorder:
    """The losses, rates and epochs of the latest run of a learner; each new run starts it again.

    Attributes:
        columns: the numbers of a row: train_loss (smoothed), valid_loss, and the metrics by name.
        rows: a dict of these numbers for each epoch.
        suggestion: the learning rate that `lr_find` suggested, if it was the latest run and there was one.

    Example:
        >>> from handlens.core.schedule import constant, group_rates
        >>> recorder = Recorder(["train_loss", "valid_loss"])
        >>> recorder.start(constant(2, group_rates(0.1, 1)), torch.device("cpu"))
        >>> for loss in (2.0, 1.0):
        ...     recorder.step(torch.tensor(loss))
        >>> recorder.epoch({"train_loss": 1.5, "valid_loss": 1.75})
        >>> recorder.losses.tolist(), recorder.row["valid_loss"]
        ([2.0, 1.0], 1.75)
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = list(columns)
        self.rows: list[dict[str, float]] = []
        self.suggestion: float | None = None
        self._schedule: Schedule | None = None
        self._losses = torch.empty(0)
        self._steps = 0
        self._row_steps: list[int] = []

    def start(self, schedule: Schedule, device: torch.device) -> None:
        """A run with this schedule begins."""
        self._schedule = schedule
        self._losses = torch.empty(min(_ROOM, len(schedule)), device=device)

    def step(self, loss: Tensor) -> None:
        """A step is done; its loss stays on the device, so that nothing waits for it."""
        if self._steps == len(self._losses):
            self._losses = torch.cat([self._losses, torch.empty_like(self._losses)])
        self._losses[self._steps] = loss
        self._steps += 1

    def epoch(self, row: dict[str, float]) -> None:
        """An epoch is done, with these numbers."""
        self.rows.append(row)
        self._row_steps.append(self._steps)

    @property
    def row(self) -> dict[str, float]:
        """The numbers of the latest epoch."""
        if not self.rows:
            raise TrainingError("nothing is recorded yet: call learn.fit or learn.fit_one_cycle first.")
        return self.rows[-1]

    @property
    def losses(self) -> Floats:
        """The training loss of each step, [T]."""
        return self._losses[: self._steps].cpu().double().numpy()

    @property
    def smoothed(self) -> Floats:
        """The running average of the training losses, [T], as the table shows it."""
        return smooth(self.losses)

    @property
    def rates(self) -> Floats:
        """The learning rates of the steps taken, [T, layer groups]."""
        return self._schedule.rates[: self._steps] if self._schedule else np.empty((0, 1))

    @property
    def momenta(self) -> Floats:
        """The momenta of the steps taken, [T]."""
        return self._schedule.momenta[: self._steps] if self._schedule else np.empty(0)

    @property
    def lrs(self) -> Floats:
        """The learning rates of the steps taken, [T], those of the last layer group, as the course has them."""
        return self.rates[:, -1]

    moms = momenta  # its name in the course

    @property
    def val_losses(self) -> list[float]:
        """The validation loss of each epoch; nothing where nothing was held out."""
        return [row["valid_loss"] for row in self.rows if "valid_loss" in row]

    @property
    def min_grad_lr(self) -> float | None:
        """`suggestion`, as the course calls it."""
        return self.suggestion

    @property
    def metrics(self) -> list[list[float]]:
        """The metrics of each epoch, in the order of the columns."""
        return [[row[name] for name in self.columns[2:]] for row in self.rows]

    def suggest(self) -> float:
        """The learning rate, of the last layer group, that a run with growing rates suggests; see `suggest_rate`.

        Raises:
            TrainingError: the loss never falls clearly.
        """
        losses = self.losses
        losses = losses[: int(np.isfinite(losses).cumprod().sum())]
        self.suggestion = suggest_rate(self.rates[: len(losses), -1], losses)
        return self.suggestion

    def state(self) -> tuple[dict[str, Any], Tensor]:
        """What `restore` needs to continue recording a run: plain JSON (nan as None), and the losses."""
        rows = [{name: value if np.isfinite(value) else None for name, value in row.items()} for row in self.rows]
        return {"rows": rows, "row_steps": self._row_steps}, self._losses[: self._steps]

    def restore(self, state: dict[str, Any], losses: Tensor) -> None:
        """Restore what `state` returned, for the run that was just started."""
        self.rows = [
            {name: float("nan") if value is None else float(value) for name, value in row.items()}
            for row in state["rows"]
        ]
        self._row_steps = [int(step) for step in state["row_steps"]]
        self._losses = torch.cat([losses.to(self._losses), torch.empty_like(self._losses)])
        self._steps = len(losses)

    def plot(self, skip_start: int = 10, skip_end: int = 5, *, suggestion: bool = True, ax: Axes | None = None) -> None:
        """Draw the smoothed loss over the learning rate, as `lr_find` leaves it, with its suggestion as a point.

        Args:
            skip_start, skip_end: how many steps are left out at either end, unless fewer than 5 would be left.
            suggestion: draw the suggestion, if there is one.
            ax: where to draw; a new figure unless given.

        Raises:
            TrainingError: nothing is recorded yet.
        """
        self._check()
        ax = ax or _axes()
        rates, losses = self.rates[:, -1], self.smoothed
        shown = slice(skip_start, len(losses) - skip_end)
        if len(losses[shown]) < 5:
            shown = slice(None)
        ax.plot(rates[shown], losses[shown])
        if suggestion and self.suggestion is not None:
            at = int(np.argmin(np.abs(np.log(rates / self.suggestion))))
            ax.plot(self.suggestion, losses[at], "o", color="tab:red", label=f"suggested: {self.suggestion:.1e}")
            ax.legend()
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")

    def plot_losses(
        self, last: int | None = None, *, skip_start: int = 0, skip_end: int = 0, ax: Axes | None = None
    ) -> None:
        """Draw the smoothed training loss of each batch, and the validation loss at the end of each epoch.

        Args:
            last: how many of the last batches are shown; all of them if it is None or below 1.
            skip_start, skip_end: how many batches are left out at either end.
            ax: where to draw; a new figure unless given.

        Raises:
            TrainingError: nothing is recorded yet.
        """
        self._check()
        ax = ax or _axes()
        losses = self.smoothed
        first = max(0, len(losses) - last) if last is not None and last > 0 else 0
        first, after = max(first, skip_start), len(losses) - skip_end
        ax.plot(np.arange(1, len(losses) + 1)[first:after], losses[first:after], label="train")
        if "valid_loss" in self.columns:
            ends = [
                (step, row["valid_loss"])
                for step, row in zip(self._row_steps, self.rows, strict=True)
                if first < step <= after
            ]
            if ends:
                ax.plot(*zip(*ends, strict=True), "o-", label="valid")
        ax.set(xlabel="batches", ylabel="loss")
        ax.legend()

    def plot_lr(self, *, show_moms: bool = True, ax: Axes | None = None) -> None:
        """Draw the learning rate of each batch, a line a layer group, and the momentum on an axis of its own.

        Args:
            show_moms: draw the momentum too.
            ax: where to draw; a new figure unless given.

        Raises:
            TrainingError: nothing is recorded yet.
        """
        self._check()
        ax = ax or _axes()
        ax.plot(np.arange(1, self._steps + 1), self.rates)
        ax.set(xlabel="batches", ylabel="learning rate")
        if show_moms:
            other = ax.twinx()
            other.plot(np.arange(1, self._steps + 1), self.momenta, color="tab:gray", linestyle=":")
            other.set_ylabel("momentum")

    def plot_metrics(self, *, ax: Axes | None = None) -> None:
        """Draw each metric after each epoch.

        Raises:
            TrainingError: nothing is recorded yet, or there are no metrics.
        """
        self._check()
        names = [name for name in self.columns if name not in ("train_loss", "valid_loss")]
        if not names or not self.rows:
            raise TrainingError("there are no metrics to plot: give some, metrics=[accuracy], and train an epoch.")
        ax = ax or _axes()
        for name in names:
            ax.plot(np.arange(1, len(self.rows) + 1), [row[name] for row in self.rows], "o-", label=name)
        ax.set_xlabel("epoch")
        ax.legend()

    def _check(self) -> None:
        if not self._steps:
            raise TrainingError("nothing is recorded yet: call learn.fit, learn.fit_one_cycle or learn.lr_find first.")


def _axes() -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots()[1]
