"""Callbacks that come with the library: they stop early, keep the best model, lower rates, and clip gradients.

`handlens.core.events` has what every callback is made of, and the events of a run.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import torch

from handlens.core.checks import callers_level, whole
from handlens.core.events import EVENTS, Callback, StopTraining
from handlens.core.metrics.metric import less_is_better, metric_name, more_is_better
from handlens.errors import TrainingError

if TYPE_CHECKING:
    from handlens.core.learner import Learner

__all__ = [
    "EVENTS",
    "Callback",
    "EarlyStopping",
    "GradientClipping",
    "Monitor",
    "PreciseBatchNorm",
    "ReduceLROnPlateau",
    "SaveBest",
    "StopTraining",
]


MODES = ("auto", "min", "max")
"""What `Monitor` takes for better."""


class Monitor(Callback):
    """A callback that follows one column of the training table, from epoch to epoch.

    Unless `mode` says so, a metric that is marked by `handlens.core.metrics.higher_is_better` is better when it is
    higher, any other number when it is lower; a warning says so of a metric of your own.

    An epoch whose value is nan or infinite, such as the area under a ROC curve of one class alone, is never the best;
    a warning at the end of the fit says which those are.

    Args:
        monitor: "valid_loss", "train_loss" or the name of a metric.
        min_delta: how much better a value must be to count as better.
        mode: "max" if higher is better, "min" if lower is; "auto" as said above.

    Raises:
        TrainingError: `mode` is something else; or (when training starts) the training table has no column `monitor`.

    Example:
        >>> class PrintBest(Monitor):
        ...     def after_fit(self, learn):
        ...         print(f"the best epoch was {self.best_epoch(learn) + 1}")
        >>> PrintBest("train_loss", min_delta=0.01).monitor
        'train_loss'
    """

    def __init__(self, monitor: str = "valid_loss", *, min_delta: float = 0.0, mode: str = "auto") -> None:
        if mode not in MODES:
            raise TrainingError(f"mode must be one of {', '.join(MODES)}; {mode!r} arrived.")
        self.monitor = monitor
        self.min_delta = min_delta
        self.mode = mode

    def before_fit(self, learn: Learner) -> None:
        if self.monitor not in learn.recorder.columns:
            raise TrainingError(
                f"monitor must be a column of the training table, {', '.join(learn.recorder.columns)}; "
                f"{self.monitor!r} arrived."
            )
        self._sign = -1 if self.mode == "max" else 1
        if self.mode != "auto":
            return
        metric = {metric_name(metric): metric for metric in learn.metrics}.get(self.monitor)
        self._sign = -1 if metric is not None and more_is_better(metric) else 1
        if metric is not None and self._sign == 1 and not less_is_better(metric):
            warnings.warn(
                f"{type(self).__name__} takes a lower {self.monitor} for a better one. If higher is better, write "
                "@higher_is_better above the metric, from handlens.core.metrics; otherwise end its name with _loss or "
                "_error, and nothing is said.",
                UserWarning,
                stacklevel=callers_level(),
            )

    def best_epoch(self, learn: Learner) -> int:
        """The position of the best epoch so far; −1 while no value has been a finite number.

        It is looked up in the records each time, so that a resumed run knows it too.
        """
        best, at = math.inf, -1
        for i, row in enumerate(learn.recorder.rows):
            value = self._sign * row[self.monitor]
            if math.isfinite(value) and value < best - self.min_delta:
                best, at = value, i
        return at

    def after_fit(self, learn: Learner) -> None:
        values = [row[self.monitor] for row in learn.recorder.rows if self.monitor in row]
        odd = [i + 1 for i, value in enumerate(values) if not math.isfinite(value)]
        if odd:
            which = "every epoch" if len(odd) == len(values) else f"epoch {', '.join(map(str, odd))} of {len(values)}"
            warnings.warn(
                f"{type(self).__name__} follows {self.monitor}, which was {values[odd[0] - 1]} in {which}: such an "
                "epoch is never the best. Follow another column, or hold out data for which it is defined.",
                UserWarning,
                stacklevel=callers_level(),
            )


class EarlyStopping(Monitor):
    """Stop when a value has not become better for more than `patience` epochs in a row.

    Args:
        monitor, min_delta, mode: see `Monitor`.
        patience: epochs without improvement that are allowed, 0 or more.

    Example:
        >>> EarlyStopping("valid_loss", min_delta=0.001, patience=2).patience
        2
    """

    def __init__(
        self, monitor: str = "valid_loss", *, min_delta: float = 0.0, patience: int = 0, mode: str = "auto"
    ) -> None:
        super().__init__(monitor, min_delta=min_delta, mode=mode)
        self.patience = patience

    def after_epoch(self, learn: Learner) -> None:
        best, epoch = self.best_epoch(learn), learn.run.epoch
        if epoch - best > self.patience:
            when = f"best in epoch {best + 1}" if best >= 0 else "not a finite number in any epoch"
            print(f"stopped after epoch {epoch + 1}: {self.monitor} was {when}")
            raise StopTraining


class ReduceLROnPlateau(Monitor):
    """Multiply the rates of all further steps by `factor` when a value has not become better for too long.

    It is too long after more than `patience` epochs in a row; then these are counted from 0 again. The rates of a
    schedule, as of `fit_one_cycle`, keep their shape.

    Args:
        monitor, min_delta, mode: see `Monitor`.
        patience: epochs without improvement that are allowed, 0 or more.
        factor: between 0 and 1.

    Raises:
        TrainingError: `factor` is not between 0 and 1, or as of `Monitor`.

    Example:
        >>> ReduceLROnPlateau("valid_loss", patience=2, factor=0.5).factor
        0.5
    """

    def __init__(
        self,
        monitor: str = "valid_loss",
        *,
        min_delta: float = 0.0,
        patience: int = 0,
        factor: float = 0.2,
        mode: str = "auto",
    ) -> None:
        super().__init__(monitor, min_delta=min_delta, mode=mode)
        if not 0 < factor < 1:
            raise TrainingError(f"factor must be between 0 and 1, what rates are multiplied by; {factor} arrived.")
        self.patience, self.factor = patience, factor

    def before_fit(self, learn: Learner) -> None:
        super().before_fit(learn)
        self._done = 0  # reductions

    def before_epoch(self, learn: Learner) -> None:
        run, steps = learn.run, len(learn.data.train_dl)
        for epoch in self._plateaus(learn)[self._done :]:  # a run that is resumed has all of them still to do
            run.schedule.rates[(epoch + 1) * steps :] *= self.factor
            self._done += 1
            if epoch == run.epoch - 1 and learn.processes.rank == 0:
                rate = run.schedule.rates[run.step, -1]
                print(f"after epoch {epoch + 1} {self.monitor} was not better: the learning rate is {rate:.1e} now")

    def _plateaus(self, learn: Learner) -> list[int]:
        """The epochs after which the rates are reduced, looked up in the records, as `best_epoch` is."""
        best, waited, found = math.inf, 0, []
        for i, row in enumerate(learn.recorder.rows):
            value = self._sign * row[self.monitor]
            if math.isfinite(value) and value < best - self.min_delta:
                best, waited = value, 0
            elif waited < self.patience:
                waited += 1
            else:
                found.append(i)
                waited = 0
        return found


class SaveBest(Monitor):
    """Save the model whenever a value has become better, and load the best one at the end.

    Args:
        monitor, min_delta, mode: see `Monitor`.
        name: the model is saved as `name` in `learn.model_dir`, as by `learn.save(name)`.

    Example:
        >>> import pandas as pd
        >>> from pathlib import Path
        >>> from handlens.tabular import TabularList, tabular_learner
        >>> df = pd.DataFrame({"x": [0.0, 1, 2, 3, 4, 5], "y": [0.0, 2, 4, 6, 8, 10]})
        >>> labelled = TabularList.from_df(df, cont_names=["x"]).split_by_idx([4, 5]).label_from_df("y")
        >>> learn = tabular_learner(labelled.databunch(bs=2), layers=[4], seed=0)
        >>> learn.fit(2, 0.1, callbacks=[SaveBest(name="lowest")])
        epoch  train_loss  valid_loss  time
        1      ...
        2      ...
        Total time: ...
        >>> sorted(path.name for path in Path("models").iterdir())
        ['lowest']
    """

    def __init__(
        self, monitor: str = "valid_loss", *, min_delta: float = 0.0, name: str = "best", mode: str = "auto"
    ) -> None:
        super().__init__(monitor, min_delta=min_delta, mode=mode)
        self.name = name
        self._saved: int | None = None  # the epoch whose model is in the file; None as long as that is not known

    def before_fit(self, learn: Learner) -> None:
        self._saved = None
        super().before_fit(learn)
        learn.check_can_save(self.name)

    def before_epoch(self, learn: Learner) -> None:
        if self._saved is None:  # a run that is resumed has its best epoch so far on disk
            self._saved = self.best_epoch(learn)

    def after_epoch(self, learn: Learner) -> None:
        if self.best_epoch(learn) == learn.run.epoch:
            self._saved = -1  # where saving fails, the model of another epoch must not be taken for it
            learn.save(self.name)
            self._saved = learn.run.epoch

    def after_fit(self, learn: Learner) -> None:
        best = self.best_epoch(learn)
        if self._saved is None and learn.run.complete:  # it was killed after its last epoch, and resumed
            self._saved = best
        if best >= 0 and self._saved == best:
            learn.load(self.name)
        super().after_fit(learn)


class GradientClipping(Callback):
    """Scale the gradient down where its norm over all parameters is above `max_norm` (Pascanu et al. 2013).

    Args:
        max_norm: the largest Euclidean norm of all gradients together, above 0.

    Raises:
        TrainingError: `max_norm` is not above 0.

    Example:
        >>> GradientClipping(0.5).max_norm
        0.5
    """

    def __init__(self, max_norm: float) -> None:
        if not max_norm > 0:
            raise TrainingError(f"max_norm must be above 0; {max_norm} arrived.")
        self.max_norm = max_norm

    def after_backward(self, learn: Learner) -> None:
        torch.nn.utils.clip_grad_norm_(learn.optimizer.params, self.max_norm)


class PreciseBatchNorm(Callback):
    """Before each validation, compute the statistics that batch norms predict with over many rows.

    In training each norm keeps a running mean and variance, in which the last ten batches make up two thirds: at 64
    rows a batch they are off by some percent. Here they become the average over `rows` training rows, in batches as
    in training (“precise” statistics, Wu & Johnson 2021, arXiv 2105.07576), with the
    present weights. Training itself is the same as without.

    Args:
        rows: how many training rows to average over, 1 or more; all of them if there are fewer.

    Raises:
        TrainingError: `rows` is not a whole number, 1 or more.

    Example:
        >>> PreciseBatchNorm(rows=10_000).rows
        10000
    """

    def __init__(self, rows: int = 32_768) -> None:
        self.rows = whole(rows, "rows", TrainingError)

    def before_validate(self, learn: Learner) -> None:
        norms = [m for m in learn.model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
        norms = [norm for norm in norms if norm.track_running_stats and norm.training]  # a frozen one keeps its own
        if not norms:
            return
        before = [(norm.momentum, {name: value.clone() for name, value in norm.named_buffers()}) for norm in norms]
        try:
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None  # the plain average over batches
            self._run_over_rows(learn)
            for norm, (_, buffers) in zip(norms, before, strict=True):
                if not norm.num_batches_tracked:  # the model does not use it
                    norm.load_state_dict(buffers, strict=False)
        except BaseException:  # an interruption too must not leave half of it
            for norm, (_, buffers) in zip(norms, before, strict=True):
                norm.load_state_dict(buffers, strict=False)
            raise
        finally:
            for norm, (momentum, _) in zip(norms, before, strict=True):
                norm.momentum = momentum

    def _run_over_rows(self, learn: Learner) -> None:
        seen = 0
        # The order of the next epoch and its dropout must not depend on this.
        device = learn.data.device
        sizes, together = learn.data.train_dl.sizes, learn.processes
        with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.no_grad(), together.layers():
            for size, (inputs, _) in zip(sizes, together.batches(learn.data.train_dl), strict=True):
                learn.forward(inputs)
                seen += size
                if seen >= self.rows:
                    return
