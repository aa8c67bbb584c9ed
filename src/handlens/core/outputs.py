"""The outputs of a model: over a whole loader, and for one item."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from handlens.core.distributed import ALONE, Alone
from handlens.core.labels import NO_CLASS, FloatList, LabelList, Loss
from handlens.core.loaders import Loader
from handlens.errors import DataError


class Prediction(NamedTuple):
    """The prediction for one item: a readable label, its code, and the numbers behind it.

    Attributes:
        label: the class, the classes or the number, as the labels of the data give it.
        code: the label as it is encoded: the position of the class, [], 1.0 for each of several classes that the item
            has, [classes], or the numbers.
        values: probabilities [classes], or numbers [targets] on the scale that the model is trained on.

    Example:
        >>> label, code, values = Prediction("cat", torch.tensor(0), torch.tensor([0.75, 0.25]))
        >>> f"{label}, {float(values[code]):.0%}"
        'cat, 75%'
    """

    label: Any
    code: Tensor
    values: Tensor


def as_predictions(outputs: Tensor, y: LabelList, loss_func: Loss) -> Tensor:
    """A model's outputs as predictions: as the labels say, unless the loss says what they are.

    A model that is trained with binary cross-entropy ends in its own sigmoid, and one that is trained with the negative
    log-likelihood in its own logarithm of a softmax. Numbers that are trained with the cross-entropy of scores are
    probabilities, and those with the loss of Poisson are logarithms, as in the course.

    Args:
        outputs: [N, …].
        y: the labels.
        loss_func: the loss that the model is trained with.

    Example:
        >>> from handlens.core.labels import CategoryList, FloatList
        >>> y = CategoryList(["cat", "dog"])
        >>> as_predictions(torch.tensor([[0.25, 0.75]]).log(), y, nn.NLLLoss())
        tensor([[0.2500, 0.7500]])
        >>> as_predictions(torch.zeros(1, 2), y, y.loss_func)
        tensor([[0.5000, 0.5000]])
        >>> as_predictions(torch.zeros(1, 1), FloatList([0.0, 1.0]), nn.BCEWithLogitsLoss())
        tensor([0.5000])
    """
    name = loss_name(loss_func)
    if name == "BCELoss":
        return outputs
    if name == "NLLLoss":
        return outputs.exp()
    predictions = y.activate(outputs)
    if not isinstance(y, FloatList):
        return predictions
    if name == "BCEWithLogitsLoss":
        return predictions.sigmoid()
    if name == "CrossEntropyLoss":
        return predictions.softmax(1)
    return predictions.exp() if name == "PoissonNLLLoss" else predictions


def loss_name(loss_func: Loss | None) -> str | None:
    """The name of torch's loss that says what outputs are, by that of its module; None of any other.

    Example:
        >>> loss_name(F.binary_cross_entropy), loss_name(nn.MSELoss())
        ('BCELoss', None)
    """
    options: dict[str, Any] = {}
    while isinstance(loss_func, partial):
        options = loss_func.keywords | options
        loss_func = loss_func.func
    for name, (module, function) in _LOSSES.items():
        if isinstance(loss_func, module) or loss_func is function:
            # A loss of Poisson may get the numbers themselves.
            return name if getattr(loss_func, "log_input", options.get("log_input", True)) else None
    return None


def saved_loss(loss_func: Loss, y: LabelList) -> dict[str, str]:
    """What a saved model has to say of its loss: {"loss": its name}, or nothing where the labels say it all.

    Example:
        >>> from handlens.core.labels import FloatList
        >>> saved_loss(nn.BCEWithLogitsLoss(), FloatList([0.0, 1.0]))
        {'loss': 'BCEWithLogitsLoss'}
    """
    name = loss_name(loss_func)
    return {} if name is None or loss_func is y.loss_func else {"loss": name}


def loss_named(name: str | None, otherwise: Loss) -> Loss:
    """The loss that `loss_name` names, as a saved model has it; ValueError for another name.

    Example:
        >>> loss_named("BCELoss", F.mse_loss), loss_named(None, F.mse_loss) is F.mse_loss
        (BCELoss(), True)
    """
    if name is None:
        return otherwise
    if name not in _LOSSES:
        raise ValueError(f"the loss {name!r}")
    module, _ = _LOSSES[name]
    made: Loss = module()
    return made


_LOSSES: dict[str, tuple[type[nn.Module], Any]] = {
    "BCELoss": (nn.BCELoss, F.binary_cross_entropy),
    "BCEWithLogitsLoss": (nn.BCEWithLogitsLoss, F.binary_cross_entropy_with_logits),
    "CrossEntropyLoss": (nn.CrossEntropyLoss, F.cross_entropy),
    "NLLLoss": (nn.NLLLoss, F.nll_loss),
    "PoissonNLLLoss": (nn.PoissonNLLLoss, F.poisson_nll_loss),
}


class Outputs(NamedTuple):
    """The outputs of a model for N items [N, …], their targets [N, …], both on the CPU, and the mean loss over them."""

    outputs: Tensor
    targets: Tensor
    loss: float


class BatchOutputs(NamedTuple):
    """The outputs of a model for a batch, its targets, the mean loss, and how many items have one: all or none."""

    outputs: Tensor
    targets: Tensor
    loss: Tensor
    counted: int


def run_over(dl: Loader, forward: Callable[[Any], Tensor], loss_func: Loss, together: Alone = ALONE) -> Outputs:
    """Run a model over every batch of a loader.

    Args:
        dl: the batches.
        forward: inputs of a batch → outputs [B, …].
        loss_func: (outputs, targets) → mean over the batch. A batch of items that have no loss, such as those without
            labels or of a class of weight 0, is left out; the mean loss is nan if all are.
        together: the processes that share the work; each gets all outputs.

    Raises:
        DataError: the loader has no batches.
    """
    if not len(dl):
        raise DataError(
            "there are no items to run the model over: hold some out for validation when splitting, or give a "
            "loader that is not empty."
        )
    outputs, targets, losses, sizes = [], [], [], []
    for batch in over_batches(dl, forward, loss_func, together):
        losses.append(batch.loss)
        sizes.append(batch.counted)
        outputs.append(batch.outputs.cpu())
        targets.append(batch.targets.cpu())
    weights = torch.tensor(sizes, dtype=torch.float64)
    loss = (torch.stack(losses).cpu().double() * weights).sum() / weights.sum()
    return Outputs(torch.cat(outputs), torch.cat(targets), float(loss))


def over_batches(
    dl: Loader, forward: Callable[[Any], Tensor], loss_func: Loss, together: Alone = ALONE
) -> Iterator[BatchOutputs]:
    """The outputs for each batch, as `run_over` has them for all."""
    own = ((forward(inputs).float(), wanted) for inputs, wanted in together.batches(dl))
    for output, wanted in together.gathered(own, dl.sizes):
        with torch.inference_mode():
            loss = loss_func(as_targets(output, wanted), wanted)
        # The mean over a batch whose items all count 0, as a class can be weighted, is not a number, but no fault.
        counts = _any_label(wanted) and (not bool(loss.isnan()) or not bool(output.isfinite().all()))
        yield BatchOutputs(output, wanted, loss if counts else torch.zeros_like(loss), len(wanted) if counts else 0)


def _any_label(targets: Tensor) -> bool:
    """Whether there is a label among targets: a loss of one's own may give a number for placeholders."""
    return not bool((targets.isnan() if targets.is_floating_point() else targets == NO_CLASS).all())


def apply_model(model: nn.Module, inputs: Any) -> Any:
    """The model's output for a batch's inputs: a tensor, or a tuple of its arguments."""
    return model(*inputs) if isinstance(inputs, tuple) else model(inputs)


def as_targets(outputs: Tensor, targets: Tensor) -> Tensor:
    """Outputs [B, 1] in the shape of targets that are numbers, [B]: most losses would compare each with each."""
    if outputs.shape != targets.shape and targets.is_floating_point() and outputs.numel() == targets.numel():
        return outputs.view_as(targets)
    return outputs
