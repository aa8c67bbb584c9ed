"""Whether pictures look like photographs: smoothly shaded in many tones, not drawn, written, plotted or tiny.

A network that was trained on photographs describes photographs best; other pictures can be described by features that
are learned on them. The rules below were found on photographs (in colour and grey, cut out, blurred, dark, much
compressed) and on drawings, charts, masks, icons, screenshots, scanned pages and spectrograms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SMALLEST = 32
"""Pixels of the short side below which a picture shows too little for a network."""

_BLOCKS = 64
"""A picture is looked at as about so many blocks along its short side."""

_EDGE = 64
"""A difference of neighbouring pixels from which it is an edge, not shading; levels of 255, as all below."""

_SHADE = 0.3
"""A difference between neighbouring blocks from which they are not of one plain colour."""

_GROUND = 0.12
"""The share of a picture that a plain colour must cover to be ground, as around something cut out."""

_NEAR = 20
"""Blocks that differ less than this from a ground belong to it."""

_TONE = 8
"""Levels of brightness that count as one tone."""

_GREY = np.array([0.299, 0.587, 0.114])

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def looks_like_photograph(picture: Image.Image) -> bool:
    """Whether a picture looks like a photograph.

    Args:
        picture: RGB, not enlarged.

    Example:
        >>> looks_like_photograph(Image.new("RGB", (200, 200), "white"))
        False
    """
    if min(picture.size) < SMALLEST:
        return False
    k = max(1, min(picture.size) // _BLOCKS)
    width, height = (side // k * k for side in picture.size)
    # Channel by channel: NumPy is many times slower along an axis of three.
    channels = np.asarray(picture.crop((0, 0, width, height)), np.int16).transpose(2, 0, 1).copy()
    step = _steps(channels)
    blocks = channels.reshape(3, height // k, k, width // k, k).mean((2, 4))
    edges = step.reshape(height // k, k, width // k, k).max((1, 3)) > _EDGE
    front = _front(channels, step, blocks)
    smooth = front & ~edges
    grey = (_GREY[:, None, None] * blocks).sum(0)
    return (
        _shaded(blocks, smooth) >= 0.8
        and max(_tones(grey[smooth]), _tones(grey[~edges])) >= 5
        and not _is_strokes(grey, front)
        and not _is_blurred_ink(grey, front)
        and not _is_colour_map(blocks[:, front], grey[front])
    )


def _steps(channels: NDArray[np.int16]) -> NDArray[np.int16]:
    """The largest difference of each pixel [H, W] from its four neighbours, in any channel."""
    step = np.zeros(channels.shape[1:], np.int16)
    for channel in channels:
        right, down = (np.abs(np.diff(channel, axis=axis)) for axis in (1, 0))
        for part, found in ((step[:, 1:], right), (step[:, :-1], right), (step[1:], down), (step[:-1], down)):
            np.maximum(part, found, out=part)
    return step


def _front(channels: NDArray[np.int16], step: NDArray[np.int16], blocks: Floats) -> Flags:
    """The blocks that are not ground: not near the most common colour, nor near a plain colour of a large area."""
    red, green, blue = channels >> 4  # 16 levels of each
    cells = (red << 8) | (green << 4) | blue
    plain = np.bincount(cells[step <= 1], minlength=4096) >= _GROUND * cells.size
    plain[np.bincount(cells.ravel()).argmax()] = True
    front = np.ones(blocks.shape[1:], bool)
    for cell in np.flatnonzero(plain):
        colour = np.median(channels[:, cells == cell], axis=1)
        front &= np.abs(blocks - colour[:, None, None]).max(0) > _NEAR
    return front


def _shaded(blocks: Floats, smooth: Flags) -> float:
    """The share of neighbouring smooth blocks that differ a little; 0 if there are hardly any."""
    found = [
        np.abs(np.diff(blocks, axis=1)).max(0)[smooth[1:] & smooth[:-1]],
        np.abs(np.diff(blocks, axis=2)).max(0)[smooth[:, 1:] & smooth[:, :-1]],
    ]
    differences = np.concatenate(found)
    return float((differences >= _SHADE).mean()) if len(differences) >= 16 else 0.0


def _tones(grey: Floats) -> float:
    """How many tones there are, each counted by how common it is: two to the power of their entropy."""
    counts = np.bincount((grey / _TONE).astype(np.intp))
    shares = counts[counts > 0] / max(len(grey), 1)
    return float(np.exp2(-(shares * np.log2(shares)).sum()))


def _is_strokes(grey: Floats, front: Flags) -> bool:
    """Whether what is not ground is thin, and the ground calm: writing or a drawing on paper."""
    across, along = front[1:-1], front[:, 1:-1]
    inside = (across & front[2:] & front[:-2])[:, 1:-1] & (along & front[:, 2:] & front[:, :-2])[1:-1]
    steps = np.abs(np.diff(grey, axis=0))[~front[1:] & ~front[:-1]]
    is_calm = len(steps) > 0 and np.median(steps) < 2.5
    return bool(is_calm and inside.sum() < 0.45 * front.sum())


def _is_blurred_ink(grey: Floats, front: Flags) -> bool:
    """Whether middle tones are only found where the brightness changes, as in writing that was enlarged."""
    inner, front = grey[1:-1, 1:-1], front[1:-1, 1:-1]
    slope = np.maximum(np.abs(grey[2:, 1:-1] - grey[:-2, 1:-1]), np.abs(grey[1:-1, 2:] - grey[1:-1, :-2]))[front]
    low, high = np.percentile(grey, (1, 99))
    tone = np.clip((inner[front] - low) / max(high - low, 1.0), 0, 1)
    return _correlation(tone * (1 - tone), slope) >= 0.45


def _is_colour_map(colours: Floats, grey: Floats) -> bool:
    """Whether the brightness determines the colour, and the colour varies: numbers that were coloured."""
    tone = (grey / _TONE).astype(np.intp)
    hue = colours[[0, 2]] - colours[1]
    counts = np.maximum(np.bincount(tone, minlength=32), 1)
    means = np.stack([np.bincount(tone, one, 32) / counts for one in hue])
    spread = hue.var(1).sum()
    return bool(spread > 20**2 and ((hue - means[:, tone]) ** 2).mean(1).sum() < 0.06 * spread)


def _correlation(x: Floats, y: Floats) -> float:
    if len(x) < 16 or x.std() == 0 or y.std() == 0:
        return 0.0
    return float(((x - x.mean()) * (y - y.mean())).mean() / (x.std() * y.std()))
