"""A table of a model's layers with what each puts out, from one batch that is run through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn


class Layer(NamedTuple):
    """One layer as it was used; `shape` is that of its output, the batch first."""

    name: str
    kind: str
    shape: list[int]
    parameters: int
    trainable: bool


class Summary:
    """The layers of a model in the order in which they are used; shown as a table."""

    def __init__(self, layers: list[Layer], total: int, trainable: int) -> None:
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
    """The layers (modules without parts) that are used while `run` runs the model once; leaves the model as it was."""
    layers: list[Layer] = []

    def note(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                own = list(module.parameters())
                trainable = any(p.requires_grad for p in own)
                layers.append(Layer(name, type(module).__name__, list(output.shape), _count(own), trainable))

        return hook

    leaves = [(name, module) for name, module in model.named_modules() if not list(module.children())]
    hooks = [module.register_forward_hook(note(name)) for name, module in leaves]
    training = {module: module.training for module in model.modules()}
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in training.items():
            module.training = mode
    parameters = list(model.parameters())
    return Summary(layers, _count(parameters), _count([p for p in parameters if p.requires_grad]))


def _count(parameters: list[nn.Parameter]) -> int:
    return sum(parameter.numel() for parameter in parameters)
