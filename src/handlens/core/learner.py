"""Learner: data and a model together; trains it, finds a learning rate, validates, predicts, saves and loads.

How it trains is in `handlens.core.training`, what it predicts in `handlens.core.outputs`, and its files in
`handlens.core.artifact` and `handlens.core.onnx`.
"""

from __future__ import annotations

import contextlib
import copy
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import torch
from torch import Tensor, nn

from handlens.core.artifact import load_weights, save_weights
from handlens.core.bunch import DataBunch
from handlens.core.checks import listed, whole
from handlens.core.comparing import each_with_its_own
from handlens.core.description import ModelDescription
from handlens.core.display import facts_html
from handlens.core.distributed import processes
from handlens.core.events import EPOCH_EVENTS, EVENTS, Callback, Events, listed_callbacks
from handlens.core.labels import Loss, MultiCategoryList
from handlens.core.learner_description import describe_learner
from handlens.core.loaders import Loader
from handlens.core.metrics import Metric
from handlens.core.metrics.metric import labelled, metric_name
from handlens.core.mixup import Mixup
from handlens.core.modes import evaluating, unchanged
from handlens.core.optimizer import AdamW, MakeOptimizer, Optimizer, check_decay, freeze
from handlens.core.outputs import Outputs, Prediction, apply_model, as_predictions, run_over
from handlens.core.recorder import Recorder
from handlens.core.schedule import USUAL_RATE, Rates, Schedule, constant, exponential, group_rates, one_cycle
from handlens.core.summary import Summary, summarize
from handlens.core.training import Run, StopWhenWorse, find_rate, fit
from handlens.core.validation import validate_batches
from handlens.errors import DataError, StorageError, TrainingError
from handlens.io import paths
from handlens.io.problems import reason_of, reporting_disk_errors

if TYPE_CHECKING:
    from handlens.core.interpret import Interpretation

PRECISIONS = ("fp32", "bf16")


class Learner:
    """A model and the data it learns from.

    Args:
        data: the data; may be replaced later, `learn.data = data`.
        model: takes a batch's inputs and returns [B, data.c] numbers; it is moved to the data's device.
        loss_func: (outputs, targets) → mean over the batch; that of the labels unless given.
        metrics: one metric or several, worked out over the whole validation set after each epoch.
        layer_groups: parts of the model, first to last, that can be frozen and have rates of their own; the model
            as one group unless given.
        opt_func: makes the optimizer; see `Optimizer`.
        wd: weight decay until a fit says otherwise; what it says holds for those that follow.
        precision: "fp32", or "bf16" for automatic mixed precision.
        callbacks: take part in every fit; one or several.
        path: the folder for models and exports; the data's unless given.
        model_dir: the folder below it, or elsewhere, for what `save` writes.

    Example:
        >>> from handlens.core.bunch import DataBunch
        >>> from handlens.core.labels import FloatList
        >>> from handlens.core.loaders import TensorLoader
        >>> class Data:
        ...     y = FloatList([float(2 * i) for i in range(8)])
        >>> def loader(rows, shuffle=False):
        ...     x = torch.arange(8.0)[:, None][rows]
        ...     return TensorLoader(Data, (x,), Data.y.data[rows], bs=4, device=torch.device("cpu"), shuffle=shuffle)
        >>> data = DataBunch(loader(slice(0, 6), shuffle=True), loader(slice(6, 8)), device="cpu")
        >>> learn = Learner(data, nn.Linear(1, 1))
        >>> learn.fit_one_cycle(2, 0.1, seed=0)  # doctest: +ELLIPSIS
        epoch  train_loss  valid_loss  time
        1      ...
        2      ...
        Total time: ...
        >>> [name for name in learn.recorder.row]
        ['train_loss', 'valid_loss']
    """

    def __init__(
        self,
        data: DataBunch,
        model: nn.Module,
        *,
        loss_func: Loss | None = None,
        metrics: Metric | Sequence[Metric] = (),
        layer_groups: Sequence[nn.Module] | None = None,
        opt_func: MakeOptimizer = AdamW,
        wd: float = 0.01,
        precision: str = "fp32",
        callbacks: Callback | Sequence[Callback] | None = None,
        path: Path | str | None = None,
        model_dir: Path | str = "models",
    ) -> None:
        self.processes = processes()
        """The processes that train together, see `handlens.core.distributed`; usually this one alone."""
        self.model = model.eval()  # as in prediction, but while it is trained
        self.data = data
        self.loss_func: Loss = loss_func or data.y.loss_func
        self.metrics = metrics
        self.layer_groups = list(layer_groups) if layer_groups is not None else [model]
        self.opt_func = opt_func
        self.wd = check_decay(wd)
        self.precision = precision
        self.callbacks = callbacks
        self.path = data.path if path is None else path
        self.model_dir = model_dir
        """The folder of `save`, `load`, `SaveBest` and `Checkpoint`: below `path`, unless it is an absolute path."""
        self.recorder = Recorder(self._columns())
        self.optimizer: Optimizer
        """The optimizer of the current run."""
        self.run: Run
        """The state of the current run, or of the latest."""

    @property
    def metrics(self) -> list[Metric]:
        """What is worked out over the whole validation set after each epoch; one metric may be set, or several."""
        return self._metrics

    @metrics.setter
    def metrics(self, metrics: Metric | Sequence[Metric]) -> None:
        self._metrics = _listed_metrics(metrics)

    @property
    def callbacks(self) -> list[Callback]:
        """What takes part in every fit; one callback may be set, or several."""
        return self._callbacks

    @callbacks.setter
    def callbacks(self, callbacks: Callback | Sequence[Callback] | None) -> None:
        self._callbacks = listed_callbacks(callbacks)

    if not TYPE_CHECKING:  # or else every name would be taken for one that is there

        def __getattr__(self, name: str) -> Any:
            advice = _OF_THE_COURSE.get(name)
            if advice is None:
                return object.__getattribute__(self, name)  # raises the error that led here
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}; use this in its place: {advice}.",
                name=name,
                obj=self,
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {self.data!r}"

    def _repr_html_(self) -> str:
        parameters = list(self.model.parameters())
        trained = sum(p.numel() for p in parameters if p.requires_grad)
        columns = self.recorder.rows[-1] if self.recorder.rows else {}
        facts = {
            "model": type(self.model).__name__,
            "parameters": f"{sum(p.numel() for p in parameters):,}, of which {trained:,} are trained",
            "metrics": ", ".join(metric_name(metric) for metric in self.metrics) or "none",
            "latest epoch": ", ".join(f"{name} {value:.4g}" for name, value in columns.items()) or "not trained here",
        }
        return facts_html(type(self).__name__, self.data.facts() | facts | {"path": self.path})

    @property
    def data(self) -> DataBunch:
        return self._data

    @data.setter
    def data(self, data: DataBunch) -> None:
        if hasattr(self, "_data"):
            self._check_data(data)
        self._data = data
        self.model.to(data.device)

    def _check_data(self, data: DataBunch) -> None:
        """Raise DataError for data whose labels or items the model would take for something else."""
        ours, theirs = ((y, y.c, y.classes, getattr(y, "log", None)) for y in (self.data.y, data.y))
        if type(ours[0]) is not type(theirs[0]) or ours[1:] != theirs[1:]:
            raise DataError(
                f"learn.data takes data labelled as those that the model was made for, {self.data.y.state()}; "
                f"{data.y.state()} arrived. Label them so, or make a new learner."
            )

    @property
    def path(self) -> Path:
        """The folder below which models and exports are written; it may be set to another one."""
        return self._path

    @path.setter
    def path(self, path: Path | str) -> None:
        self._path: Path = paths.Path(path)

    @property
    def precision(self) -> str:
        """What matrices are multiplied in: fp32, or bf16, which is faster on GPUs and on CPUs with AMX or AVX-512 BF16.

        Parameters, norms and losses stay fp32.
        """
        return self._precision

    @precision.setter
    def precision(self, precision: str) -> None:
        if precision not in PRECISIONS:
            raise TrainingError(f"precision must be one of {', '.join(PRECISIONS)}; {precision!r} arrived.")
        self._precision = precision

    # Training

    def fit(
        self,
        epochs: int,
        lr: Rates = 1e-3,
        *,
        wd: float | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        seed: int | None = None,
    ) -> None:
        """Train at a constant learning rate and momentum 0.9 (Adam's β₁); prints the losses of each epoch.

        Args:
            epochs: how many times the training items are gone through, 1 or more.
            lr: the learning rate; `slice(a, b)` gives layer groups rates of their own, see `group_rates`.
            wd: weight decay, for this fit and those that follow; that of the fit before unless given.
            callbacks: take part in this fit, after those of the learner; one or several.
            seed: makes the order of the rows and dropout repeatable (`torch.manual_seed`).

        Raises:
            TrainingError: the loss is no longer a number, or the arguments or data do not allow training.
        """
        epochs = _whole_epochs(epochs)
        rates = group_rates(lr, len(self.layer_groups))
        self._fit(epochs, constant(self._steps(epochs), rates), wd, callbacks, seed)

    def fit_one_cycle(
        self,
        epochs: int | None = None,
        max_lr: Rates = slice(USUAL_RATE),
        moms: tuple[float, float] = (0.95, 0.85),
        *,
        cyc_len: int | None = None,
        wd: float | None = None,
        pct_start: float = 0.3,
        div_factor: float = 25.0,
        final_div: float | None = None,
        callbacks: Callback | Sequence[Callback] | None = None,
        seed: int | None = None,
    ) -> None:
        """Train by the 1cycle policy, see `handlens.core.schedule.one_cycle`; prints the losses of each epoch.

        Args:
            epochs: how many times the training items are gone through, 1 or more; `cyc_len`, its name in the course,
                may be given instead.
            max_lr: the largest learning rate; `slice(a, b)` gives layer groups rates of their own, see `group_rates`.
                Unless given the last group has the usual rate, and the others a tenth of it, as in the course.
            moms: the momentum at the first and last step, and at the largest rate; each from 0 to below 1.
            wd: weight decay, for this fit and those that follow; that of the fit before unless given.
            pct_start: the share of the steps, 0 to 1, in which the rate rises to `max_lr`; in the rest it falls.
            div_factor: the first rate is `max_lr` divided by it, 1 or more.
            final_div: the rate falls towards `max_lr` divided by it; `div_factor` · 10⁴ unless given.
            callbacks: take part in this fit, after those of the learner; one or several.
            seed: makes the order of the rows and dropout repeatable (`torch.manual_seed`).

        Each fit starts with a new optimizer. After an error or an interruption (Ctrl-C, a notebook's stop button)
        the model keeps what it has learned so far, and the learner can be used as before.

        Raises:
            TrainingError: the loss is no longer a number, or the arguments or data do not allow training.
        """
        if (epochs is None) == (cyc_len is None):
            raise TrainingError(f"give epochs or cyc_len, which are the same; {epochs} and {cyc_len} arrived.")
        epochs = _whole_epochs(cyc_len if epochs is None else epochs)
        rates = group_rates(max_lr, len(self.layer_groups))
        shape: dict[str, Any] = {"pct_start": pct_start, "div_factor": div_factor, "final_div": final_div, "moms": moms}
        schedule = one_cycle(self._steps(epochs), rates, **shape)
        self._fit(epochs, schedule, wd, callbacks, seed)

    def lr_find(
        self,
        start_lr: Rates = 1e-7,
        end_lr: Rates = 10.0,
        num_it: int = 100,
        stop_div: bool = True,
        *,
        wd: float | None = None,
        seed: int | None = None,
    ) -> float:
        """Train for up to `num_it` batches with a growing learning rate, and suggest one; the model stays as it is.

        The rates grow by the same factor from batch to batch, see `handlens.core.schedule.exponential`; the suggestion
        is that of `suggest_rate` there.

        `learn.recorder.plot()` shows the losses. Where the loss falls at no rate by more than its noise, as with a
        model that is good already or in a few batches, the search cannot tell rates apart: it suggests none, says so,
        and returns the usual rate of `fit_one_cycle`, but at most a hundredth of the rate at which the loss grew
        fourfold or was a number no longer, so that training does not undo what the model has learned.

        Args:
            start_lr, end_lr: the learning rates of the first and of the last batch, as `max_lr` in `fit_one_cycle`.
            num_it: how many batches at most.
            stop_div: stop when the smoothed loss is four times its lowest; otherwise only at a loss that is no number.
            wd, seed: as in `fit_one_cycle`.

        Returns:
            The suggested learning rate, of the last layer group, which is `learn.recorder.suggestion` too; see
            `suggest_rate`. The usual one where that is None.

        Raises:
            TrainingError: the arguments or data do not allow training.
        """
        num_it = whole(num_it, "num_it, the number of batches,", TrainingError)
        n = len(self.layer_groups)
        schedule = exponential(num_it, group_rates(start_lr, n), group_rates(end_lr, n))
        run = Run(math.ceil(num_it / self._steps(1)), schedule, self.wd if wd is None else check_decay(wd), seed)
        # What happens to batches belongs to the search; what happens to epochs and files does not.
        batchwise = [callback for callback in self.callbacks if callback.handlers().keys() - EPOCH_EVENTS]
        heard = {"before_fit", "after_fit"} | (set(EVENTS) - EPOCH_EVENTS)
        with unchanged(self.model), self._training(run):
            find_rate(self, Events(self, [*batchwise, StopWhenWorse(num_it, grown=stop_div)], heard))
        try:
            rate = self.recorder.suggest()
            said = f"suggested learning rate: {rate:.1e}"
        except TrainingError:
            rate, said = self._without_suggestion(stopped=run.step < num_it)
        if self.processes.rank == 0:
            print(f"{said}; learn.recorder.plot() shows the losses")
        return rate

    def _without_suggestion(self, *, stopped: bool) -> tuple[float, str]:
        """What `lr_find` returns where it suggests no rate, and why; `stopped`: before its last batch."""
        losses, last = self.recorder.losses, float(self.recorder.rates[-1, -1])
        if not math.isfinite(losses[0]):
            why = "the loss is not finite from the first batch on, whatever the rate: look for nan"
            return USUAL_RATE, f"no learning rate is suggested; {why} in the inputs, the weights and the loss function"
        rate = min(USUAL_RATE, last / 100 if stopped else math.inf)
        stop = "it grew fourfold" if math.isfinite(losses[-1]) else "it was a finite number no longer"
        which = "the usual one" if rate == USUAL_RATE else f"a hundredth of that at which {stop}"
        fell = "the loss fell clearly at no rate"
        return rate, f"no learning rate is suggested, because {fell}: take {rate:.1e}, {which}"

    def _fit(
        self,
        epochs: int,
        schedule: Schedule,
        wd: float | None,
        callbacks: Callback | Sequence[Callback] | None,
        seed: int | None,
    ) -> None:
        if wd is not None:
            # With far less decay than before, an epoch of further training undoes what the decay achieved.
            self.wd = check_decay(wd)
        events = Events(self, [*self.callbacks, *listed_callbacks(callbacks)])
        with self._training(Run(epochs, schedule, self.wd, seed)):
            fit(self, events, self._validation_row)

    @contextlib.contextmanager
    def _training(self, run: Run) -> Iterator[None]:
        """The optimizer and the recorder of a run; leaves the learner usable however the run ends."""
        self._check_batches()
        self.run = run
        if run.seed is not None:
            torch.manual_seed(run.seed)
        self.recorder = Recorder(self._columns())
        self.recorder.start(run.schedule, self.data.device)
        with self.processes.training(self):
            self.optimizer = Optimizer(self.layer_groups, opt_func=self.opt_func, wd=run.wd)
            try:
                yield
            finally:
                self.optimizer.release()
                run.release()
                self.model.eval()

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        """The context in which the model computes in the learner's precision."""
        if self.precision == "fp32":
            return _NO_CONTEXT
        return torch.autocast(self.data.device.type, torch.bfloat16)

    def _steps(self, epochs: int) -> int:
        if not len(self.data.train_dl):
            raise TrainingError("these data have no training items, only what it takes to predict: set learn.data.")
        return epochs * len(self.data.train_dl)

    def _check_batches(self) -> None:
        norms = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in self.model.modules())
        if norms and min(self.data.train_dl.sizes) < 2:
            raise TrainingError(
                "batch norm needs batches of two items or more; there are training batches of one: "
                "give more items, or databunch(bs=64)."
            )

    def _columns(self) -> list[str]:
        columns = ["train_loss", "valid_loss", *(metric_name(metric) for metric in self.metrics)]
        twice = sorted({name for name in columns if columns.count(name) > 1})
        if twice:
            raise TrainingError(
                f"metrics must have distinct names; there more than once: {', '.join(twice)}. Leave one out, or give "
                "it a name of its own: metric.__name__ = …."
            )
        return columns if len(self.data.valid_dl) else columns[:1]

    def _validation_row(self) -> dict[str, float]:
        row = {"train_loss": float(self.recorder.smoothed[-1])}
        if len(self.data.valid_dl):
            row |= dict(zip(self.recorder.columns[1:], self.validate(), strict=True))
        return row

    # Layer groups

    def freeze_to(self, n: int) -> None:
        """Train only the layer groups from position n on, and norm layers everywhere; −1 is the last group."""
        freeze(self.layer_groups, n)

    def freeze(self) -> None:
        """Train only the last layer group, and norm layers everywhere."""
        self.freeze_to(-1)

    def unfreeze(self) -> None:
        """Train every layer group."""
        self.freeze_to(0)

    # Predictions

    def validate(self, dl: Loader | None = None, *, metrics: Metric | Sequence[Metric] | None = None) -> list[float]:
        """The loss and each metric over a whole dataset.

        Args:
            dl: a loader of labelled items; that of the validation data unless given. `data.train_dl` is gone through
                in order, and prepared as validation data are.
            metrics: in place of the learner's own, this once.

        Of masks the outputs for a whole dataset would not fit in memory: pixel_accuracy and dice are exact over all
        pixels; other metrics are worked out for each batch, and averaged.

        Returns:
            The loss, then a number for each of the metrics; they are nan for items without labels.

        Raises:
            DataError: nothing was held out, or the loader is empty.
        """
        chosen = self.metrics if metrics is None else _listed_metrics(metrics)
        loader, y = self.data.valid_dl if dl is None else self._to_predict(dl), self.data.y
        if y.in_batches and len(loader):
            with self._evaluating():
                return validate_batches(loader, self.outputs, self.loss_func, y, chosen, self.processes)
        outputs, targets, loss = self.run_over(loader)
        predictions = self.activate(outputs)
        if not labelled(targets):
            return [loss, *(math.nan for _ in chosen)]
        found = [loss]
        for metric in chosen:
            with each_with_its_own(f"the metric {metric_name(metric)}", targets):
                found.append(float(metric(predictions, targets)))
        return found

    @overload
    def get_preds(
        self, ds_type: str = ..., *, dl: Loader | None = ..., with_loss: Literal[False] = ...
    ) -> tuple[Tensor, Tensor]: ...

    @overload
    def get_preds(
        self, ds_type: str = ..., *, dl: Loader | None = ..., with_loss: Literal[True]
    ) -> tuple[Tensor, Tensor, Tensor]: ...

    def get_preds(
        self, ds_type: str = "valid", *, dl: Loader | None = None, with_loss: bool = False
    ) -> tuple[Tensor, ...]:
        """Predictions and targets of a whole dataset, in the order of its items.

        Args:
            ds_type: the part of the data: "train", "valid" or "test"; all are prepared as validation data are.
            dl: a loader, such as `data.loader(items)` gives; used in place of `ds_type`.
            with_loss: also give the loss of each item by itself, [N].

        Returns:
            Predictions and targets, both on the CPU, a row for each item. Predictions are probabilities [N, classes],
            or numbers [N, targets] on the scale that the model is trained on, also of one target, as in the course;
            `learn.data.y.decode` makes them readable. Targets are classes [N], or have the shape of the predictions.

        Raises:
            DataError: there are no items, or the data have no such part.
        """
        outputs, targets, _ = self.run_over(self.data.to_predict(ds_type) if dl is None else self._to_predict(dl))
        y = self.data.y
        found = y.in_rows(self.activate(outputs)), y.in_rows(targets)
        if not with_loss:
            return found
        from handlens.core.interpret import item_losses

        return *found, item_losses(self, outputs, targets)

    def _to_predict(self, dl: Loader) -> Loader:
        """A loader as a model predicts it: the training data's shuffles and transforms at random, for training only."""
        if not hasattr(dl, "dataset"):
            raise DataError(f"dl must be a loader, such as data.train_dl or data.loader(items); {dl!r} arrived.")
        return self.data.to_predict(dl)

    def predict(self, item: Any, *, thresh: float | Sequence[float] | None = None) -> Prediction:
        """Predict one item.

        Args:
            item: an item of a dataset, or what `data.one_item` takes: a row of a table, a picture or its path.
            thresh: the probability from which on an item has a class, where it may have several: one for all, or one
                for each; `learn.data.y.thresholds`, 0.5 unless these were set, unless given.

        Returns:
            The label in readable form, its code, and the probabilities [classes] or the number behind it.

        Raises:
            DataError: `thresh` is given, and items have one class, or a number.
        """
        inputs, _ = self.data.one_item(item)
        y = self.data.y
        if thresh is not None:
            if not isinstance(y, MultiCategoryList):
                raise DataError(
                    f"thresh is for items that may have several classes; these labels are a {type(y).__name__}: leave "
                    "it out."
                )
            y = copy.copy(y)
            y.thresholds = thresh
        values = self.activate(self.outputs(inputs).float().cpu())
        codes = y.decide(values)
        size = inputs.shape[-2:] if isinstance(inputs, Tensor) else ()
        # Clones, which unlike the tensors they are of may be changed.
        return Prediction(y.label_on(codes, size), codes[0].clone(), values[0].clone())

    def forward(self, inputs: Any) -> Any:
        """The model's output for a batch's inputs, in the learner's precision and the model's present mode."""
        with self.autocast():
            return apply_model(self.model, inputs)

    def outputs(self, inputs: Any) -> Tensor:
        """The model's output for a batch's inputs [B, …] in prediction, without gradients: [B, data.c]."""
        with self._evaluating(), torch.inference_mode():
            return self.forward(inputs)

    def activate(self, outputs: Tensor) -> Tensor:
        """The model's outputs [N, …] as predictions, see `handlens.core.outputs.as_predictions`."""
        return as_predictions(outputs, self.data.y, self.loss_func)

    def run_over(self, dl: Loader) -> Outputs:
        """Outputs, targets and the mean loss over a loader's items, in its order; DataError if it has none."""
        with self._evaluating():
            return run_over(dl, self.outputs, self.loss_func, self.processes)

    def _evaluating(self) -> contextlib.AbstractContextManager[Any]:
        """The model as in prediction: a callback may ask for one during training, which then goes on as it was."""
        return evaluating(self.model) if self.model.training else _NO_CONTEXT

    def interpret(self, ds_type: str = "valid") -> Interpretation:
        """Where the model is wrong, item by item: `Interpretation.from_learner`, or that of this kind of data.

        Args:
            ds_type: which of the data: "valid" or "train".

        Raises:
            DataError: these data have no labelled items.
        """
        return self.data.interpretation_class().from_learner(self, ds_type)

    def mixup(self, alpha: float = 0.4) -> Self:
        """Train on mixtures of two items from now on, see `Mixup`; returns the learner."""
        self.callbacks = [*self.callbacks, Mixup(alpha)]
        return self

    def summary(self) -> Summary:
        """The layers in the order in which they are used: kind, output shape, parameters, and whether they train."""
        inputs, _ = self.data.one_batch()
        return summarize(self.model, lambda: self.outputs(inputs))

    def describe(self) -> ModelDescription:
        """What this model is, for a model card: its data, how it was made and trained, and its metrics.

        The metrics are computed on the validation data; without any, it is accuracy for classes and RMSE for numbers.
        """
        return describe_learner(self)

    @property
    def model_options(self) -> Mapping[str, Any]:
        """The options that the model was made with, by name; empty where they are not known."""
        return {}

    # Files

    def model_path(self, name: str) -> Path:
        """The folder that `save(name)` writes."""
        return self.path / self.model_dir / name

    def to_fp16(self) -> Self:
        """Train and predict in mixed precision, `learn.precision = "bf16"`, from now on; returns the learner.

        The course's mixed precision was float16 with a scaled loss. bfloat16 has the range of float32 and needs no
        scale.
        """
        self.precision = "bf16"
        return self

    def to_fp32(self) -> Self:
        """Train and predict in float32 from now on; returns the learner."""
        self.precision = "fp32"
        return self

    def save(self, name: str) -> Path:
        """Write the model's parameters and running statistics to `name` in `model_dir`, below the learner's path.

        That is enough to `load` them into the same model again; `export` writes all it takes to predict.

        Raises:
            StorageError: the disk refused, such as one that is read-only; `learn.path` can be set to another folder.
        """
        folder = self.model_path(name)
        with self.writing():
            self.processes.first(lambda: save_weights(self.model, folder, self._orders()))
        return folder

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """A block that writes below the learner's path: an error of the disk says how to choose another one."""
        try:
            yield
        except StorageError as error:
            raise StorageError(
                f"{reason_of(error)}. Models are kept below learn.path, {self.path}: set learn.path = Path(…) to a "
                "folder that can be written, or learn.model_dir for what learn.save writes."
            ) from error

    def check_can_save(self, name: str) -> None:
        """Raise StorageError now where `save(name)` would raise it after hours of training.

        Example:
            >>> from types import SimpleNamespace as Namespace
            >>> data = Namespace(y=None, path=Path("."), device="cpu", valid_dl=[])
            >>> Learner(data, nn.Linear(1, 1), loss_func=nn.MSELoss()).check_can_save("best")
        """
        folder = self.model_path(name).parent

        def check() -> None:
            with reporting_disk_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass

        with self.writing():
            self.processes.first(check)

    def load(self, name: str) -> Self:
        """Load what `save(name)` wrote, and return the learner; no code from the files is run.

        It warns if the model was saved with other classes, or a table's with other levels: it is to be trained again.

        Raises:
            ArtifactError: it is not that, or is damaged.
            WeightsError: the weights are of another model, or of the same classes in another order.
        """
        self.processes.first(lambda: load_weights(self.model, self.model_path(name), self._orders()))
        self.processes.share_model(self.model)
        return self

    def _orders(self) -> dict[str, list[str]]:
        """What the model's weights stand for, one after the other."""
        return {"classes": [str(one) for one in self.data.classes or ()]}

    def export_onnx(self, name: str = "learner.onnx") -> Path:
        """Write the network as an ONNX file below the learner's path, checked to compute the same as here.

        It takes batches of any size of what `data.one_batch()` gives, preprocessed, and returns the raw outputs
        [B, data.c]: scores of classes before softmax, or numbers on the scale that the model is trained on. Its
        metadata say under "handlens", as JSON, how inputs are made and outputs are read.

        Raises:
            ExportError: ONNX's packages are missing, the model cannot be written, or the outputs differ.
            DataError: there are no items to compare the outputs on.
        """
        from handlens.core.onnx import export_onnx

        parts = [dl for dl in (self.data.valid_dl, self.data.test_dl, self.data.train_dl) if dl is not None and len(dl)]
        if not parts:
            raise DataError("an ONNX file is checked on items, and these data have none; set learn.data, or add_test.")
        inputs, _ = next(iter(parts[0]))
        with self.writing():
            target, metadata = self.path / name, self._onnx_metadata()
            self.processes.first(lambda: export_onnx(self.model, inputs, target, metadata))
        return self.path / name

    def _onnx_metadata(self) -> dict[str, Any]:
        """How predictions are read, as plain JSON."""
        return {"labels": self.data.y.state()}


_NO_CONTEXT = contextlib.nullcontext()

_OF_THE_COURSE = {
    "TTA": "cnn_learner or unet_learner make a learner that has it, and learn.get_preds() predicts once",
    "callback_fns": "learn.callbacks = [SaveBest(), …]",
    "clip_grad": "learn.callbacks = GradientClipping(0.1)",
    "destroy": "del learn",
    "export": 'learn.save("name"), and learn.load("name") on a learner that is made the same way',
    "lr_range": "give slice(1e-5, 1e-3) to the fit",
    "no_bar": "%%capture as the first line of the cell",
    "opt": "learn.optimizer, which is there while a fit runs",
    "pred_batch": "learn.get_preds(dl=…)",
    "purge": "nothing, as nothing has to be purged",
    "show_results": "learn.interpret()",
    "split": "layer_groups=[…] where the learner is made",
}
"""Names that the course's learners have and a learner here has not, or not each, and what to use."""


def _listed_metrics(metrics: Metric | Sequence[Metric]) -> list[Metric]:
    return listed([metrics] if callable(metrics) else metrics, "metrics", "[accuracy]", TrainingError)


def _whole_epochs(epochs: Any) -> int:
    return whole(epochs, "the number of epochs", TrainingError)
