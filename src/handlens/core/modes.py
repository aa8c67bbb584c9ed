"""A model for a while: as it predicts, or free to change and then as it was before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model as it predicts; afterwards each part is back in its own mode."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """The model may be trained; afterwards its parameters and running statistics are those from before."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    try:
        yield
    finally:
        model.load_state_dict(before)
