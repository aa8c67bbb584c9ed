"""The description of a learner: its data, how its model was made and trained, and its metrics on held-out items."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from handlens.core.description import HeldOutMetric, ModelDescription
from handlens.core.metrics import Metric, accuracy, rmse
from handlens.core.metrics.classes import SHARES_OF_ITEMS
from handlens.core.metrics.metric import metric_name
from handlens.core.validation import RunningMetric

if TYPE_CHECKING:
    from handlens.core.learner import Learner
    from handlens.core.training import Run


def describe_learner(learn: Learner) -> ModelDescription:
    """What `Learner.describe` gives."""
    y, modality = learn.data.y, learn.data.modality
    kind = y.task or ("classification" if y.classes else "regression")
    return ModelDescription(
        name=f"{modality} model of {', '.join(map(str, y.names))}".strip(),
        task=f"{modality}-{kind}" if modality else "other",
        data=learn.data.facts(),
        recipe=_recipe(learn),
        held_out=len(learn.data.valid_ds),
        metrics=_metrics(learn) if len(learn.data.valid_dl) else [],
    )


def _recipe(learn: Learner) -> dict[str, Any]:
    """How the model was made, and what is known of the latest fit."""
    recipe: dict[str, Any] = {"model": type(learn.model).__name__, **learn.model_options}
    recipe["parameters"] = sum(p.numel() for p in learn.model.parameters())
    recipe["loss"] = getattr(learn.loss_func, "__name__", type(learn.loss_func).__name__)
    recipe["precision"] = learn.precision
    run: Run | None = getattr(learn, "run", None)  # it is set by the first fit
    if run is None or not run.step:
        return recipe | {"training": "none since it was made or loaded"}
    made = learn.opt_func.func if isinstance(learn.opt_func, partial) else learn.opt_func
    return recipe | {
        "optimizer": getattr(made, "__name__", type(made).__name__),
        "epochs of the latest fit": run.epoch,
        "steps of the latest fit": run.step,
        "largest learning rate": f"{np.asarray(run.schedule.rates).max():.3g}",
        "weight decay": run.wd,
    }


def _metrics(learn: Learner) -> list[HeldOutMetric]:
    if learn.data.y.in_batches:
        return _metrics_in_batches(learn)
    predictions, targets = learn.get_preds("valid")
    fallback = accuracy if learn.data.classes and targets.dim() == 1 else rmse

    def held_out(metric: Metric) -> HeldOutMetric:
        return HeldOutMetric(
            metric_name(metric),
            lambda rows: float(metric(predictions[rows], targets[rows])),
            is_share=metric in SHARES_OF_ITEMS,
        )

    return [held_out(metric) for metric in learn.metrics or [fallback]]


def _metrics_in_batches(learn: Learner) -> list[HeldOutMetric]:
    """The metrics from what each item adds to them: predictions of all items would not fit in memory."""
    if not learn.metrics:
        return []
    running = [RunningMetric(metric) for metric in learn.metrics]
    found: list[list[Tensor]] = [[] for _ in running]
    for inputs, targets in learn.data.valid_dl:
        predictions = learn.activate(learn.outputs(inputs).float()).cpu()
        for parts, metric in zip(found, running, strict=True):
            parts.append(metric.of_items(predictions, targets.cpu()))

    def held_out(metric: RunningMetric, items: Tensor) -> HeldOutMetric:
        return HeldOutMetric(metric_name(metric.metric), lambda rows: metric.of_sums(items[rows].sum(0)))

    return [held_out(metric, torch.cat(parts)) for metric, parts in zip(running, found, strict=True)]
