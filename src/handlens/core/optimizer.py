"""The optimizer: layer groups with rates of their own, and all parameters of a group updated as one tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from handlens.errors import TrainingError

MakeOptimizer = Callable[[list[dict[str, Any]]], torch.optim.Optimizer]

AdamW: MakeOptimizer = partial(torch.optim.AdamW, betas=(0.9, 0.99), eps=1e-8, fused=True)
"""Adam with decoupled weight decay (Loshchilov & Hutter 2017, arXiv 1711.05101): p ← p − lr·wd·p, then Adam's step."""

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.modules.instancenorm._InstanceNorm)


class Optimizer:
    """A torch optimizer over the trainable parameters of layer groups, each group laid out as one flat tensor.

    The parameters of a group become views of one tensor, and their gradients views of another, so that a step is one
    call a group instead of one a parameter: at small batches that is most of what a step costs. Names and shapes stay,
    and so does the arithmetic, for optimizers that treat every number alike (Adam, SGD and similar ones).

    Args:
        layer_groups: modules; a parameter belongs to the first group that has it.
        opt_func: makes the torch optimizer from param groups; one that is not element-wise must not be used.
        wd: weight decay, for every trainable parameter.

    Raises:
        TrainingError: no parameter is trainable, or `wd` is below 0.

    Example:
        >>> model = nn.Linear(2, 1, bias=False)
        >>> _ = nn.init.constant_(model.weight, 1.0)
        >>> sgd = partial(torch.optim.SGD, momentum=0.9, lr=0.0)
        >>> optimizer = Optimizer([model], opt_func=sgd, wd=0.0)
        >>> model(torch.ones(1, 2)).sum().backward()
        >>> optimizer.set([0.25], momentum=0.9)
        >>> optimizer.step()
        >>> model.weight.tolist()
        [[0.75, 0.75]]
    """

    def __init__(self, layer_groups: Sequence[nn.Module], *, opt_func: MakeOptimizer = AdamW, wd: float = 0.01) -> None:
        check_decay(wd)
        seen: set[nn.Parameter] = set()
        groups: list[dict[str, Any]] = []
        self._group_of: list[int] = []  # the layer group of each param group
        self._parameters: list[nn.Parameter] = []
        for i, module in enumerate(layer_groups):
            trained = [p for p in module.parameters() if p.requires_grad and p not in seen]
            seen.update(trained)
            self._parameters += trained
            if trained:
                groups.append({"params": _flatten(trained), "weight_decay": wd})
                self._group_of.append(i)
        if not groups:
            raise TrainingError("nothing is left to train: all layer groups are frozen; call learn.unfreeze().")
        self.params: list[nn.Parameter] = [flat for group in groups for flat in group["params"]]
        """The flat tensors; their `.grad` holds all gradients."""
        self._optimizer = opt_func(groups)

    @property
    def settings(self) -> str:
        """The kind of the torch optimizer and what it was made with, as text."""
        plain = {k: v for k, v in self._optimizer.defaults.items() if isinstance(v, (int, float, str, tuple))}
        return f"{type(self._optimizer).__name__} {plain}"

    def set(self, rates: Sequence[float], momentum: float) -> None:
        """Use these rates, one a layer group, and this momentum (Adam's β₁) from the next step on."""
        for group, i in zip(self._optimizer.param_groups, self._group_of, strict=True):
            group["lr"] = rates[i]
            if "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            elif "momentum" in group:
                group["momentum"] = momentum

    def step(self) -> None:
        """Change the parameters by their gradients."""
        self._optimizer.step()

    def zero_grad(self) -> None:
        """Set all gradients to zero, where they are: they stay views of the flat ones."""
        for flat in self.params:
            flat.grad.zero_()  # type: ignore[union-attr]

    def release(self) -> None:
        """Let go of the gradients' memory; the parameters keep their values. No step can follow."""
        for parameter in (*self._parameters, *self.params):
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """What the optimizer remembers between steps, as tensors by name."""
        return {
            f"{i}.{name}": value
            for i, flat in enumerate(self.params)
            for name, value in self._optimizer.state[flat].items()
            if isinstance(value, Tensor)
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take up a state as `state()` gave it; raises TrainingError if it fits other parameters."""
        for key, value in state.items():
            i, name = key.split(".", 1)
            flat = self.params[int(i)] if int(i) < len(self.params) else None
            if flat is None or (value.dim() and value.shape != flat.shape):
                raise TrainingError("the saved optimizer state belongs to other parameters; start the training again.")
            # The fused step wants its step count on the parameters' device too.
            self._optimizer.state[flat][name] = value.to(flat.device).clone()


def check_decay(wd: float) -> float:
    """`wd` as a float; raises TrainingError unless it is a finite number, 0 or more."""
    if not isinstance(wd, (int, float, np.number)) or not 0 <= wd < math.inf:
        raise TrainingError(f"weight decay, wd, must be a finite number, 0 or more; {wd!r} arrived.")
    return float(wd)


def freeze(layer_groups: Sequence[nn.Module], n: int) -> None:
    """Let only the layer groups from position n on be trained (−1: the last), and norm layers everywhere.

    Frozen norm layers would go on changing their running statistics while their weights could not follow.

    Args:
        layer_groups: parts of the model, first to last.
        n: a position from 0; below 0 it is counted from the end.

    Raises:
        TrainingError: there is no layer group at this position.

    Example:
        >>> groups = [nn.Linear(1, 1), nn.Linear(1, 1)]
        >>> freeze(groups, -1)
        >>> [group.weight.requires_grad for group in groups]
        [False, True]
    """
    first = n if n >= 0 else len(layer_groups) + n
    if not 0 <= first < len(layer_groups):
        raise TrainingError(f"freeze_to takes the position of one of {len(layer_groups)} layer groups; {n} arrived.")
    for i, group in enumerate(layer_groups):
        for module in group.modules():
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(i >= first or isinstance(module, NORMS))


def _flatten(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Lay parameters and their gradients out in flat tensors, one for each type and device there is."""
    kinds: dict[tuple[torch.dtype, torch.device], list[nn.Parameter]] = {}
    for parameter in parameters:
        kinds.setdefault((parameter.dtype, parameter.device), []).append(parameter)
    return [_lay_out(alike) for alike in kinds.values()]


def _lay_out(parameters: list[nn.Parameter]) -> nn.Parameter:
    for parameter in parameters:
        if not (parameter.is_contiguous() or parameter.is_contiguous(memory_format=torch.channels_last)):
            parameter.data = parameter.data.contiguous()
    # In the order of memory, so that a convolution's channels_last weights stay so.
    flat = torch.cat([p.data.as_strided((p.numel(),), (1,), p.storage_offset()) for p in parameters])
    whole = nn.Parameter(flat)
    whole.grad = torch.zeros_like(flat)
    start = 0
    for parameter in parameters:
        shape, stride = parameter.shape, parameter.stride()
        parameter.data = flat.as_strided(shape, stride, start)
        parameter.grad = whole.grad.as_strided(shape, stride, start)
        start += parameter.numel()
    return whole
