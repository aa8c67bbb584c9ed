"""The built-in collection that asks which angle a vehicle is seen from: pictures of our own making."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from handlens.studio.builtin.fleet import KINDS
from handlens.studio.builtin.painter import Scene, View, draw

ANGLES = ("front", "front-right", "right", "rear-right", "rear", "rear-left", "left", "front-left")
"""Where the camera stands, 45° apart, counted from the front over the vehicle's own right side."""

COUNT = 1200
JITTER = 10.0
"""Degrees by which a picture may be off its angle; the next angle begins at 22.5."""


def write(folder: Path, seed: int) -> list[str]:
    """Draw all pictures, 160×120; returns the file names in order."""
    names = []
    for number, angle in enumerate(_order(seed), start=1):
        name = f"vehicle_{number:04d}.png"
        # A stream of its own for each picture: what one picture uses up changes no other.
        random = np.random.default_rng([seed, COUNT, number])
        draw_one(int(angle), random).save(folder / name, compress_level=1)
        names.append(name)
    return names


def draw_one(angle: int, random: np.random.Generator) -> Image.Image:
    """Draw a vehicle of some kind, paint, place and light, seen from about `ANGLES[angle]`."""
    shares = [share for share, _ in KINDS.values()]
    _, make = list(KINDS.values())[random.choice(len(shares), p=shares)]
    azimuth = angle * 360 / len(ANGLES) + random.uniform(-JITTER, JITTER)
    return draw(make(random), View.of(azimuth, random), Scene.of(random), random)


def truth(seed: int) -> list[str]:
    """Give the angle each picture is seen from, in the order of the names."""
    return [ANGLES[angle] for angle in _order(seed)]


def _order(seed: int) -> NDArray[np.intp]:
    """Each angle equally often, shuffled."""
    return np.random.default_rng([seed, COUNT]).permutation(np.arange(COUNT) % len(ANGLES))
