"""Convex solids to build vehicles from, ordered so that they can be painted back to front exactly.

Axes, in metres: x forward, y to the vehicle's left, z up from the ground.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from handlens.core.products import product

Points = NDArray[np.float64]
Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 1, before light falls on it."""


@dataclass(frozen=True)
class Decal:
    """A flat shape on a face; glass mirrors the sky and a lamp shines whatever the light."""

    points: Points
    colour: Colour
    finish: str = "paint"


@dataclass
class Face:
    """A flat face of a solid: its corners [n,3], the direction it looks, its colour and what is on it."""

    points: Points
    normal: Points
    colour: Colour
    decals: list[Decal] = field(default_factory=list)


@dataclass(frozen=True)
class Split:
    """Two groups of solids on either side of a plane: whatever is on the camera's side is painted last."""

    axis: int
    at: float
    below: Group
    above: Group


class Prism:
    """A convex side view of (x, z) corners, `bottom` wide at its lowest and `top` wide at its highest.

    `left` and `right` are its sides; `rim[i]` is the face from corner i to the next.
    """

    def __init__(self, corners: Sequence[tuple[float, float]], *, bottom: float, top: float, colour: Colour) -> None:
        self.corners = np.array(corners, dtype=np.float64)
        heights = self.corners[:, 1]
        self._low, self._high = float(heights.min()), float(heights.max())
        self._bottom, self._top = bottom / 2, top / 2
        middle = np.array([self.corners[:, 0].mean(), 0.0, heights.mean()])

        def face(points: Points) -> Face:
            normal = np.cross(points[1] - points[0], points[2] - points[1])
            if product(normal, points.mean(axis=0) - middle) < 0:
                normal = -normal
            return Face(points, normal / np.linalg.norm(normal), colour)

        self.left = face(self.on_side(corners, 1))
        self.right = face(self.on_side(corners, -1))
        self.rim = [face(self.on_rim(i, ((-1, 0), (1, 0), (1, 1), (-1, 1)))) for i in range(len(self.corners))]

    @property
    def faces(self) -> list[Face]:
        """All faces, in no particular order: of a convex solid no two that are seen overlap."""
        return [self.left, self.right, *self.rim]

    def half_width(self, z: float) -> float:
        """Half the width at a height."""
        share = (z - self._low) / (self._high - self._low)
        return self._bottom + share * (self._top - self._bottom)

    def on_side(self, corners: Sequence[tuple[float, float]], side: int) -> Points:
        """Place an (x, z) shape on the left (1) or right (-1) side."""
        return np.array([(x, side * self.half_width(z), z) for x, z in corners])

    def on_rim(self, edge: int, corners: Sequence[tuple[float, float]]) -> Points:
        """Place a shape on a rim face: across from -1 (right) to 1 (left), along from 0 to 1."""
        start, end = self.corners[edge], self.corners[(edge + 1) % len(self.corners)]
        points = []
        for across, along in corners:
            x, z = start + along * (end - start)
            points.append((x, across * self.half_width(float(z)), z))
        return np.array(points)

    def sides(self, corners: Sequence[tuple[float, float]], colour: Colour, finish: str = "paint") -> None:
        """Put the same (x, z) shape on both sides."""
        self.left.decals.append(Decal(self.on_side(corners, 1), colour, finish))
        self.right.decals.append(Decal(self.on_side(corners, -1), colour, finish))

    def plate(
        self,
        edge: int,
        across: tuple[float, float],
        along: tuple[float, float],
        colour: Colour,
        finish: str = "paint",
    ) -> None:
        """Put a rectangle on a rim face."""
        (a, b), (s, t) = across, along
        shape = self.on_rim(edge, ((a, s), (b, s), (b, t), (a, t)))
        self.rim[edge].decals.append(Decal(shape, colour, finish))

    def lamps(self, edge: int, across: tuple[float, float], along: tuple[float, float], colour: Colour) -> None:
        """Put a lamp on the left and its mirror image on the right of a rim face."""
        self.plate(edge, across, along, colour, "lamp")
        self.plate(edge, (-across[1], -across[0]), along, colour, "lamp")


Group = Prism | Split


def prisms(group: Group) -> list[Prism]:
    """List the solids of a group."""
    return [group] if isinstance(group, Prism) else [*prisms(group.below), *prisms(group.above)]


def back_to_front(group: Group, eye: Points) -> list[Prism]:
    """List the solids of a group so that none is hidden by an earlier one, seen from `eye`."""
    if isinstance(group, Prism):
        return [group]
    far, near = (group.below, group.above) if eye[group.axis] > group.at else (group.above, group.below)
    return [*back_to_front(far, eye), *back_to_front(near, eye)]
