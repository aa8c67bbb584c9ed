"""Gradient descent of t-SNE for many points: attraction along a sparse graph, repulsion interpolated on a grid."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handlens.core.products import product
from handlens.studio.discriminant import Floats

_CELL = 0.4
"""Side of a cell of the grid; the forces change over distances of about 1."""

_MOST_CELLS = 1500  # along a side, which bounds memory: of wider maps, the cells are larger
_GROWS_BY = 64  # cells; so the grid seldom changes its size
_LONGEST = 5.0  # step of a point


class Descent:
    """The places of points, moved step by step so that those with affinities lie near each other.

    Each step costs O(k n) for k affinities a point, and O(g log g) for g cells of the grid, which grow with the area of
    the map (Linderman et al. 2019, "Fast interpolation-based t-SNE", here with cubic interpolation of the force
    itself). Gains and momentum are those of van der Maaten & Hinton 2008.

    Args:
        affinities: symmetric scipy.sparse CSR matrix [n, n] whose sum is 1; each row has at least one entry.
        places: where the points begin [n, 2].
        threads: for the transforms.

    Example:
        >>> from scipy.sparse import csr_matrix
        >>> pairs = csr_matrix(np.kron(np.eye(2), [[0, 0.25], [0.25, 0]]))
        >>> descent = Descent(pairs, np.array([[0, 0], [3, 0], [6, 0], [9, 0]], np.float32))
        >>> for _ in range(20):
        ...     descent.step(exaggeration=1.0, momentum=0.5)
        >>> bool(descent.places[1, 0] - descent.places[0, 0] < 3)
        True
    """

    def __init__(self, affinities: Any, places: Floats, *, threads: int = 1) -> None:
        self.places = np.array(places, np.float32)
        self._affinities, self._threads = affinities.astype(np.float32), threads
        self._rows = np.repeat(np.arange(len(places), dtype=np.int32), np.diff(affinities.indptr))
        self._gains, self._update = np.ones_like(self.places), np.zeros_like(self.places)

    def step(self, *, exaggeration: float, momentum: float) -> None:
        """Move all points once.

        Args:
            exaggeration: factor of the attraction.
            momentum: share of the step before that is added, 0–1.
        """
        y = self.places
        force, total = repulsion(y, threads=self._threads)
        gradient = exaggeration * self._attraction() - force / np.float32(total)
        turned = np.sign(self._update) != np.sign(gradient)
        self._gains = np.where(turned, self._gains + np.float32(0.2), self._gains * np.float32(0.8) + np.float32(0.01))
        # The learning rate of Belkina et al. 2019.
        self._update = momentum * self._update - len(y) / exaggeration * self._gains * gradient
        length = np.sqrt((self._update**2).sum(1, keepdims=True))
        self._update *= _LONGEST / np.maximum(length, _LONGEST)
        y += self._update
        y -= y.mean(0)

    def _attraction(self) -> Floats:
        y, of = self.places, self._affinities
        apart = y[self._rows] - y[of.indices]
        pull = of.copy()
        pull.data = of.data / (1 + (apart**2).sum(1))
        return np.asarray(np.asarray(pull.sum(1)) * y - product(pull, y), np.float32)


def repulsion(y: Floats, *, threads: int = 1) -> tuple[Floats, float]:
    """The forces [n, 2] by which points repel each other, Σ (yᵢ − yⱼ) / (1 + |yᵢ − yⱼ|²)², and Σ 1 / (1 + |yᵢ − yⱼ|²).

    The sums are over all pairs of different points of y [n, 2]. Points are spread over the four nearest lines of the
    grid in each direction (cubic Lagrange interpolation), and the sums are convolutions there.
    """
    from scipy.fft import irfft2, rfft2

    cell = max(_CELL, float(np.ptp(y, axis=0).max()) / _MOST_CELLS)
    at = (y - y.min(0)) / np.float32(cell)
    first = at.astype(np.int32)
    weights = _cubic(at - first)
    sides = tuple(-(-(int(side) + 4) // _GROWS_BY) * _GROWS_BY for side in first.max(0))
    charge = np.zeros(sides[0] * sides[1], np.float32)
    corner = first[:, 0] * sides[1] + first[:, 1]
    for i in range(4):
        for j in range(4):
            spread = np.bincount(corner + (i * sides[1] + j), weights[i, :, 0] * weights[j, :, 1], len(charge))
            charge += spread.astype(np.float32)
    padded = (2 * sides[0], 2 * sides[1])
    potential, *forces = _kernels(padded, cell)
    spectrum = rfft2(charge.reshape(sides), s=padded, workers=threads)
    # Parseval: the columns of a real transform stand for two, but for the first and the last.
    power = (np.abs(spectrum) ** 2 * potential).sum(0, dtype=np.float64)
    total = (2 * power.sum() - power[0] - power[-1]) / (padded[0] * padded[1]) - len(y)
    found = np.zeros_like(y)
    for axis, kernel in enumerate(forces):
        field = irfft2(spectrum * (1j * kernel), s=padded, workers=threads)[: sides[0], : sides[1]].ravel()
        for i in range(4):
            for j in range(4):
                found[:, axis] += weights[i, :, 0] * weights[j, :, 1] * field[corner + (i * sides[1] + j)]
    return found, max(float(total), 1e-12)


def _cubic(t: Floats) -> Floats:
    """Weights [4, n, 2] of the lines at −1, 0, 1 and 2 for points at t [n, 2], 0–1."""
    a, b, c = t + 1, t - 1, t - 2
    return np.stack([-t * b * c / 6, a * b * c / 2, -a * t * c / 2, a * t * b / 6])


@lru_cache(maxsize=1)
def _kernels(padded: tuple[int, int], cell: float) -> tuple[NDArray[np.float32], ...]:
    """The transforms of 1 / (1 + d²), which is real, and of x / (1 + d²)² and y / (1 + d²)², divided by i."""
    from scipy.fft import rfft2

    x, y = (np.fft.fftfreq(n, 1 / n).astype(np.float32) * np.float32(cell) for n in padded)
    x[padded[0] // 2], y[padded[1] // 2] = 0, 0  # as far one way as the other
    near = 1 / (1 + x[:, None] ** 2 + y[None] ** 2)
    force = near**2
    return (
        np.ascontiguousarray(rfft2(near).real),
        np.ascontiguousarray(rfft2(x[:, None] * force).imag),
        np.ascontiguousarray(rfft2(y[None] * force).imag),
    )
