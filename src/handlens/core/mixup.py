"""Mixup: training on weighted averages of two items and of their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from handlens.core.callbacks import Callback
from handlens.errors import TrainingError

if TYPE_CHECKING:
    from handlens.core.learner import Learner


class Mixup(Callback):
    """Mix each item x and its label y with those of another of its batch (Zhang et al. 2017, arXiv 1710.09412).

        learn.fit_one_cycle(5, 1e-3, callbacks=[Mixup(0.4)])

    x ← λx + (1 − λ)x', y ← λy + (1 − λ)y', with a λ for each item from the distribution Beta(α, α), or 1 − λ if that
    is larger, so that each item is the larger part of its mixture. Labels become probabilities, which the loss must
    accept; the losses of this library do. The training loss that is shown is that of the mixtures.

    Args:
        alpha: α, above 0.

    Raises:
        TrainingError: `alpha` is not above 0; or, in training, an item is not one tensor, as a row of a table, or
            labels are masks.

    Example:
        >>> from types import SimpleNamespace as Namespace
        >>> run = Namespace(inputs=torch.rand(4, 3, 8, 8), targets=torch.tensor([0, 1, 1, 0]))
        >>> Mixup(0.4).before_batch(Namespace(run=run, data=Namespace(c=2)))
        >>> run.targets.shape, bool(torch.allclose(run.targets.sum(1), torch.ones(4)))
        (torch.Size([4, 2]), True)
    """

    def __init__(self, alpha: float = 0.4) -> None:
        if not alpha > 0:
            raise TrainingError(f"alpha must be above 0; {alpha} arrived.")
        self.alpha = alpha

    def before_batch(self, learn: Learner) -> None:
        run = learn.run
        x, y = run.inputs, run.targets
        if not isinstance(x, Tensor):
            raise TrainingError(
                "mixup needs items of one tensor, such as pictures; rows of tables hold codes, which have "
                "nothing in between: leave Mixup out."
            )
        if not y.is_floating_point():
            if y.dim() > 1:
                raise TrainingError(
                    "mixup averages one class an item with another; masks have a class for each pixel, of which some "
                    "are unknown: leave Mixup out."
                )
            y = F.one_hot(y, learn.data.c).to(x.dtype)
        share = torch.distributions.Beta(self.alpha, self.alpha).sample((len(x),))
        rest = torch.minimum(share, 1 - share)
        other = torch.randperm(len(x), device=x.device)
        run.inputs = x.lerp(x[other], rest.to(x).view(-1, *[1] * (x.dim() - 1)))
        run.targets = y.lerp(y[other], rest.to(y).view(-1, *[1] * (y.dim() - 1)))
