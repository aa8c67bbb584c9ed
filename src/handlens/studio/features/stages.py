"""The stages of any network, found by watching where its resolution changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from handlens.errors import BackboneError


class _Enough(BaseException):
    """Ends a forward pass after the last stage: the classifier that follows is not needed."""


def stages_by_hooks(
    name: str, net: nn.Module, sample: Tensor, *, without: str = ""
) -> Callable[[Tensor], list[Tensor]]:
    """A function from pictures to the last output [B, C, H, W] at each resolution, largest first.

    The child called `without` (the classifier, whose weights may be anything) is not looked at. Takes outputs
    [B, C, H, W], [B, H, W, C] and tokens [B, 1 + n², C] or [B, n², C] of square pictures alike.

    Raises:
        BackboneError: nothing in the network has two dimensions of space.
    """
    trace: list[tuple[nn.Module, int, int]] = []
    calls: dict[nn.Module, int] = {}

    def watch(module: nn.Module, _: Any, output: Any) -> None:
        calls[module] = calls.get(module, -1) + 1
        planes = _planes(output)
        if planes is not None:
            trace.append((module, calls[module], planes.shape[-1]))

    hidden = set(net.get_submodule(without).modules()) if without else set()
    _with_hooks(net, [module for module in net.modules() if module not in hidden], watch, sample)
    chosen: list[tuple[nn.Module, int, int]] = []
    for module, call, side in trace:
        if side < 2:
            continue
        if not chosen or side < chosen[-1][2]:
            chosen.append((module, call, side))
        elif side == chosen[-1][2]:
            chosen[-1] = (module, call, side)
        # Larger than the one before: a branch that still has to shrink, inside the block of the next stage.
    if not chosen:
        raise BackboneError(f"{name} has no layers that keep where things are. Choose another network.")
    wanted = [(module, call) for module, call, _ in chosen]

    def run(batch: Tensor) -> list[Tensor]:
        seen: dict[nn.Module, int] = {}
        stages: list[Tensor] = []

        def take(module: nn.Module, _: Any, output: Any) -> None:
            seen[module] = seen.get(module, -1) + 1
            if len(stages) < len(wanted) and (module, seen[module]) == wanted[len(stages)]:
                planes = _planes(output)
                assert planes is not None
                stages.append(planes)
                if len(stages) == len(wanted) and not torch.compiler.is_exporting():  # which needs a whole pass
                    raise _Enough

        _with_hooks(net, list({module for module, _ in wanted}), take, batch)
        return stages

    return run


def _with_hooks(net: nn.Module, modules: list[nn.Module], hook: Callable[..., None], batch: Tensor) -> None:
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        with nullcontext() if torch.compiler.is_exporting() else torch.inference_mode():
            net(batch)
    except _Enough:
        pass
    finally:
        for handle in handles:
            handle.remove()


def _planes(output: Any) -> Tensor | None:
    """The output as [B, C, H, W], or None when it has no two dimensions of space."""
    if not isinstance(output, Tensor):
        return None
    if output.ndim == 4:
        if output.shape[2] == output.shape[3]:
            return output
        return output.permute(0, 3, 1, 2) if output.shape[1] == output.shape[2] else None
    if output.ndim == 3:
        for extra in (0, 1):
            side = round((output.shape[1] - extra) ** 0.5)
            if side > 1 and side * side == output.shape[1] - extra:
                tokens = output[:, extra:].transpose(1, 2)
                return tokens.reshape(*tokens.shape[:2], side, side)
    return None
