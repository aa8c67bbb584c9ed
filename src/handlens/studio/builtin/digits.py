"""scikit-learn's handwritten digits as pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COUNT = 1797
SIDE = 64


def write(folder: Path, seed: int) -> list[str]:
    """Write the digits, dark ink on white, enlarged from 8×8 to 64×64; returns the file names in order."""
    from sklearn.datasets import load_digits

    ink, order = load_digits().images, _order(seed)
    names = []
    for number, index in enumerate(order, start=1):
        small = Image.fromarray(np.round(255 - ink[index] * (255 / 16)).astype(np.uint8))
        name = f"digit_{number:04d}.png"
        small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(folder / name)
        names.append(name)
    return names


def truth(seed: int) -> list[str]:
    """Give the digit of each picture, "0" to "9", in the order of the names."""
    from sklearn.datasets import load_digits

    return [str(digit) for digit in load_digits().target[_order(seed)]]


def _order(seed: int) -> NDArray[np.intp]:
    # As they come, the digits run 0, 1, 2, …: the name would tell the class.
    return np.random.default_rng([seed, COUNT]).permutation(COUNT)
