"""A TabularModel's training step as one node of the autograd graph: the layers' arithmetic without their overhead.

With 64 rows a batch, most of the time of a plain step beyond its matrix products goes to a hundred small calls, and to
gradients that are computed in one place and copied to another. Here the layers' own kernels run one after the other,
forward and backward, and gradients are added directly to the parameters' `.grad`. The result is the same.

The graph holds the step as one node, which `backward()` can go through once. It does not hold the parameters:
`torch.autograd.grad` with respect to one says that it was not used. With a hook on any layer or parameter the plain
layers run, and their graph holds all parameters.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.module import _has_any_global_hook

from handlens.core.distributed import Statistics, back_through_norm, current_rows, normalise
from handlens.core.dropout import Dropout, dropped_positions
from handlens.tabular.embeddings import Embeddings


class Block(NamedTuple):
    """One hidden layer."""

    linear: nn.Linear
    norm: nn.BatchNorm1d
    drop: Dropout


class FusedTraining:
    """The training step of a `TabularModel` whose layers are as that class makes them; made by `of`."""

    def __init__(
        self, embeds: Embeddings, emb_drop: Dropout, bn_cont: nn.BatchNorm1d | None, layers: nn.Sequential
    ) -> None:
        """From the parts of a model that `of` has checked."""
        self.embeds = embeds
        self.emb_drop = emb_drop
        self.bn_cont = bn_cont
        self.blocks, self.last = _blocks(layers)
        blocks, last = self.blocks, self.last
        norms = _norms(blocks, bn_cont)
        linears = [block.linear for block in blocks] + [last]
        tables: list[Any] = [table.weight for table in self.embeds]
        self._all = [*(p for layer in (*norms, *linears) for p in layer.parameters()), *tables]
        parts = [embeds, emb_drop, layers] if bn_cont is None else [embeds, emb_drop, bn_cont, layers]
        self._parts = [module for part in parts for module in part.modules()]
        # The dicts themselves, which later hooks are added to: checking all of them takes microseconds.
        self._hooks = [
            hooks
            for part in self._parts
            for hooks in (part._forward_hooks, part._forward_pre_hooks, part._backward_hooks, part._backward_pre_hooks)
        ]
        self._anchor = torch.zeros((), requires_grad=True)  # makes the step a part of the graph

    @classmethod
    def of(
        cls, embeds: Embeddings, emb_drop: Dropout, bn_cont: nn.BatchNorm1d | None, layers: nn.Sequential
    ) -> FusedTraining | None:
        """The fused step of a model with these parts; None if a layer was replaced or has other settings."""
        blocks, last = _blocks(layers)
        kinds = [nn.Linear, nn.ReLU, nn.BatchNorm1d, Dropout] * len(blocks)
        norms = _norms(blocks, bn_cont)
        as_made = (
            [type(layer) for layer in (*layers, emb_drop)] == [*kinds, nn.Linear, Dropout]
            and all(type(norm) is nn.BatchNorm1d and norm.affine and norm.momentum is not None for norm in norms)
            and all(norm.track_running_stats and norm.training for norm in norms)
            and all(drop.p < 1 and drop.training for drop in (emb_drop, *(block.drop for block in blocks)))
            and last.bias is not None
            and all(block.linear.bias is not None for block in blocks)
            and len(embeds) > 0
        )
        return cls(embeds, emb_drop, bn_cont, layers) if as_made else None

    def ready(self, codes: Tensor, numbers: Tensor) -> bool:
        """Whether this batch can take the fused step.

        It must have two rows or more and need no gradient with respect to its inputs. All layers must be in training
        mode, and all parameters trained, on the CPU, in full precision, with a gradient tensor allocated. No layer and
        no parameter may have a hook.
        """
        return (
            torch.is_grad_enabled()
            and not torch.is_autocast_enabled("cpu")
            and (len(codes) > 1 or current_rows() is not None)
            and not numbers.requires_grad
            and not any(self._hooks)
            and not _has_any_global_hook()
            and all(part.training for part in self._parts)
            and all(p.requires_grad and p.grad is not None for p in self._all)
            and not any(p._backward_hooks or p._post_accumulate_grad_hooks for p in self._all)
            and self.last.weight.device.type == "cpu"
            and self.embeds.in_one_piece()
        )

    def __call__(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """The output of `layers` for a batch, [B, out_sz]; call it only if `ready()` is true."""
        return _Step.apply(self._anchor, self, codes, numbers)

    def forward(self, codes: Tensor, numbers: Tensor) -> tuple[Tensor, Trace]:
        trace = Trace()
        trace.places, x = self.embeds.gather(codes)
        trace.dropped.append(_drop_(x, self.emb_drop))
        trace.numbers = numbers
        x = torch.cat([x, numbers if self.bn_cont is None else _normalize(self.bn_cont, numbers, trace)], 1)
        for linear, norm, drop in self.blocks:
            active = torch.addmm(linear.bias, x, linear.weight.t()).relu_()
            trace.inputs.append(x)
            trace.active.append(active)
            x = _normalize(norm, active, trace)
            trace.dropped.append(_drop_(x, drop))
        trace.inputs.append(x)
        return torch.addmm(self.last.bias, x, self.last.weight.t()), trace

    def backward(self, grad: Tensor, trace: Trace) -> None:
        grad = _through_linear(self.last, trace.inputs.pop(), grad)
        for linear, norm, drop in reversed(self.blocks):
            _undrop_(grad, drop, trace.dropped.pop())
            active = trace.active.pop()
            grad = torch.ops.aten.threshold_backward(_through_norm(norm, active, grad, trace), active, 0)
            grad = _through_linear(linear, trace.inputs.pop(), grad)
        width = grad.shape[1] - trace.numbers.shape[1]
        if self.bn_cont is not None:
            _through_norm(self.bn_cont, trace.numbers, grad[:, width:], trace, to_inputs=False)
        grad = grad[:, :width].contiguous()
        _undrop_(grad, self.emb_drop, trace.dropped.pop())
        self.embeds.scatter(trace.places, grad)


def _blocks(layers: nn.Sequential) -> tuple[list[Block], Any]:
    """The hidden layers, four modules each, and the last layer."""
    modules: list[Any] = list(layers) or [nn.Identity()]
    last = modules.pop()
    return [Block(modules[i], modules[i + 2], modules[i + 3]) for i in range(0, len(modules) - 3, 4)], last


def _norms(blocks: list[Block], bn_cont: nn.BatchNorm1d | None) -> list[nn.BatchNorm1d]:
    return [block.norm for block in blocks] + ([bn_cont] if bn_cont is not None else [])


class Trace:
    """What the backward pass needs from the forward pass, each list in the order of the layers."""

    places: Tensor
    numbers: Tensor

    def __init__(self) -> None:
        self.inputs: list[Tensor] = []  # of each linear layer
        self.active: list[Tensor] = []  # after each ReLU
        self.statistics: list[tuple[Tensor, Tensor] | Statistics] = []  # mean and 1 / deviation in each norm
        self.dropped: list[Tensor | None] = []  # the positions of the zeros of each dropout


class _Step(torch.autograd.Function):
    """Adds gradients directly to the parameters' `.grad`; `anchor` only makes it part of the graph."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, step: FusedTraining, codes: Tensor, numbers: Tensor) -> Tensor:  # noqa: ARG004
        out, ctx.trace = step.forward(codes, numbers)
        ctx.step = step
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, ...]:
        trace, ctx.trace = ctx.trace, None
        if trace is None:
            raise RuntimeError(
                "trying to backward through a TabularModel's training step a second time, which keeps nothing for it, "
                "retain_graph or not: call the model again, or register a hook on a layer to train layer by layer"
            )
        ctx.step.backward(grad, trace)
        return (None,) * 4


def _normalize(norm: nn.BatchNorm1d, x: Tensor, trace: Trace) -> Tensor:
    norm.num_batches_tracked.add_(1)  # type: ignore[union-attr]
    momentum: Any = norm.momentum
    rows = current_rows()
    if rows is not None:
        running = norm.running_mean, norm.running_var
        y, found = normalise(x, norm.weight, norm.bias, running, momentum, norm.eps, rows)
        trace.statistics.append(found)
        return y
    y, mean, inverse = torch.native_batch_norm(
        x, norm.weight, norm.bias, norm.running_mean, norm.running_var, True, momentum, norm.eps
    )
    trace.statistics.append((mean, inverse))
    return y


def _through_norm(norm: nn.BatchNorm1d, x: Tensor, grad: Tensor, trace: Trace, *, to_inputs: bool = True) -> Tensor:
    found, rows = trace.statistics.pop(), current_rows()
    if isinstance(found, Statistics) and rows is not None:
        grad, weight, bias = back_through_norm(x, norm.weight, grad, found, norm.eps, rows, to_inputs=to_inputs)
    else:
        mean, inverse = found[0], found[-1]
        grad, weight, bias = torch.ops.aten.native_batch_norm_backward(
            grad, x, norm.weight, norm.running_mean, norm.running_var, mean, inverse, True, norm.eps, [True] * 3
        )
    norm.weight.grad.add_(weight)  # type: ignore[union-attr]
    norm.bias.grad.add_(bias)  # type: ignore[union-attr]
    return grad


def _through_linear(linear: nn.Linear, x: Tensor, grad: Tensor) -> Tensor:
    linear.weight.grad.addmm_(grad.t(), x)  # type: ignore[union-attr]
    linear.bias.grad.add_(grad.sum(0))  # type: ignore[union-attr]
    return grad.mm(linear.weight)


def _drop_(x: Tensor, drop: Dropout) -> Tensor | None:
    if drop.p == 0:
        return None
    places = dropped_positions(x, drop.p)
    _undrop_(x, drop, places)
    return places


def _undrop_(grad: Tensor, drop: Dropout, places: Tensor | None) -> None:
    if places is not None:
        grad.mul_(1 / (1 - drop.p)).view(-1).index_fill_(0, places, 0)
