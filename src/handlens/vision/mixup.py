"""Mixup: training on pairs of pictures, shone through each other, with both labels in the same shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from handlens.core.callbacks import Callback
from handlens.errors import TrainingError

if TYPE_CHECKING:
    from handlens.core.learner import Learner


class Mixup(Callback):
    """Mix each picture x and its label y with those of another of its batch (Zhang et al. 2017, arXiv 1710.09412).

        learn.fit_one_cycle(5, 1e-3, callbacks=[Mixup(0.4)])

    x ← λx + (1 − λ)x', y ← λy + (1 − λ)y', with a λ for each picture from the distribution Beta(α, α), folded to
    0.5–1 so that each picture stays the larger part of its mixture. Labels become probabilities, which the loss must
    take; the losses of this library do. The training loss that is shown is that of the mixtures.
    """

    def __init__(self, alpha: float = 0.4) -> None:
        if not alpha > 0:
            raise TrainingError(f"alpha must be above 0; {alpha} arrived.")
        self.alpha = alpha

    def before_batch(self, learn: Learner) -> None:
        run = learn.run
        x, y = run.inputs, run.targets
        if not y.is_floating_point():
            y = F.one_hot(y, learn.data.c).to(x.dtype)
        share = torch.distributions.Beta(self.alpha, self.alpha).sample((len(x),)).to(x.device)
        share = torch.maximum(share, 1 - share)
        other = torch.randperm(len(x), device=x.device)
        run.inputs = x.lerp(x[other], (1 - share).view(-1, *[1] * (x.dim() - 1)))
        run.targets = y.lerp(y[other], (1 - share).view(-1, *[1] * (y.dim() - 1)))
