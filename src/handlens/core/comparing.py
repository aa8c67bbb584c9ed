"""A guard against comparing each prediction with each target, where one was meant to be compared with its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode

from handlens.errors import DataError


def each_with_its_own(what: str, targets: Tensor) -> AbstractContextManager[Any]:
    """`RefuseEachWithEach` where targets are one number an item, [N]; otherwise nothing.

    Args:
        what: what is called, such as "learn.loss_func".
        targets: what predictions are compared with.

    Example:
        >>> import torch
        >>> with each_with_its_own("the loss", torch.tensor([0, 1])):  # classes
        ...     (torch.ones(2) * torch.ones(2, 1)).shape
        torch.Size([2, 2])
    """
    return RefuseEachWithEach(what) if targets.is_floating_point() and targets.dim() == 1 else nullcontext()


class RefuseEachWithEach(TorchFunctionMode):
    """While it is on, an operation on tensors [N] and [N, 1] that gives [N, N] raises DataError.

    It is what PyTorch makes of `outputs - targets.unsqueeze(1)` with outputs that have the shape of the targets: a loss
    of all pairs, which trains a model to predict the mean.

    Args:
        what: what is called, such as "learn.loss_func".

    Example:
        >>> import torch
        >>> outputs, targets = torch.zeros(3), torch.ones(3)
        >>> with RefuseEachWithEach("the loss"):
        ...     float(((outputs - targets) ** 2).mean())
        1.0
        >>> with RefuseEachWithEach("the loss"):
        ...     ((outputs - targets.unsqueeze(1)) ** 2).mean()
        Traceback (most recent call last):
        ...
        handlens.errors.DataError: the loss must compare each prediction with its own target; it compares each of 3 ...
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        if isinstance(found, Tensor) and found.dim() == 2 and found.shape[0] == found.shape[1] > 1:
            n = len(found)
            shapes = [tuple(arg.shape) for arg in args if isinstance(arg, Tensor)]
            if (n,) in shapes and (n, 1) in shapes:
                raise DataError(
                    f"{self.what} must compare each prediction with its own target; it compares each of {n} with each, "
                    f"as predictions and targets of one number are both [{n}] there: compare them as they come, or "
                    "flatten both. If all pairs are meant, make them of [1, N] and [N, 1]."
                )
        return found
