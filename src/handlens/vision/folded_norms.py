"""Batch norms that were folded into their convolutions: found, and given statistics so that they can be trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from handlens.core.modes import evaluating


def folded_norms(model: nn.Module) -> list[nn.BatchNorm2d]:
    """The batch norms whose running mean is 0 and running variance 1 in every channel, which folding leaves behind."""
    return [
        module
        for module in model.modules()
        if isinstance(module, nn.BatchNorm2d)
        and module.running_mean is not None
        and module.running_var is not None
        and not module.running_mean.any()
        and bool(((module.running_var - 1).abs() <= 2 * module.eps).all())  # some fold into 1 − ε
    ]


@torch.no_grad()
def unfold_norms(model: nn.Module, batches: Iterable[Tensor]) -> int:
    """Give folded batch norms the statistics of their inputs, and weights with which they compute the same.

    Weights are sometimes published with each norm multiplied into the convolution before it. In eval mode this changes
    nothing; in training the norm would divide by the batch's standard deviation, and the network would at once lose
    what it has learned. With mean m and variance v of a channel's inputs, γ' = γ·√((v + ε) / (σ² + ε)) and
    β' = β + γ·(m − μ) / √(σ² + ε) make (x − m) / √(v + ε)·γ' + β' the same function of x.

    Args:
        model: changed in place.
        batches: training pictures, [B, 3, H, W] each, on the model's device.

    Returns:
        The number of folded norms.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
        >>> batch = torch.rand(2, 3, 8, 8)
        >>> before = net(batch)
        >>> unfold_norms(net, [batch])
        1
        >>> torch.allclose(net(batch), before, atol=1e-5)
        True
    """
    norms = folded_norms(model)
    sums: dict[nn.Module, Tensor] = {norm: torch.zeros(3, norm.num_features, dtype=torch.float64) for norm in norms}

    def note(norm: nn.Module, inputs: Any) -> None:
        x = inputs[0].float()
        n = x.new_full((x.shape[1],), x.numel() / x.shape[1])
        sums[norm] += torch.stack([n, x.sum((0, 2, 3)), x.square().sum((0, 2, 3))]).double().cpu()

    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    try:
        if norms:
            with evaluating(model):
                for batch in batches:
                    model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    for norm in norms:
        n, total, squares = sums[norm]
        if n[0]:
            mean = total / n
            _set(norm, mean, (squares / n - mean.square()).clamp_(min=0))
    return len(norms)


def _set(norm: nn.BatchNorm2d, mean: Tensor, var: Tensor) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    device = norm.running_mean.device
    mean, var = mean.to(device), var.to(device)
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    norm.bias.copy_(norm.bias.double() + scale * (mean - norm.running_mean))
    norm.weight.copy_(scale * (var + norm.eps).sqrt())
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(var)
