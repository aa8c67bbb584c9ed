"""Hooks: keep the output of a module, or the gradient that comes back to it, while the model runs.

    with hook_output(model[0]) as hook:
        model(x)
    hook.stored                             # the output of model[0]

Leaving the block removes the hook from the module, also after an exception; what was stored stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

import torch
from torch import Tensor, nn

from handlens.errors import LayerError

__all__ = ["Hook", "Hooks", "hook_output", "hook_outputs"]


class Hook:
    """Keeps the output of one module, or the gradient that comes back to it, from its latest run.

    Args:
        module: of the model that will run.
        grad: keep gradients instead of the output.

    Raises:
        LayerError: `module` is not a module.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.ReLU())
        >>> with Hook(model[0]) as hook:
        ...     _ = model(torch.ones(1, 2, 3))
        >>> hook.stored.shape
        torch.Size([1, 6])
    """

    def __init__(self, module: nn.Module, *, grad: bool = False) -> None:
        if not isinstance(module, nn.Module):
            raise LayerError(f"a hook goes on a module of a model, such as model[0]; {type(module).__name__} arrived.")
        self.module = module
        self.grad = grad
        self._ran = False
        self._output: Any = None
        self._gradients: list[Tensor | None] = []
        self._handle = module.register_forward_hook(self._watch)

    @property
    def stored(self) -> Any:
        """A copy of the module's output, detached; with grad=True the gradients of its outputs, as a tuple.

        An output that the gradient did not reach has None in the tuple.

        Raises:
            LayerError: the module did not run while it was hooked, or no gradient came back.
        """
        kind = type(self.module).__name__
        if not self._ran:
            raise LayerError(
                f"nothing is stored: the {kind} did not run while it was hooked. Run the model inside the with block, "
                "and hook a module that it uses."
            )
        if not self.grad:
            return self._output
        if all(gradient is None for gradient in self._gradients):
            raise LayerError(
                f"nothing is stored: no gradient came back to the {kind}. Run the model with gradients on (not under "
                "torch.no_grad) and call backward() on its output, inside the with block."
            )
        return tuple(self._gradients)

    def remove(self) -> None:
        """Remove the hook from the module; what was stored stays."""
        self._handle.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _watch(self, _module: nn.Module, _inputs: Any, output: Any) -> Any:
        self._ran = True
        if not self.grad:
            # A copy, because the module that follows may work in place, as most ReLUs do.
            self._output = _each(output, lambda tensor: tensor.detach().clone())
            return None
        # A list of its own for each run: gradients of an earlier run must not turn up among those of this one.
        gradients: list[Tensor | None] = []
        self._gradients = gradients
        return _each(output, lambda tensor: _followed(tensor, gradients))


class Hooks:
    """Several hooks as one, in the order of the modules.

    Args:
        modules: of the model that will run.
        grad: keep gradients instead of outputs.

    Raises:
        LayerError: one of `modules` is not a module.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))
        >>> with Hooks(model) as hooks:
        ...     _ = model(torch.ones(1, 2, 3))
        >>> [output.shape[1] for output in hooks.stored]
        [6, 2]
    """

    def __init__(self, modules: Iterable[nn.Module], *, grad: bool = False) -> None:
        self.hooks: list[Hook] = []
        try:
            for module in modules:
                self.hooks.append(Hook(module, grad=grad))
        except BaseException:
            self.remove()
            raise

    @property
    def stored(self) -> list[Any]:
        """What each hook stored, in the order of the modules.

        Raises:
            LayerError: one of them has nothing.
        """
        return [hook.stored for hook in self.hooks]

    def remove(self) -> None:
        """Take every hook off its module."""
        for hook in self.hooks:
            hook.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __len__(self) -> int:
        return len(self.hooks)

    def __iter__(self) -> Iterator[Hook]:
        return iter(self.hooks)

    def __getitem__(self, position: int) -> Hook:
        return self.hooks[position]


def hook_output(module: nn.Module, grad: bool = False) -> Hook:
    """Store the output of a module, or the gradients that come back to its outputs.

    Args:
        module: of the model that will run.
        grad: keep gradients instead of the output; they reach frozen modules too.

    Returns:
        A context manager, to run the model in; read its `stored`.

    Raises:
        LayerError: `module` is not a module.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(2, 1))
        >>> with hook_output(model[0]) as hook:
        ...     _ = model(torch.tensor([[[1.0, 2.0]]]))
        >>> hook.stored.tolist()
        [[1.0, 2.0]]
    """
    return Hook(module, grad=grad)


def hook_outputs(modules: Iterable[nn.Module], grad: bool = False) -> Hooks:
    """Store the outputs of several modules, or the gradients that come back to them.

    Args:
        modules: of the model that will run.
        grad: keep gradients instead of the outputs; they reach frozen modules too.

    Returns:
        A context manager, to run the model in; its `stored` is a list, in the order of `modules`.

    Raises:
        LayerError: one of `modules` is not a module.

    Example:
        >>> model = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))
        >>> with hook_outputs(model) as hooks:
        ...     _ = model(torch.ones(1, 2, 3))
        >>> [output.shape[1] for output in hooks.stored]
        [6, 2]
    """
    return Hooks(modules, grad=grad)


def _each(output: Any, do: Any) -> Any:
    """A module's output with `do` done to each of its tensors."""
    if isinstance(output, Tensor):
        return do(output)
    if isinstance(output, dict):
        return {name: _each(part, do) for name, part in output.items()}
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return type(output)(*(_each(part, do) for part in output))
    if isinstance(output, (tuple, list)):
        return type(output)(_each(part, do) for part in output)
    return output


def _followed(output: Tensor, gradients: list[Tensor | None]) -> Tensor:
    """The output, whose gradient will be put into its place in `gradients`."""
    place = len(gradients)
    gradients.append(None)
    if not (torch.is_grad_enabled() and output.is_floating_point()):
        return output
    if not output.requires_grad:
        # The module and all before it are frozen. The graph starts here; the clone lets what follows work in place.
        output = output.detach().requires_grad_().clone()

    def keep(gradient: Tensor) -> None:
        gradients[place] = gradient.detach().clone()

    # A hook on the tensor, not on the module: module hooks turn the output into a view, which an in-place ReLU refuses.
    output.register_hook(keep)
    return output
