"""Transforms of a batch of pictures as a tensor: on any device, and differentiable with respect to the pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from handlens.vision.transform import lighting, noise
from handlens.vision.transform.plan import Plan
from handlens.vision.transform.sampling import HORIZON, Sampling, sampling


def resampled(pictures: Tensor, plans: list[Plan], size: tuple[int, int]) -> Tensor:
    """The finished pictures [B, 3, *size], in the dtype of `pictures`."""
    # Half precision would misplace pixels: coordinates need more digits than colours.
    exact = pictures.float() if pictures.dtype in (torch.float16, torch.bfloat16) else pictures
    return _covered(_lit(_warped(exact, plans, size), plans), plans, size).to(pictures.dtype)


def _warped(pictures: Tensor, plans: list[Plan], size: tuple[int, int]) -> Tensor:
    source = (pictures.shape[2], pictures.shape[3])
    reads = [sampling(plan.between_pixels(source, size), source, size) for plan in plans]
    # Pictures that are averaged by the same factors and padded in the same way are resampled together.
    groups: dict[tuple[int, int, str], list[int]] = {}
    for i, (read, plan) in enumerate(zip(reads, plans, strict=True)):
        groups.setdefault((read.rows, read.columns, plan.padding_mode), []).append(i)
    parts = []
    for (rows, columns, padding_mode), members in groups.items():
        part = pictures if len(members) == len(plans) else pictures[members]
        if rows > 1 or columns > 1:
            part = F.avg_pool2d(part, (rows, columns), ceil_mode=True, count_include_pad=False)
        part = _sharpened(part, [reads[i].before for i in members])
        grid = _grid(part, [reads[i] for i in members], [plans[i] for i in members], size)
        parts.append(F.grid_sample(part, grid, mode="bilinear", padding_mode=padding_mode, align_corners=False))
    whole = parts[0]
    if len(parts) > 1:
        order = torch.tensor([i for members in groups.values() for i in members], device=pictures.device)
        whole = torch.cat(parts)[order.argsort()]
    return _sharpened(whole, [read.after for read in reads])


def _sharpened(pictures: Tensor, amounts: list[float]) -> Tensor:
    if not any(amounts):
        return pictures
    amount = pictures.new_tensor(amounts)[:, None, None, None]
    beside = F.pad(pictures, (1, 1, 0, 0), mode="replicate")
    pictures = pictures + amount * (2 * pictures - beside[..., :-2] - beside[..., 2:])
    beside = F.pad(pictures, (0, 0, 1, 1), mode="replicate")
    return (pictures + amount * (2 * pictures - beside[..., :-2, :] - beside[..., 2:, :])).clamp(0, 1)


def _grid(pictures: Tensor, reads: list[Sampling], plans: list[Plan], size: tuple[int, int]) -> Tensor:
    """The place in the picture of each pixel of the results, in grid_sample's coordinates: [B, H, W, (x, y)]."""
    height, width = size
    like: dict[str, Any] = {"dtype": pictures.dtype, "device": pictures.device}
    x, y = torch.meshgrid(torch.arange(width, **like), torch.arange(height, **like), indexing="xy")
    places = torch.stack([x, y, torch.ones_like(x)], dim=-1)
    if any(plan.jitter for plan in plans):
        nearby = torch.stack([noise.displacement(plan.jitter, height, width) for plan in plans]).to(**like)
        places = places + F.pad(nearby * torch.tensor([width / 2, height / 2], **like), (0, 1))
    matrices = torch.from_numpy(np.stack([read.matrix for read in reads])).to(**like)
    found = places @ matrices.mT[:, None]
    at = found[..., :2] / found[..., 2:].clamp_min(HORIZON)
    # From pixel centres counted from 0 to -1 … 1 from edge to edge.
    return (2 * at + 1) / torch.tensor([pictures.shape[3], pictures.shape[2]], **like) - 1


def _lit(pictures: Tensor, plans: list[Plan]) -> Tensor:
    if all(plan.curve is None for plan in plans):
        return pictures
    curves = pictures.new_tensor([plan.curve or (1.0, 0.0) for plan in plans])
    changed = torch.tensor([plan.curve is not None for plan in plans], device=pictures.device)
    lit = lighting.lit(pictures, curves[:, 0], curves[:, 1])
    return torch.where(changed[:, None, None, None], lit, pictures)


def _covered(pictures: Tensor, plans: list[Plan], size: tuple[int, int]) -> Tensor:
    if not any(plan.noise or plan.holes for plan in plans):
        return pictures
    pictures = pictures.clone()
    for picture, plan in zip(pictures, plans, strict=True):
        for channel, most, seed in plan.noise:
            picture[channel] = (most * noise.uniform(seed, *size)).to(picture)
        for rows, columns in noise.holes(plan.holes, *size):
            picture[:, rows, columns] = 0
    return pictures
