"""A table of a model's layers with their outputs, from one batch that is run through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn


class LayerSummary(NamedTuple):
    """One layer as it was used.

    Attributes:
        name: as in `model.named_modules()`.
        kind: the name of its class.
        shape: the shape of its output, the batch first.
        parameters: how many parameters it has, without those of its parts.
        trainable: whether any of them is trained.
    """

    name: str
    kind: str
    shape: list[int]
    parameters: int
    trainable: bool


class Summary:
    """The layers of a model in the order in which they are used; shown as a table.

    Attributes:
        layers: the layers.
        total: how many parameters the model has.
        trainable: how many of them are trained.

    Example:
        >>> import torch
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> summary = summarize(model, lambda: model(torch.zeros(4, 2)))
        >>> summary.total, [layer.shape for layer in summary.layers]
        (9, [[4, 3], [4, 3]])
    """

    def __init__(self, layers: list[LayerSummary], total: int, trainable: int) -> None:
        self.layers = layers
        self.total = total
        self.trainable = trainable

    def __str__(self) -> str:
        head = ("Layer", "Kind", "Output shape", "Parameters", "Trainable")
        lines = [head] + [(a, b, str(c), f"{d:,}", str(e)) for a, b, c, d, e in self.layers]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        table = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        table.insert(1, "-" * max(map(len, table)))
        total = [
            "",
            f"Total parameters: {self.total:,}",
            f"Trainable parameters: {self.trainable:,}",
            f"Frozen parameters: {self.total - self.trainable:,}",
        ]
        return "\n".join(table + total)

    __repr__ = __str__


def summarize(model: nn.Module, run: Callable[[], Any]) -> Summary:
    """Run a model once and note the layers that are used, in the order in which they start; the model stays as it was.

    A layer is a module without parts, or with parameters of its own besides those of its parts.

    Args:
        model: the model.
        run: runs it once.
    """
    rows: list[LayerSummary | None] = []
    started: dict[nn.Module, list[int]] = {}

    def start(module: nn.Module, _inputs: Any) -> None:
        started.setdefault(module, []).append(len(rows))
        rows.append(None)  # its place, before those of its parts

    def note(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
            place = started[module].pop()
            if isinstance(output, tuple) and output:
                output = output[0]  # attention and recurrent layers have more outputs
            if isinstance(output, Tensor):
                own = list(module.parameters(recurse=False))
                trainable = any(p.requires_grad for p in own)
                rows[place] = LayerSummary(name, type(module).__name__, list(output.shape), _count(own), trainable)

        return hook

    used = [
        (name, module)
        for name, module in model.named_modules()
        if not list(module.children()) or list(module.parameters(recurse=False))
    ]
    hooks = [module.register_forward_pre_hook(start) for _, module in used]
    hooks += [module.register_forward_hook(note(name)) for name, module in used]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    parameters = list(model.parameters())
    layers = [row for row in rows if row is not None]
    return Summary(layers, _count(parameters), _count([p for p in parameters if p.requires_grad]))


def _count(parameters: list[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)
