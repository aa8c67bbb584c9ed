"""Batches of pictures as tensors through their plans: on any device, and differentiable in the pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from handlens.vision.transform import lighting, noise
from handlens.vision.transform.pixels import HORIZON
from handlens.vision.transform.plan import Plan
from handlens.vision.transform.shrinking import factors, on_averaged


def resampled(pictures: Tensor, plans: list[Plan], size: tuple[int, int]) -> Tensor:
    """The finished pictures [B, 3, *size], in the kind of numbers that arrived."""
    # Half precision would place pixels wrongly: coordinates need more digits than colours.
    exact = pictures.float() if pictures.dtype in (torch.float16, torch.bfloat16) else pictures
    result = _warped(exact, plans, size).clamp(0, 1)
    result = _lit(result, plans)
    return _covered(result, plans, size).to(pictures.dtype)


def _warped(pictures: Tensor, plans: list[Plan], size: tuple[int, int]) -> Tensor:
    # Pictures that are averaged by the same factors and padded in the same way are resampled together.
    groups: dict[tuple[int, int, str], list[int]] = {}
    matrices = []
    source = (pictures.shape[2], pictures.shape[3])
    for i, plan in enumerate(plans):
        matrix = plan.between_pixels(source, size)
        rows, columns = factors(matrix, size)
        matrices.append(on_averaged(matrix, rows, columns))
        groups.setdefault((rows, columns, plan.padding_mode), []).append(i)
    parts = []
    for (rows, columns, padding_mode), members in groups.items():
        part = pictures if len(members) == len(plans) else pictures[members]
        if rows > 1 or columns > 1:
            part = F.avg_pool2d(part, (rows, columns), ceil_mode=True, count_include_pad=False)
        grid = _grid(part, np.stack([matrices[i] for i in members]), [plans[i] for i in members], size)
        parts.append(F.grid_sample(part, grid, mode="bicubic", padding_mode=padding_mode, align_corners=False))
    if len(parts) == 1:
        return parts[0]
    order = torch.tensor([i for members in groups.values() for i in members], device=pictures.device)
    return torch.cat(parts)[order.argsort()]


def _grid(pictures: Tensor, matrices: np.ndarray, plans: list[Plan], size: tuple[int, int]) -> Tensor:  # type: ignore[type-arg]
    """Where each pixel of the results is fetched, in grid_sample's coordinates: [B, H, W, (x, y)]."""
    height, width = size
    made = {"dtype": pictures.dtype, "device": pictures.device}
    x, y = torch.arange(width, **made), torch.arange(height, **made)  # type: ignore[call-overload]
    places = torch.stack([*torch.meshgrid(x, y, indexing="xy"), torch.ones(height, width, **made)], dim=-1)  # type: ignore[call-overload]
    places = places.expand(len(plans), -1, -1, -1)
    if any(plan.jitter for plan in plans):
        nearby = torch.stack([noise.displacement(plan.jitter, height, width) for plan in plans]).to(**made)  # type: ignore[call-overload]
        nearby = nearby * torch.tensor([width / 2, height / 2], **made)  # type: ignore[call-overload]
        places = places + F.pad(nearby, (0, 1))
    found = torch.einsum("bhwk,bjk->bhwj", places, torch.as_tensor(matrices).to(**made))  # type: ignore[call-overload]
    at = found[..., :2] / found[..., 2:].clamp_min(HORIZON)
    # From pixel centres counted from 0 to -1 … 1 from edge to edge.
    source = torch.tensor([pictures.shape[3], pictures.shape[2]], **made)  # type: ignore[call-overload]
    return (2 * at + 1) / source - 1


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
            picture[channel] = (most * noise.even(seed, *size)).to(picture)
        for rows, columns in noise.holes(plan.holes, *size):
            picture[:, rows, columns] = 0
    return pictures
